#include "sweep.h"

#include "alive.h"
#include "alloc.h"
#include "changes.h"
#include "err.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_BATCH = 10000 };

struct worker_row {
	int64_t id;
	char *lock;
	bool expired, by_time;
};

struct worker_rows {
	struct worker_row *rows;
	size_t nr, alloc;
};

static void worker_rows_release(struct worker_rows *w)
{
	for (size_t i = 0; i < w->nr; i++)
		free(w->rows[i].lock);
	free(w->rows);
}

static int worker_rows_read(struct worker_rows *w, struct db *db)
{
	struct db_rows *rows;
	int r = db_run(db, &rows, SQL_WORKERS_LIST);

	if (r < 0)
		return r;
	while ((r = db_next(rows)) > 0) {
		const char *lock = db_col_text(rows, 1, NULL);
		grow_array(&w->rows, &w->alloc, w->nr + 1, sizeof(*w->rows));
		w->rows[w->nr++] = (struct worker_row){ .id = db_col_int(rows, 0), .lock = lock ? xstrdup(lock) : NULL,
			.expired = db_col_bool(rows, 2), .by_time = db_col_bool(rows, 3) };
	}
	return r;
}

/* Of the dead, those who lived by their lock come first: only they have jobs to look for, the
 * leases of the others end by themselves. */
struct dead {
	struct db_value *ids;
	size_t nr, by_lock, alloc;
};

static void dead_add(struct dead *dead, int64_t id, bool by_time)
{
	grow_array(&dead->ids, &dead->alloc, dead->nr + 1, sizeof(*dead->ids));
	dead->ids[dead->nr] = db_int(id);
	if (!by_time) {
		dead->ids[dead->nr] = dead->ids[dead->by_lock];
		dead->ids[dead->by_lock++] = db_int(id);
	}
	dead->nr++;
}

/* Jobs of the dead workers go back; the workers' rows go. In the open transaction. */
static int reclaim(struct db *db, const struct dead *dead, struct changes *c, struct swept *out)
{
	struct db_rows *rows;
	int r = 0;

	if (dead->by_lock)
		r = db_run_many(db, &rows, SQL_JOBS_RECLAIM, dead->ids, 1, dead->by_lock);
	if (dead->by_lock && r >= 0)
		r = changes_read(c, rows, NULL, NULL);
	if (r >= 0)
		r = db_run_many(db, NULL, SQL_WORKERS_LEAVE, dead->ids, 1, dead->nr);
	if (r >= 0) {
		out->workers += (int64_t)dead->nr;
		out->reclaimed += c->count;
	}
	return r;
}

/* Jobs whose time has come. */
static int activate(struct db *db, struct changes *c, struct swept *out)
{
	struct db_rows *rows;
	int64_t before;
	int r;

	do {
		before = c->count;
		r = db_run(db, &rows, SQL_JOBS_ACTIVATE, db_int(SWEEP_BATCH));
		if (r >= 0)
			r = changes_read(c, rows, NULL, NULL);
		out->activated += c->count - before;
	} while (r >= 0 && c->count - before == SWEEP_BATCH);
	return r;
}

static int expire(struct db *db, struct swept *out)
{
	struct db_rows *rows;
	int64_t n;
	int r;

	do {
		r = db_run(db, &rows, SQL_JOBS_EXPIRE, db_int(SWEEP_BATCH));
		if (r < 0 || (r = db_next(rows)) < 0)
			return r;
		n = db_changes(rows);
		out->expired += n;
	} while (n == SWEEP_BATCH);
	return db_run(db, NULL, SQL_JOBS_FORGET_TALLY);
}

/* The ids of dead workers, by what the server knows of session locks and times. */
static int dead_by_server(struct db *db, int64_t self, usec_t grace, struct dead *dead, struct swept *out)
{
	struct db_rows *rows;
	int r = db_run(db, &rows, SQL_WORKERS_MARK, db_int(self));

	while (r >= 0 && (r = db_next(rows)) > 0)
		out->missed += db_col_bool(rows, 0);
	if (r >= 0)
		r = db_run(db, &rows, SQL_WORKERS_DEAD, db_int(self), db_int(grace));
	if (r < 0)
		return r;
	while ((r = db_next(rows)) > 0)
		dead_add(dead, db_col_int(rows, 0), db_col_bool(rows, 1));
	return r;
}

static bool is_dead(struct store *store, const struct worker_row *w, int64_t self)
{
	if (w->id == self)
		return false;
	if (w->by_time || !w->lock)
		return w->expired;
	return alive_test(store->state.live_dir, w->lock) == 0;
}

static bool has_row(const struct worker_rows *workers, const char *lock)
{
	for (size_t i = 0; i < workers->nr; i++)
		if (workers->rows[i].lock && !strcmp(workers->rows[i].lock, lock))
			return true;
	return false;
}

/* That of one who lives, and has no row yet, is not opened for writing: closing it would wake all who wait for a death. */
static void reap_stranger(const char *live_dir, const char *name)
{
	int alive = alive_test(live_dir, name);

	if (alive < 0 || (!alive && alive_reap(live_dir, name) < 0))
		err_clear();   /* the next look tries again */
}

/* The lock files of those that died before they had a row, or whose file could not be removed with it. */
static void reap_strangers(struct store *store, const struct worker_rows *workers)
{
	DIR *live = opendir(store->state.live_dir);
	struct dirent *entry;

	while (live && (entry = readdir(live)))
		if (!strncmp(entry->d_name, "jobs.", 5) && !has_row(workers, entry->d_name))
			reap_stranger(store->state.live_dir, entry->d_name);
	if (live)
		closedir(live);
}

/* The same in the state directory, where the locks are files. */
static int dead_by_files(struct store *store, int64_t self, struct dead *dead)
{
	struct worker_rows workers = { 0 };
	int r = worker_rows_read(&workers, store->db);

	for (size_t i = 0; r >= 0 && i < workers.nr; i++) {
		struct worker_row *w = &workers.rows[i];
		if (!is_dead(store, w, self))
			continue;
		if (alive_reap(store->state.live_dir, w->lock) < 0)
			err_clear();   /* the file is no matter: reap_strangers() of the next look */
		dead_add(dead, w->id, w->by_time);
	}
	worker_rows_release(&workers);
	return r;
}

static int find_dead(struct store *store, int64_t self, usec_t grace, struct dead *dead, struct swept *out)
{
	return db_kind(store->db) == DB_POSTGRES ? dead_by_server(store->db, self, grace, dead, out)
		: dead_by_files(store, self, dead);
}

/* Only one of many workers needs to sweep. 1: it is ours to do, 0: somebody else is at it. */
static int sweep_turn(struct db *db)
{
	struct db_rows *rows;
	int r = db_run(db, &rows, SQL_WORKERS_SWEEP_LOCK), turn = 0;

	if (r < 0)
		return r;
	while ((r = db_next(rows)) > 0)
		turn = db_col_bool(rows, 0);
	return r < 0 ? r : turn;
}

static int sweep_steps(struct store *store, int64_t self, usec_t grace, struct changes *c, struct swept *out)
{
	struct dead dead = { 0 };
	int r = find_dead(store, self, grace, &dead, out);

	if (r >= 0 && dead.nr)
		r = reclaim(store->db, &dead, c, out);
	if (r >= 0)
		r = activate(store->db, c, out);
	if (r >= 0)
		r = expire(store->db, out);
	if (r >= 0)
		r = changes_publish(c, store->db);
	free(dead.ids);
	return r;
}

static int sweep_really(struct store *store, int64_t self, usec_t grace, struct swept *out)
{
	struct changes c = CHANGES_INIT;
	int r = db_begin(store->db, DB_RELAXED);

	if (r >= 0)
		r = sweep_turn(store->db);
	if (r > 0)
		r = sweep_steps(store, self, grace, &c, out);
	changes_release(&c);
	if (r < 0) {
		db_rollback(store->db);
		return r;
	}
	return db_commit(store->db);
}

static int count_jobs(struct db *db, const struct dead *dead, struct swept *out)
{
	struct db_rows *rows;
	int r = db_run_many(db, &rows, SQL_WORKERS_JOBS, dead->ids, 1, dead->by_lock);

	while (r >= 0 && (r = db_next(rows)) > 0)
		out->reclaimed += db_col_int(rows, 0);
	return r;
}

static int count_dead(struct store *store, int64_t self, bool dry_run, struct swept *out)
{
	struct worker_rows workers = { 0 };
	struct dead dead = { 0 };
	int r = worker_rows_read(&workers, store->db);

	for (size_t i = 0; r >= 0 && i < workers.nr; i++) {
		if (is_dead(store, &workers.rows[i], self))
			dead_add(&dead, workers.rows[i].id, workers.rows[i].by_time);
	}
	out->workers = (int64_t)dead.nr;
	if (r >= 0 && !dry_run)
		reap_strangers(store, &workers);
	if (r >= 0 && dead.by_lock)
		r = count_jobs(store->db, &dead, out);
	free(dead.ids);
	worker_rows_release(&workers);
	return r;
}

/* What a sweep would do, without doing it; but files that mean nothing need no transaction, and go here, if it is no dry run. */
static int sweep_count(struct store *store, int64_t self, bool dry_run, struct swept *out)
{
	struct db_rows *rows;
	int r = db_begin(store->db, DB_READ);

	if (r >= 0)
		r = count_dead(store, self, dry_run, out);
	if (r >= 0)
		r = db_run(store->db, &rows, SQL_JOBS_DUE_COUNT);
	while (r >= 0 && (r = db_next(rows)) > 0) {
		out->activated = db_col_int(rows, 0);
		out->expired = db_col_int(rows, 1);
	}
	if (r < 0)
		db_rollback(store->db);
	return r < 0 ? r : db_commit(store->db);
}

int sweep_pass(struct store *store, int64_t self, usec_t grace, bool dry_run, struct swept *out)
{
	int r = 0;

	*out = (struct swept){ 0 };
	/* in the state file a look is free and a writing transaction stops all others */
	if (dry_run || db_kind(store->db) == DB_SQLITE)
		r = sweep_count(store, self, dry_run, out);
	if (r < 0 || dry_run)
		return r;
	if (db_kind(store->db) == DB_SQLITE && !out->workers && !out->activated && !out->expired)
		return 0;
	*out = (struct swept){ 0 };
	return sweep_really(store, self, grace, out);
}

int64_t sweep_activate(struct store *store)
{
	struct changes c = CHANGES_INIT;
	struct swept out = { 0 };
	int r = db_begin(store->db, DB_RELAXED);

	if (r >= 0)
		r = activate(store->db, &c, &out);
	if (r >= 0)
		r = changes_publish(&c, store->db);
	changes_release(&c);
	if (r < 0) {
		db_rollback(store->db);
		return r;
	}
	r = db_commit(store->db);
	return r < 0 ? r : out.activated;
}
