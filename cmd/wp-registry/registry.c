#include "registry_impl.h"

#include "alloc.h"
#include "counts.h"
#include "err.h"
#include "process.h"
#include "schema.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
	[CONSUMER_STARTING] = "starting", [CONSUMER_RUNNING] = "running", [CONSUMER_HIBERNATED] = "hibernated",
	[CONSUMER_SUSPENDED] = "suspended", [CONSUMER_CRASHED] = "crashed",
};

const char *consumer_state_name(enum consumer_state state)
{
	return state_names[state];
}

/* Opening */

int registry_open_file(struct registry *r)
{
	if (r->db)
		return 0;
	if (db_open(&r->db, NULL, r->state.db_path) == 0 && schema_check(r->db) == 0)
		return 0;
	registry_close_file(r);
	return -1;
}

void registry_close_file(struct registry *r)
{
	db_close(r->db);
	r->db = NULL;
}

int registry_open(struct registry *r, const char *dir)
{
	*r = (struct registry){ .state.fd = -1 };
	if (state_open(&r->state, dir) < 0)
		return -1;
	if (process_boot(&r->boot) == 0 && registry_open_file(r) == 0)
		return 0;
	registry_close(r);
	return -1;
}

int registry_open_existing(struct registry *r, const char *dir)
{
	int there = state_exists(dir);

	if (there <= 0)
		return there;
	return registry_open(r, dir) < 0 ? -1 : 1;
}

void registry_close(struct registry *r)
{
	registry_close_file(r);
	free(r->ended);
	r->ended = NULL;
	if (r->state.dir)
		state_release(&r->state);
}

char *registry_socket(int64_t life)
{
	struct strbuf name = STRBUF_INIT;

	strbuf_addf(&name, REGISTRY_LOCKS ".%llx", (unsigned long long)life);
	return strbuf_detach(&name, NULL);
}

/* Rows */

enum { COL_ID, COL_STACK, COL_HANDLE, COL_STATE, COL_REASON, COL_SINCE, COL_LIFE, COL_PID, COL_PROCESS, COL_BOOT, COL_DEFINED, COL_DURABLE,
	COL_RESTART, COL_DELIVERED, COL_STORED, COL_HIBERNATE_AFTER, COL_JITTER, COL_SUSPEND_AFTER, COL_SETTINGS, COL_META,
	COL_UNACKNOWLEDGED };

static char *text(struct db_rows *rows, int column)
{
	size_t len;
	const char *s = db_col_text(rows, column, &len);

	return s ? xstrndup(s, len) : NULL;
}

static usec_t duration(struct db_rows *rows, int column)
{
	return db_col_null(rows, column) ? -1 : db_col_int(rows, column);
}

struct db_value registry_duration(usec_t duration)
{
	return duration < 0 ? db_null() : db_int(duration);
}

static enum consumer_state state_from(const char *name)
{
	for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
		if (name && !strcmp(name, state_names[i]))
			return (enum consumer_state)i;
	return CONSUMER_CRASHED;
}

void consumer_from(struct consumer *c, struct db_rows *rows)
{
	*c = (struct consumer){
		.id = db_col_int(rows, COL_ID), .stack = text(rows, COL_STACK), .handle = text(rows, COL_HANDLE),
		.state = state_from(db_col_text(rows, COL_STATE, NULL)), .reason = text(rows, COL_REASON), .since = db_col_int(rows, COL_SINCE),
		.life = db_col_int(rows, COL_LIFE), .pid = (pid_t)db_col_int(rows, COL_PID), .process = db_col_int(rows, COL_PROCESS),
		.boot = db_col_int(rows, COL_BOOT), .defined = db_col_bool(rows, COL_DEFINED), .durable = db_col_bool(rows, COL_DURABLE),
		.restart = db_col_bool(rows, COL_RESTART), .delivered = db_col_int(rows, COL_DELIVERED),
		.stored = db_col_int(rows, COL_STORED),
		.rest = { duration(rows, COL_HIBERNATE_AFTER), duration(rows, COL_JITTER), duration(rows, COL_SUSPEND_AFTER) },
		.settings = text(rows, COL_SETTINGS), .meta = text(rows, COL_META), .unacknowledged = db_col_int(rows, COL_UNACKNOWLEDGED),
	};
}

void consumer_release(struct consumer *c)
{
	free(c->stack);
	free(c->handle);
	free(c->reason);
	free(c->settings);
	free(c->meta);
	*c = (struct consumer)CONSUMER_INIT;
}

int consumer_read(struct registry *r, enum sql_id sql, struct db_value first, struct db_value second, struct consumer *c)
{
	const struct db_value values[] = { first, second };
	struct db_rows *rows;
	int n = 0, result = db_run_(r->db, &rows, sql, values, second.type == DB_NULL ? 1 : 2);

	while (result >= 0 && (result = db_next(rows)) > 0) {
		consumer_from(c, rows);
		n++;
	}
	return result < 0 ? result : n;
}

int registry_read_int(struct registry *r, enum sql_id sql, struct db_value first, struct db_value second, int64_t *n)
{
	const struct db_value values[] = { first, second };
	struct db_rows *rows;
	int result = db_run_(r->db, &rows, sql, values, second.type != DB_NULL ? 2 : first.type != DB_NULL ? 1 : 0);

	while (result >= 0 && (result = db_next(rows)) > 0)
		*n = db_col_int(rows, 0);
	return result;
}

/* Who lives */

#define REBOOT "reboot"

static const char *process_dead(const struct consumer *c, bool *failed)
{
	int r = process_lives(c->pid, c->process);

	*failed |= r < 0;
	return r == 0 ? "exited" : NULL;
}

static const char *life_dead(struct alive_look *look, int64_t life, bool *failed)
{
	int r = alive_look_at(look, life);

	*failed |= r < 0;
	return r == 0 ? "killed" : NULL;
}

const char *consumer_dead(const struct registry *r, struct alive_look *look, const struct consumer *c, bool *failed)
{
	if (!c->life && !c->process)
		return NULL;
	if (c->boot != r->boot)
		return REBOOT;
	return c->process ? process_dead(c, failed) : life_dead(look, c->life, failed);
}

/* Transactions */

int registry_begin(struct registry *r)
{
	return db_begin(r->db, DB_RELAXED);
}

int registry_tell(struct registry *r, int64_t id, const char *event, const char *reason, int64_t *seq)
{
	enum { FORGET_EVERY = 256 };
	struct db_rows *rows;
	int64_t number = 0;
	int result = db_run(r->db, &rows, SQL_REGISTRY_TELL, db_int(id), db_text(event), db_text(reason));

	while (result >= 0 && (result = db_next(rows)) > 0)
		number = db_col_int(rows, 0);
	if (seq)
		*seq = number;
	if (result >= 0 && number % FORGET_EVERY == 0)
		result = db_run(r->db, NULL, SQL_REGISTRY_FORGET, db_int(number));
	return result;
}

/* A file of locks goes when none of its numbers is in use; in a transaction, so that nobody takes one meanwhile. */
static int clear_life(struct registry *r, int64_t life)
{
	int64_t first = life / ALIVE_SHARED * ALIVE_SHARED, taken = 0;
	int result = registry_read_int(r, SQL_REGISTRY_SHARED, db_int(first), db_int(first + ALIVE_SHARED - 1), &taken);

	return result < 0 || taken ? result : alive_clear(r->state.live_dir, REGISTRY_LOCKS, life);
}

static int clear_lives(struct registry *r)
{
	int result = registry_begin(r);

	if (result < 0)
		return result;
	for (size_t i = 0; i < r->ended_nr && result >= 0; i++) {
		char *socket = registry_socket(r->ended[i]);

		wire_unlink(&r->state, socket);
		free(socket);
		result = clear_life(r, r->ended[i]);
	}
	db_rollback(r->db);      /* nothing was written */
	return result;
}

int registry_finish(struct registry *r, int result)
{
	if (result < 0)
		db_rollback(r->db);
	else if (db_commit(r->db) < 0)
		result = -1;
	/* What cannot be removed is in nobody's way. */
	else if (r->ended_nr && clear_lives(r) < 0)
		err_clear();
	r->ended_nr = 0;
	return result < 0 ? -1 : result;
}

/* The end of a life */

static const char *const end_events[] = { [END_LEFT] = "leave", [END_SUSPENDED] = "suspend", [END_CRASHED] = "crash" };

static void note_end(struct registry *r, int64_t life)
{
	grow_array(&r->ended, &r->ended_alloc, r->ended_nr + 1, sizeof(*r->ended));
	r->ended[r->ended_nr++] = life;
}

static int bury(struct registry *r, const struct consumer *c, enum consumer_end end, const char *reason, int64_t delivered)
{
	bool stays = c->defined || end == END_CRASHED;
	enum consumer_state state = end == END_CRASHED ? CONSUMER_CRASHED : CONSUMER_SUSPENDED;
	/* Who is defined stays, however its process has ended. */
	const char *event = end == END_LEFT && c->defined ? end_events[END_SUSPENDED] : end_events[end];
	int result = registry_tell(r, c->id, event, reason, NULL);

	if (result < 0)
		return result;
	if (c->life)
		note_end(r, c->life);
	if (!stays)
		return db_run(r->db, NULL, SQL_REGISTRY_DELETE, db_int(c->id));
	return db_run(r->db, NULL, SQL_REGISTRY_END, db_int(c->id), db_text(consumer_state_name(state)),
		db_text(end == END_CRASHED ? reason : NULL), db_int(delivered));
}

int registry_bury_dead(struct registry *r, const struct consumer *c, const char *reason)
{
	struct counts counts = { 0, 0 };

	if (c->process)
		return bury(r, c, END_LEFT, reason, 0);
	/* Nothing that runs outlives the machine, and nothing is wrong with it. */
	if (!strcmp(reason, REBOOT))
		return bury(r, c, c->defined ? END_SUSPENDED : END_LEFT, reason, 0);
	counts_read(&r->state, c->life, &counts);
	/* Nobody had begun: whoever was about to start it is dead. */
	if (c->state == CONSUMER_STARTING)
		return bury(r, c, END_SUSPENDED, reason, 0);
	return bury(r, c, END_CRASHED, reason, counts.delivered);
}

int registry_end(struct registry *r, const struct consumer *c, enum consumer_end end, const char *reason, int64_t delivered)
{
	struct consumer now = CONSUMER_INIT;
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = consumer_read(r, SQL_REGISTRY_BY_ID, db_int(c->id), db_null(), &now);
	if (result > 0 && now.life == c->life)
		result = bury(r, &now, end, reason, delivered);
	else if (result >= 0)
		note_end(r, c->life);    /* it was removed */
	consumer_release(&now);
	return registry_finish(r, result);
}

int registry_suspend(struct registry *r, const struct consumer *c, int64_t dealt, int64_t delivered)
{
	struct consumer now = CONSUMER_INIT;
	int64_t waiting = 0;
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = registry_self(r, c->id, c->life, &now);
	if (result == 0)
		note_end(r, c->life);    /* it was removed */
	else if (result > 0)
		result = registry_read_int(r, SQL_REGISTRY_WAITING, db_int(c->id), db_int(dealt), &waiting);
	if (result >= 0 && now.id && !waiting)
		result = bury(r, &now, END_SUSPENDED, NULL, delivered);
	consumer_release(&now);
	return registry_finish(r, result < 0 ? -1 : !waiting);
}

int registry_clear_life(struct registry *r, int64_t life)
{
	if (registry_begin(r) < 0)
		return -1;
	note_end(r, life);
	return registry_finish(r, 0);
}
