/* Our readers of numbers against those of libc. */
#include "fuzz.h"

#include "json.h"
#include "parse.h"

#include <errno.h>
#include <math.h>

static void compare_int(const char *s)
{
	int64_t n, most = INT64_MAX, least = INT64_MIN;
	char *end;
	long long expected;

	errno = 0;
	expected = strtoll(s, &end, 10);
	if (parse_int(&n, s, "number", least, most) == 0)
		require(errno == 0 && !*end && n == expected);
	else
		/* strtoll() takes leading blanks and '+'. */
		require(errno || *end || end == s || !strchr("-0123456789", *s));
	if (json_int((struct json_slice){ s, strlen(s) }, &n) == 0)
		require(errno == 0 && !*end && n == expected);
}

static void compare_double(const char *s)
{
	double d;
	char *end;

	if (json_double((struct json_slice){ s, strlen(s) }, &d) == 0) {
		require(json_check(s, strlen(s)) == 0);
		require(d == strtod(s, &end) && !*end);
	} else {
		require(json_check(s, strlen(s)) < 0 || !strchr("-0123456789", *s) || isinf(strtod(s, NULL)) ||
			strpbrk(s, " \t\r\n"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = fuzz_string(data, size);

	compare_int(s);
	compare_double(s);
	free(s);
	return 0;
}
