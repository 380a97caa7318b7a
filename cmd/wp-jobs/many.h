/*
 * many.h - verbs that change many jobs: those named, or those that match.
 */
#ifndef WP_JOBS_MANY_H
#define WP_JOBS_MANY_H

#include "jobs.h"
#include "sql.h"

struct many_args {
	const char *queue, *states;
	bool dry_run;
};

/*
 * Run CHANGE over the jobs OPERANDS names or, with none, over those of the queue and states asked for
 * (STATES when none are), and print the ids of those it changed, or with --dry-run of those it would look at.
 * Returns the exit status: 1 when a job that was named did not change.
 */
int many_run(const char *verb, enum sql_id change, const char *states, const struct globals *globals,
	const struct many_args *args, int n, char **operands);

extern const struct opt many_options[];   /* -q, --state, --dry-run */

#endif
