/* cluster_nodes.c - who is a node. */
#include "cluster_impl.h"

#include "alloc.h"
#include "err.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void node_release(struct node *n)
{
	free(n->name);
	free(n->labels);
	*n = (struct node){ 0 };
}

void nodes_release(struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->nr; i++)
		node_release(&nodes->v[i]);
	free(nodes->v);
	*nodes = (struct nodes){ 0 };
}

struct node *nodes_find(const struct nodes *nodes, int64_t id)
{
	for (size_t i = 0; i < nodes->nr; i++) {
		if (nodes->v[i].id == id)
			return &nodes->v[i];
	}
	return NULL;
}

enum {
	NODE_COL_ID, NODE_COL_NAME, NODE_COL_LIFE, NODE_COL_PID, NODE_COL_BOOT, NODE_COL_CAPACITY, NODE_COL_MOST, NODE_COL_LABELS,
	NODE_COL_LOAD, NODE_COL_CLOSED, NODE_COL_FRESH, NODE_COL_JOINED_AT,
};

static void node_from(struct node *n, struct db_rows *rows)
{
	*n = (struct node){
		.id = db_col_int(rows, NODE_COL_ID), .name = cluster_text(rows, NODE_COL_NAME), .life = db_col_int(rows, NODE_COL_LIFE),
		.pid = (pid_t)db_col_int(rows, NODE_COL_PID), .boot = db_col_int(rows, NODE_COL_BOOT), .capacity = db_col_int(rows, NODE_COL_CAPACITY),
		.most = db_col_null(rows, NODE_COL_MOST) ? -1 : db_col_int(rows, NODE_COL_MOST), .labels = cluster_text(rows, NODE_COL_LABELS),
		.load = db_col_real(rows, NODE_COL_LOAD), .closed = db_col_bool(rows, NODE_COL_CLOSED), .fresh = db_col_bool(rows, NODE_COL_FRESH),
		.joined_at = db_col_int(rows, NODE_COL_JOINED_AT),
	};
}

static int read_nodes(struct cluster *c, enum sql_id sql, struct db_value which, struct nodes *nodes)
{
	struct db_rows *rows;
	int result = db_run_(c->db, &rows, sql, &which, which.type != DB_NULL);

	while (result >= 0 && (result = db_next(rows)) > 0) {
		grow_array(&nodes->v, &nodes->alloc, nodes->nr + 1, sizeof(*nodes->v));
		node_from(&nodes->v[nodes->nr++], rows);
	}
	return result;
}

/* The dead */

/* NULL: it lives. *FAILED is set, with err recorded, when that cannot be told. */
static const char *node_dead(const struct cluster *c, struct alive_look *look, const struct node *n, bool *failed)
{
	int r;

	if (n->boot != c->boot)
		return "reboot";
	r = alive_look_at(look, n->life);
	*failed |= r < 0;
	return r == 0 ? "killed" : NULL;
}

static int remove_node(struct cluster *c, const struct node *n, const char *reason)
{
	int result = cluster_bury_ending(c, n);

	if (result >= 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_LOSE, db_int(n->id));
	if (result >= 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_NODE_DELETE, db_int(n->id));
	if (result >= 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_NOBODY_LEFT);
	grow_array(&c->ended, &c->ended_alloc, c->ended_nr + 1, sizeof(*c->ended));
	c->ended[c->ended_nr++] = n->life;
	return result < 0 ? result : cluster_tell(c, "leave", reason, NULL, n->name, n->pid, NULL);
}

/* Drop from NODES those that are dead; with BURY also from the file. How many there were. */
static int sort_out(struct cluster *c, struct nodes *nodes, bool bury)
{
	struct alive_look look;
	bool failed = false;
	size_t kept = 0;
	int dead = 0, result = alive_look_begin(&look, c->state.live_dir, CLUSTER_LOCKS);

	if (result < 0)
		return -1;
	for (size_t i = 0; i < nodes->nr; i++) {
		const char *reason = failed || result < 0 ? NULL : node_dead(c, &look, &nodes->v[i], &failed);

		if (!reason) {
			nodes->v[kept++] = nodes->v[i];
			continue;
		}
		dead++;
		if (bury)
			result = remove_node(c, &nodes->v[i], reason);
		node_release(&nodes->v[i]);
	}
	nodes->nr = kept;
	alive_look_end(&look);
	return failed || result < 0 ? -1 : dead;
}

int cluster_living(struct cluster *c, struct nodes *nodes)
{
	int result = read_nodes(c, SQL_CLUSTER_NODES, db_null(), nodes);

	return result < 0 ? result : sort_out(c, nodes, true);
}

/* Mostly all of them live, and nothing has to be written. */
int cluster_nodes(struct cluster *c, struct nodes *nodes)
{
	int result = read_nodes(c, SQL_CLUSTER_NODES, db_null(), nodes);

	if (result >= 0)
		result = sort_out(c, nodes, false);
	if (result <= 0)
		return result < 0 ? -1 : 0;
	nodes_release(nodes);
	if (cluster_begin(c) < 0)
		return -1;
	return cluster_finish(c, cluster_living(c, nodes)) < 0 ? -1 : 0;
}

/* Joining and leaving */

static int taken(const struct node *n)
{
	return err_set(WP_NO, "there is a node \"%s\" already: process %d", n->name, (int)n->pid);
}

static int make_room_for_node(struct cluster *c, const char *name)
{
	struct nodes there = { 0 };
	int result = read_nodes(c, SQL_CLUSTER_NODE_NAMED, db_text(name), &there);

	if (result >= 0)
		result = sort_out(c, &there, true);
	if (result >= 0 && there.nr)
		result = taken(&there.v[0]);
	nodes_release(&there);
	return result;
}

static int insert_node(struct cluster *c, struct node *n)
{
	struct db_rows *rows;
	int result = db_run(c->db, &rows, SQL_CLUSTER_NODE_INSERT, db_text(n->name), db_int(n->pid), db_int(n->boot), db_int(n->capacity),
		n->most < 0 ? db_null() : db_int(n->most), db_text(n->labels));

	while (result >= 0 && (result = db_next(rows)) > 0)
		n->id = db_col_int(rows, 0);
	return result;
}

static int note_size(struct cluster *c)
{
	struct nodes nodes = { 0 };
	int result = cluster_living(c, &nodes);

	if (result >= 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_GROWN, db_int((int64_t)nodes.nr));
	nodes_release(&nodes);
	return result;
}

/* The event of its joining gives the life its number. Before the row can be seen its lock is held. */
int cluster_join(struct cluster *c, struct node *n, struct alive *lock)
{
	int result = cluster_begin(c);

	if (result < 0)
		return -1;
	n->pid = getpid();
	n->boot = c->boot;
	result = make_room_for_node(c, n->name);
	if (result >= 0)
		result = insert_node(c, n);
	if (result >= 0)
		result = cluster_tell(c, "join", NULL, NULL, n->name, n->pid, &n->life);
	if (result >= 0)
		result = alive_hold_number(lock, c->state.live_dir, CLUSTER_LOCKS, n->life);
	if (result >= 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_NODE_LIVE, db_int(n->id), db_int(n->life));
	if (result >= 0)
		result = note_size(c);
	result = cluster_finish(c, result);
	if (result < 0)
		alive_let_go(lock);
	return result < 0 ? -1 : 0;
}

int cluster_leave(struct cluster *c, const struct node *n)
{
	int result = cluster_begin(c);

	return result < 0 ? -1 : cluster_finish(c, remove_node(c, n, NULL));
}

int cluster_drain(struct cluster *c, const char *name, bool closed)
{
	struct nodes there = { 0 };
	int result = cluster_begin(c);

	if (result < 0)
		return -1;
	result = read_nodes(c, SQL_CLUSTER_NODE_NAMED, db_text(name), &there);
	if (result >= 0)
		result = sort_out(c, &there, true);
	if (result >= 0 && there.nr && there.v[0].closed != closed) {
		result = db_run(c->db, NULL, SQL_CLUSTER_NODE_CLOSE, db_int(there.v[0].id), db_int(closed));
		if (result >= 0)
			result = cluster_tell(c, closed ? "drain" : "open", NULL, NULL, name, there.v[0].pid, NULL);
	}
	if (result >= 0)
		result = there.nr > 0;
	nodes_release(&there);
	return cluster_finish(c, result);
}

int cluster_tell_load(struct cluster *c, const struct node *n, double load)
{
	return db_run(c->db, NULL, SQL_CLUSTER_NODE_LOAD, db_int(n->id), db_real(load)) < 0 ? -1 : 0;
}

/* Quorum */

int quorum_check(const char *rule)
{
	int64_t n;

	if (!strcmp(rule, "none") || !strcmp(rule, "majority") || parse_int(&n, rule, "quorum", 1, INT32_MAX) == 0)
		return 0;
	err_clear();
	return err_set(WP_USAGE, "\"%s\" is no quorum: " QUORUM_WORDS, rule);
}

bool quorum_holds(const struct quorum *q, int64_t nodes)
{
	if (!strcmp(q->rule, "none"))
		return true;
	if (!strcmp(q->rule, "majority"))
		return nodes > q->largest / 2;
	return nodes >= strtoll(q->rule, NULL, 10);
}

int cluster_quorum(struct cluster *c, struct quorum *q)
{
	struct db_rows *rows;
	int result = db_run(c->db, &rows, SQL_CLUSTER_QUORUM);

	*q = (struct quorum){ 0 };
	while (result >= 0 && (result = db_next(rows)) > 0)
		*q = (struct quorum){ .rule = cluster_text(rows, 0), .largest = db_col_int(rows, 1) };
	return result < 0 ? -1 : 0;
}

void quorum_release(struct quorum *q)
{
	free(q->rule);
	*q = (struct quorum){ 0 };
}

int cluster_set_quorum(struct cluster *c, const struct quorum *q)
{
	int result = cluster_begin(c);

	if (result < 0)
		return -1;
	result = db_run(c->db, NULL, SQL_CLUSTER_QUORUM_SET, db_text(q->rule), q->largest < 0 ? db_null() : db_int(q->largest));
	if (result >= 0)
		result = cluster_tell(c, "quorum", q->rule, NULL, NULL, 0, NULL);
	return cluster_finish(c, result) < 0 ? -1 : 0;
}

int cluster_has_quorum(struct cluster *c)
{
	struct nodes nodes = { 0 };
	struct quorum q;
	int result = cluster_quorum(c, &q);

	if (result == 0 && strcmp(q.rule, "none") != 0)
		result = cluster_nodes(c, &nodes);
	if (result == 0)
		result = quorum_holds(&q, (int64_t)nodes.nr);
	nodes_release(&nodes);
	quorum_release(&q);
	return result;
}
