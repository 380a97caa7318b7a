/*
 * delivery.h - what send, publish and broadcast have in common: a courier, lines in, result lines out.
 */
#ifndef WP_REGISTRY_DELIVERY_H
#define WP_REGISTRY_DELIVERY_H

#include "courier.h"
#include "io.h"
#include "verbs.h"

struct delivery_args {
	const char *stack;
	usec_t timeout;
	bool no_wait;
};
#define DELIVERY_DEFAULTS { .timeout = 30 * USEC_SEC }
#define DELIVERY_OPTIONS(type, field) \
	STACK_OPTION(type, field.stack), \
	OPT_DURATION(0, "timeout", "DURATION", type, field.timeout, "WP_REGISTRY_TIMEOUT", "give up on a message after so long; 0: never (default 30s)"), \
	OPT_FLAG(0, "no-wait", type, field.no_wait, NULL, "a message that will be given to its consumer is enough; one that finds no room is told at once")

struct delivery {
	const char *stack;
	struct registry registry;
	struct loop *loop;
	struct courier courier;
	/* The verb's own: a line of stdin; -1 with err recorded: a bad one, which is told. */
	int (*line)(struct delivery *d, const char *line, size_t len);
	/* Instead of a line on stdout; NULL: a line */
	void (*done)(struct delivery *d, const struct parcel *parcel, const struct result *result);
	bool failures_only;          /* of the lines on stdout */

	/* private */
	struct loop_fd in;
	struct lines lines;
	bool reading;
	struct strbuf out;
	int status;
	bool missed, bad;
};

/* -1 with err recorded. */
int delivery_open(struct delivery *d, const struct globals *globals, const struct delivery_args *args);
/* From now on each line of stdin goes to LINE. */
int delivery_read(struct delivery *d);
/* Until all is over. The exit status: 0 all were delivered, 1 not all, 65 there were bad lines. */
int delivery_run(struct delivery *d);
void delivery_close(struct delivery *d);

#endif
