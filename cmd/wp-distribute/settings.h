/*
 * settings.h - what an agent has to know of a child to run it, as the state file keeps it.
 */
#ifndef WP_DISTRIBUTE_SETTINGS_H
#define WP_DISTRIBUTE_SETTINGS_H

#include "clock.h"
#include "strbuf.h"
#include "strvec.h"

#include <stdint.h>

struct settings {
	struct strvec command, environment;
	char *directory;
	int64_t max_restarts;
	usec_t within;               /* so many restarts in that time, then it has failed */
	int64_t stop_signal;
	usec_t shutdown_timeout;     /* from that signal to SIGKILL */
	usec_t handover_timeout;     /* for its successor to have taken over */
};
#define SETTINGS_INIT \
	{ .command = STRVEC_INIT, .environment = STRVEC_INIT, .max_restarts = 3, .within = 5 * USEC_SEC, .stop_signal = 15, \
	  .shutdown_timeout = 5 * USEC_SEC, .handover_timeout = 5 * USEC_SEC }

void settings_release(struct settings *s);
/* Append a JSON object. */
void settings_add(struct strbuf *text, const struct settings *s);
/* Into *S, which is SETTINGS_INIT. -1 with err recorded (65): it is none of ours. */
int settings_parse(struct settings *s, const char *text);

#endif
