#include "alloc.h"
#include "tap.h"

#include <stdint.h>

static void copies(void)
{
	char *s = xstrdup("abc"), *n = xstrndup("a\0b", 3);

	is_str(s, "abc", "xstrdup");
	ok(memcmp(n, "a\0b", 4) == 0, "xstrndup copies NULs and ends with one");
	free(s);
	free(n);
}

static void grows(void)
{
	int *numbers = NULL;
	size_t capacity = 0, calls = 0;

	for (size_t i = 0; i < 1000; i++) {
		size_t before = capacity;

		grow_array(&numbers, &capacity, i + 1, sizeof(*numbers));
		calls += capacity != before;
		numbers[i] = (int)i;
	}
	ok(capacity >= 1000 && numbers[0] == 0 && numbers[999] == 999, "grow_array keeps what was there");
	ok(calls <= 8, "and at least doubles");
	grow_array(&numbers, &capacity, 5, sizeof(*numbers));
	ok(capacity >= 1000, "and never shrinks");
	free(numbers);
}

static int overflow(void *ctx)
{
	free(xrealloc(NULL, SIZE_MAX / 2, 4));
	return 0;
}

static void dies_of_want(void)
{
	struct captured c = capture(overflow, NULL);

	is_int(c.status, 70, "a product that overflows is out of memory");
	is_str(c.err, "workplane: error: out of memory\n", "in one line");
	captured_release(&c);
}

int main(void)
{
	copies();
	grows();
	dies_of_want();
	return done_testing();
}
