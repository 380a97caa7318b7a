/* presence_read.c - who lives, and what becomes of those who do not. */
#include "presence_impl.h"

#include "alloc.h"
#include "err.h"
#include "process.h"

#include <stdlib.h>

static const char *process_dead(int64_t pid, int64_t process, bool *failed)
{
	int r = process_lives((pid_t)pid, process);

	*failed |= r < 0;
	return r == 0 ? PRESENCE_EXITED : NULL;
}

static const char *lock_dead(struct presence *p, struct alive_look *look, int64_t id, const char *lock, bool *failed)
{
	int r = 1;

	if (!lock)
		r = alive_look_at(look, id);
	else if (*lock)
		r = alive_test(p->state.live_dir, lock);
	*failed |= r < 0;
	return r == 0 ? PRESENCE_KILLED : NULL;
}

const char *presence_dead(struct presence *p, struct alive_look *look, struct db_rows *rows, bool *failed)
{
	const char *dead = NULL;

	if (db_col_int(rows, ENTRY_BOOT) != p->boot)
		return PRESENCE_REBOOT;
	if (!db_col_null(rows, ENTRY_PROCESS))
		dead = process_dead(db_col_int(rows, ENTRY_PID), db_col_int(rows, ENTRY_PROCESS), failed);
	if (dead)
		return dead;
	dead = lock_dead(p, look, db_col_int(rows, ENTRY_ID), db_col_text(rows, ENTRY_LOCK, NULL), failed);
	/* A descriptor that its process closed on purpose: nobody was killed. */
	return dead && !db_col_null(rows, ENTRY_PROCESS) ? PRESENCE_EXITED : dead;
}

/* Removing: who looks dead in a reading is looked at again in the transaction that removes it. */

static int remove_if_dead(struct presence *p, struct alive_look *look, const char *ref)
{
	struct db_rows *rows;
	const char *dead = NULL;
	char *lock = NULL;
	int64_t id = 0;
	bool failed = false;
	int r = db_run(p->db, &rows, SQL_PRESENCE_BY_REF, db_text(ref));

	while (r >= 0 && (r = db_next(rows)) > 0) {
		const char *text = db_col_text(rows, ENTRY_LOCK, NULL);
		lock = text ? xstrdup(text) : NULL;
		id = db_col_int(rows, ENTRY_ID);
		dead = presence_dead(p, look, rows, &failed);
	}
	if (r >= 0 && dead)
		r = presence_remove(p, id, lock, dead);
	free(lock);
	if (r < 0 || failed)
		return -1;
	return dead != NULL;
}

static int64_t remove_dead(struct presence *p, const struct strvec *refs)
{
	struct alive_look look;
	int64_t n = 0;
	int r = 0;

	if (refs->nr == 0)
		return 0;
	if (alive_look_begin(&look, p->state.live_dir, PRESENCE_LOCKS) < 0)
		return -1;
	r = db_begin(p->db, DB_RELAXED);
	if (r < 0) {
		alive_look_end(&look);
		return -1;
	}
	for (size_t i = 0; i < refs->nr && r >= 0; i++) {
		r = remove_if_dead(p, &look, refs->v[i]);
		n += r > 0;
	}
	r = presence_end(p, r);
	alive_look_end(&look);
	return r < 0 ? -1 : n;
}

/* Reading */

struct reader {
	struct presence *p;
	struct alive_look look;
	struct strvec dead;
	bool failed;
};

/* 1: ROWS stands on an entry that lives; 0 the end; negative (db.h). */
static int next_living(struct reader *reader, struct db_rows *rows)
{
	int r;

	while ((r = db_next(rows)) > 0) {
		if (!presence_dead(reader->p, &reader->look, rows, &reader->failed))
			return 1;
		strvec_push(&reader->dead, db_col_text(rows, ENTRY_REF, NULL));
	}
	return r;
}

static int reader_begin(struct reader *reader, struct presence *p)
{
	*reader = (struct reader){ .p = p, .dead = STRVEC_INIT };
	return alive_look_begin(&reader->look, p->state.live_dir, PRESENCE_LOCKS);
}

/* REMOVE: what was found dead goes. Its number, or -1. */
static int64_t reader_end(struct reader *reader, int r, bool must_remove)
{
	int64_t n = 0;

	alive_look_end(&reader->look);
	if (r >= 0 && !reader->failed) {
		n = remove_dead(reader->p, &reader->dead);
		/* Who only wanted to know has the right answer even where the dead cannot be removed, on a full disk for one. */
		if (n < 0 && !must_remove) {
			err_clear();
			n = 0;
		}
	}
	strvec_release(&reader->dead);
	return r < 0 || reader->failed ? -1 : n;
}

static void fill_sums(struct presence_entry *e, struct db_rows *rows)
{
	*e = (struct presence_entry){
		.id = db_col_int(rows, ENTRY_ID), .ref = db_col_text(rows, ENTRY_REF, NULL),
		.capacity = db_col_int(rows, ENTRY_CAPACITY), .in_use = db_col_int(rows, ENTRY_IN_USE),
		.topic = db_col_text(rows, ENTRY_TOPIC, NULL),
	};
}

static void fill_entry(struct presence_entry *e, struct db_rows *rows)
{
	fill_sums(e, rows);
	e->pid = (pid_t)db_col_int(rows, ENTRY_PID);
	e->process = db_col_int(rows, ENTRY_PROCESS);
	e->lock = db_col_text(rows, ENTRY_LOCK, NULL);
	e->key = db_col_text(rows, ENTRY_KEY, NULL);
	e->meta = db_col_text(rows, ENTRY_META, NULL);
	e->joined_at = db_col_int(rows, ENTRY_JOINED);
	e->updated_at = db_col_int(rows, ENTRY_UPDATED);
}

/* What ROWS give, R being what asking for them gave. */
static int each_living(struct presence *p, int r, struct db_rows *rows, void (*fill)(struct presence_entry *, struct db_rows *),
	void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx)
{
	struct presence_entry entry;
	struct reader reader;

	if (r < 0 || reader_begin(&reader, p) < 0)
		return -1;
	while ((r = next_living(&reader, rows)) > 0) {
		fill(&entry, rows);
		fn(&entry, ctx);
	}
	return reader_end(&reader, r, false) < 0 ? -1 : 0;
}

int presence_list(struct presence *p, const char *topic, const char *key,
	void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx)
{
	struct db_rows *rows;
	int r;

	if (key)
		r = db_run(p->db, &rows, SQL_PRESENCE_OF_KEY, db_text(topic), db_text(key));
	else
		r = db_run(p->db, &rows, SQL_PRESENCE_LIST, db_text(topic));
	return each_living(p, r, rows, fill_entry, fn, ctx);
}

int presence_scan(struct presence *p, const char *topic, void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_SCAN, db_text(topic));

	return each_living(p, r, rows, fill_sums, fn, ctx);
}

int64_t presence_snapshot(struct presence *p, const char *topic, void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx)
{
	struct presence_entry entry;
	struct db_rows *rows;
	int64_t seq = -1;
	int r;

	if (db_begin(p->db, DB_READ) < 0)
		return -1;
	r = db_run(p->db, &rows, SQL_PRESENCE_LIST, db_text(topic));
	while (r >= 0 && (r = db_next(rows)) > 0) {
		fill_entry(&entry, rows);
		fn(&entry, ctx);
	}
	if (r >= 0)
		seq = presence_last_event(p);
	if (seq >= 0)
		return db_commit(p->db) < 0 ? -1 : seq;
	db_rollback(p->db);
	return -1;
}

/* Likewise, for the sake of the dead. */
static int64_t reap(struct presence *p, int r, struct db_rows *rows)
{
	struct reader reader;

	if (r < 0 || reader_begin(&reader, p) < 0)
		return -1;
	while ((r = next_living(&reader, rows)) > 0)
		;
	return reader_end(&reader, r, true);
}

int64_t presence_reap(struct presence *p)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_SCAN, db_null());

	return reap(p, r, rows);
}

int64_t presence_reap_numbers(struct presence *p, int64_t first, int64_t last)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_RANGE, db_int(first), db_int(last));

	return reap(p, r, rows);
}

int64_t presence_reap_lock(struct presence *p, const char *lock)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_BY_LOCK, db_text(lock));

	return reap(p, r, rows);
}

int64_t presence_reap_ref(struct presence *p, const char *ref)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_BY_REF, db_text(ref));

	return reap(p, r, rows);
}

int presence_totals(struct presence *p, const char *topic, struct presence_totals *totals)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_TOTALS, db_text(topic));

	while (r >= 0 && (r = db_next(rows)) > 0)
		*totals = (struct presence_totals){ .entries = db_col_int(rows, 0), .capacity = db_col_int(rows, 1),
			.in_use = db_col_int(rows, 2), .free = db_col_int(rows, 3) };
	return r < 0 ? -1 : 0;
}

int presence_has_key(struct presence *p, const char *topic, const char *key)
{
	struct db_rows *rows;
	int there = 0;
	int r = db_run(p->db, &rows, SQL_PRESENCE_HAS_KEY, db_text(topic), db_text(key));

	while (r >= 0 && (r = db_next(rows)) > 0)
		there = db_col_bool(rows, 0);
	return r < 0 ? -1 : there;
}
