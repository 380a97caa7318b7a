/* cluster_children.c - what is to run, and what its nodes say of it. */
#include "cluster_impl.h"

#include "alloc.h"
#include "base64.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
	[REPLICA_WAITING] = "waiting", [REPLICA_PLACED] = "placed", [REPLICA_RUNNING] = "running", [REPLICA_EXITED] = "exited",
	[REPLICA_FAILED] = "failed",
};
static const char *const strategy_names[] = {
	[PLACEMENT_BOUNDED] = "bounded", [PLACEMENT_HASH] = "hash", [PLACEMENT_GUIDED] = "guided", [PLACEMENT_BALANCED] = "balanced",
};

const char *replica_state_name(enum replica_state state)
{
	return state_names[state];
}

static size_t index_of(const char *name, const char *const *names, size_t n, size_t otherwise)
{
	for (size_t i = 0; i < n; i++) {
		if (name && !strcmp(name, names[i]))
			return i;
	}
	return otherwise;
}

void child_release(struct child *child)
{
	free(child->name);
	free(child->guide);
	free(child->requires);
	free(child->apart);
	free(child->restart);
	free(child->settings);
	free(child->meta);
	*child = (struct child){ 0 };
}

void replica_release(struct replica *r)
{
	child_release(&r->child);
	free(r->reason);
	free(r->node_name);
	free(r->target_name);
	*r = (struct replica){ 0 };
}

void replicas_release(struct replicas *replicas)
{
	for (size_t i = 0; i < replicas->nr; i++)
		replica_release(&replicas->v[i]);
	free(replicas->v);
	*replicas = (struct replicas){ 0 };
}

/* Reading */

enum {
	COL_ID, COL_CHILD, COL_NAME, COL_NUMBER, COL_STATE, COL_REASON, COL_STOP, COL_NODE, COL_NODE_NAME, COL_TARGET, COL_TARGET_NAME,
	COL_HANDED, COL_ACTIVE, COL_PID, COL_RESTARTS, COL_SINCE, COL_STRATEGY, COL_GUIDE, COL_REQUIRES, COL_APART, COL_REPLICAS,
	COL_PASSIVE, COL_HOT, COL_RESTART, COL_SETTINGS, COL_META,
};

#define INDEX(rows, column, names, otherwise) \
	index_of(db_col_text(rows, column, NULL), names, sizeof(names) / sizeof((names)[0]), otherwise)

static void child_from(struct child *c, struct db_rows *rows)
{
	*c = (struct child){
		.id = db_col_int(rows, COL_CHILD), .name = cluster_text(rows, COL_NAME),
		.strategy = (enum placement_strategy)INDEX(rows, COL_STRATEGY, strategy_names, PLACEMENT_BOUNDED),
		.guide = cluster_text(rows, COL_GUIDE), .requires = cluster_text(rows, COL_REQUIRES), .apart = cluster_text(rows, COL_APART),
		.replicas = db_col_int(rows, COL_REPLICAS), .passive = db_col_bool(rows, COL_PASSIVE), .hot = db_col_bool(rows, COL_HOT),
		.restart = cluster_text(rows, COL_RESTART), .settings = cluster_text(rows, COL_SETTINGS), .meta = cluster_text(rows, COL_META),
	};
}

static void replica_from(struct replica *r, struct db_rows *rows)
{
	*r = (struct replica){
		.id = db_col_int(rows, COL_ID), .number = db_col_int(rows, COL_NUMBER),
		.state = (enum replica_state)INDEX(rows, COL_STATE, state_names, REPLICA_FAILED), .reason = cluster_text(rows, COL_REASON),
		.stop = (int)db_col_int(rows, COL_STOP), .node = db_col_int(rows, COL_NODE), .target = db_col_int(rows, COL_TARGET),
		.node_name = cluster_text(rows, COL_NODE_NAME), .target_name = cluster_text(rows, COL_TARGET_NAME),
		.handed = db_col_bool(rows, COL_HANDED), .active = db_col_bool(rows, COL_ACTIVE), .pid = (pid_t)db_col_int(rows, COL_PID),
		.restarts = db_col_int(rows, COL_RESTARTS), .since = db_col_int(rows, COL_SINCE),
	};
	child_from(&r->child, rows);
}

/* WHICH: the only parameter; a set of numbers: there is none. */
static int read_replicas(struct cluster *c, enum sql_id sql, struct db_value which, struct replicas *replicas)
{
	struct db_rows *rows;
	int result = db_run_(c->db, &rows, sql, &which, which.type != DB_INTS);

	while (result >= 0 && (result = db_next(rows)) > 0) {
		grow_array(&replicas->v, &replicas->alloc, replicas->nr + 1, sizeof(*replicas->v));
		replica_from(&replicas->v[replicas->nr++], rows);
	}
	return result < 0 ? -1 : 0;
}

int cluster_board(struct cluster *c, struct replicas *replicas)
{
	return read_replicas(c, SQL_CLUSTER_BOARD, db_ints(NULL, 0), replicas);
}

int cluster_replicas(struct cluster *c, const char *name, struct replicas *replicas)
{
	return read_replicas(c, SQL_CLUSTER_REPLICAS, db_text(name), replicas);
}

int cluster_replicas_at(struct cluster *c, int64_t node, struct replicas *replicas)
{
	return read_replicas(c, SQL_CLUSTER_REPLICAS_AT, db_int(node), replicas);
}

int cluster_handed(struct cluster *c, int64_t replica, struct strbuf *text)
{
	struct db_rows *rows;
	int result = db_run(c->db, &rows, SQL_CLUSTER_HANDED, db_int(replica));

	while (result >= 0 && (result = db_next(rows)) > 0) {
		size_t len;
		const char *coded = db_col_text(rows, 0, &len);

		if (coded)
			base64_add_decoded(text, coded, len);
	}
	return result < 0 ? -1 : 0;
}

/* What is to run */

/* 1: there is none (any more); 0: there is one. */
static int make_room_for_child(struct cluster *c, const char *name)
{
	int64_t id = 0, over = 0;
	int result = cluster_read_int(c, SQL_CLUSTER_CHILD_ID, db_text(name), db_null(), &id);

	if (result == 0)
		return 1;
	if (result > 0)
		result = cluster_read_int(c, SQL_CLUSTER_CHILD_OVER, db_int(id), db_null(), &over);
	if (result < 0 || !over)
		return result < 0 ? result : 0;
	result = db_run(c->db, NULL, SQL_CLUSTER_CHILD_DELETE, db_int(id));
	return result < 0 ? result : 1;
}

static int insert_child(struct cluster *c, struct child *child, int64_t settings)
{
	struct db_rows *rows;
	int result = db_run(c->db, &rows, SQL_CLUSTER_CHILD_INSERT, db_text(child->name), db_text(strategy_names[child->strategy]),
		db_text(child->guide), db_text(child->requires), db_text(child->apart), db_int(child->replicas), db_int(child->passive),
		db_int(child->hot), db_text(child->restart), db_int(settings), db_text(child->meta));

	while (result >= 0 && (result = db_next(rows)) > 0)
		child->id = db_col_int(rows, 0);
	return result;
}

int64_t cluster_add_settings(struct cluster *c, const char *settings)
{
	int64_t id = 0;

	return cluster_read_int(c, SQL_CLUSTER_SETTINGS_INSERT, db_text(settings), db_null(), &id) < 0 ? -1 : id;
}

int cluster_add(struct cluster *c, struct child *child, int64_t settings)
{
	int result = make_room_for_child(c, child->name);

	if (result <= 0)
		return result < 0 ? -1 : 0;
	result = insert_child(c, child, settings);
	for (int64_t i = 0; i < child->replicas && result >= 0; i++) {
		const struct replica r = { .child = *child, .number = i };

		result = db_run(c->db, NULL, SQL_CLUSTER_REPLICA_INSERT, db_int(child->id), db_int(i), db_int(!child->passive || i == 0));
		if (result >= 0)
			result = cluster_tell(c, "start", NULL, &r, NULL, 0, NULL);
	}
	return result < 0 ? -1 : 1;
}

int cluster_stop(struct cluster *c, const struct replica *r, enum replica_stop stop)
{
	int result;

	if (!r->node)
		return cluster_removed(c, r, NULL);
	result = db_run(c->db, NULL, SQL_CLUSTER_REPLICA_STOP, db_int(r->id), db_int(stop));
	return result < 0 ? -1 : cluster_tell(c, "stop", NULL, r, r->node_name, r->pid, NULL);
}

/* What its node says. What is said too late, when the row is in another's hand or gone, changes nothing, and nobody hears of it. */

/* 1: a row was changed; 0: none. */
static int changed(struct db_rows **rows, int result)
{
	while (result >= 0 && (result = db_next(*rows)) > 0)
		;
	return result < 0 ? -1 : db_changes(*rows) > 0;
}

/* One that is to end, and is in nobody's hand now, has ended: nobody else would say so. */
static int is_stopped(struct cluster *c, const struct replica *r)
{
	int64_t stopped = 0;
	int result = cluster_read_int(c, SQL_CLUSTER_STOPPED_NOWHERE, db_int(r->id), db_null(), &stopped);

	return result < 0 ? -1 : stopped ? cluster_removed(c, r, NULL) : 0;
}

int cluster_runs(struct cluster *c, const struct replica *r, const struct node *n, pid_t pid, int64_t restarts)
{
	struct db_rows *rows;
	int result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_RUN, db_int(r->id), db_int(n->id), db_int(pid), db_int(restarts)));

	return result <= 0 ? result : cluster_tell(c, "run", NULL, r, n->name, pid, NULL);
}

int cluster_ended(struct cluster *c, const struct replica *r, const struct node *n, enum replica_state state, const char *reason)
{
	struct db_rows *rows;
	int result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_END, db_int(r->id), db_int(n->id),
		db_text(state_names[state]), db_text(reason)));

	if (result > 0)
		result = cluster_tell(c, state == REPLICA_FAILED ? "fail" : "exit", reason, r, n->name, r->pid, NULL);
	return result < 0 ? -1 : is_stopped(c, r);
}

int cluster_released(struct cluster *c, const struct replica *r, const struct node *n)
{
	struct db_rows *rows;
	int result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_RELEASE, db_int(r->id), db_int(n->id)));

	if (result > 0)
		result = cluster_tell(c, "release", NULL, r, n->name, 0, NULL);
	return result < 0 ? -1 : is_stopped(c, r);
}

int cluster_hands(struct cluster *c, const struct replica *r, const struct node *n, const char *text, size_t len)
{
	struct strbuf coded = STRBUF_INIT;
	struct db_rows *rows;
	int result;

	base64_add(&coded, text, len);
	result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_HAND, db_int(r->id), db_int(n->id),
		db_textn(coded.buf, coded.len)));
	strbuf_release(&coded);
	return result <= 0 ? result : cluster_tell(c, "hand", NULL, r, n->name, r->pid, NULL);
}

int cluster_takes(struct cluster *c, const struct replica *r, const struct node *n, pid_t pid)
{
	struct db_rows *rows;
	int result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_TAKE, db_int(r->id), db_int(n->id), db_int(pid)));

	return result <= 0 ? result : cluster_tell(c, "take", NULL, r, n->name, pid, NULL);
}

int cluster_refuses(struct cluster *c, const struct replica *r, int64_t target, const char *reason, const char *node)
{
	struct db_rows *rows;
	int result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_REFUSE, db_int(r->id), db_int(target)));

	return result <= 0 ? result : cluster_tell(c, "refuse", reason, r, node, 0, NULL);
}

int cluster_removed(struct cluster *c, const struct replica *r, const char *node)
{
	struct db_rows *rows;
	int result = changed(&rows, db_run(c->db, &rows, SQL_CLUSTER_REPLICA_DELETE, db_int(r->id), db_text(node)));

	if (result <= 0)
		return result;
	result = db_run(c->db, NULL, SQL_CLUSTER_CHILD_DELETE_EMPTY, db_int(r->child.id));
	return result < 0 ? -1 : cluster_tell(c, "stopped", NULL, r, node, r->pid, NULL);
}

int cluster_bury_ending(struct cluster *c, const struct node *n)
{
	struct replicas replicas = { 0 };
	int result = read_replicas(c, SQL_CLUSTER_ENDING_AT, db_int(n->id), &replicas);

	for (size_t i = 0; i < replicas.nr && result >= 0; i++)
		result = replicas.v[i].stop ? cluster_removed(c, &replicas.v[i], n->name)
			: cluster_ended(c, &replicas.v[i], n, REPLICA_FAILED, "its node is gone, and it is never started again");
	replicas_release(&replicas);
	return result;
}
