/* pgtext.c - see pgtext.h. */
#include "pgtext.h"

#include "err.h"

#include <string.h>

static int check_text(const struct db_value *value)
{
	if (value->len > 0 && memchr(value->s, '\0', value->len))
		return err_set(WP_DATA, "text has a NUL character in it, which Postgres cannot hold");
	return 0;
}

/* Everything but text. */
static void add_plain(struct strbuf *sb, const struct db_value *value)
{
	if (value->type == DB_INT)
		strbuf_addint(sb, value->i);
	else if (value->type == DB_REAL)
		strbuf_addf(sb, "%.17g", value->r);
}

static void add_ints(struct strbuf *sb, const struct db_value *value)
{
	strbuf_addch(sb, '{');
	for (size_t i = 0; i < value->len; i++) {
		if (i)
			strbuf_addch(sb, ',');
		strbuf_addint(sb, value->ints[i]);
	}
	strbuf_addch(sb, '}');
}

int pgtext_add_value(struct strbuf *sb, const struct db_value *value)
{
	if (value->type == DB_INTS) {
		add_ints(sb, value);
		return 0;
	}
	if (value->type != DB_TEXT) {
		add_plain(sb, value);
		return 0;
	}
	if (check_text(value) < 0)
		return -1;
	strbuf_add(sb, value->s, value->len);
	return 0;
}

/* How many of the bytes from P stand for themselves in an array's quotes. */
static size_t plain_in_quotes(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] != '"' && p[n] != '\\')
		n++;
	return n;
}

static void add_quoted(struct strbuf *sb, const char *s, size_t len)
{
	const char *end = s + len;

	strbuf_addch(sb, '"');
	while (s < end) {
		size_t n = plain_in_quotes(s, (size_t)(end - s));

		strbuf_add(sb, s, n);
		s += n;
		if (s < end) {
			strbuf_addch(sb, '\\');
			strbuf_addch(sb, *s++);
		}
	}
	strbuf_addch(sb, '"');
}

static int add_element(struct strbuf *sb, const struct db_value *value)
{
	if (value->type == DB_TEXT) {
		if (check_text(value) < 0)
			return -1;
		add_quoted(sb, value->s, value->len);
	} else if (value->type == DB_NULL) {
		strbuf_addstr(sb, "NULL");
	} else {
		add_plain(sb, value);
	}
	return 0;
}

int pgtext_add_array(struct strbuf *sb, const struct db_value *cells, size_t ncols, size_t nrows, size_t col)
{
	strbuf_addch(sb, '{');
	for (size_t row = 0; row < nrows; row++) {
		if (row > 0)
			strbuf_addch(sb, ',');
		if (add_element(sb, &cells[row * ncols + col]) < 0)
			return -1;
	}
	strbuf_addch(sb, '}');
	return 0;
}

static char copy_escape(char c)
{
	switch (c) {
	case '\\':
		return '\\';
	case '\t':
		return 't';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	default:
		return '\0';
	}
}

static void add_copy_text(struct strbuf *sb, const char *s, size_t len)
{
	const char *end = s + len;
	const char *start = s;

	for (; s < end; s++) {
		char escape = copy_escape(*s);

		if (!escape)
			continue;
		strbuf_add(sb, start, (size_t)(s - start));
		strbuf_addch(sb, '\\');
		strbuf_addch(sb, escape);
		start = s + 1;
	}
	strbuf_add(sb, start, (size_t)(end - start));
}

static int add_copy_value(struct strbuf *sb, const struct db_value *value)
{
	if (value->type == DB_TEXT) {
		if (check_text(value) < 0)
			return -1;
		add_copy_text(sb, value->s, value->len);
	} else if (value->type == DB_NULL) {
		strbuf_addstr(sb, "\\N");
	} else {
		add_plain(sb, value);
	}
	return 0;
}

int pgtext_add_copy_line(struct strbuf *sb, const struct db_value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			strbuf_addch(sb, '\t');
		if (add_copy_value(sb, &values[i]) < 0)
			return -1;
	}
	strbuf_addch(sb, '\n');
	return 0;
}
