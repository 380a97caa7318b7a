/*
 * words.h - strings that need not be UTF-8 as JSON, which is: arguments and variables in the state file.
 *
 * One that is UTF-8 is a JSON string, any other a list of its bytes.
 */
#ifndef WP_WORDS_H
#define WP_WORDS_H

#include "strbuf.h"
#include "strvec.h"

#include <jansson.h>

void words_add_string(struct strbuf *text, const char *s);
/* Append a list of them. */
void words_add(struct strbuf *text, const struct strvec *v);
/* What was added so; the caller's. NULL: it is none. */
char *words_string_from(const json_t *value);
/* Appended to V; those that are none are left out. */
void words_from(struct strvec *v, const json_t *value);

#endif
