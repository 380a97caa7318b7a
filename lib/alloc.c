#include "alloc.h"

#include "err.h"

#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

/* Nothing here may allocate, stdio included. */
static _Noreturn void out_of_memory(void)
{
	static const char text[] = ": error: out of memory\n";
	const char *name = err_program_name();
	struct iovec parts[] = {
		{ .iov_base = (char *)name, .iov_len = strlen(name) },
		{ .iov_base = (char *)text, .iov_len = sizeof(text) - 1 },
	};

	if (writev(STDERR_FILENO, parts, 2) < 0)
		_exit(WP_IO);
	_exit(WP_SOFTWARE);
}

static void *checked(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory();
	return checked(realloc(old, bytes ? bytes : 1));
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory();
	copy = xmalloc(len + 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void grow_array(void *array, size_t *capacity, size_t need, size_t size)
{
	size_t doubled;
	void *grown;

	if (need <= *capacity)
		return;
	if (__builtin_mul_overflow(*capacity, 2, &doubled))
		doubled = need;
	if (doubled < need)
		doubled = need;
	if (doubled < 8)
		doubled = 8;
	/* Through memcpy, because ARRAY is the address of some T *, not of a void *. */
	memcpy(&grown, array, sizeof(grown));
	grown = xrealloc(grown, doubled, size);
	memcpy(array, &grown, sizeof(grown));
	*capacity = doubled;
}
