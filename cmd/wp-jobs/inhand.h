/*
 * inhand.h - the jobs a worker has out: reserved, and not yet answered.
 */
#ifndef WP_JOBS_INHAND_H
#define WP_JOBS_INHAND_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A lease is ATTEMPT.WORKER.SERIAL, and the worker is always us. */
struct held {
	int64_t id;          /* 0: an empty place */
	int64_t attempt, serial;
	bool stopping;       /* its cancellation was passed on */
	bool begun;          /* somebody works on it, as far as is known */
};

struct inhand {
	struct held *places; /* open addressing, a power of two of them */
	size_t size, count;
};

#define INHAND_INIT { 0 }

void inhand_release(struct inhand *t);
void inhand_add(struct inhand *t, int64_t id, const char *lease);
/* Forget ID; false when it is not there. */
bool inhand_remove(struct inhand *t, int64_t id);
/* The job ID, or NULL; valid until the next add or remove. */
struct held *inhand_find(const struct inhand *t, int64_t id);
/* ID goes from FROM to TO. */
void inhand_move(struct inhand *to, struct inhand *from, int64_t id);
/* Iterate: *AT begins at 0; NULL at the end. Nothing may be added or removed meanwhile. */
const struct held *inhand_next(const struct inhand *t, size_t *at);
/* The ids of all, malloc'd in *IDS; their number. */
size_t inhand_ids(const struct inhand *t, int64_t **ids);
/* Mark the N that were added first, of those that are not marked yet, as begun. */
void inhand_begin(struct inhand *t, int64_t n);
/* How many are. */
size_t inhand_begun(const struct inhand *t);
void held_add_lease(struct strbuf *sb, const struct held *held, int64_t worker);

#endif
