/*
 * strvec.h - a growing NULL-terminated array of owned strings, as argv wants it.
 *
 * v is never NULL after init and v[nr] is always NULL. Pushed strings are copied.
 */
#ifndef WP_STRVEC_H
#define WP_STRVEC_H

#include <stddef.h>

struct strvec {
	char **v;
	size_t nr, alloc;
};

extern char *strvec_empty[];
#define STRVEC_INIT { .v = strvec_empty }

void strvec_init(struct strvec *sv);
void strvec_release(struct strvec *sv);
void strvec_clear(struct strvec *sv);         /* frees the strings, keeps the array */
const char *strvec_push(struct strvec *sv, const char *s);
const char *strvec_pushn(struct strvec *sv, const char *s, size_t len);
const char *strvec_pushf(struct strvec *sv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strvec_push_all(struct strvec *sv, const char *const *v);
/* Take over S, which came from malloc. */
void strvec_push_owned(struct strvec *sv, char *s);

#endif
