#include "strvec.h"

#include "alloc.h"
#include "strbuf.h"

#include <stdarg.h>

/* Shared by all empty vectors; nothing is ever written to it. */
char *strvec_empty[1];

void strvec_init(struct strvec *sv)
{
	*sv = (struct strvec)STRVEC_INIT;
}

void strvec_release(struct strvec *sv)
{
	strvec_clear(sv);
	if (sv->alloc)
		free(sv->v);
	strvec_init(sv);
}

void strvec_clear(struct strvec *sv)
{
	while (sv->nr > 0) {
		sv->nr--;
		free(sv->v[sv->nr]);
		sv->v[sv->nr] = NULL;
	}
}

void strvec_push_owned(struct strvec *sv, char *s)
{
	char **v = sv->alloc ? sv->v : NULL;

	grow_array(&v, &sv->alloc, sv->nr + 2, sizeof(*v));
	sv->v = v;
	sv->v[sv->nr++] = s;
	sv->v[sv->nr] = NULL;
}

const char *strvec_push(struct strvec *sv, const char *s)
{
	strvec_push_owned(sv, xstrdup(s));
	return sv->v[sv->nr - 1];
}

const char *strvec_pushn(struct strvec *sv, const char *s, size_t len)
{
	strvec_push_owned(sv, xstrndup(s, len));
	return sv->v[sv->nr - 1];
}

const char *strvec_pushf(struct strvec *sv, const char *fmt, ...)
{
	struct strbuf sb = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	strvec_push_owned(sv, strbuf_detach(&sb, NULL));
	return sv->v[sv->nr - 1];
}

void strvec_push_all(struct strvec *sv, const char *const *v)
{
	for (; *v; v++)
		strvec_push(sv, *v);
}
