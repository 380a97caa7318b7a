/*
 * clock.h - time in microseconds.
 */
#ifndef WP_CLOCK_H
#define WP_CLOCK_H

#include "strbuf.h"

#include <stdint.h>

typedef int64_t usec_t;

#define USEC_MS ((usec_t)1000)
#define USEC_SEC ((usec_t)1000000)
#define USEC_NEVER INT64_MAX

usec_t clock_now(void);       /* CLOCK_MONOTONIC: for deadlines and durations */
usec_t clock_wall(void);      /* CLOCK_REALTIME: microseconds since 1970 UTC */

static inline usec_t clock_earlier(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

/* The pause before the next try: FIRST, doubled for each of the TIMES that it has failed before, at most LONGEST. */
usec_t clock_backoff(usec_t first, usec_t longest, unsigned times);

/* "2026-01-31T12:00:00.000000Z" */
void clock_add_rfc3339(struct strbuf *sb, usec_t wall);
/* seconds as a decimal with up to six places, "0.012", no trailing zeros */
void clock_add_seconds(struct strbuf *sb, usec_t duration);

#endif
