#include "json.h"                    /* before jansson's, whose macros have some of its names */
#include "words.h"

#include "alloc.h"
#include "parse.h"

#include <string.h>

static void add_bytes(struct strbuf *text, const char *s)
{
	strbuf_addch(text, '[');
	for (const char *p = s; *p; p++)
		strbuf_addf(text, "%s%d", p == s ? "" : ",", (unsigned char)*p);
	strbuf_addch(text, ']');
}

void words_add_string(struct strbuf *text, const char *s)
{
	if (utf8_valid(s, strlen(s)))
		json_add_string(text, s, strlen(s));
	else
		add_bytes(text, s);
}

void words_add(struct strbuf *text, const struct strvec *v)
{
	strbuf_addch(text, '[');
	for (size_t i = 0; i < v->nr; i++) {
		strbuf_addstr(text, i ? "," : "");
		words_add_string(text, v->v[i]);
	}
	strbuf_addch(text, ']');
}

char *words_string_from(const json_t *value)
{
	struct strbuf bytes = STRBUF_INIT;

	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	if (!json_is_array(value))
		return NULL;
	for (size_t i = 0; i < json_array_size(value); i++)
		strbuf_addch(&bytes, (char)json_integer_value(json_array_get(value, i)));
	return strbuf_detach(&bytes, NULL);
}

void words_from(struct strvec *v, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		char *s = words_string_from(json_array_get(value, i));

		if (s)
			strvec_push_owned(v, s);
	}
}
