/* verbs.h - the verbs of wp-pool, a file each. */
#ifndef WP_POOL_VERBS_H
#define WP_POOL_VERBS_H

#include "opt.h"

struct globals {
	const char *state;     /* --state: the state directory; NULL: the default */
};

extern const struct verb verb_map;

#endif
