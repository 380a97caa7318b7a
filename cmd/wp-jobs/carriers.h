/*
 * carriers.h - those present under a topic, as demand for jobs: what they can carry and do not.
 *
 * They say themselves how much of their capacity is in use, for our jobs as for any other. A job that is out is on
 * its way to them until the figure rises; from then on it is in the figure, and is not taken off twice.
 */
#ifndef WP_JOBS_CARRIERS_H
#define WP_JOBS_CARRIERS_H

#include "inhand.h"
#include "presence.h"
#include "roster.h"

#include <stdbool.h>

struct carriers {
	void (*changed)(struct carriers *c);    /* somebody came, went or said something new: FREE may be another */
	void (*failed)(struct carriers *c);     /* err recorded */
	const char *topic;           /* NULL: not used */
	int64_t free, in_use;

	/* private */
	struct presence p;
	struct roster roster;
	int64_t risen;               /* so much more in use since the last carriers_demand() */
};

/* The topic in "presence" or "presence:TOPIC", NULL with no err when TEXT is something else; *BAD is set, with err recorded, when
 * it is no topic. */
const char *carriers_topic(const char *text, bool *bad);
/* TOPIC and the callbacks are set before. -1 with err recorded. */
int carriers_open(struct carriers *c, struct loop *loop, const char *state);
void carriers_close(struct carriers *c);
/* How many more may go out, with JOBS there already: those that must have begun by now are marked so. */
int64_t carriers_demand(struct carriers *c, struct inhand *jobs);

#endif
