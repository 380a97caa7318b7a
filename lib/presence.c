#include "presence_impl.h"

#include "alloc.h"
#include "err.h"
#include "process.h"
#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Opening */

int presence_open(struct presence *p, const char *dir)
{
	*p = (struct presence){ .state.fd = -1, .locks = STRVEC_INIT };
	if (state_open(&p->state, dir) < 0)
		return -1;
	if (process_boot(&p->boot) == 0 && db_open(&p->db, NULL, p->state.db_path) == 0 && schema_check(p->db) == 0)
		return 0;
	presence_close(p);
	return -1;
}

int presence_open_existing(struct presence *p, const char *dir)
{
	int r = state_exists(dir);

	if (r <= 0)
		return r;
	return presence_open(p, dir) < 0 ? -1 : 1;
}

void presence_close(struct presence *p)
{
	db_close(p->db);
	p->db = NULL;
	free(p->numbers);
	p->numbers = NULL;
	strvec_release(&p->locks);
	if (p->state.dir)
		state_release(&p->state);
}

/* Transactions */

/* 1 begun, 0 busy, negative (db.h). */
static int begin(struct presence *p, bool wait)
{
	int r;

	if (!wait)
		return db_try_begin(p->db, DB_RELAXED);
	r = db_begin(p->db, DB_RELAXED);
	return r < 0 ? r : 1;
}

static int read_int(struct db_rows *rows, int64_t *out)
{
	int r;

	while ((r = db_next(rows)) > 0)
		*out = db_col_int(rows, 0);
	return r;
}

/* What happens to an entry, inside the transaction */

static int tell(struct presence *p, int64_t id, const char *event, const char *reason)
{
	enum { FORGET_EVERY = 256 };
	struct db_rows *rows;
	int64_t seq = 0;
	int r = db_run(p->db, &rows, SQL_PRESENCE_TELL, db_int(id), db_text(event), db_text(reason));

	if (r >= 0)
		r = read_int(rows, &seq);
	if (r >= 0 && seq % FORGET_EVERY == 0)
		r = db_run(p->db, NULL, SQL_PRESENCE_FORGET, db_int(seq));
	return r;
}

int presence_remove(struct presence *p, int64_t id, const char *lock, const char *reason)
{
	int r = tell(p, id, "leave", reason);

	if (r >= 0)
		r = db_run(p->db, NULL, SQL_PRESENCE_LEAVE, db_int(id));
	grow_array(&p->numbers, &p->numbers_alloc, p->numbers_nr + 1, sizeof(*p->numbers));
	p->numbers[p->numbers_nr++] = id;
	if (lock && *lock)
		strvec_push(&p->locks, lock);
	return r;
}

/* Lock files */

static int clear_number(struct presence *p, int64_t id)
{
	int64_t first = id / ALIVE_SHARED * ALIVE_SHARED, taken = 0;
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_SHARED, db_int(first), db_int(first + ALIVE_SHARED - 1));

	if (r >= 0)
		r = read_int(rows, &taken);
	return r < 0 || taken ? r : alive_clear(p->state.live_dir, PRESENCE_LOCKS, id);
}

/* A file must not go while the row may come back, nor under somebody who is just taking a number of it: so after the
 * commit, and in a transaction that keeps others from joining. */
static int clear_numbers(struct presence *p)
{
	int64_t last = -1;
	int r = 0;

	if (p->numbers_nr == 0)
		return 0;
	r = db_begin(p->db, DB_RELAXED);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->numbers_nr && r >= 0; i++) {
		if (p->numbers[i] / ALIVE_SHARED != last)
			r = clear_number(p, p->numbers[i]);
		last = p->numbers[i] / ALIVE_SHARED;
	}
	db_rollback(p->db);      /* nothing was written */
	return r;
}

/* A file that cannot be removed is in nobody's way. */
static void clear_locks(struct presence *p)
{
	if (clear_numbers(p) < 0)
		err_clear();
	for (size_t i = 0; i < p->locks.nr; i++) {
		if (alive_reap(p->state.live_dir, p->locks.v[i]) < 0)
			err_clear();
	}
}

int presence_end(struct presence *p, int r)
{
	if (r < 0)
		db_rollback(p->db);
	else if (db_commit(p->db) < 0)
		r = -1;
	else
		clear_locks(p);
	p->numbers_nr = 0;
	strvec_clear(&p->locks);
	return r;
}

/* Joining */

struct found {
	int64_t id, pid;
	char *lock;
	const char *dead;
	bool there;
};

static int find(struct presence *p, const char *ref, struct found *found)
{
	struct alive_look look;
	struct db_rows *rows;
	bool failed = false;
	int r;

	*found = (struct found){ 0 };
	if (alive_look_begin(&look, p->state.live_dir, PRESENCE_LOCKS) < 0)
		return -1;
	r = db_run(p->db, &rows, SQL_PRESENCE_BY_REF, db_text(ref));
	while (r >= 0 && (r = db_next(rows)) > 0) {
		const char *lock = db_col_text(rows, ENTRY_LOCK, NULL);
		found->there = true;
		found->id = db_col_int(rows, ENTRY_ID);
		found->pid = db_col_int(rows, ENTRY_PID);
		found->lock = lock ? xstrdup(lock) : NULL;
		found->dead = presence_dead(p, &look, rows, &failed);
	}
	alive_look_end(&look);
	return failed ? -1 : r;
}

/* Nobody else may have the ref; who died with it is no matter. */
static int make_room(struct presence *p, const char *ref)
{
	struct found found;
	int r = find(p, ref, &found);

	if (r >= 0 && found.there && !found.dead)
		r = err_set(WP_NO, "ref \"%s\" is tracked already, by process %lld", ref, (long long)found.pid);
	else if (r >= 0 && found.there)
		r = presence_remove(p, found.id, found.lock, found.dead);
	free(found.lock);
	return r;
}

static int make_ref(struct strbuf *ref)
{
	uint64_t bits;

	if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
		return err_errno("cannot make a ref");
	strbuf_addf(ref, "%016llx", (unsigned long long)bits);
	return 0;
}

static int insert(struct presence *p, const struct presence_entry *e, const char *ref, int64_t *id)
{
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_JOIN, db_text(e->topic), db_text(e->key), db_text(ref), db_int(e->capacity),
		db_int(e->in_use), db_int(e->pid), e->process ? db_int(e->process) : db_null(), db_text(e->lock),
		db_int(p->boot), db_text(e->meta ? e->meta : "{}"), db_int(clock_wall()));

	return r < 0 ? r : read_int(rows, id);
}

/* Before the row can be seen. Somebody who was untracked and lives on may hold the number still: then the next one. */
static int take_lock(struct presence *p, int64_t *id, struct alive *life)
{
	while (alive_hold_number(life, p->state.live_dir, PRESENCE_LOCKS, *id) < 0) {
		if (errno != EAGAIN || db_run(p->db, NULL, SQL_PRESENCE_RENUMBER, db_int(*id)) < 0)
			return -1;
		err_clear();
		++*id;
	}
	return 0;
}

static int join_steps(struct presence *p, const struct presence_entry *e, const char *ref, struct alive *life)
{
	int64_t id = 0;
	int r = e->ref ? make_room(p, ref) : 0;

	if (r >= 0)
		r = insert(p, e, ref, &id);
	if (r >= 0 && !e->lock)
		r = take_lock(p, &id, life);
	return r < 0 ? r : tell(p, id, "join", NULL);
}

int presence_join(struct presence *p, const struct presence_entry *entry, struct alive *life, struct strbuf *ref_out,
	bool wait)
{
	struct strbuf ref = STRBUF_INIT;
	int r;

	if (life)
		*life = (struct alive){ .fd = -1 };
	if (entry->ref)
		strbuf_addstr(&ref, entry->ref);
	else if (make_ref(&ref) < 0)
		return -1;
	r = begin(p, wait);
	if (r > 0) {
		r = join_steps(p, entry, ref.buf, life);
		r = presence_end(p, r < 0 ? r : 1);
	}
	if (r > 0 && ref_out)
		strbuf_addstr(ref_out, ref.buf);
	if (r < 0 && life)
		alive_let_go(life);
	strbuf_release(&ref);
	return r < 0 ? -1 : r;
}

/* Leaving and changing */

int presence_leave(struct presence *p, const char *ref, const char *reason)
{
	struct found found = { 0 };
	int r = begin(p, true);

	if (r < 0)
		return -1;
	r = find(p, ref, &found);
	if (r >= 0 && found.there)
		r = presence_remove(p, found.id, found.lock, found.dead ? found.dead : reason);
	r = presence_end(p, r < 0 ? r : found.there && !found.dead);
	free(found.lock);
	return r < 0 ? -1 : r;
}

char *presence_reason(struct presence *p, const char *ref)
{
	struct db_rows *rows;
	char *reason = NULL;
	int r = db_run(p->db, &rows, SQL_PRESENCE_REASON, db_text(ref));

	while (r >= 0 && (r = db_next(rows)) > 0)
		reason = xstrdup(db_col_text(rows, 0, NULL));
	return reason;
}

static int change_steps(struct presence *p, const char *ref, const struct presence_change *c)
{
	struct found found;
	int r = find(p, ref, &found);

	if (r >= 0 && found.there && found.dead)
		r = presence_remove(p, found.id, found.lock, found.dead);
	else if (r >= 0 && found.there)
		r = db_run(p->db, NULL, SQL_PRESENCE_CHANGE, db_int(found.id), c->capacity < 0 ? db_null() : db_int(c->capacity),
			c->in_use < 0 ? db_null() : db_int(c->in_use), db_text(c->meta));
	if (r >= 0 && found.there && !found.dead)
		r = tell(p, found.id, "update", NULL);
	free(found.lock);
	if (r < 0)
		return r;
	return found.there && !found.dead ? 1 : PRESENCE_GONE;
}

int presence_update(struct presence *p, const char *ref, const struct presence_change *change, bool wait)
{
	int r = begin(p, wait);

	if (r > 0)
		r = presence_end(p, change_steps(p, ref, change));
	return r < 0 ? -1 : r;
}
