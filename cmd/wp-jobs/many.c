#include "many.h"

#include "alloc.h"
#include "changes.h"
#include "err.h"
#include "store.h"
#include "strbuf.h"

#include <stdio.h>
#include <stdlib.h>

/* A transaction changes at most so many, so that nobody waits long for a row. */
enum { MANY_BATCH = 5000 };

struct ids {
	struct db_value *cells;
	size_t nr, alloc;
};

static void ids_add(struct ids *ids, int64_t id)
{
	grow_array(&ids->cells, &ids->alloc, ids->nr + 1, sizeof(*ids->cells));
	ids->cells[ids->nr++] = db_int(id);
}

static void add_id(struct db_rows *rows, void *ctx)
{
	strbuf_addf(ctx, "%lld\n", (long long)db_col_int(rows, 0));
}

static int change_in_transaction(struct db *db, enum sql_id change, const struct ids *ids, struct changes *c,
	struct strbuf *changed)
{
	struct db_rows *rows;
	int r = db_begin(db, DB_DURABLE);

	if (r >= 0)
		r = db_run_many(db, &rows, change, ids->cells, 1, ids->nr);
	if (r >= 0)
		r = changes_read(c, rows, add_id, changed);
	if (r >= 0)
		r = changes_publish(c, db);
	return r < 0 ? r : db_commit(db);
}

/* The number of jobs changed, or -1. */
static int64_t change_batch(struct db *db, enum sql_id change, const struct ids *ids, bool dry_run)
{
	struct changes c = CHANGES_INIT;
	struct strbuf changed = STRBUF_INIT;
	int64_t count = (int64_t)ids->nr;
	int r = 0;

	if (dry_run) {
		for (size_t i = 0; i < ids->nr; i++)
			printf("%lld\n", (long long)ids->cells[i].i);
		return count;
	}
	if (ids->nr)
		r = change_in_transaction(db, change, ids, &c, &changed);
	count = c.count;
	if (r < 0)
		db_rollback(db);
	else
		fwrite(changed.buf, 1, changed.len, stdout);
	strbuf_release(&changed);
	changes_release(&c);
	return r < 0 ? -1 : count;
}

static int select_batch(struct db *db, const struct many_args *a, const char *states, int64_t *after, struct ids *ids)
{
	struct db_rows *rows;
	int r = db_run(db, &rows, SQL_JOBS_SELECT, db_text(a->queue), db_text(a->states ? a->states : states), db_int(*after),
		db_int(MANY_BATCH));

	ids->nr = 0;
	if (r < 0)
		return r;
	while ((r = db_next(rows)) > 0) {
		*after = db_col_int(rows, 0);
		ids_add(ids, *after);
	}
	return r;
}

static int change_matching(struct db *db, enum sql_id change, const struct many_args *a, const char *states)
{
	struct ids ids = { 0 };
	int64_t after = 0;
	int r;

	do {
		r = select_batch(db, a, states, &after, &ids);
		if (r >= 0)
			r = change_batch(db, change, &ids, a->dry_run) < 0 ? -1 : 0;
	} while (r >= 0 && ids.nr == MANY_BATCH);
	free(ids.cells);
	return r < 0 ? -1 : 0;
}

/* 0 all changed, 1 some did not, -1 failed. */
static int change_named(struct db *db, enum sql_id change, const struct many_args *a, int n, char **operands)
{
	struct ids ids = { 0 };
	int64_t *numbers, count;

	if (ids_parse(&numbers, n, operands) < 0)
		return -1;
	for (int i = 0; i < n; i++)
		ids_add(&ids, numbers[i]);
	free(numbers);
	count = change_batch(db, change, &ids, a->dry_run);
	free(ids.cells);
	return count < 0 ? -1 : count < n;
}

static int check_args(const char *verb, const struct many_args *a, int n)
{
	if (n && (a->queue || a->states))
		return err_usage(verb, "job ids and --queue or --state exclude each other");
	if (!n && !a->queue && !a->states)
		return err_usage(verb, "no jobs: name their ids, or say which with --queue and --state");
	if (a->states && states_check(a->states) < 0)
		return err_report();
	return 0;
}

int many_run(const char *verb, enum sql_id change, const char *states, const struct globals *globals,
	const struct many_args *a, int n, char **operands)
{
	struct store store;
	int r = check_args(verb, a, n);

	if (r)
		return r;
	if (store_open(&store, globals) < 0)
		return err_report();
	r = n ? change_named(store.db, change, a, n, operands) : change_matching(store.db, change, a, states);
	store_close(&store);
	if (r > 0)
		err_set(WP_NO, "some of the jobs are not there or not in a state for this");
	return r ? err_report() : WP_OK;
}

/* No environment for the queue here: a forgotten variable must not choose what is changed. */
const struct opt many_options[] = {
	OPT_STRING('q', "queue", "NAME", struct many_args, queue, NULL, "the jobs of this queue"),
	OPT_STRING('s', "state", "STATE[,STATE...]", struct many_args, states, NULL, "the jobs in these states"),
	OPT_FLAG(0, "dry-run", struct many_args, dry_run, NULL, "print the ids of the jobs, and change nothing"),
	OPT_END
};
