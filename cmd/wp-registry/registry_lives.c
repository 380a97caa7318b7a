/* registry_lives.c - who is there, and how a life begins. */
#include "registry_impl.h"

#include "alloc.h"
#include "counts.h"
#include "err.h"
#include "io.h"
#include "process.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The dead */

/* Whoever looks dead in a reading is looked at again in the transaction that says so. */
static int bury_if_dead(struct registry *r, struct alive_look *look, int64_t id)
{
	struct consumer c = CONSUMER_INIT;
	const char *reason = NULL;
	bool failed = false;
	int result = consumer_read(r, SQL_REGISTRY_BY_ID, db_int(id), db_null(), &c);

	if (result > 0)
		reason = consumer_dead(r, look, &c, &failed);
	if (reason)
		result = registry_bury_dead(r, &c, reason);
	consumer_release(&c);
	return failed ? -1 : result;
}

struct suspects {
	int64_t *ids;
	size_t nr, alloc;
};

static void suspect(struct suspects *s, int64_t id)
{
	grow_array(&s->ids, &s->alloc, s->nr + 1, sizeof(*s->ids));
	s->ids[s->nr++] = id;
}

static int bury_suspects(struct registry *r, struct suspects *s)
{
	struct alive_look look;
	int result = 0;

	if (s->nr) {
		if (alive_look_begin(&look, r->state.live_dir, REGISTRY_LOCKS) < 0)
			return -1;
		result = registry_begin(r);
		for (size_t i = 0; i < s->nr && result >= 0; i++)
			result = bury_if_dead(r, &look, s->ids[i]);
		result = registry_finish(r, result);
		alive_look_end(&look);
	}
	return result < 0 ? -1 : 0;
}

/* Looking */

struct listener {
	void (*fn)(const struct consumer *c, const struct counts *live, void *ctx);
	void *ctx;
};

static int read_with_look(struct registry *r, struct alive_look *look, const char *stack, const char *handle, struct consumer *c,
	bool *dead)
{
	bool failed = false;
	int result = consumer_read(r, SQL_REGISTRY_FIND, db_text(stack), db_text(handle), c);

	*dead = result > 0 && consumer_dead(r, look, c, &failed) != NULL;
	return failed ? -1 : result;
}

int registry_find(struct registry *r, const char *stack, const char *handle, struct consumer *c)
{
	struct alive_look look;
	struct suspects s = { 0 };
	bool dead = false;
	int result;

	*c = (struct consumer)CONSUMER_INIT;
	if (alive_look_begin(&look, r->state.live_dir, REGISTRY_LOCKS) < 0)
		return -1;
	result = read_with_look(r, &look, stack, handle, c, &dead);
	alive_look_end(&look);
	if (result > 0 && dead) {
		suspect(&s, c->id);
		consumer_release(c);
		result = bury_suspects(r, &s);
		free(s.ids);
		if (result >= 0)
			result = consumer_read(r, SQL_REGISTRY_FIND, db_text(stack), db_text(handle), c);
	}
	return result < 0 ? -1 : result;
}

static bool alive_life(const struct registry *r, int64_t life)
{
	struct alive_look look;
	bool alive;

	if (alive_look_begin(&look, r->state.live_dir, REGISTRY_LOCKS) < 0)
		return false;
	alive = alive_look_at(&look, life) > 0;
	alive_look_end(&look);
	return alive;
}

int registry_where(struct registry *r, const char *stack, const char *handle, pid_t *pid)
{
	struct db_rows *rows;
	bool there = false;
	int result = db_run(r->db, &rows, SQL_REGISTRY_WHERE, db_text(stack), db_text(handle));

	while (result >= 0 && (result = db_next(rows)) > 0) {
		int64_t life = db_col_int(rows, 1), process = db_col_int(rows, 2);

		*pid = (pid_t)db_col_int(rows, 0);
		there = db_col_int(rows, 3) == r->boot && *pid > 0;
		if (there)
			there = process ? process_lives(*pid, process) > 0 : life && alive_life(r, life);
	}
	return result < 0 ? -1 : there;
}

static int list_rows(struct registry *r, enum sql_id sql, struct alive_look *look, const char *stack, struct suspects *dead, struct listener *to)
{
	struct db_rows *rows;
	bool failed = false;
	int result = db_run(r->db, &rows, sql, db_text(stack));

	while (result >= 0 && !failed && (result = db_next(rows)) > 0) {
		struct counts counts = { 0, 0 };
		struct consumer c;

		consumer_from(&c, rows);
		if (consumer_dead(r, look, &c, &failed)) {
			suspect(dead, c.id);
		} else if (to->fn) {
			if (c.life)
				counts_read_open(look->fd, c.life, &counts);
			to->fn(&c, &counts, to->ctx);
		}
		consumer_release(&c);
	}
	return failed ? -1 : result;
}

/* Those who were found dead, as they are now. */
static int list_dead(struct registry *r, const struct suspects *dead, const struct listener *to)
{
	const struct counts none = { 0, 0 };
	int result = 0;

	for (size_t i = 0; i < dead->nr && result >= 0; i++) {
		struct consumer c = CONSUMER_INIT;

		result = consumer_read(r, SQL_REGISTRY_BY_ID, db_int(dead->ids[i]), db_null(), &c);
		if (result > 0 && to->fn)
			to->fn(&c, &none, to->ctx);
		consumer_release(&c);
	}
	return result;
}

static int list(struct registry *r, enum sql_id sql, const char *stack, struct listener *to)
{
	struct suspects dead = { 0 };
	struct alive_look look;
	int result;

	if (alive_look_begin(&look, r->state.live_dir, REGISTRY_LOCKS) < 0)
		return -1;
	result = list_rows(r, sql, &look, stack, &dead, to);
	alive_look_end(&look);
	if (bury_suspects(r, &dead) < 0)
		result = -1;
	if (result >= 0)
		result = list_dead(r, &dead, to);
	free(dead.ids);
	return result < 0 ? -1 : 0;
}

int registry_list(struct registry *r, const char *stack, void (*fn)(const struct consumer *c, const struct counts *live, void *ctx), void *ctx)
{
	return list(r, SQL_REGISTRY_LIST, stack, &(struct listener){ fn, ctx });
}

/* Once more when somebody was found dead: they are to have their place. */
int registry_list_by_name(struct registry *r, const char *stack, void (*fn)(const struct consumer *c, const struct counts *live, void *ctx),
	void *ctx)
{
	if (registry_reap(r) < 0)
		return -1;
	return list(r, SQL_REGISTRY_LIST_BY_NAME, stack, &(struct listener){ fn, ctx });
}

int registry_reap(struct registry *r)
{
	return registry_list(r, NULL, NULL, NULL);
}

int registry_reap_lives(struct registry *r, int64_t first, int64_t last)
{
	struct suspects s = { 0 };
	struct db_rows *rows;
	int result = db_run(r->db, &rows, SQL_REGISTRY_LIVES, db_int(first), db_int(last));

	while (result >= 0 && (result = db_next(rows)) > 0)
		suspect(&s, db_col_int(rows, 0));
	if (result >= 0)
		result = bury_suspects(r, &s);
	free(s.ids);
	return result < 0 ? -1 : 0;
}

/* Beginning */

static void close_life(struct life *life)
{
	fd_close(&life->listener);
	alive_let_go(&life->lock);
}

/* The event of its start gives it its number. Before the row can be seen it has the lock, and can be connected to. */
static int begin_life(struct registry *r, struct consumer *c, enum consumer_state state, struct life *life)
{
	/* Of one that is just to be started nobody knows the process. */
	struct db_value pid = state == CONSUMER_STARTING ? db_null() : db_int(getpid());
	char *socket;
	int result = db_run(r->db, NULL, SQL_REGISTRY_LIVE, db_int(c->id), db_null(), db_text(consumer_state_name(state)), pid, db_int(r->boot));

	if (result >= 0)
		result = registry_tell(r, c->id, "start", NULL, &c->life);
	if (result < 0 || alive_hold_number(&life->lock, r->state.live_dir, REGISTRY_LOCKS, c->life) < 0)
		return -1;
	socket = registry_socket(c->life);
	life->listener = wire_listen(&r->state, socket);
	free(socket);
	if (life->listener < 0)
		return -1;
	c->state = state;
	c->pid = (pid_t)pid.i;
	c->boot = r->boot;
	return db_run(r->db, NULL, SQL_REGISTRY_LIVE, db_int(c->id), db_int(c->life), db_text(consumer_state_name(state)), pid, db_int(r->boot));
}

static int taken(const struct consumer *c)
{
	if (c->state == CONSUMER_CRASHED) {
		err_set(WP_NO, "handle \"%s\" has crashed: %s", c->handle, c->reason ? c->reason : "for no reason that is known");
		err_hint("--replace, or wp-registry remove");
	} else if (c->state == CONSUMER_SUSPENDED) {
		err_set(WP_NO, "handle \"%s\" is defined already", c->handle);
		err_hint("--replace, or wp-registry remove");
	} else {
		err_set(WP_NO, "handle \"%s\" is taken, by process %d", c->handle, (int)c->pid);
	}
	return -1;
}

/* There may be one that is in nobody's way: dead, or to be replaced. 1: its row is C's from now on; 0: there is no row. */
static int take_place(struct registry *r, struct consumer *c, bool replace)
{
	struct consumer old = CONSUMER_INIT;
	struct alive_look look;
	bool dead = false;
	int result;

	if (alive_look_begin(&look, r->state.live_dir, REGISTRY_LOCKS) < 0)
		return -1;
	result = read_with_look(r, &look, c->stack, c->handle, &old, &dead);
	if (result > 0 && dead) {
		result = bury_if_dead(r, &look, old.id);
		consumer_release(&old);
		if (result >= 0)
			result = read_with_look(r, &look, c->stack, c->handle, &old, &dead);
	}
	alive_look_end(&look);
	if (result > 0 && (!replace || old.life || old.process))
		result = taken(&old);
	c->id = old.id;
	consumer_release(&old);
	return result;
}

static int put_row(struct registry *r, struct consumer *c, bool replace, enum consumer_state state)
{
	int64_t id = 0;
	struct db_rows *rows;
	int there = take_place(r, c, replace), result;

	if (there < 0)
		return there;
	if (there > 0)
		return db_run(r->db, NULL, SQL_REGISTRY_REDEFINE, db_int(c->id), db_int(c->defined), db_int(c->durable), db_int(c->restart),
			registry_duration(c->rest.hibernate_after), registry_duration(c->rest.jitter), registry_duration(c->rest.suspend_after),
			db_text(c->settings), db_text(c->meta));
	result = db_run(r->db, &rows, SQL_REGISTRY_INSERT, db_text(c->stack), db_text(c->handle), db_text(consumer_state_name(state)),
		db_int(r->boot), db_int(c->defined), db_int(c->durable), db_int(c->restart),
		registry_duration(c->rest.hibernate_after), registry_duration(c->rest.jitter), registry_duration(c->rest.suspend_after),
		db_text(c->settings), db_text(c->meta));
	while (result >= 0 && (result = db_next(rows)) > 0)
		id = db_col_int(rows, 0);
	c->id = id;
	return result;
}

/* One without an inbox is told of by its process alone. */
static int bind_process(struct registry *r, struct consumer *c)
{
	int result = db_run(r->db, NULL, SQL_REGISTRY_BIND, db_int(c->id), db_int(c->pid), db_int(c->process), db_int(r->boot));

	return result < 0 ? result : registry_tell(r, c->id, "start", NULL, NULL);
}

int registry_register(struct registry *r, struct consumer *c, bool replace, struct life *life, int64_t *count)
{
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = put_row(r, c, replace, CONSUMER_RUNNING);
	if (result >= 0)
		result = c->process ? bind_process(r, c) : begin_life(r, c, CONSUMER_RUNNING, life);
	if (result >= 0 && count)
		result = registry_read_int(r, SQL_REGISTRY_COUNT, db_text(c->stack), db_null(), count);
	result = registry_finish(r, result);
	if (result < 0 && life)
		close_life(life);
	return result < 0 ? -1 : 0;
}

int registry_define(struct registry *r, struct consumer *c, bool replace)
{
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = put_row(r, c, replace, CONSUMER_SUSPENDED);
	if (result >= 0)
		result = registry_tell(r, c->id, "define", NULL, NULL);
	return registry_finish(r, result) < 0 ? -1 : 0;
}

/* After a crash nothing of its last life is left: its lock was free. */
static bool may_start(const struct consumer *c, bool even_crashed)
{
	if (!c->defined)
		return false;
	return c->state == CONSUMER_SUSPENDED || (c->state == CONSUMER_CRASHED && (even_crashed || c->restart));
}

int registry_launch(struct registry *r, struct consumer *c, bool even_crashed, struct life *life)
{
	struct consumer now = CONSUMER_INIT;
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = consumer_read(r, SQL_REGISTRY_BY_ID, db_int(c->id), db_null(), &now);
	if (result > 0 && may_start(&now, even_crashed))
		result = begin_life(r, c, CONSUMER_STARTING, life) < 0 ? -1 : 1;
	else if (result > 0)
		result = 0;
	consumer_release(&now);
	result = registry_finish(r, result);
	if (result <= 0)
		close_life(life);
	return result;
}

int registry_started(struct registry *r, const struct consumer *c, pid_t pid)
{
	return db_run(r->db, NULL, SQL_REGISTRY_STARTED, db_int(c->id), db_int(c->life), db_int(pid)) < 0 ? -1 : 0;
}

int registry_self(struct registry *r, int64_t id, int64_t life, struct consumer *c)
{
	int result;

	*c = (struct consumer)CONSUMER_INIT;
	result = consumer_read(r, SQL_REGISTRY_BY_ID, db_int(id), db_null(), c);
	if (result > 0 && c->life != life) {
		consumer_release(c);
		result = 0;
	}
	return result < 0 ? -1 : result;
}

static const char *change_event(enum consumer_state state)
{
	return state == CONSUMER_HIBERNATED ? "hibernate" : "run";
}

int registry_change(struct registry *r, const struct consumer *c, enum consumer_state state)
{
	struct consumer now = CONSUMER_INIT;
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = registry_self(r, c->id, c->life, &now);
	if (result > 0) {
		result = db_run(r->db, NULL, SQL_REGISTRY_CHANGE, db_int(c->id), db_int(c->life), db_text(consumer_state_name(state)), db_int(getpid()));
		if (result >= 0)
			result = registry_tell(r, c->id, change_event(state), NULL, NULL);
		if (result >= 0)
			result = 1;
	}
	consumer_release(&now);
	return registry_finish(r, result);
}

int registry_remove(struct registry *r, const char *stack, const char *handle, struct consumer *c)
{
	int result = registry_begin(r);

	*c = (struct consumer)CONSUMER_INIT;
	if (result < 0)
		return -1;
	result = consumer_read(r, SQL_REGISTRY_FIND, db_text(stack), db_text(handle), c);
	if (result > 0) {
		result = registry_tell(r, c->id, "remove", NULL, NULL);
		if (result >= 0)
			result = db_run(r->db, NULL, SQL_REGISTRY_DELETE, db_int(c->id));
		if (result >= 0)
			result = 1;
	}
	return registry_finish(r, result);
}
