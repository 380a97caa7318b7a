/*
 * elastic.h - how many runners a pool should have: the other half of pool.h, without I/O as well.
 *
 * It looks at a pool with OWN (how much waits, how full the runners are, what is idle) and says which
 * slots should get a runner and which should lose theirs:
 *
 *     absent -> (ELASTIC_BOOT) booting -> elastic_booted() ready -> (ELASTIC_SHUT) leaving
 *        ^----------- elastic_gone(), from any of them -----------------------'
 *
 * Ask after pool_next() has said POOL_WAIT, until ELASTIC_WAIT; then the pool again when anything was booted or shut.
 */
#ifndef WP_POOL_ELASTIC_H
#define WP_POOL_ELASTIC_H

#include "pool.h"

/* A runner that was lost sooner than this counts as one that failed to boot. */
#define ELASTIC_STABLE_AFTER (10 * USEC_SEC)
/* From a failed boot to the next, doubled with each that follows. */
#define ELASTIC_PAUSE_MIN (250 * USEC_MS)
#define ELASTIC_PAUSE_MAX (30 * USEC_SEC)
/* One that may not go is not asked again before, however short the idle times are. */
#define ELASTIC_ASK_AGAIN (1 * USEC_SEC)

struct elastic_config {
	size_t min, max;
	size_t spare;                    /* idle runners to have ready, beyond the busy ones, while max allows it */
	size_t grow_when;                /* calls that wait before a runner is added to those there are; >= 1 */
	usec_t boot_timeout, shutdown_timeout;
	usec_t idle_after;               /* for those beyond min and spare; USEC_NEVER: they stay */
	usec_t min_idle_after;           /* for the others; when work comes, there are min again */
	bool check;                      /* ask before an idle runner goes */
};

enum runner_state { RUNNER_ABSENT, RUNNER_BOOTING, RUNNER_READY, RUNNER_LEAVING };

struct runner {
	enum runner_state state;
	uint64_t number;                 /* of all that were booted, from 1 */
	usec_t since;                    /* when it came into this state */
	usec_t idle_since;
	uint64_t seen;                   /* items taken when we last looked; UINT64_MAX: it was busy */
	bool checking, checked;          /* the question was asked, was answered with yes */
	uint64_t asked;                  /* items taken when the question was asked */
	usec_t ask_after;                /* not before */
	bool killed;
};

struct elastic {
	struct elastic_config config;
	struct pool *pool;
	struct runner *runner;           /* by slot */
	size_t top;                      /* beyond it all are absent */
	size_t rested, spare_rested;     /* of min, of spare: let go because nothing came */
	uint64_t offered;                /* when we last looked */
	usec_t hold_until;               /* no boots before */
	usec_t failed_at;                /* the last time */
	unsigned failures;               /* in a row */
	bool stopping;
	uint64_t boots, failed, lost;    /* boots that were begun, that failed; runners that ended unasked */
};

enum elastic_do {
	ELASTIC_WAIT,
	ELASTIC_BOOT,      /* a runner for *slot: then elastic_booted() or elastic_gone() */
	ELASTIC_CHECK,     /* may the one on *slot go? then elastic_checked() */
	ELASTIC_SHUT,      /* the one on *slot is to end: then elastic_gone() */
	ELASTIC_KILL       /* it did not boot or end in time */
};

/* POOL with OWN and room for as many slots as MAX will ever be. */
void elastic_init(struct elastic *e, struct pool *pool, const struct elastic_config *config);
void elastic_release(struct elastic *e);
void elastic_set(struct elastic *e, const struct elastic_config *config);

enum elastic_do elastic_next(struct elastic *e, usec_t now, size_t *slot);
usec_t elastic_deadline(const struct elastic *e);            /* USEC_NEVER: none */

/* Too late, and ignored, once ELASTIC_KILL was said. */
void elastic_booted(struct elastic *e, size_t slot, usec_t now);
/* It failed to boot, ended as asked, or was lost: the owner has told the pool that its items have ended. */
void elastic_gone(struct elastic *e, size_t slot, usec_t now);
void elastic_checked(struct elastic *e, size_t slot, bool may_go, usec_t now);
/* Boots nothing more, and shuts every runner as soon as it is idle. */
void elastic_stop(struct elastic *e);

/* How many runners there are in STATE; that boot or are ready; that boot, are ready or leave. */
size_t elastic_count(const struct elastic *e, enum runner_state state);
size_t elastic_staying(const struct elastic *e);
size_t elastic_all(const struct elastic *e);

#endif
