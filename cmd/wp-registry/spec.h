/*
 * spec.h - a consumer from the command line: the options that register and define share.
 */
#ifndef WP_REGISTRY_SPEC_H
#define WP_REGISTRY_SPEC_H

#include "settings.h"
#include "verbs.h"

struct spec_args {
	const char *stack, *meta;
	bool warm, replace;
	int on_crash, hibernation;
	int64_t max_pending;
	usec_t timeout, shutdown_timeout, hibernate_after, jitter, suspend_after;
};
#define SPEC_DEFAULTS \
	{ .max_pending = 1000, .shutdown_timeout = 5 * USEC_SEC, .hibernate_after = -1, .jitter = -1, .suspend_after = -1 }

#define SPEC_OPTIONS(type, field) \
	STACK_OPTION(type, field.stack), \
	OPT_FLAG('w', "warm", type, field.warm, NULL, "COMMAND stays: it gets a line for each message, and answers with a line"), \
	OPT_STRING('m', "meta", "JSON", type, field.meta, NULL, "an object that says more about it, which broadcast can choose by"), \
	OPT_FLAG(0, "replace", type, field.replace, NULL, "take the place of one that has crashed or is suspended"), \
	OPT_CHOICE(0, "on-crash", "keep|restart", type, field.on_crash, NULL, "what to do when it crashes: remember that, or start it again"), \
	OPT_INT(0, "max-pending", "N", type, field.max_pending, 1, INT32_MAX, NULL, "messages that may wait for it (default 1000)"), \
	OPT_DURATION(0, "timeout", "DURATION", type, field.timeout, NULL, "how long COMMAND may take for a message (default: any time)"), \
	OPT_DURATION(0, "shutdown-timeout", "DURATION", type, field.shutdown_timeout, NULL, \
		"how long COMMAND may take to end before SIGTERM, and again before SIGKILL (default 5s)"), \
	OPT_DURATION(0, "hibernate-after", "DURATION", type, field.hibernate_after, NULL, "hibernate when there was no message for so long"), \
	OPT_DURATION(0, "jitter", "DURATION", type, field.jitter, NULL, "rather at a random time between that and DURATION"), \
	OPT_CHOICE(0, "hibernate", "stop|signal", type, field.hibernation, NULL, "to hibernate, end a warm COMMAND or send it SIGUSR1")

struct spec {
	struct consumer consumer;
	struct settings settings;
};

/* *SPEC is to be released, also after an error. COMMAND may be empty (no inbox). -1 with err recorded: 65; 127 and 126 when
 * COMMAND cannot be found or run. */
int spec_make(struct spec *spec, const struct spec_args *args, const char *handle, char **command);
/* With the directory, the environment and what else a process that is started later has to know. -1 with err recorded. */
int spec_remember(struct spec *spec, const char *log);
/* The settings, as the consumer has them. */
void spec_finish(struct spec *spec);
/* Where no times of rest were given, those of the stack. -1 with err recorded. */
int spec_rest(struct spec *spec, struct registry *r);
void spec_release(struct spec *spec);

#endif
