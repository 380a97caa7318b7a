/*
 * verbs.h - what every verb of wp-presence knows.
 */
#ifndef WP_PRESENCE_VERBS_H
#define WP_PRESENCE_VERBS_H

#include "opt.h"
#include "presence.h"

#include <stdbool.h>

struct globals {
	const char *state;     /* --state: the state directory; NULL: the default */
};

extern const struct verb verb_track, verb_untrack, verb_update, verb_list, verb_get, verb_capacity, verb_topics, verb_watch,
	verb_wait;

/* Which topic a verb is about: the same options for all that read. */
struct topic_args {
	const char *topic;
	bool all;
};

#define TOPIC_OPTIONS(type, field) \
	OPT_STRING('t', "topic", "TOPIC", type, field.topic, "WP_PRESENCE_TOPIC", "the topic (default: " PRESENCE_TOPIC ")"), \
	OPT_FLAG('a', "all-topics", type, field.all, NULL, "all topics")

/* For presence.h: NULL when all are meant. -1 with err recorded (64, 65). */
int topic_of(const struct topic_args *args, const char **topic);

#endif
