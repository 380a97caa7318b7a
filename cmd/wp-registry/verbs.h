/*
 * verbs.h - what every verb of wp-registry knows.
 */
#ifndef WP_REGISTRY_VERBS_H
#define WP_REGISTRY_VERBS_H

#include "opt.h"
#include "registry.h"

#include <stdbool.h>

struct globals {
	const char *state;     /* --state: the state directory; NULL: the default */
};

extern const struct verb verb_register, verb_define, verb_start, verb_consumer, verb_whereis, verb_name, verb_list, verb_count,
	verb_remove, verb_watch, verb_send, verb_publish, verb_broadcast, verb_suspend;

#define STACK_OPTION(type, field) \
	OPT_STRING('s', "stack", "STACK", type, field, "WP_REGISTRY_STACK", "the stack that it belongs to (default: " REGISTRY_STACK ")")

/* For those that may look at all stacks. */
struct stack_args {
	const char *stack;
	bool all;
};
#define STACKS_OPTIONS(type, field) \
	STACK_OPTION(type, field.stack), \
	OPT_FLAG('a', "all-stacks", type, field.all, NULL, "all stacks")

/* *STACK is the one meant, the default or NULL for all. -1 with err recorded (65). */
int stack_of(const struct stack_args *args, const char **stack);
/* The same for one stack and a handle in it. */
int check_address(const char **stack, const char *handle);

#endif
