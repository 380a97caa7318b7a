/*
 * json.h - JSON text (RFC 8259) as the streams need it.
 *
 * One scanner that allocates nothing: a line is looked at by three processes on
 * its way, and a tree of it (jansson's: 2.7 us a job line) costs ten times as much.
 * It also leaves values as they were written: numbers too large for a double,
 * the order of members, 1.10.
 *
 * A struct json_slice points into the caller's text and owns nothing; the slice
 * of a value is its JSON text without surrounding white space (a string keeps
 * its quotes).
 */
#ifndef WP_JSON_H
#define WP_JSON_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json_slice {
	const char *p;      /* NULL: not there */
	size_t len;
};

/* Is TEXT exactly one JSON value (any kind), in valid UTF-8, nested at most 512
 * deep? 0, or -1 with the reason recorded (status 65): "invalid JSON: ... at column N". */
int json_check(const char *text, size_t len);

/*
 * Walk the members of an object.
 *
 *     struct json_scan s;
 *     if (json_object_begin(&s, text, len) < 0) ...   not an object
 *     while ((r = json_object_next(&s, &key, &value)) == 1) ...
 *     r == 0: the end, and the whole text was one well-formed object;
 *     r == -1: malformed (also: anything but white space after the object)
 *
 * Well-formed here: structure, strings, escapes, numbers and literals by the
 * grammar, depth at most 512. UTF-8 inside strings is not looked at.
 * KEY is without its quotes and not unescaped (our own keys need none).
 */
struct json_scan {
	const char *p, *end;
	bool first;
};

int json_object_begin(struct json_scan *s, const char *text, size_t len);
int json_object_next(struct json_scan *s, struct json_slice *key, struct json_slice *value);

/* Same bytes as WORD? Inline, because the length of a literal is then no work. */
static inline bool json_slice_is(struct json_slice s, const char *word)
{
	size_t len = strlen(word);

	return s.p && s.len == len && memcmp(s.p, word, len) == 0;
}

bool json_is_string(struct json_slice s);
/* A whole number in int64: 0, or -1 when it is none. */
int json_int(struct json_slice s, int64_t *out);
int json_double(struct json_slice s, double *out);
/* Append the decoded text of a JSON string. -1 when S is no string, has a lone
 * surrogate, or decodes to a NUL. */
int json_add_decoded(struct strbuf *sb, struct json_slice s);

/*
 * Append member KEY of the object in TEXT as a command-line argument would show
 * it: strings decoded, null as nothing, anything else as its compact JSON text.
 * -1 with the reason recorded (status 65): not an object, no such member, NUL inside.
 */
int json_text_member(struct strbuf *sb, const char *text, size_t len, const char *key, size_t keylen);
/* The same for a whole value: strings decoded, anything else as it stands. */
int json_text_value(struct strbuf *sb, const char *text, size_t len);

/* Append a string as JSON, quoted; bytes that are not UTF-8 become U+FFFD. */
void json_add_string(struct strbuf *sb, const char *s, size_t len);
/* Append JSON text made fit for one line: newlines between tokens become blanks. */
void json_add_one_line(struct strbuf *sb, const char *text, size_t len);

#endif
