/*
 * settings.h - what is said of a pool with start, and can be changed with set.
 */
#ifndef WP_POOL_SETTINGS_H
#define WP_POOL_SETTINGS_H

#include "elastic.h"
#include "opt.h"
#include "talk.h"
#include "verbs.h"

struct settings {
	int64_t min, max, max_concurrency, spare, grow_when;
	usec_t timeout;                                      /* of a call; 0: none */
	usec_t boot_timeout, shutdown_timeout, kill_after;
	const char *idle_shutdown_after, *min_idle_shutdown_after;   /* a duration, or "never" */
};

#define SETTINGS_OPTIONS(type, field) \
	OPT_INT(0, "min", "N", type, field.min, 0, RUNNERS_MAX, NULL, "runners to have at all times (default 0)"), \
	OPT_INT(0, "max", "N", type, field.max, 1, RUNNERS_MAX, NULL, "runners to grow to (default 10)"), \
	OPT_INT('c', "max-concurrency", "N", type, field.max_concurrency, 1, RUNNER_CALLS_MAX, NULL, \
		"calls that a runner takes at once (default 100)"), \
	OPT_INT(0, "spare", "N", type, field.spare, 0, RUNNERS_MAX, NULL, "idle runners to have ready while the others work (default 0)"), \
	OPT_INT(0, "grow-when", "N", type, field.grow_when, 1, INT32_MAX, NULL, \
		"boot another runner when N calls wait (default 1)"), \
	OPT_DURATION(0, "timeout", "DURATION", type, field.timeout, NULL, \
		"of a call, waiting and running together (default 30s, 0: none)"), \
	OPT_DURATION(0, "boot-timeout", "DURATION", type, field.boot_timeout, NULL, "of the boot of a runner (default 30s)"), \
	OPT_DURATION(0, "shutdown-timeout", "DURATION", type, field.shutdown_timeout, NULL, \
		"for what runs when the pool is told to stop, and for the end of a runner (default 30s)"), \
	OPT_DURATION(0, "kill-after", "DURATION", type, field.kill_after, NULL, "SIGKILL so long after SIGTERM (default 5s)"), \
	OPT_STRING(0, "idle-shutdown-after", "DURATION", type, field.idle_shutdown_after, NULL, \
		"shut a runner beyond --min that has been idle so long (default 30s; \"never\")"), \
	OPT_STRING(0, "min-idle-shutdown-after", "DURATION", type, field.min_idle_shutdown_after, NULL, \
		"the same for the --min runners (default \"never\")")

#define SETTINGS_DEFAULTS { .min = 0, .max = 10, .max_concurrency = 100, .grow_when = 1, .timeout = 30 * USEC_SEC, \
	.boot_timeout = 30 * USEC_SEC, .shutdown_timeout = 30 * USEC_SEC, .kill_after = 5 * USEC_SEC, \
	.idle_shutdown_after = "30s", .min_idle_shutdown_after = "never" }

/* As members of a request: all of them, or with GIVEN_ONLY those that were given on the command line. -1 with err recorded. */
int settings_to_request(struct request *request, const struct settings *s, bool given_only);

/* No time is longer than this: a century. */
#define LONGEST_TIME (INT64_C(3155760000) * USEC_SEC)

/* What a pool goes by. */
struct limits {
	struct elastic_config elastic;
	size_t max_concurrency;
	usec_t timeout, kill_after;
};

/* Change *LIMITS as the request says; -1 with err recorded (64) when the result contradicts itself, and nothing changed. */
int limits_change(struct limits *limits, const struct request *request);

#endif
