/* list: the consumers. */

#include "verbs.h"

#include "err.h"
#include "table.h"

enum column { COL_HANDLE, COL_STACK, COL_PID, COL_STATE, COL_SINCE, COL_DELIVERED, COL_PENDING, COL_REASON, COL_DEFINED, COL_DURABLE, COL_META,
	COL_HIBERNATE, COL_JITTER, COL_SUSPEND };

static const struct table_column columns[] = {
	[COL_HANDLE] = { "HANDLE", TABLE_TEXT, TABLE_TRUNC },
	[COL_STACK] = { "STACK", TABLE_TEXT, 0 },
	[COL_PID] = { "PID", TABLE_NUMBER, 0 },
	[COL_STATE] = { "STATE", TABLE_TEXT, 0 },
	[COL_SINCE] = { "SINCE", TABLE_TEXT, 0 },
	[COL_DELIVERED] = { "DELIVERED", TABLE_NUMBER, 0 },
	[COL_PENDING] = { "PENDING", TABLE_NUMBER, 0 },
	[COL_REASON] = { "REASON", TABLE_TEXT, TABLE_TRUNC },
	[COL_DEFINED] = { "DEFINED", TABLE_BOOL, TABLE_EXTRA },
	[COL_DURABLE] = { "DURABLE", TABLE_BOOL, TABLE_EXTRA },
	[COL_META] = { "META", TABLE_JSON, TABLE_EXTRA | TABLE_TRUNC },
	[COL_HIBERNATE] = { "HIBERNATE-AFTER", TABLE_REAL, TABLE_EXTRA },
	[COL_JITTER] = { "JITTER", TABLE_REAL, TABLE_EXTRA },
	[COL_SUSPEND] = { "SUSPEND-AFTER", TABLE_REAL, TABLE_EXTRA },
	{ NULL, TABLE_TEXT, 0 }
};

struct list_args {
	struct stack_args stack;
	struct table_args table;
};

static void add_row(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct table *t = ctx;

	table_row(t);
	table_set(t, COL_HANDLE, c->handle);
	table_set(t, COL_STACK, c->stack);
	if (c->pid)
		table_set_int(t, COL_PID, c->pid);
	table_set(t, COL_STATE, consumer_state_name(c->state));
	table_set_time(t, COL_SINCE, c->since);
	table_set_int(t, COL_DELIVERED, c->delivered + live->delivered);
	table_set_int(t, COL_PENDING, c->durable ? c->unacknowledged : live->pending);
	table_set(t, COL_REASON, c->reason);
	table_set(t, COL_DEFINED, c->defined ? "1" : "0");
	table_set(t, COL_DURABLE, c->durable ? "1" : "0");
	table_set(t, COL_META, c->meta);
	table_set_seconds(t, COL_HIBERNATE, c->rest.hibernate_after);
	table_set_seconds(t, COL_JITTER, c->rest.jitter);
	table_set_seconds(t, COL_SUSPEND, c->rest.suspend_after);
}

static int read_rows(const struct globals *globals, const char *stack, struct table *table)
{
	struct registry registry;
	int r = registry_open_existing(&registry, globals->state);

	if (r > 0) {
		r = registry_list_by_name(&registry, stack, add_row, table);
		registry_close(&registry);
	}
	return r;
}

static int list_run(void *globals, void *args, int n, char **operands)
{
	const struct list_args *a = args;
	struct table *table;
	const char *stack;

	if (stack_of(&a->stack, &stack) < 0 || table_open(&table, "consumers", columns, &a->table) < 0)
		return err_report();
	if (read_rows(globals, stack, table) < 0) {
		table_free(table);
		return err_report();
	}
	return table_print(table) < 0 ? err_report() : WP_OK;
}

static const struct opt options[] = {
	STACKS_OPTIONS(struct list_args, stack),
	OPT_END
};

const struct verb verb_list = {
	.name = "list", .args = "", .summary = "list consumers",
	.options = options, .more = table_options, .more_offset = offsetof(struct list_args, table),
	.size = sizeof(struct list_args), .run = list_run,
};
