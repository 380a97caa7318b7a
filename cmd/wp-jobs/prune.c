/* prune: finished jobs go. */

#include "err.h"
#include "jobs.h"
#include "store.h"

#include <stdio.h>

enum { PRUNE_BATCH = 10000 };

struct prune_args {
	const char *queue, *states;
	usec_t older_than;
	bool dry_run;
};

static const char *states_of(const struct prune_args *a)
{
	return a->states ? a->states : "completed,failed,cancelled";
}

static int64_t prune_count(struct db *db, const struct prune_args *a)
{
	struct db_rows *rows;
	int64_t n = 0;
	int r = db_run(db, &rows, SQL_JOBS_PRUNE_COUNT, db_text(a->queue), db_text(states_of(a)), db_int(a->older_than));

	while (r >= 0 && (r = db_next(rows)) > 0)
		n = db_col_int(rows, 0);
	return r < 0 ? -1 : n;
}

static int64_t prune_batch(struct db *db, const struct prune_args *a)
{
	struct db_rows *rows;
	int r = db_run(db, &rows, SQL_JOBS_PRUNE, db_text(a->queue), db_text(states_of(a)), db_int(a->older_than),
		db_int(PRUNE_BATCH));

	while (r >= 0 && (r = db_next(rows)) > 0)
		;
	return r < 0 ? -1 : db_changes(rows);
}

static int64_t prune(struct db *db, const struct prune_args *a)
{
	int64_t n, total = 0;

	if (a->dry_run)
		return prune_count(db, a);
	do {
		n = prune_batch(db, a);
		total += n;
	} while (n == PRUNE_BATCH);
	return n < 0 ? -1 : total;
}

static int prune_run(void *globals, void *args, int n, char **operands)
{
	struct prune_args *a = args;
	struct store store;
	int64_t total;

	(void)n;
	(void)operands;
	if (a->older_than < 0)
		return err_usage("prune", "no age: say how old with --older-than (0 for all)");
	if ((a->states && states_check(a->states) < 0) || store_open(&store, globals) < 0)
		return err_report();
	total = prune(store.db, a);
	store_close(&store);
	if (total < 0)
		return err_report();
	printf("%lld\n", (long long)total);
	return WP_OK;
}

static const struct prune_args defaults = { .older_than = -1 };

static const struct opt options[] = {
	OPT_DURATION(0, "older-than", "DURATION", struct prune_args, older_than, NULL, "jobs that ended longer ago than this"),
	OPT_STRING('q', "queue", "NAME", struct prune_args, queue, NULL, "only jobs of this queue"),
	OPT_STRING('s', "state", "STATE[,STATE...]", struct prune_args, states, NULL, "only these of completed, failed and cancelled (default: all three)"),
	OPT_FLAG(0, "dry-run", struct prune_args, dry_run, NULL, "print how many there are, and delete nothing"),
	OPT_END
};

const struct verb verb_prune = {
	.name = "prune", .args = "", .summary = "delete finished jobs of some age",
	.options = options, .size = sizeof(struct prune_args), .defaults = &defaults, .run = prune_run,
};
