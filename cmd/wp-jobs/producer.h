/*
 * producer.h - demand, and the jobs that meet it.
 *
 * Demand is a number: how many more jobs are wanted now. What the queues cannot meet waits, and
 * is met the moment jobs are committed, become due or come back. Several queues share
 * the demand by weight; what one has not got, the others may have.
 */
#ifndef WP_JOBS_PRODUCER_H
#define WP_JOBS_PRODUCER_H

#include "session.h"
#include "strvec.h"

#include <stdbool.h>
#include <stdint.h>

/* A reserved job. The strings are valid during the call only. */
struct job {
	int64_t id, attempt, max_attempts, priority;
	const char *queue;
	const char *lease;
	const char *payload;
	size_t payload_len;
};

struct queue;

struct producer {
	struct session *session;
	void (*deliver)(const struct job *job, void *ctx);
	void (*delivered)(void *ctx);    /* after each batch; NULL: not wanted */
	void *ctx;
	int64_t demand;

	/* private */
	struct queue *queues;
	size_t nr;
	int64_t serial;
	struct loop_timer due;
	struct strbuf suffix;
};

/* NAMES are NAME or NAME=WEIGHT. -1 with err recorded (64). */
int producer_init(struct producer *p, struct session *session, const struct strvec *names);
void producer_release(struct producer *p);

/* Reserve and deliver until the demand is met or every queue is found empty, bells armed. Afterwards
 * bells and deadlines are what call for the next producer_fill(). */
int producer_fill(struct producer *p);

/* Something may have changed: look at every queue again at the next fill. */
void producer_look_again(struct producer *p);
/* Is every queue known to have nothing available? */
bool producer_dry(const struct producer *p);
/* The connection is new: no bell is armed. */
void producer_reconnected(struct producer *p);
/* Nobody wants jobs any more: let adders know that nobody waits. */
void producer_rest(struct producer *p);

#endif
