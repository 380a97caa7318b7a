/*
 * spec.h - children as start is told of them: by options for all, and by lines of a file, each of which may say otherwise for one.
 */
#ifndef WP_DISTRIBUTE_SPEC_H
#define WP_DISTRIBUTE_SPEC_H

#include "cluster.h"
#include "opt.h"

#include <stdbool.h>

struct spec_args {
	int strategy, mode, migration, restart;
	const char *node, *apart, *meta, *stop_signal;
	struct strvec requires;
	int64_t replicas, max_restarts;
	usec_t within, shutdown_timeout, handover_timeout;
};
#define SPEC_DEFAULTS \
	{ .requires = STRVEC_INIT, .replicas = 1, .max_restarts = 3, .within = 5 * USEC_SEC, .shutdown_timeout = 5 * USEC_SEC, \
	  .handover_timeout = 5 * USEC_SEC }

#define SPEC_OPTIONS(type, field) \
	OPT_CHOICE('s', "strategy", "bounded|hash|guided|balanced", type, field.strategy, NULL, \
		"which node: by its id, as long as that has not more than its share, by its id alone, the one that is named, or the least loaded"), \
	OPT_STRING('n', "node", "NAME", type, field.node, NULL, "the node it is to be on, and on no other (--strategy guided)"), \
	OPT_LIST(0, "require", "NAME=VALUE", type, field.requires, NULL, "a label that its node must have; may be given several times"), \
	OPT_STRING(0, "anti-affinity", "WORD", type, field.apart, NULL, "not on a node with another child of the same WORD"), \
	OPT_INT('r', "replicas", "N", type, field.replicas, 1, 1000, NULL, "on so many nodes at once (default 1)"), \
	OPT_CHOICE(0, "mode", "active-active|active-passive", type, field.mode, NULL, "are all replicas told that they are active, or one"), \
	OPT_CHOICE(0, "migration", "cold|hot", type, field.migration, NULL, "to move, stop and start, or start, hand over and stop"), \
	OPT_CHOICE(0, "restart", "permanent|transient|temporary", type, field.restart, NULL, \
		"when it ends, start it again: always, when it has failed, never"), \
	OPT_INT(0, "max-restarts", "N", type, field.max_restarts, 0, 1000, NULL, "so many restarts --within a time, then it has failed (default 3)"), \
	OPT_DURATION(0, "within", "DURATION", type, field.within, NULL, "that time (default 5s)"), \
	OPT_STRING(0, "stop-signal", "SIGNAL", type, field.stop_signal, NULL, "what tells it to end (default TERM)"), \
	OPT_DURATION(0, "shutdown-timeout", "DURATION", type, field.shutdown_timeout, NULL, "how long it may take to end before SIGKILL (default 5s)"), \
	OPT_DURATION(0, "handover-timeout", "DURATION", type, field.handover_timeout, NULL, "how long a handover may take (default 5s)"), \
	OPT_STRING('m', "metadata", "JSON", type, field.meta, NULL, "an object that says more about it")

/* What the options say, whoever it is for: name NULL. -1 with err recorded: 64, 65; 127 and 126 when COMMAND (which may be empty) cannot
 * be found or run. */
int spec_make(struct child *child, const struct spec_args *args, char *const *command);
/* BASE for NAME, whose settings are NULL: they are BASE's. -1 with err recorded (65). */
int spec_for(struct child *child, const struct child *base, const char *name);
/* BASE as LINE, a JSON object with an "id", has it; settings are NULL when they are BASE's, which may have a command. -1 with err
 * recorded (65). */
int spec_line(struct child *child, const struct child *base, bool has_command, const char *line, size_t len);

#endif
