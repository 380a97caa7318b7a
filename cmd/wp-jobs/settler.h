/*
 * settler.h - results on their way into the database, in batches.
 *
 *     settler_init(&s, ...); settler_add(&s, &result) ...; settler_flush(&s)
 *
 * A batch is one transaction and durable when settler_flush() returns. A result whose lease is not
 * the job's changes nothing and is told to STALE. What a lost connection kept from being
 * settled stays in the settler for the next flush.
 */
#ifndef WP_JOBS_SETTLER_H
#define WP_JOBS_SETTLER_H

#include "backoff.h"
#include "db.h"
#include "strbuf.h"
#include "stream.h"

#include <stdbool.h>

/* Put off for so long when a handler says "not now" without saying when. */
#define SNOOZE_DEFAULT (30 * USEC_SEC)

struct pending;

struct settler {
	struct db *db;
	struct backoff backoff;
	usec_t keep;                 /* how long done jobs are kept; -1: deleted at once */
	void (*stale)(int64_t id, const char *lease, void *ctx);
	void *ctx;
	int64_t completed, retried, failed;   /* settled so far */
	int64_t refused;             /* results that the database would not take as they were: reported one by one */

	/* private */
	struct pending *pending;
	size_t nr, alloc;
	struct strbuf text;
	struct db_value *cells;
	size_t cells_alloc;
	usec_t since;
};

void settler_init(struct settler *s, struct db *db, const struct backoff *backoff, usec_t keep);
void settler_release(struct settler *s);
/* Copies what it needs of RESULT. */
void settler_add(struct settler *s, const struct result_line *result);
/* Results that wait, and since when (clock_now). */
size_t settler_pending(const struct settler *s);
usec_t settler_since(const struct settler *s);
/* The Nth of them; *LEASE is not terminated and valid until the next add. */
int64_t settler_nth(const struct settler *s, size_t n, const char **lease, size_t *len);
/* Results below 0 are db.h's; of a result that cannot be stored, which is reported and counted, only how the
 * job ended is settled. */
int settler_flush(struct settler *s);

/* End one job that cannot be run at all. Results below 0 are db.h's. */
int settle_failed(struct db *db, int64_t id, const char *lease, const char *error);

#endif
