/* verbs.h - the verbs of wp-pool, a file each. */
#ifndef WP_POOL_VERBS_H
#define WP_POOL_VERBS_H

#include "opt.h"

extern const struct verb verb_map;

#endif
