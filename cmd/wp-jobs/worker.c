#include "worker.h"

#include "alloc.h"
#include "err.h"

#include <stdlib.h>
#include <unistd.h>

struct db_value worker_ttl(const struct worker *w)
{
	return w->ttl ? db_int(w->ttl) : db_null();
}

int worker_life(const struct worker *w)
{
	return w->lock_name ? w->lock.fd : -1;
}

static char *host_name(void)
{
	long max = sysconf(_SC_HOST_NAME_MAX);
	size_t size = (size_t)(max > 0 ? max : 255) + 1;
	char *name = xcalloc(size, 1);

	if (gethostname(name, size - 1) < 0)
		name[0] = '\0';
	return name;
}

/* The lock file of a worker in the state directory. Made before the row that names it. */
static int hold_file(struct worker *w, struct store *store)
{
	struct strbuf name = STRBUF_INIT;
	int r;

	strbuf_addf(&name, "jobs.%ld.%llx", (long)getpid(), (unsigned long long)clock_wall());
	r = alive_hold(&w->lock, store->state.live_dir, name.buf);
	if (r == 0)
		w->lock_name = strbuf_detach(&name, NULL);
	strbuf_release(&name);
	return r;
}

static int read_id(struct worker *w, struct db_rows *rows)
{
	int r;

	while ((r = db_next(rows)) > 0)
		w->id = db_col_int(rows, 0);
	return r;
}

static void forget(struct worker *w)
{
	if (w->lock_name)
		alive_release(&w->lock);
	free(w->lock_name);
	free(w->host);
	*w = (struct worker){ 0 };
}

int worker_join(struct worker *w, struct store *store, usec_t ttl)
{
	struct db_rows *rows;
	int r;

	*w = (struct worker){ .ttl = ttl, .host = host_name() };
	if (ttl == 0 && !db_session_works(store->db))
		w->ttl = WORKER_TTL;
	if (db_kind(store->db) == DB_SQLITE && hold_file(w, store) < 0) {
		forget(w);
		return DB_ERROR;
	}
	r = db_run(store->db, &rows, SQL_WORKERS_JOIN, db_text(w->host), db_int(getpid()),
		db_text(w->lock_name ? w->lock_name : ""), worker_ttl(w));
	if (r >= 0)
		r = read_id(w, rows);
	if (r < 0)
		forget(w);
	return r;
}

int worker_rejoin(struct worker *w, struct store *store)
{
	struct db_rows *rows;
	int r;

	if (w->ttl == 0 && !db_session_works(store->db))
		w->ttl = WORKER_TTL;
	r = db_run(store->db, &rows, SQL_WORKERS_REJOIN, db_int(w->id), db_text(w->host), db_int(getpid()),
		db_text(w->lock_name ? w->lock_name : ""), worker_ttl(w));
	return r < 0 ? r : read_id(w, rows);
}

int worker_renew(struct worker *w, struct store *store, const int64_t *ids, size_t nr)
{
	struct db_rows *rows;
	int64_t found = 0;
	int r;

	if (w->ttl == 0)
		return 0;
	r = db_run(store->db, &rows, SQL_WORKERS_RENEW, db_int(w->id), db_int(w->ttl));
	while (r >= 0 && (r = db_next(rows)) > 0)
		found++;
	/* taken for dead, after a stop of the whole machine for example: be there again */
	if (r >= 0 && !found)
		r = worker_rejoin(w, store);
	if (r >= 0 && nr)
		r = db_run(store->db, NULL, SQL_JOBS_RENEW, db_ints(ids, nr), db_int(w->id), db_int(w->ttl));
	return r;
}

int worker_leave(struct worker *w, struct store *store, bool keep_row)
{
	struct db_value id = db_int(w->id);
	int r = 0;

	if (w->id && !keep_row) {
		r = db_begin(store->db, DB_RELAXED);
		if (r >= 0)
			r = db_run_many(store->db, NULL, SQL_WORKERS_LEAVE, &id, 1, 1);
		if (r >= 0)
			r = db_commit(store->db);
		else
			db_rollback(store->db);
	}
	forget(w);
	return r;
}
