/*
 * strbuf.h - a growing string of bytes.
 *
 * Invariants: buf is never NULL after init and buf[len] is always NUL, so buf
 * can be read as a C string; the bytes before may contain NULs. A strbuf set
 * with STRBUF_INIT holds no memory until something is added to it.
 */
#ifndef WP_STRBUF_H
#define WP_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
	size_t alloc, len;
	char *buf;
};

extern char strbuf_empty[];
#define STRBUF_INIT { .buf = strbuf_empty }

void strbuf_init(struct strbuf *sb);
void strbuf_release(struct strbuf *sb);       /* frees; usable again as if new */
void strbuf_reset(struct strbuf *sb);         /* len 0, keeps the memory */
char *strbuf_detach(struct strbuf *sb, size_t *len); /* caller frees */
void strbuf_grow(struct strbuf *sb, size_t extra);   /* room for EXTRA more bytes */
void strbuf_setlen(struct strbuf *sb, size_t len);   /* len <= alloc-1; terminates */
void strbuf_remove(struct strbuf *sb, size_t from, size_t len);
/* Give memory back when the buffer holds more than KEEP bytes of it. */
void strbuf_shrink(struct strbuf *sb, size_t keep);

void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addstr(struct strbuf *sb, const char *s);
void strbuf_addint(struct strbuf *sb, long long n);  /* decimal; the fast way */
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#endif
