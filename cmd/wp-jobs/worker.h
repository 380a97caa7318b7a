/*
 * worker.h - who has jobs in hand, and whether it lives.
 *
 * A worker by lock lives as long as it holds its lock (a session advisory lock in
 * Postgres, a lock file otherwise). A worker by time lives, and each of its jobs is its own, until
 * an expiry that it renews; wp-jobs produce is one, because its jobs live on in a pipeline when it is
 * gone, and so is every worker behind a pooler that shares sessions.
 */
#ifndef WP_JOBS_WORKER_H
#define WP_JOBS_WORKER_H

#include "alive.h"
#include "clock.h"
#include "store.h"

struct worker {
	int64_t id;          /* 0: not joined */
	usec_t ttl;          /* 0: by lock */
	struct alive lock;   /* SQLite */
	char *lock_name;
	char *host;
};

/* Join as a worker by time (TTL > 0) or by lock (0; by time with WORKER_TTL where session
 * locks do not work). Results below 0 are db.h's. */
#define WORKER_TTL (30 * USEC_SEC)
int worker_join(struct worker *w, struct store *store, usec_t ttl);
/* After a lost connection: the same id again. */
int worker_rejoin(struct worker *w, struct store *store);
/* Put the expiry off again, the worker's own and that of the jobs IDS: by its TTL. Nothing for a worker by lock. */
int worker_renew(struct worker *w, struct store *store, const int64_t *ids, size_t nr);
/* The descriptor whose lock says that it lives; -1: no lock, or none of this machine's. */
int worker_life(const struct worker *w);
/* Its time to live as a parameter: NULL for a worker by lock. */
struct db_value worker_ttl(const struct worker *w);
/* Gone for good, and nothing of it is left. KEEP_ROW: leave it for the sweep, which then knows that
 * there are jobs to look for. */
int worker_leave(struct worker *w, struct store *store, bool keep_row);

#endif
