/*
 * backoff.h - when a failed job is tried again.
 */
#ifndef WP_JOBS_BACKOFF_H
#define WP_JOBS_BACKOFF_H

#include "clock.h"

#include <stdint.h>

enum backoff_kind { BACKOFF_CONSTANT, BACKOFF_LINEAR, BACKOFF_EXPONENTIAL };

struct backoff {
	enum backoff_kind kind;
	usec_t base, max;
};

#define BACKOFF_DEFAULT "exponential:5s,1h"

/* "[constant|linear|exponential:]BASE[,MAX]": after the Nth attempt the wait is BASE, N * BASE, or
 * BASE * 2^(N-1), at most MAX (default 1h, or BASE where that is more). -1 with err recorded (64). */
int backoff_parse(struct backoff *b, const char *s);

/* The wait after ATTEMPT (from 1), varied at random by up to a quarter either way, so that what
 * failed together is not tried again together. */
usec_t backoff_delay(const struct backoff *b, int64_t attempt);

#endif
