/*
 * settings.h - what the process of a consumer has to know, as the state file keeps it.
 */
#ifndef WP_REGISTRY_SETTINGS_H
#define WP_REGISTRY_SETTINGS_H

#include "clock.h"
#include "strbuf.h"
#include "strvec.h"

#include <stdbool.h>
#include <stdint.h>

enum hibernation { HIBERNATION_STOP, HIBERNATION_SIGNAL };

struct settings {
	bool warm;                   /* one process, a line in, a line out; else a process a message */
	int hibernation;             /* of a warm one: its process ends, or gets SIGUSR1 */
	int64_t max_pending;
	usec_t timeout;              /* of the handler, for a message; 0: none */
	usec_t shutdown_timeout;     /* from the end of its input to SIGTERM, and again to SIGKILL */
	struct strvec command;
	/* Where nobody's terminal is; for those who are defined */
	char *directory;
	struct strvec environment;
	char *log;                   /* NULL: none */
};
#define SETTINGS_INIT \
	{ .max_pending = 1000, .shutdown_timeout = 5 * USEC_SEC, .command = STRVEC_INIT, .environment = STRVEC_INIT }

void settings_release(struct settings *s);
/* Append a JSON object. */
void settings_add(struct strbuf *text, const struct settings *s);
/* Into *S, which is SETTINGS_INIT. -1 with err recorded (65): it is none of ours. */
int settings_parse(struct settings *s, const char *text);

#endif
