/*
 * waits.h - how long calls waited: a histogram whose classes double, from 2 us to 19 hours, so that it costs the same however
 * many there are.
 */
#ifndef WP_POOL_WAITS_H
#define WP_POOL_WAITS_H

#include "clock.h"

enum { WAITS_CLASSES = 36 };

struct waits {
	uint64_t count[WAITS_CLASSES];   /* class i: less than 2^(i+1) us; the last: all others */
	uint64_t all;
	usec_t sum, max;
};

void waits_add(struct waits *waits, usec_t wait);
/* An upper bound of what PERCENT of them did not exceed, at most twice the real one; 0 when there were none. */
usec_t waits_percentile(const struct waits *waits, unsigned percent);

#endif
