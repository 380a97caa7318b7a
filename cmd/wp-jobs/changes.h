/*
 * changes.h - what follows from jobs changing state: bells, notifications, the tally.
 *
 * Inside one writing transaction: changes_read() the result of every statement that
 * returns (id, queue, notify, state, ...), then changes_publish() once before the commit.
 */
#ifndef WP_JOBS_CHANGES_H
#define WP_JOBS_CHANGES_H

#include "db.h"

#include <stdbool.h>
#include <stdint.h>

struct queue_changes {
	char *queue;
	int64_t completed, retried, failed;
	bool released;       /* jobs became available or have a new time: wake who waits for them */
};

struct notice {
	const char *channel;
	char *text;
};

struct changes {
	struct queue_changes *queues;
	size_t nr, alloc;
	struct notice *notices;
	size_t notices_nr, notices_alloc;
	bool ended;          /* a job ended or went back: somebody may be waiting for that */
	bool stop_asked;     /* a running job is to be cancelled */
	int64_t count;       /* rows read */
};

#define CHANGES_INIT { 0 }

void changes_release(struct changes *c);

/* SEEN is called for each row, still standing on it, when not NULL. */
int changes_read(struct changes *c, struct db_rows *rows, void (*seen)(struct db_rows *rows, void *ctx), void *ctx);

/* The same for a statement that returns (queue, notify, how many) of jobs that were done; COUNT becomes their sum. */
int changes_read_done(struct changes *c, struct db_rows *rows, int64_t *count);

int changes_publish(struct changes *c, struct db *db);

#endif
