/* cluster.c - opening, transactions, events. */
#include "cluster_impl.h"

#include "alloc.h"
#include "err.h"
#include "process.h"
#include "schema.h"

#include <stdlib.h>
#include <string.h>

int cluster_open(struct cluster *c, const char *dir)
{
	*c = (struct cluster){ .state.fd = -1 };
	if (state_open(&c->state, dir) < 0)
		return -1;
	if (process_boot(&c->boot) == 0 && db_open(&c->db, NULL, c->state.db_path) == 0 && schema_check(c->db) == 0)
		return 0;
	cluster_close(c);
	return -1;
}

int cluster_open_existing(struct cluster *c, const char *dir)
{
	int there = state_exists(dir);

	if (there <= 0)
		return there;
	return cluster_open(c, dir) < 0 ? -1 : 1;
}

void cluster_close(struct cluster *c)
{
	db_close(c->db);
	c->db = NULL;
	free(c->ended);
	c->ended = NULL;
	if (c->state.dir)
		state_release(&c->state);
}

char *cluster_text(struct db_rows *rows, int column)
{
	size_t len;
	const char *s = db_col_text(rows, column, &len);

	return s ? xstrndup(s, len) : NULL;
}

int cluster_read_int(struct cluster *c, enum sql_id sql, struct db_value first, struct db_value second, int64_t *n)
{
	const struct db_value values[] = { first, second };
	struct db_rows *rows;
	int found = 0;
	int result = db_run_(c->db, &rows, sql, values, second.type != DB_NULL ? 2 : first.type != DB_NULL ? 1 : 0);

	while (result >= 0 && (result = db_next(rows)) > 0) {
		*n = db_col_int(rows, 0);
		found = 1;
	}
	return result < 0 ? result : found;
}

/* Transactions */

int cluster_begin(struct cluster *c)
{
	int result = db_begin(c->db, DB_RELAXED);

	c->ended_nr = 0;
	return result < 0 ? result : db_run(c->db, NULL, SQL_CLUSTER_LOCK);
}

/* A file of locks goes when none of its numbers is in use; in a transaction, so that nobody takes one meanwhile. */
static int clear_locks(struct cluster *c)
{
	int result = db_begin(c->db, DB_RELAXED);

	if (result < 0)
		return result;
	for (size_t i = 0; i < c->ended_nr && result >= 0; i++) {
		int64_t first = c->ended[i] / ALIVE_SHARED * ALIVE_SHARED, taken = 0;

		result = cluster_read_int(c, SQL_CLUSTER_SHARED, db_int(first), db_int(first + ALIVE_SHARED - 1), &taken);
		if (result >= 0 && !taken)
			result = alive_clear(c->state.live_dir, CLUSTER_LOCKS, first);
	}
	db_rollback(c->db);      /* nothing was written */
	return result;
}

int cluster_finish(struct cluster *c, int result)
{
	if (result < 0)
		db_rollback(c->db);
	else if (db_commit(c->db) < 0)
		result = -1;
	/* What cannot be removed is in nobody's way. */
	else if (c->ended_nr && clear_locks(c) < 0)
		err_clear();
	c->ended_nr = 0;
	return result < 0 ? -1 : result;
}

/* Events */

int cluster_tell(struct cluster *c, const char *event, const char *reason, const struct replica *r, const char *node, pid_t pid,
	int64_t *seq)
{
	enum { FORGET_EVERY = 256 };
	struct db_rows *rows;
	int64_t number = 0;
	int result = db_run(c->db, &rows, SQL_CLUSTER_TELL, db_text(event), db_text(reason), db_text(r ? r->child.name : NULL),
		r ? db_int(r->number) : db_null(), db_text(node), pid ? db_int(pid) : db_null());

	while (result >= 0 && (result = db_next(rows)) > 0)
		number = db_col_int(rows, 0);
	if (seq)
		*seq = number;
	if (result >= 0 && number % FORGET_EVERY == 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_FORGET, db_int(number));
	return result;
}

int64_t cluster_last_event(struct cluster *c)
{
	int64_t seq = 0;

	return cluster_read_int(c, SQL_CLUSTER_LAST_EVENT, db_null(), db_null(), &seq) < 0 ? -1 : seq;
}

int64_t cluster_events(struct cluster *c, int64_t seq, void (*fn)(const struct cluster_event *event, void *ctx), void *ctx)
{
	struct db_rows *rows;
	int result = db_run(c->db, &rows, SQL_CLUSTER_EVENTS, db_int(seq));

	while (result >= 0 && (result = db_next(rows)) > 0) {
		struct cluster_event event = {
			.seq = db_col_int(rows, 0), .at = db_col_int(rows, 1), .event = db_col_text(rows, 2, NULL), .reason = db_col_text(rows, 3, NULL),
			.child = db_col_text(rows, 4, NULL), .number = db_col_int(rows, 5), .node = db_col_text(rows, 6, NULL),
			.pid = (pid_t)db_col_int(rows, 7),
		};

		if (event.seq != seq + 1)
			return err_set(WP_TEMPFAIL, "fell behind: some events are not kept any more");
		fn(&event, ctx);
		seq = event.seq;
	}
	return result < 0 ? -1 : seq;
}
