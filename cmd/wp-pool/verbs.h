/* verbs.h - the verbs of wp-pool, a file each. */
#ifndef WP_POOL_VERBS_H
#define WP_POOL_VERBS_H

#include "opt.h"

/* How many calls a runner may run at once, and how many runners a pool may have. */
enum { RUNNER_CALLS_MAX = 4096, RUNNERS_MAX = 1000 };
/* And how often anything is tried again. */
enum { RETRIES_MAX = 1000000 };

struct globals {
	const char *state;     /* --state: the state directory; NULL: the default */
};

extern const struct verb verb_map, verb_start, verb_call, verb_cast, verb_place, verb_set, verb_status, verb_drain, verb_stop,
	verb_wait, verb_runner;

#endif
