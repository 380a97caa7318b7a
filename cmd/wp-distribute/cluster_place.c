/* cluster_place.c - the leader's work: from what there is to where it should be. */
#include "cluster_impl.h"

#include "alloc.h"
#include "err.h"
#include "restart.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct board {
	struct nodes nodes;
	struct replicas replicas;
	struct placement placement;
	size_t *items;               /* by item: its replica */
	size_t items_nr, items_alloc;
	json_t **labels;             /* by node */
	struct demand *demands;
	struct apart *aparts;
};

/* Which nodes have what somebody requires: looked at once for all who require the same. */
struct demand {
	struct demand *next;
	const char *requires;
	bool *fits;
};

struct apart {
	struct apart *next;
	const char *word;            /* NULL: the replicas of CHILD */
	int64_t child;
	size_t group;
};

static bool has_labels(const json_t *labels, const json_t *required)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)required, key, value) {
		if (!json_equal(json_object_get(labels, key), value))
			return false;
	}
	return true;
}

static const bool *fits_of(struct board *b, const char *requires)
{
	struct demand *d;
	json_t *required;

	if (!strcmp(requires, "{}"))
		return NULL;
	for (d = b->demands; d; d = d->next) {
		if (!strcmp(d->requires, requires))
			return d->fits;
	}
	d = xcalloc(1, sizeof(*d));
	*d = (struct demand){ .next = b->demands, .requires = requires, .fits = xcalloc(b->nodes.nr + 1, sizeof(bool)) };
	b->demands = d;
	required = json_loads(requires, 0, NULL);
	for (size_t i = 0; i < b->nodes.nr; i++)
		d->fits[i] = has_labels(b->labels[i], required);
	json_decref(required);
	return d->fits;
}

/* Two replicas of a child are never together, nor are children who are to be apart. */
static size_t group_of(struct board *b, const struct child *child)
{
	struct apart *a;

	if (!child->apart && child->replicas == 1)
		return 0;
	for (a = b->aparts; a; a = a->next) {
		if (child->apart ? a->word && !strcmp(a->word, child->apart) : a->child == child->id)
			return a->group;
		if (!child->apart && a->child && a->child < child->id)
			break;           /* they come in the order of their ids, the last one first here */
	}
	a = xcalloc(1, sizeof(*a));
	*a = (struct apart){ .next = b->aparts, .word = child->apart, .child = child->apart ? 0 : child->id,
		.group = placement_add_group(&b->placement) };
	b->aparts = a;
	return a->group;
}

static int node_index(const struct board *b, int64_t id)
{
	const struct node *n = id ? nodes_find(&b->nodes, id) : NULL;

	return n ? (int)(n - b->nodes.v) : PLACEMENT_NONE;
}

static int node_named(const struct board *b, const char *name)
{
	for (size_t i = 0; name && i < b->nodes.nr; i++) {
		if (!strcmp(b->nodes.v[i].name, name))
			return (int)i;
	}
	return PLACEMENT_NONE;
}

/* To be moved is to be started again, which is not for these. */
static bool is_bound_here(const struct replica *r)
{
	return r->node && r->child.restart && restart_from(r->child.restart) == RESTART_TEMPORARY;
}

/* What is on its way somewhere is there already, as far as this is concerned. */
static void add_item(struct board *b, size_t index)
{
	const struct replica *r = &b->replicas.v[index];
	int at = node_index(b, r->target ? r->target : r->node);

	if (r->stop || r->state == REPLICA_EXITED || r->state == REPLICA_FAILED)
		return;
	grow_array(&b->items, &b->items_alloc, b->items_nr + 1, sizeof(*b->items));
	b->items[b->items_nr++] = index;
	placement_add_item(&b->placement, &(struct placement_item){
		.key = placement_key(r->child.name), .strategy = is_bound_here(r) ? PLACEMENT_GUIDED : r->child.strategy,
		.guide = is_bound_here(r) ? at : node_named(b, r->child.guide), .fits = fits_of(b, r->child.requires),
		.group = group_of(b, &r->child), .at = at });
}

static void add_node(struct board *b, const struct node *n, bool fresh)
{
	placement_add_node(&b->placement, &(struct placement_node){ .name = n->name, .capacity = (double)n->capacity, .limit = n->most,
		.open = !n->closed, .fresh = fresh && !n->closed, .load = n->load });
}

/* NODES and REPLICAS are there. ALL_FRESH: whoever was here is to be looked at as if it had come just now. */
static void set_up_board(struct board *b, bool rebalance, bool all_fresh)
{
	b->labels = xcalloc(b->nodes.nr + 1, sizeof(*b->labels));
	for (size_t i = 0; i < b->nodes.nr; i++) {
		b->labels[i] = json_loads(b->nodes.v[i].labels, 0, NULL);
		add_node(b, &b->nodes.v[i], rebalance && (all_fresh || b->nodes.v[i].fresh));
	}
	for (size_t i = 0; i < b->replicas.nr; i++)
		add_item(b, i);
}

static void release_board(struct board *b)
{
	struct demand *d;
	struct apart *a;

	while ((d = b->demands)) {
		b->demands = d->next;
		free(d->fits);
		free(d);
	}
	while ((a = b->aparts)) {
		b->aparts = a->next;
		free(a);
	}
	for (size_t i = 0; b->labels && i < b->nodes.nr; i++)
		json_decref(b->labels[i]);
	free(b->labels);
	free(b->items);
	placement_release(&b->placement);
	replicas_release(&b->replicas);
	nodes_release(&b->nodes);
}

#define NOT_MOVED "is never started again, and so not moved"

static const char *why_nowhere(const struct replica *r, enum placement_why why)
{
	if (is_bound_here(r))
		return "it " NOT_MOVED;
	if (r->child.guide && why == PLACEMENT_NO_NODE)
		return "the node that it is to be on is not there";
	switch (why) {
	case PLACEMENT_NO_FIT:
		return "no node has the labels";
	case PLACEMENT_NO_ROOM:
		return "no node has room";
	default:
		return "there is no node";
	}
}

/* One that nobody has in hand is placed; one that a node has is asked for. */
static int put_replica(struct cluster *c, const struct replica *r, const struct node *to, enum placement_why why)
{
	int result;

	if (!to && !r->node)
		return db_run(c->db, NULL, SQL_CLUSTER_REPLICA_REASON, db_int(r->id), db_text(why_nowhere(r, why)));
	if (!r->node) {
		result = db_run(c->db, NULL, SQL_CLUSTER_REPLICA_PLACE, db_int(r->id), db_int(to->id));
		return result < 0 ? result : cluster_tell(c, "place", NULL, r, to->name, 0, NULL);
	}
	if (!to)
		return 0;
	result = db_run(c->db, NULL, SQL_CLUSTER_REPLICA_SEND, db_int(r->id), to->id == r->node ? db_null() : db_int(to->id));
	return result < 0 ? result : cluster_tell(c, "move", NULL, r, to->name, r->pid, NULL);
}

/* Of those that are passive one is to be active when the one that was does not run any more, or is gone. */

static bool is_there(const struct replica *r)
{
	return !r->stop && (r->state == REPLICA_PLACED || r->state == REPLICA_RUNNING);
}

/* OLD NULL: there was none. */
static int promote(struct cluster *c, struct replica *old, struct replica *new)
{
	int result = old ? db_run(c->db, NULL, SQL_CLUSTER_REPLICA_ACTIVE, db_int(old->id), db_int(0)) : 0;

	if (result >= 0)
		result = db_run(c->db, NULL, SQL_CLUSTER_REPLICA_ACTIVE, db_int(new->id), db_int(1));
	if (old)
		old->active = false;
	new->active = true;
	return result < 0 ? result : cluster_tell(c, "promote", NULL, new, new->node_name, new->pid, NULL);
}

/* The replicas of a child follow each other. One that runs is better than one that is to. */
static int promote_one(struct cluster *c, struct replica *first, size_t n)
{
	struct replica *active = NULL, *other = NULL;

	for (size_t i = 0; i < n; i++) {
		if (first[i].active)
			active = &first[i];
		else if (is_there(&first[i]) && (!other || (other->state == REPLICA_PLACED && first[i].state == REPLICA_RUNNING)))
			other = &first[i];
	}
	return other && !(active && is_there(active)) ? promote(c, active, other) : 0;
}

static int promote_all(struct cluster *c, const struct replicas *replicas)
{
	int result = 0;

	for (size_t i = 0, n; i < replicas->nr && result >= 0; i += n) {
		for (n = 1; i + n < replicas->nr && replicas->v[i + n].child.id == replicas->v[i].child.id; n++)
			;
		if (replicas->v[i].child.passive)
			result = promote_one(c, &replicas->v[i], n);
	}
	return result;
}

/* Doing it */

static int64_t apply(struct cluster *c, struct board *b, bool rebalance)
{
	int64_t moves = 0;
	int result = 0;

	for (size_t i = 0; i < b->items_nr && result >= 0; i++) {
		const struct placement_item *item = &b->placement.items[i];
		struct replica *r = &b->replicas.v[b->items[i]];

		if (item->to == item->at && item->to >= 0)
			continue;
		result = put_replica(c, r, item->to >= 0 ? &b->nodes.v[item->to] : NULL, item->why);
		if (item->to >= 0 && !r->node)
			r->state = REPLICA_PLACED;
		moves += item->to >= 0;
	}
	if (result >= 0 && moves)
		result = promote_all(c, &b->replicas);
	if (result >= 0 && rebalance)
		result = db_run(c->db, NULL, SQL_CLUSTER_NODES_SETTLE);
	return result < 0 ? -1 : moves;
}

static int64_t place(struct cluster *c, bool rebalance, bool all_fresh)
{
	struct board b = { 0 };
	int64_t moves = -1;

	if (cluster_begin(c) < 0)
		return -1;
	if (cluster_living(c, &b.nodes) >= 0 && cluster_board(c, &b.replicas) == 0 && promote_all(c, &b.replicas) >= 0) {
		set_up_board(&b, rebalance, all_fresh);
		placement_run(&b.placement);
		moves = apply(c, &b, rebalance);
	}
	release_board(&b);
	return cluster_finish(c, moves < 0 ? -1 : 0) < 0 ? -1 : moves;
}

int64_t cluster_place(struct cluster *c, bool rebalance)
{
	return place(c, rebalance, false);
}

int64_t cluster_rebalance(struct cluster *c)
{
	return place(c, true, true);
}

/* One state of the file, in which nobody is dead. */
static int read_board(struct cluster *c, struct board *b)
{
	return cluster_nodes(c, &b->nodes) < 0 || cluster_board(c, &b->replicas) < 0 ? -1 : 0;
}

static struct placement_item *item_of(const struct board *b, int64_t id)
{
	for (size_t i = 0; i < b->items_nr; i++) {
		if (b->replicas.v[b->items[i]].id == id)
			return &b->placement.items[i];
	}
	return NULL;
}

/* Sending one */

static int refuse(const struct replica *r, const char *to, const char *why)
{
	return err_set(WP_NO, "child \"%s\" cannot go to node \"%s\": that %s", r->child.name, to, why);
}

static int send_on(struct cluster *c, struct board *b, const struct replica *r, const char *to)
{
	struct placement_item *item = item_of(b, r->id);
	int node = node_named(b, to);
	const char *why;

	if (node < 0)
		return err_set(WP_NO, "there is no node \"%s\"", to);
	if (!item)
		return err_set(WP_NO, "child \"%s\" does not run", r->child.name);
	if (is_bound_here(&b->replicas.v[b->items[item - b->placement.items]]))
		return err_set(WP_NO, "child \"%s\" " NOT_MOVED, r->child.name);
	placement_run(&b->placement);
	why = placement_obstacle(&b->placement, item, node);
	if (why)
		return refuse(r, to, why);
	return put_replica(c, r, &b->nodes.v[node], PLACEMENT_FIRST);
}

int cluster_send(struct cluster *c, const struct replica *r, const char *to)
{
	struct board b = { 0 };
	int result = cluster_begin(c);

	if (result < 0)
		return -1;
	result = cluster_living(c, &b.nodes) < 0 || cluster_board(c, &b.replicas) < 0 ? -1 : 0;
	if (result == 0) {
		set_up_board(&b, false, false);
		result = send_on(c, &b, r, to);
	}
	release_board(&b);
	return cluster_finish(c, result < 0 ? -1 : 0);
}

/* Looking first */

static int join_and_leave(struct board *b, const struct what_if *what)
{
	for (size_t i = 0; what->leaves && i < what->leaves->nr; i++) {
		int node = node_named(b, what->leaves->v[i]);

		if (node < 0)
			return err_set(WP_NO, "there is no node \"%s\"", what->leaves->v[i]);
		b->nodes.v[node].closed = true;
	}
	for (size_t i = 0; i < what->joins_nr; i++) {
		struct node *n = &what->joins[i];

		if (node_named(b, n->name) >= 0)
			return err_set(WP_NO, "there is a node \"%s\" already", n->name);
		grow_array(&b->nodes.v, &b->nodes.alloc, b->nodes.nr + 1, sizeof(*b->nodes.v));
		b->nodes.v[b->nodes.nr++] = (struct node){ .id = -1 - (int64_t)i, .name = xstrdup(n->name), .labels = xstrdup(n->labels),
			.capacity = n->capacity, .most = n->most, .fresh = true };
	}
	return 0;
}

static const char *why_there(const struct replica *r, enum placement_why why)
{
	static const char *const firsts[] = {
		[PLACEMENT_BOUNDED] = "it belongs there", [PLACEMENT_HASH] = "it belongs there",
		[PLACEMENT_GUIDED] = "it is to be there", [PLACEMENT_BALANCED] = "there is the least load",
	};

	return why == PLACEMENT_NEXT ? "those that it belongs to rather are full, or have one like it" : firsts[r->child.strategy];
}

static void tell_plan(const struct board *b, cluster_plan_fn *fn, void *ctx)
{
	for (size_t i = 0; i < b->items_nr; i++) {
		const struct placement_item *item = &b->placement.items[i];
		const struct replica *r = &b->replicas.v[b->items[i]];
		const char *from = item->at < 0 ? NULL : b->nodes.v[item->at].name;

		if (item->why == PLACEMENT_STUCK)
			fn(r, from, NULL, why_nowhere(r, PLACEMENT_NO_ROOM), ctx);
		else if (item->to < 0)
			fn(r, from, NULL, why_nowhere(r, item->why), ctx);
		else if (item->to != item->at)
			fn(r, from, b->nodes.v[item->to].name, why_there(r, item->why), ctx);
	}
}

int cluster_plan(struct cluster *c, const struct what_if *what, cluster_plan_fn *fn, void *ctx)
{
	struct board b = { 0 };
	int result = read_board(c, &b);

	if (result == 0)
		result = join_and_leave(&b, what);
	if (result == 0) {
		set_up_board(&b, true, what->rebalance);
		placement_run(&b.placement);
		tell_plan(&b, fn, ctx);
	}
	release_board(&b);
	return result;
}

/* Explaining */

static void tell_nodes(const struct board *b, const struct placement_item *item, cluster_rank_fn *fn, void *ctx)
{
	int *order = xcalloc(b->nodes.nr + 1, sizeof(*order));

	placement_rank(&b->placement, item, order);
	for (size_t i = 0; i < b->nodes.nr; i++)
		fn(&b->nodes.v[order[i]], (int)i + 1, item->at == order[i], placement_refusal(&b->placement, item, order[i]), ctx);
	free(order);
}

int cluster_explain(struct cluster *c, const struct replica *r, cluster_rank_fn *fn, void *ctx)
{
	struct board b = { 0 };
	struct placement_item *item;
	int result = read_board(c, &b);

	if (result == 0) {
		set_up_board(&b, false, false);
		placement_run(&b.placement);
		item = item_of(&b, r->id);
		if (item)
			tell_nodes(&b, item, fn, ctx);
		result = item != NULL;
	}
	release_board(&b);
	return result;
}
