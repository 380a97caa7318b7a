/* list and show: jobs as they stand. */

#include "err.h"
#include "jobs.h"
#include "store.h"
#include "table.h"

#include <stdlib.h>

enum column {
	COL_ID, COL_QUEUE, COL_STATE, COL_PRIORITY, COL_ATTEMPT, COL_MAX_ATTEMPTS, COL_DUE, COL_WORKER, COL_HOST, COL_PID,
	COL_UNIQUE, COL_NOTIFY, COL_ERROR, COL_CREATED, COL_STARTED, COL_ENDED, COL_PAYLOAD, COL_OUTPUT
};

/* In the order of jobs.list, so that a column of the table is one of the result. */
static const struct table_column list_columns[] = {
	[COL_ID] = { "ID", TABLE_NUMBER, 0 },
	[COL_QUEUE] = { "QUEUE", TABLE_TEXT, 0 },
	[COL_STATE] = { "STATE", TABLE_TEXT, 0 },
	[COL_PRIORITY] = { "PRIORITY", TABLE_NUMBER, TABLE_EXTRA },
	[COL_ATTEMPT] = { "ATTEMPT", TABLE_NUMBER, 0 },
	[COL_MAX_ATTEMPTS] = { "MAX-ATTEMPTS", TABLE_NUMBER, TABLE_EXTRA },
	[COL_DUE] = { "DUE", TABLE_TEXT, 0 },
	[COL_WORKER] = { "WORKER", TABLE_NUMBER, TABLE_EXTRA },
	[COL_HOST] = { "HOST", TABLE_TEXT, TABLE_EXTRA },
	[COL_PID] = { "PID", TABLE_NUMBER, TABLE_EXTRA },
	[COL_UNIQUE] = { "UNIQUE", TABLE_TEXT, TABLE_EXTRA },
	[COL_NOTIFY] = { "NOTIFY", TABLE_TEXT, TABLE_EXTRA },
	[COL_ERROR] = { "ERROR", TABLE_TEXT, TABLE_TRUNC },
	[COL_CREATED] = { "CREATED", TABLE_TEXT, TABLE_EXTRA },
	[COL_STARTED] = { "STARTED", TABLE_TEXT, TABLE_EXTRA },
	[COL_ENDED] = { "ENDED", TABLE_TEXT, TABLE_EXTRA },
	[COL_PAYLOAD] = { "PAYLOAD", TABLE_JSON, TABLE_TRUNC },
	[COL_OUTPUT] = { "OUTPUT", TABLE_JSON, TABLE_EXTRA | TABLE_TRUNC },
	{ NULL, TABLE_TEXT, 0 }
};

/* show has a job to itself and shows all of it. */
static const struct table_column *show_columns(void)
{
	static struct table_column all[sizeof(list_columns) / sizeof(list_columns[0])];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		all[i] = list_columns[i];
		all[i].flags &= ~(unsigned)TABLE_EXTRA;
	}
	return all;
}

static bool is_time(int column)
{
	return column == COL_DUE || column == COL_CREATED || column == COL_STARTED || column == COL_ENDED;
}

static void add_row(struct table *t, struct db_rows *rows)
{
	table_row(t);
	for (int column = 0; list_columns[column].name; column++) {
		size_t len;
		const char *text;
		if (!table_wants(t, column) || db_col_null(rows, column))
			continue;
		if (is_time(column)) {
			table_set_time(t, column, db_col_int(rows, column));
			continue;
		}
		text = db_col_text(rows, column, &len);
		table_setn(t, column, text, len);
	}
}

/* The jobs that match, or -1; their number in *COUNT. */
static int fill(struct table *t, struct db *db, const char *queue, const char *states, int64_t id, int64_t limit,
	int64_t *count)
{
	struct db_rows *rows;
	int r = db_run(db, &rows, SQL_JOBS_LIST, db_text(queue), db_text(states), id ? db_int(id) : db_null(),
		limit ? db_int(limit) : db_null());

	if (r < 0)
		return -1;
	while ((r = db_next(rows)) > 0) {
		add_row(t, rows);
		(*count)++;
	}
	return r < 0 ? -1 : 0;
}

static int print_jobs(const struct globals *globals, const struct table_column *columns, const struct table_args *format,
	const char *queue, const char *states, int64_t id, int64_t limit)
{
	struct table *t;
	struct store store;
	int64_t count = 0;
	int r;

	if (table_open(&t, "jobs", columns, format) < 0)
		return err_report();
	r = store_open(&store, globals);
	if (r == 0) {
		r = fill(t, store.db, queue, states, id, limit, &count);
		store_close(&store);
	}
	if (r == 0 && id && count == 0)
		r = err_set(WP_NO, "no job %lld", (long long)id);
	if (r == 0)
		r = table_print(t);
	else
		table_free(t);
	return r < 0 ? err_report() : WP_OK;
}

struct list_args {
	const char *queue, *states;
	int64_t limit;
	struct table_args table;
};

static int list_run(void *globals, void *args, int n, char **operands)
{
	struct list_args *a = args;

	(void)n;
	(void)operands;
	if (a->states && states_check(a->states) < 0)
		return err_report();
	return print_jobs(globals, list_columns, &a->table, a->queue, a->states, 0, a->limit);
}

static const struct opt list_options[] = {
	OPT_STRING('q', "queue", "NAME", struct list_args, queue, "WP_JOBS_QUEUE", "only the jobs of this queue"),
	OPT_STRING('s', "state", "STATE[,STATE...]", struct list_args, states, NULL, "only jobs in these states"),
	OPT_INT(0, "limit", "N", struct list_args, limit, 1, INT64_MAX, NULL, "only the first N"),
	OPT_END
};

const struct verb verb_list = {
	.name = "list", .args = "", .summary = "list jobs",
	.options = list_options, .more = table_options, .more_offset = offsetof(struct list_args, table),
	.size = sizeof(struct list_args), .run = list_run,
};

struct show_args {
	struct table_args table;
};

static int show_run(void *globals, void *args, int n, char **operands)
{
	struct show_args *a = args;
	int64_t *id;
	int status;

	if (ids_parse(&id, n, operands) < 0)
		return err_report();
	if (!a->table.raw && !a->table.pairs)
		a->table.json = true;
	status = print_jobs(globals, show_columns(), &a->table, NULL, NULL, *id, 0);
	free(id);
	return status;
}

static const struct opt show_options[] = { OPT_END };

const struct verb verb_show = {
	.name = "show", .args = "ID", .summary = "show all there is to know of a job",
	.options = show_options, .more = table_options, .more_offset = offsetof(struct show_args, table),
	.size = sizeof(struct show_args), .min_operands = 1, .max_operands = 1, .run = show_run,
};
