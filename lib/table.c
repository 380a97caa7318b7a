#include "table.h"

#include "alloc.h"
#include "err.h"
#include "parse.h"
#include "strbuf.h"

#include <errno.h>
#include <libsmartcols.h>
#include <locale.h>
#include <strings.h>

enum { GROUP_FORMAT = 1 };

const struct opt table_options[] = {
	OPT_STRING('o', "output", "COLS", struct table_args, output, NULL,
		"the columns to show, separated by commas; +COLS adds to the usual ones"),
	{ .kind = OPT_KIND_FLAG, .letter = 'J', .name = "json", .offset = offsetof(struct table_args, json),
		.help = "print JSON", .group = GROUP_FORMAT },
	{ .kind = OPT_KIND_FLAG, .letter = 'r', .name = "raw", .offset = offsetof(struct table_args, raw),
		.help = "print columns unaligned", .group = GROUP_FORMAT },
	{ .kind = OPT_KIND_FLAG, .letter = 'P', .name = "pairs", .offset = offsetof(struct table_args, pairs),
		.help = "print KEY=\"value\" pairs", .group = GROUP_FORMAT },
	OPT_FLAG('n', "noheadings", struct table_args, noheadings, NULL, "print no headings"),
	OPT_END
};

struct table {
	const struct table_column *columns;
	struct libscols_table *scols;
	struct libscols_line *line;
	bool json;
	int count;
	int *place;          /* of each column in the output; -1: not shown */
};

/* libsmartcols fails for want of memory alone, or when called wrongly. */
static void must(int result)
{
	if (result < 0)
		err_bug("libsmartcols: %s", strerror(-result));
}

static int count_columns(const struct table_column *columns)
{
	int n = 0;

	while (columns[n].name)
		n++;
	return n;
}

static int json_type(enum table_type type)
{
	switch (type) {
	case TABLE_NUMBER:
	case TABLE_REAL:
	case TABLE_JSON:       /* printed as it stands, as numbers are */
		return SCOLS_JSON_NUMBER;
	case TABLE_BOOL:
		return SCOLS_JSON_BOOLEAN;
	case TABLE_TEXT:
		break;
	}
	return SCOLS_JSON_STRING;
}

static int column_flags(const struct table_column *column)
{
	int flags = column->flags & TABLE_TRUNC ? SCOLS_FL_TRUNC : 0;

	return column->type == TABLE_NUMBER || column->type == TABLE_REAL ? flags | SCOLS_FL_RIGHT : flags;
}

static void show_column(struct table *t, int i, int *shown)
{
	const struct table_column *column = &t->columns[i];
	struct libscols_column *made;

	if (t->place[i] >= 0)
		return;
	made = scols_table_new_column(t->scols, column->name, 0, column_flags(column));
	if (!made)
		must(-ENOMEM);
	must(scols_column_set_json_type(made, json_type(column->type)));
	t->place[i] = (*shown)++;
}

static int find_column(const struct table *t, const char *name, size_t len)
{
	for (int i = 0; i < t->count; i++)
		if (strncasecmp(t->columns[i].name, name, len) == 0 && !t->columns[i].name[len])
			return i;
	return -1;
}

static int unknown_column(const struct table *t, const char *name, size_t len)
{
	struct strbuf names = STRBUF_INIT;

	for (int i = 0; i < t->count; i++)
		strbuf_addf(&names, "%s%s", i ? ", " : "", t->columns[i].name);
	err_set(WP_USAGE, "unknown column \"%.*s\"", (int)len, name);
	err_hint("the columns are %s", names.buf);
	strbuf_release(&names);
	return -1;
}

static int show_list(struct table *t, const char *list, int *shown)
{
	for (;;) {
		size_t len = strcspn(list, ",");
		int i = find_column(t, list, len);

		if (i < 0)
			return unknown_column(t, list, len);
		show_column(t, i, shown);
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

/* LIST as --output has it; NULL: the usual columns. */
static int show_columns(struct table *t, const char *list)
{
	int shown = 0;
	bool usual = !list || *list == '+';

	for (int i = 0; i < t->count; i++)
		if (usual && !(t->columns[i].flags & TABLE_EXTRA))
			show_column(t, i, &shown);
	return list ? show_list(t, list + (*list == '+'), &shown) : 0;
}

static void set_format(struct table *t, const char *name, const struct table_args *args)
{
	must(scols_table_set_name(t->scols, name));
	must(scols_table_enable_json(t->scols, args->json));
	must(scols_table_enable_raw(t->scols, args->raw));
	must(scols_table_enable_export(t->scols, args->pairs));
	must(scols_table_enable_noheadings(t->scols, args->noheadings));
}

void table_free(struct table *t)
{
	if (!t)
		return;
	scols_unref_table(t->scols);
	free(t->place);
	free(t);
}

int table_open(struct table **out, const char *name, const struct table_column *columns,
	const struct table_args *args)
{
	struct table *t = xcalloc(1, sizeof(*t));

	/* For the width of characters: numbers and sorting stay as they are everywhere. */
	setlocale(LC_CTYPE, "");
	*t = (struct table){ .columns = columns, .json = args->json, .count = count_columns(columns) };
	t->place = xcalloc((size_t)t->count, sizeof(*t->place));
	for (int i = 0; i < t->count; i++)
		t->place[i] = -1;
	t->scols = scols_new_table();
	if (!t->scols)
		must(-ENOMEM);
	set_format(t, name, args);
	if (show_columns(t, args->output) < 0) {
		table_free(t);
		return -1;
	}
	*out = t;
	return 0;
}

void table_row(struct table *t)
{
	t->line = scols_table_new_line(t->scols, NULL);
	if (!t->line)
		must(-ENOMEM);
}

bool table_wants(struct table *t, int column)
{
	return t->place[column] >= 0;
}

void table_set(struct table *t, int column, const char *text)
{
	if (text)
		table_setn(t, column, text, strlen(text));
}

/* libsmartcols makes control characters safe, but leaves bytes that are not UTF-8 in JSON as they are. */
static char *valid_text(const char *text, size_t len)
{
	struct strbuf sb = STRBUF_INIT;
	size_t good;

	while ((good = utf8_prefix(text, len)) < len) {
		strbuf_add(&sb, text, good);
		strbuf_addstr(&sb, "\xef\xbf\xbd");
		text += good + 1;
		len -= good + 1;
	}
	strbuf_add(&sb, text, len);
	return strbuf_detach(&sb, NULL);
}

/* TEXT is the table's from now on. */
static void set_shown(struct table *t, int column, char *text)
{
	must(scols_line_refer_data(t->line, (size_t)t->place[column], text));
}

void table_setn(struct table *t, int column, const char *text, size_t len)
{
	if (text && table_wants(t, column))
		set_shown(t, column, valid_text(text, len));
}

void table_set_int(struct table *t, int column, int64_t n)
{
	struct strbuf sb = STRBUF_INIT;

	if (!table_wants(t, column))
		return;
	strbuf_addint(&sb, n);
	set_shown(t, column, strbuf_detach(&sb, NULL));
}

void table_set_time(struct table *t, int column, usec_t time)
{
	struct strbuf sb = STRBUF_INIT;

	if (!table_wants(t, column))
		return;
	clock_add_rfc3339(&sb, time);
	set_shown(t, column, strbuf_detach(&sb, NULL));
}

void table_set_seconds(struct table *t, int column, usec_t duration)
{
	struct strbuf sb = STRBUF_INIT;

	if (duration < 0 || !table_wants(t, column))
		return;
	clock_add_seconds(&sb, duration);
	set_shown(t, column, strbuf_detach(&sb, NULL));
}

int table_print(struct table *t)
{
	int result = scols_print_table(t->scols);

	table_free(t);
	return result < 0 ? err_set(WP_IO, "the table cannot be printed: %s", strerror(-result)) : 0;
}
