#include "strbuf.h"

#include "alloc.h"
#include "err.h"

#include <stdint.h>

/* Shared by all empty strbufs; nothing is ever written to it. */
char strbuf_empty[1];

void strbuf_init(struct strbuf *sb)
{
	*sb = (struct strbuf)STRBUF_INIT;
}

void strbuf_release(struct strbuf *sb)
{
	if (sb->alloc)
		free(sb->buf);
	strbuf_init(sb);
}

void strbuf_reset(struct strbuf *sb)
{
	strbuf_setlen(sb, 0);
}

char *strbuf_detach(struct strbuf *sb, size_t *len)
{
	char *buf;

	strbuf_grow(sb, 0);
	buf = sb->buf;
	if (len)
		*len = sb->len;
	strbuf_init(sb);
	return buf;
}

void strbuf_grow(struct strbuf *sb, size_t extra)
{
	char *buf = sb->alloc ? sb->buf : NULL;
	size_t need;

	if (__builtin_add_overflow(sb->len, extra, &need) || need == SIZE_MAX)
		err_bug("a string of more than %zu bytes", sb->len);
	need++;
	if (need <= sb->alloc)
		return;
	if (need < 64)
		need = 64;
	grow_array(&buf, &sb->alloc, need, 1);
	if (sb->buf == strbuf_empty)
		buf[0] = '\0';
	sb->buf = buf;
}

void strbuf_setlen(struct strbuf *sb, size_t len)
{
	if (len > (sb->alloc ? sb->alloc - 1 : 0))
		err_bug("string length %zu is beyond its %zu bytes", len, sb->alloc);
	sb->len = len;
	if (sb->alloc)
		sb->buf[len] = '\0';
}

void strbuf_remove(struct strbuf *sb, size_t from, size_t len)
{
	if (from > sb->len || len > sb->len - from)
		err_bug("removing bytes %zu+%zu of a string of %zu", from, len, sb->len);
	memmove(sb->buf + from, sb->buf + from + len, sb->len - from - len);
	strbuf_setlen(sb, sb->len - len);
}

void strbuf_shrink(struct strbuf *sb, size_t keep)
{
	size_t want = sb->len + 1 > keep ? sb->len + 1 : keep;

	if (sb->alloc <= keep || sb->alloc <= want)
		return;
	if (sb->len == 0 && keep == 0) {
		strbuf_release(sb);
		return;
	}
	sb->buf = xrealloc(sb->buf, want, 1);
	sb->alloc = want;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	if (len == 0)
		return;
	strbuf_grow(sb, len);
	memcpy(sb->buf + sb->len, data, len);
	sb->len += len;
	sb->buf[sb->len] = '\0';
}

void strbuf_addch(struct strbuf *sb, char c)
{
	strbuf_grow(sb, 1);
	sb->buf[sb->len++] = c;
	sb->buf[sb->len] = '\0';
}

void strbuf_addstr(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addint(struct strbuf *sb, long long n)
{
	char digits[20];      /* -9223372036854775808 */
	char *p = digits + sizeof(digits);
	unsigned long long left = n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;

	do
		*--p = (char)('0' + left % 10);
	while (left /= 10);
	if (n < 0)
		*--p = '-';
	strbuf_add(sb, p, (size_t)(digits + sizeof(digits) - p));
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
}

void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	strbuf_grow(sb, 64);
	n = vsnprintf(sb->buf + sb->len, sb->alloc - sb->len, fmt, ap);
	if (n < 0)
		err_bug("format \"%s\" cannot be printed", fmt);
	if ((size_t)n >= sb->alloc - sb->len) {
		strbuf_grow(sb, (size_t)n);
		n = vsnprintf(sb->buf + sb->len, sb->alloc - sb->len, fmt, again);
		if (n < 0)
			err_bug("format \"%s\" cannot be printed", fmt);
	}
	va_end(again);
	sb->len += (size_t)n;
}
