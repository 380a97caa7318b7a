/*
 * table.h - listings, by libsmartcols, with the options that lsblk and findmnt take.
 *
 * A verb embeds struct table_args in its own struct, puts table_options in as
 * verb.more, and prints rows column by column:
 *
 *     static const struct table_column columns[] = {
 *         { "ID", TABLE_NUMBER, 0 }, { "QUEUE", TABLE_TEXT, 0 }, { "ERROR", TABLE_TEXT, TABLE_EXTRA }, { 0 } };
 *     struct table *t; table_open(&t, "jobs", columns, &args->table);
 *     table_row(t); table_set(t, column, "text"); ...  table_print(t)
 */
#ifndef WP_TABLE_H
#define WP_TABLE_H

#include "clock.h"
#include "opt.h"

#include <stdbool.h>
#include <stdint.h>

enum table_type { TABLE_TEXT, TABLE_NUMBER, TABLE_REAL, TABLE_BOOL, TABLE_JSON };
enum { TABLE_EXTRA = 1,   /* shown only when asked for with --output */
	TABLE_TRUNC = 2 };   /* may be cut to the terminal's width */

struct table_column {
	const char *name;      /* upper case; NULL ends the array */
	enum table_type type;
	unsigned flags;
};

struct table_args {
	const char *output;    /* -o COL,COL or +COL,COL */
	bool json, raw, pairs, noheadings;
};

extern const struct opt table_options[];   /* -o -J -r -P -n, offsets in struct table_args */

struct table;
/* NAME is the JSON array's name. -1 with err recorded (status 64: unknown column). */
int table_open(struct table **t, const char *name, const struct table_column *columns,
	const struct table_args *args);
void table_row(struct table *t);
/* COLUMN is the index in the columns array; nothing happens when it is not shown. NULL or
 * never set: empty (JSON: null). Text with control characters is shown safely. TABLE_JSON: TEXT is
 * JSON and is printed as such by --json. */
void table_set(struct table *t, int column, const char *text);
void table_setn(struct table *t, int column, const char *text, size_t len);
void table_set_int(struct table *t, int column, int64_t n);
/* As clock_add_rfc3339() and clock_add_seconds() write them; a DURATION below 0 is none. */
void table_set_time(struct table *t, int column, usec_t time);
void table_set_seconds(struct table *t, int column, usec_t duration);
bool table_wants(struct table *t, int column);
void table_free(struct table *t);          /* instead of printing it; NULL is fine */
int table_print(struct table *t);          /* 0, or -1 with err recorded; frees t */

#endif
