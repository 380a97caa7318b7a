/*
 * store.h - the jobs' database, opened and looked at.
 */
#ifndef WP_JOBS_STORE_H
#define WP_JOBS_STORE_H

#include "db.h"
#include "jobs.h"
#include "state.h"

#include <stdbool.h>

struct store {
	struct db *db;
	struct state state;    /* dir is NULL where Postgres has the jobs */
};

/* Open what GLOBALS name. In the state file the schema is made on the way; in
 * Postgres a missing or newer one is an error that says what to run. -1 with err recorded. */
int store_open(struct store *store, const struct globals *globals);
/* Open without a look at the schema. */
int store_open_raw(struct store *store, const struct globals *globals);
void store_close(struct store *store);

/* The bell of QUEUE, in a buffer that the next call overwrites. */
const char *store_queue_bell(const char *queue);

#endif
