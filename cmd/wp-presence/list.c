/* list and get: who is present. */

#include "verbs.h"

#include "entry_lines.h"
#include "err.h"
#include "fetch.h"
#include "json.h"
#include "metrics.h"
#include "name.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column { COL_TOPIC, COL_KEY, COL_REF, COL_PID, COL_CAPACITY, COL_IN_USE, COL_FREE, COL_META, COL_SINCE, COL_UPDATED, COLUMNS };

static const struct table_column columns[] = {
	[COL_TOPIC] = { "TOPIC", TABLE_TEXT, TABLE_EXTRA },
	[COL_KEY] = { "KEY", TABLE_TEXT, TABLE_TRUNC },
	[COL_REF] = { "REF", TABLE_TEXT, 0 },
	[COL_PID] = { "PID", TABLE_NUMBER, 0 },
	[COL_CAPACITY] = { "CAPACITY", TABLE_NUMBER, 0 },
	[COL_IN_USE] = { "IN-USE", TABLE_NUMBER, 0 },
	[COL_FREE] = { "FREE", TABLE_NUMBER, TABLE_EXTRA },
	[COL_META] = { "META", TABLE_JSON, TABLE_TRUNC },
	[COL_SINCE] = { "SINCE", TABLE_TEXT, TABLE_EXTRA },
	[COL_UPDATED] = { "UPDATED", TABLE_TEXT, TABLE_EXTRA },
	[COLUMNS] = { NULL, TABLE_TEXT, 0 }
};

/* The member of an entry's line that a column shows; "" for what is worked out. */
static const char *const members[COLUMNS] = {
	[COL_TOPIC] = "topic", [COL_KEY] = "key", [COL_REF] = "ref", [COL_PID] = "pid", [COL_CAPACITY] = "capacity",
	[COL_IN_USE] = "in_use", [COL_FREE] = "", [COL_META] = "meta", [COL_SINCE] = "joined_at", [COL_UPDATED] = "updated_at",
};

struct list_args {
	struct topic_args topic;
	const char *fetch, *textfile;
	int format;
	struct table_args table;
};

enum { FORMAT_TABLE, FORMAT_NDJSON, FORMAT_OPENMETRICS };

/* Entries as lines: what a fetch command gets, and what everything is shown from. */

static void add_time(struct strbuf *sb, const char *name, usec_t time)
{
	strbuf_addf(sb, ",\"%s\":\"", name);
	clock_add_rfc3339(sb, time);
	strbuf_addch(sb, '"');
}

static void add_line(const struct presence_entry *entry, void *ctx)
{
	struct strbuf *lines = ctx;

	strbuf_addch(lines, '{');
	presence_entry_add(lines, entry);
	add_time(lines, "joined_at", entry->joined_at);
	add_time(lines, "updated_at", entry->updated_at);
	strbuf_addstr(lines, "}\n");
}

static int column_of(struct json_slice member)
{
	for (int i = 0; i < COLUMNS; i++) {
		if (json_slice_is(member, members[i]))
			return i;
	}
	return -1;
}

/* What a line says, by column. */
static void split(const char *line, size_t len, struct json_slice values[COLUMNS])
{
	struct json_scan scan;
	struct json_slice member, value;
	int column;

	memset(values, 0, COLUMNS * sizeof(*values));
	if (json_object_begin(&scan, line, len) < 0)
		err_bug("an entry that is no object");
	while (json_object_next(&scan, &member, &value) > 0) {
		column = column_of(member);
		if (column >= 0)
			values[column] = value;
	}
}

static int64_t number(struct json_slice value)
{
	int64_t n = 0;

	return value.p && json_int(value, &n) == 0 ? n : 0;
}

/* A table */

static void set_column(struct table *t, int column, struct json_slice value)
{
	struct strbuf text = STRBUF_INIT;

	if (!value.p || !table_wants(t, column))
		return;
	/* A text that a table cannot show is shown as the JSON it was. */
	if (column != COL_META && json_is_string(value) && json_add_decoded(&text, value) == 0) {
		table_setn(t, column, text.buf, text.len);
	} else {
		strbuf_reset(&text);
		strbuf_add(&text, value.p, value.len);
		table_setn(t, column, text.buf, text.len);
	}
	strbuf_release(&text);
}

static void add_row(struct table *t, const char *line, size_t len)
{
	struct json_slice values[COLUMNS];
	int64_t free;

	split(line, len, values);
	table_row(t);
	for (int i = 0; i < COLUMNS; i++)
		set_column(t, i, values[i]);
	free = number(values[COL_CAPACITY]) - number(values[COL_IN_USE]);
	table_set_int(t, COL_FREE, free < 0 ? 0 : free);
}

static int print_table(const struct strbuf *lines, const struct table_args *args)
{
	struct table *t;
	size_t at = 0, len;
	const char *line;

	if (table_open(&t, "presence", columns, args) < 0)
		return -1;
	while (next_line(lines, &at, &line, &len))
		add_row(t, line, len);
	return table_print(t);
}

/* Whole objects, with what a fetch command has added */

static int print_json(const struct strbuf *lines)
{
	const char *before = "\n   ", *line;
	size_t at = 0, len;

	fputs("{\n   \"presence\": [", stdout);
	while (next_line(lines, &at, &line, &len)) {
		fputs(before, stdout);
		fwrite(line, 1, len, stdout);
		before = ",\n   ";
	}
	fputs("\n   ]\n}\n", stdout);
	return 0;
}

static int print_lines(const struct strbuf *lines)
{
	fwrite(lines->buf, 1, lines->len, stdout);
	if (lines->len && lines->buf[lines->len - 1] != '\n')
		putchar('\n');
	return 0;
}

/* Figures */

static char *decoded(struct json_slice value)
{
	struct strbuf text = STRBUF_INIT;

	if (value.p && (!json_is_string(value) || json_add_decoded(&text, value) < 0)) {
		strbuf_reset(&text);
		strbuf_add(&text, value.p, value.len);
	}
	return strbuf_detach(&text, NULL);
}

static void add_sample(struct strbuf *out, const char *name, int column, const char *line, size_t len)
{
	struct json_slice values[COLUMNS];
	char *topic, *key, *ref;

	split(line, len, values);
	topic = decoded(values[COL_TOPIC]);
	key = decoded(values[COL_KEY]);
	ref = decoded(values[COL_REF]);
	metrics_sample(out, name, (const char *const[]){ "topic", topic, "key", key, "ref", ref, NULL }, number(values[column]));
	free(topic);
	free(key);
	free(ref);
}

static void add_gauge(struct strbuf *out, const char *name, const char *help, int column, const struct strbuf *lines)
{
	size_t at = 0, len;
	const char *line;

	metrics_family(out, name, "gauge", help);
	while (next_line(lines, &at, &line, &len))
		add_sample(out, name, column, line, len);
}

static int print_metrics(const struct strbuf *lines, const char *textfile)
{
	struct strbuf out = STRBUF_INIT;
	int r;

	add_gauge(&out, "workplane_presence_entry_capacity", "What this one can carry.", COL_CAPACITY, lines);
	add_gauge(&out, "workplane_presence_entry_in_use", "How much of its capacity is in use.", COL_IN_USE, lines);
	metrics_end(&out);
	r = metrics_write(&out, textfile);
	strbuf_release(&out);
	return r;
}

/* The verbs */

static int print(const struct list_args *a, const struct strbuf *lines)
{
	switch (a->format) {
	case FORMAT_NDJSON: return print_lines(lines);
	case FORMAT_OPENMETRICS: return print_metrics(lines, a->textfile);
	default: break;
	}
	/* What the command has added has no column: everything is shown unless columns are asked for. */
	return a->fetch && a->table.json && !a->table.output ? print_json(lines) : print_table(lines, &a->table);
}

static int read_lines(const struct globals *globals, const char *topic, const char *key, struct strbuf *lines)
{
	struct presence p;
	int r;

	r = presence_open_existing(&p, globals->state);
	if (r > 0) {
		r = presence_list(&p, topic, key, add_line, lines);
		presence_close(&p);
	}
	return r;
}

static int check(const struct list_args *a, const char *verb)
{
	struct table *t;

	if (a->textfile && a->format != FORMAT_OPENMETRICS)
		return err_usage(verb, "--textfile goes with --format openmetrics");
	if (a->format != FORMAT_TABLE && (a->table.output || a->table.json || a->table.raw || a->table.pairs || a->table.noheadings))
		return err_usage(verb, "--output, --json, --raw, --pairs and --noheadings go with a table");
	/* A wrong column is told before a state directory is made or a command is run. */
	if (table_open(&t, "presence", columns, &a->table) < 0)
		return err_report();
	table_free(t);
	return 0;
}

static int show(const struct globals *globals, const struct list_args *a, const char *key)
{
	struct strbuf lines = STRBUF_INIT;
	const char *topic;
	int r = topic_of(&a->topic, &topic);

	if (r == 0)
		r = read_lines(globals, topic, key, &lines);
	if (r == 0 && key && lines.len == 0)
		r = err_set(WP_NO, "key \"%s\" is not tracked", key);
	if (r == 0 && a->fetch)
		r = fetch(a->fetch, &lines);
	if (r == 0)
		r = print(a, &lines);
	strbuf_release(&lines);
	return r < 0 ? err_report() : WP_OK;
}

static int list_run(void *globals, void *args, int n, char **operands)
{
	int status = check(args, "list");

	(void)n;
	(void)operands;
	return status ? status : show(globals, args, NULL);
}

static int get_run(void *globals, void *args, int n, char **operands)
{
	int status = check(args, "get");

	(void)n;
	if (!status && name_check("key", operands[0]) < 0)
		status = err_report();
	return status ? status : show(globals, args, operands[0]);
}

static const struct opt options[] = {
	TOPIC_OPTIONS(struct list_args, topic),
	OPT_STRING(0, "fetch", "COMMAND", struct list_args, fetch, NULL, "a shell command that gets the entries, a line each, and prints them with what it adds"),
	OPT_CHOICE(0, "format", "table|ndjson|openmetrics", struct list_args, format, NULL, "a table, an object a line, or figures for a monitoring system"),
	OPT_STRING(0, "textfile", "FILE", struct list_args, textfile, NULL, "with openmetrics: into FILE, by renaming"),
	OPT_END
};

const struct verb verb_list = {
	.name = "list", .args = "", .summary = "list who is present",
	.options = options, .more = table_options, .more_offset = offsetof(struct list_args, table),
	.size = sizeof(struct list_args), .run = list_run,
};

const struct verb verb_get = {
	.name = "get", .args = "KEY", .summary = "list the entries of a key",
	.options = options, .more = table_options, .more_offset = offsetof(struct list_args, table),
	.size = sizeof(struct list_args), .min_operands = 1, .max_operands = 1, .run = get_run,
};
