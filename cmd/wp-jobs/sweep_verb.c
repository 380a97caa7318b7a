/* sweep: one pass over what time and death have done, for those who want cron to do it. */

#include "err.h"
#include "jobs.h"
#include "sweep.h"

#include <poll.h>
#include <stdio.h>

struct sweep_args {
	bool dry_run;
};

/* A worker that was just found missing may be connecting again: it gets the time that workers give
 * each other, then the second look counts. */
static int sweep_twice(struct store *store, bool dry_run, struct swept *swept)
{
	struct swept first;
	int r = sweep_pass(store, 0, SWEEP_GRACE, dry_run, &first);

	*swept = first;
	if (r < 0 || first.missed == 0)
		return r;
	poll(NULL, 0, (int)(SWEEP_GRACE / USEC_MS) + 1);
	r = sweep_pass(store, 0, SWEEP_GRACE, false, swept);
	swept->workers += first.workers;
	swept->reclaimed += first.reclaimed;
	swept->activated += first.activated;
	swept->expired += first.expired;
	return r;
}

static int sweep_run(void *globals, void *args, int n, char **operands)
{
	struct sweep_args *a = args;
	struct store store;
	struct swept swept;
	int r;

	(void)n;
	(void)operands;
	if (store_open(&store, globals) < 0)
		return err_report();
	r = sweep_twice(&store, a->dry_run, &swept);
	store_close(&store);
	if (r < 0)
		return err_report();
	printf("{\"dead_workers\":%lld,\"reclaimed\":%lld,\"activated\":%lld,\"expired\":%lld}\n", (long long)swept.workers,
		(long long)swept.reclaimed, (long long)swept.activated, (long long)swept.expired);
	return WP_OK;
}

static const struct opt options[] = {
	OPT_FLAG(0, "dry-run", struct sweep_args, dry_run, NULL, "only count"),
	OPT_END
};

const struct verb verb_sweep = {
	.name = "sweep", .args = "", .summary = "give back dead workers' jobs, activate due ones, delete expired ones",
	.options = options, .size = sizeof(struct sweep_args), .run = sweep_run,
};
