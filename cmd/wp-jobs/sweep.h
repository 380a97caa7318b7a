/*
 * sweep.h - one look at what time and death have done: dead workers' jobs are available
 * again, due jobs become available, jobs that were kept long enough go.
 */
#ifndef WP_JOBS_SWEEP_H
#define WP_JOBS_SWEEP_H

#include "clock.h"
#include "store.h"

#include <stdint.h>

/* How long a worker's free lock is watched before its jobs are given away (Postgres): its
 * owner may just be connecting again. */
#define SWEEP_GRACE (750 * USEC_MS)
#define SWEEP_EVERY (500 * USEC_MS)

struct swept {
	int64_t workers, reclaimed, activated, expired;
	int64_t missed;        /* workers found missing just now, to be believed after the grace */
};

/* SELF is the caller's worker id, 0 when it is none. Results below 0 are db.h's. GRACE 0 believes
 * a free lock at once. DRY_RUN: only count. */
int sweep_pass(struct store *store, int64_t self, usec_t grace, bool dry_run, struct swept *out);

/* Make due jobs available: the part of a sweep that a deadline calls for. The number, or db.h's. */
int64_t sweep_activate(struct store *store);

#endif
