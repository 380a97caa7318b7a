/* stats: how many jobs there are, by queue and state. */

#include "err.h"
#include "jobs.h"
#include "store.h"
#include "strbuf.h"
#include "table.h"

enum { COL_QUEUE, COL_OLDEST = 9 };

/* In the order of jobs.stats. */
static const struct table_column columns[] = {
	{ "QUEUE", TABLE_TEXT, 0 },
	{ "SCHEDULED", TABLE_NUMBER, 0 },
	{ "AVAILABLE", TABLE_NUMBER, 0 },
	{ "RESERVED", TABLE_NUMBER, 0 },
	{ "IN-PROGRESS", TABLE_NUMBER, 0 },
	{ "RETRY", TABLE_NUMBER, 0 },
	{ "COMPLETED", TABLE_NUMBER, 0 },
	{ "FAILED", TABLE_NUMBER, 0 },
	{ "CANCELLED", TABLE_NUMBER, 0 },
	{ "OLDEST", TABLE_REAL, 0 },
	{ "DONE/MIN", TABLE_NUMBER, 0 },
	{ "RETRIED/MIN", TABLE_NUMBER, TABLE_EXTRA },
	{ "FAILED/MIN", TABLE_NUMBER, 0 },
	{ NULL, TABLE_TEXT, 0 }
};

struct stats_args {
	const char *queue;
	struct table_args table;
};

static void set_age(struct table *t, struct db_rows *rows)
{
	struct strbuf text = STRBUF_INIT;
	usec_t age = db_col_int(rows, COL_OLDEST);

	if (db_col_null(rows, COL_OLDEST))
		return;
	clock_add_seconds(&text, age < 0 ? 0 : age);
	table_set(t, COL_OLDEST, text.buf);
	strbuf_release(&text);
}

static void add_row(struct table *t, struct db_rows *rows)
{
	table_row(t);
	for (int column = 0; columns[column].name; column++) {
		if (column == COL_QUEUE)
			table_set(t, column, db_col_text(rows, column, NULL));
		else if (column == COL_OLDEST)
			set_age(t, rows);
		else
			table_set_int(t, column, db_col_int(rows, column));
	}
}

static int stats_run(void *globals, void *args, int n, char **operands)
{
	struct stats_args *a = args;
	struct store store;
	struct db_rows *rows;
	struct table *t;
	int r;

	(void)n;
	(void)operands;
	if (table_open(&t, "queues", columns, &a->table) < 0)
		return err_report();
	if (store_open(&store, globals) < 0) {
		table_free(t);
		return err_report();
	}
	r = db_run(store.db, &rows, SQL_JOBS_STATS, db_text(a->queue));
	while (r >= 0 && (r = db_next(rows)) > 0)
		add_row(t, rows);
	store_close(&store);
	if (r >= 0)
		r = table_print(t);
	else
		table_free(t);
	return r < 0 ? err_report() : WP_OK;
}

static const struct opt options[] = {
	OPT_STRING('q', "queue", "NAME", struct stats_args, queue, "WP_JOBS_QUEUE", "only this queue"),
	OPT_END
};

const struct verb verb_stats = {
	.name = "stats", .args = "", .summary = "count jobs by queue and state",
	.options = options, .more = table_options, .more_offset = offsetof(struct stats_args, table),
	.size = sizeof(struct stats_args), .run = stats_run,
};
