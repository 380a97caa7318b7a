/*
 * Texts of any bytes as Postgres reads them, in an array and in a line of COPY, against a reader that goes by its manual. The
 * input's lines are the texts; an empty one is NULL.
 */
#include "fuzz.h"

#include "err.h"
#include "pgtext.h"

enum { MOST = 64 };

static void put(struct strbuf *sb, char c)
{
	strbuf_addch(sb, c);
}

/* The next element of '{"a\"b",NULL}'; false for NULL. */
static bool array_element(const char **p, struct strbuf *text)
{
	strbuf_reset(text);
	if (!strncmp(*p, "NULL", 4)) {
		*p += 4;
		return false;
	}
	require(*(*p)++ == '"');
	while (**p != '"') {
		if (**p == '\\')
			++*p;
		require(**p);
		put(text, *(*p)++);
	}
	++*p;
	return true;
}

static bool copy_field(const char **p, struct strbuf *text)
{
	strbuf_reset(text);
	if (!strncmp(*p, "\\N", 2)) {
		*p += 2;
		return false;
	}
	while (**p != '\t' && **p != '\n') {
		char c = *(*p)++;

		require(c && c != '\r');
		if (c == '\\') {
			c = *(*p)++;
			require(strchr("\\tnr", c) && c);
			c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
		}
		put(text, c);
	}
	return true;
}

static void same(const struct db_value *value, bool is_text, const struct strbuf *text)
{
	require(is_text == (value->type == DB_TEXT));
	if (is_text)
		require(text->len == value->len && !memcmp(text->buf, value->s, text->len));
}

static void read_back(const struct db_value *values, size_t n, const struct strbuf *array, const struct strbuf *line)
{
	struct strbuf text = STRBUF_INIT;
	const char *p = array->buf;

	require(*p++ == '{');
	for (size_t i = 0; i < n; i++) {
		same(&values[i], array_element(&p, &text), &text);
		require(*p++ == (i + 1 < n ? ',' : '}'));
	}
	require(!*p);
	p = line->buf;
	for (size_t i = 0; i < n; i++) {
		same(&values[i], copy_field(&p, &text), &text);
		require(*p++ == (i + 1 < n ? '\t' : '\n'));
	}
	require(!*p);
	strbuf_release(&text);
}

/* Separated by byte 1, so that a text may have every other one. */
static size_t split(struct db_value *values, const char *p, const char *end)
{
	size_t n = 0;

	while (n < MOST) {
		const char *sep = memchr(p, 1, (size_t)(end - p));
		size_t len = (size_t)((sep ? sep : end) - p);

		values[n++] = len ? db_textn(p, len) : db_null();
		if (!sep)
			break;
		p = sep + 1;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *input = fuzz_string(data, size);
	struct strbuf array = STRBUF_INIT, line = STRBUF_INIT;
	struct db_value values[MOST];
	size_t n = split(values, input, input + size);
	bool nul = false;

	for (size_t i = 0; i < n; i++)
		nul |= values[i].type == DB_TEXT && memchr(values[i].s, '\0', values[i].len);
	if (nul) {
		require(pgtext_add_array(&array, values, 1, n, 0) < 0 && err_status() == WP_DATA);
		require(pgtext_add_copy_line(&line, values, n) < 0 && err_status() == WP_DATA);
	} else {
		require(pgtext_add_array(&array, values, 1, n, 0) == 0 && pgtext_add_copy_line(&line, values, n) == 0);
		read_back(values, n, &array, &line);
	}
	strbuf_release(&array);
	strbuf_release(&line);
	free(input);
	return 0;
}
