/*
 * courier.h - bring messages to consumers, and hear what became of them.
 *
 * Each consumer has a route: one connection, on which messages go in the order in which they were posted. All routes are
 * served at once, and none waits for another. A message is answered, or its time is over, or the end of the connection says that its
 * consumer died of it. One that comes back because its consumer was suspended goes out once more, to a fresh one.
 */
#ifndef WP_REGISTRY_COURIER_H
#define WP_REGISTRY_COURIER_H

#include "loop.h"
#include "post.h"
#include "registry.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum outcome {
	OUTCOME_DELIVERED,
	OUTCOME_ACCEPTED,    /* hasty */
	OUTCOME_STORED,      /* hasty, durable */
	OUTCOME_FAILED,      /* the handler said no */
	OUTCOME_FULL,
	OUTCOME_CRASHED,
	OUTCOME_UNKNOWN,
	OUTCOME_REMOVED,
	OUTCOME_UNREACHABLE, /* it has no inbox; or it cannot be found, started or connected to, and the text says why */
	OUTCOME_TIMED_OUT,
	OUTCOMES
};

struct parcel {
	uint64_t line;               /* the owner's */
	const char *stack, *handle;  /* valid while it is underway */
	int64_t offset;              /* where it is stored; 0: it is not */
	usec_t posted;

	/* private */
	TAILQ_ENTRY(parcel) all, route_entry;
	struct route *route;
	int64_t number;
	usec_t deadline;
	bool stored;                 /* OFFSET is for good */
	bool sent, again, refused;   /* where it is; whether a handler has handed it back */
	size_t len;
	char text[];
};

struct result {
	enum outcome outcome;
	int status;                  /* the handler's; of one that is unreachable, what the reason calls for */
	const char *text;            /* reply, or why; NULL: none */
	size_t len;
	bool why;
};

struct courier {
	/* The owner's. DONE may not post; PARCEL is gone afterwards. */
	struct registry *registry;
	struct loop *loop;
	usec_t timeout;              /* 0: none */
	bool hasty;                  /* being accepted is enough */
	void (*done)(void *ctx, const struct parcel *parcel, const struct result *result);
	void *ctx;

	/* private */
	TAILQ_HEAD(, parcel) parcels;
	size_t underway, bytes;
	size_t connected, room;      /* routes that are; that may be */
	bool full;
	TAILQ_HEAD(, route) posted;  /* routes with something to send */
	int64_t numbers;
	void *routes;                /* tsearch(3) */
	size_t routes_nr, routes_max;    /* when to look for those that are idle */
	struct route *last;
	struct loop_timer deadline;
};

/* The loop's children become the courier's: those whom it starts. -1 with err recorded. */
int courier_init(struct courier *c);
void courier_release(struct courier *c);
/* Post a message of at most POST_TEXT_MAX bytes. It goes with the next courier_send(): many for one consumer are cheaper together, for
 * it wakes up once. */
void courier_post(struct courier *c, const char *stack, const char *handle, const char *text, size_t len, uint64_t line);
void courier_send(struct courier *c);
/* CONSUMER, as the registry had it just now, will be posted to: that saves a look. */
void courier_expect(struct courier *c, const struct consumer *consumer);
/* Enough is underway: post more when this is over, which is when half of them are done. */
bool courier_full(const struct courier *c);
bool courier_idle(const struct courier *c);

#endif
