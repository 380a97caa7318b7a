/*
 * session.h - a verb's standing connection to the jobs: events, loss and return.
 *
 * The verb's own work is in callbacks; whatever it calls on the database, it hands the result to
 * session_check(), which turns DB_LOST, and what fails on the server for a reason that passes,
 * into a reconnection (with jittered backoff, from 25 ms to 1 s), and anything else that failed into
 * the end of the loop with that failure's status.
 */
#ifndef WP_JOBS_SESSION_H
#define WP_JOBS_SESSION_H

#include "loop.h"
#include "store.h"
#include "strvec.h"
#include "worker.h"

#include <stdbool.h>

struct session {
	struct loop *loop;
	struct store store;
	struct worker worker;
	bool ready;          /* connected, and everything is set up again */
	bool failed;         /* an error that is none of the connection's: reported, STATUS says which */
	int status;
	void (*connected)(struct session *s);   /* again, after a loss: return to work */
	void (*rang)(struct session *s);        /* a bell rang, or a worker died */
	void (*swept)(struct session *s);       /* after a sweep, every SWEEP_EVERY */
	size_t (*in_hand)(struct session *s, int64_t **ids);   /* malloc'd: whose leases to renew; NULL: none */
	void (*broke)(struct session *s);       /* failed was set; NULL: the loop ends */
	void *ctx;

	/* private */
	struct loop_fd fd, deaths;
	struct loop_timer pause, sweep, renew, again;
	struct strvec unarmed;
	usec_t backoff, lost_at;
	bool is_worker, warned, said_pooled;
};

/* Open the store; with AS_WORKER also join (TTL as in worker_join()), sweep and renew. The
 * callbacks and ctx are set by the caller before. -1 with err recorded. */
int session_open(struct session *s, struct loop *loop, const struct globals *globals, bool as_worker, usec_t ttl);
/* KEEP_ROW as in worker_leave(). */
void session_close(struct session *s, bool keep_row);

/* R is the result of a call on the database: returned as it is when >= 0. */
int session_check(struct session *s, int r);

/* Open and arm a bell. Where somebody's commit takes so long that it cannot be waited for, RANG is called
 * every now and then until the bell is armed. Results below 0 are db.h's. */
int session_arm(struct session *s, const char *bell);

/* Nothing more can be done here: the recorded error is reported, its status kept, and BROKE called. */
void session_fail(struct session *s);

#endif
