/*
 * rest.h - when a consumer that has nothing to do goes to rest: a state machine without I/O.
 *
 * After a random time between hibernate_after and jitter without a message it hibernates; suspend_after later it is
 * suspended. Without hibernate_after the second follows directly. A message wakes it from the first stage; so does being told.
 */
#ifndef WP_REGISTRY_REST_H
#define WP_REGISTRY_REST_H

#include "registry.h"

#include <stdbool.h>
#include <stdint.h>

enum rest_stage { REST_AWAKE, REST_IDLE, REST_HIBERNATED };
enum rest_act { REST_NOTHING, REST_HIBERNATE, REST_SUSPEND };

struct rest {
	struct rest_times times;
	bool may_suspend;
	enum rest_stage stage;
	usec_t due;                  /* when to ask rest_act(); USEC_NEVER: never */
	uint64_t seed;
};

/* SEED makes it random: any number but one that others have. */
void rest_init(struct rest *rest, const struct rest_times *times, bool may_suspend, uint64_t seed);
/* There is something to do: true when it had hibernated, which it does no more. */
bool rest_wake(struct rest *rest);
/* There is nothing to do, from NOW on. Fine when that is known. */
void rest_idle(struct rest *rest, usec_t now);
/* Its times are others now: the first stage begins again. True as rest_wake(). */
bool rest_told(struct rest *rest, const struct rest_times *times, usec_t now);
/* What is to be done NOW; REST_HIBERNATE is taken as done. */
enum rest_act rest_act(struct rest *rest, usec_t now);

#endif
