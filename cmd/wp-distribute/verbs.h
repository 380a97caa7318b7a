/*
 * verbs.h - what every verb of wp-distribute knows.
 */
#ifndef WP_DISTRIBUTE_VERBS_H
#define WP_DISTRIBUTE_VERBS_H

#include "opt.h"
#include "cluster.h"

struct globals {
	const char *state;     /* --state: the state directory; NULL: the default */
};

extern const struct verb verb_node, verb_start, verb_stop, verb_terminate, verb_list, verb_lookup, verb_await, verb_nodes,
	verb_plan, verb_drain, verb_redistribute, verb_explain, verb_watch, verb_quorum;

#endif
