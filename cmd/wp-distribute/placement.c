/* placement.c - which child belongs on which node. */
#include "placement.h"

#include "alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

uint64_t placement_key(const char *name)
{
	return XXH3_64bits(name, strlen(name));
}

int placement_add_node(struct placement *p, const struct placement_node *node)
{
	struct placement_node *n;

	grow_array(&p->nodes, &p->nodes_alloc, p->nodes_nr + 1, sizeof(*p->nodes));
	n = &p->nodes[p->nodes_nr];
	*n = *node;
	n->key = placement_key(n->name);
	return (int)p->nodes_nr++;
}

size_t placement_add_item(struct placement *p, const struct placement_item *item)
{
	grow_array(&p->items, &p->items_alloc, p->items_nr + 1, sizeof(*p->items));
	p->items[p->items_nr] = *item;
	return p->items_nr++;
}

size_t placement_add_group(struct placement *p)
{
	grow_array(&p->groups, &p->groups_alloc, p->groups_nr + 1, sizeof(*p->groups));
	p->groups[p->groups_nr] = (struct placement_group){ 0 };
	return ++p->groups_nr;
}

void placement_release(struct placement *p)
{
	for (size_t i = 0; i < p->groups_nr; i++)
		free(p->groups[i].nodes);
	free(p->groups);
	free(p->items);
	free(p->nodes);
	*p = (struct placement){ 0 };
}

/* Groups */

static bool group_has(const struct placement *p, size_t group, int node)
{
	const struct placement_group *g = group ? &p->groups[group - 1] : NULL;

	for (size_t i = 0; g && i < g->nr; i++) {
		if (g->nodes[i] == node)
			return true;
	}
	return false;
}

static void group_join(struct placement *p, size_t group, int node)
{
	struct placement_group *g;

	if (!group)
		return;
	g = &p->groups[group - 1];
	grow_array(&g->nodes, &g->alloc, g->nr + 1, sizeof(*g->nodes));
	g->nodes[g->nr++] = node;
}

static void group_leave(struct placement *p, size_t group, int node)
{
	struct placement_group *g = group ? &p->groups[group - 1] : NULL;

	for (size_t i = 0; g && i < g->nr; i++) {
		if (g->nodes[i] == node) {
			g->nodes[i] = g->nodes[--g->nr];
			return;
		}
	}
}

/* Putting */

static void put(struct placement *p, struct placement_item *item, int node, enum placement_why why)
{
	item->to = node;
	item->why = why;
	if (node < 0)
		return;
	p->nodes[node].items++;
	group_join(p, item->group, node);
}

static void take(struct placement *p, struct placement_item *item)
{
	p->nodes[item->to].items--;
	group_leave(p, item->group, item->to);
	item->to = PLACEMENT_NONE;
}

static bool fits(const struct placement_item *item, int node)
{
	return !item->fits || item->fits[node];
}

static bool has_room(const struct placement_node *node)
{
	return node->limit < 0 || node->items < node->limit;
}

/* May the item be there, whatever its strategy? */
static bool may_take(const struct placement *p, const struct placement_item *item, int node)
{
	const struct placement_node *n = &p->nodes[node];

	return n->open && has_room(n) && fits(item, node) && !group_has(p, item->group, node);
}

static bool is_by_hash(const struct placement_item *item)
{
	return item->strategy == PLACEMENT_HASH || item->strategy == PLACEMENT_BOUNDED;
}

/* Has the node less than it may have, as far as this item minds? */
static bool is_below_bound(const struct placement_item *item, const struct placement_node *node)
{
	return item->strategy != PLACEMENT_BOUNDED || node->items < node->bound;
}

/* Scores */

static uint64_t hash_of(const struct placement_item *item, const struct placement_node *node)
{
	return XXH64(&node->key, sizeof(node->key), item->key);
}

/* The higher the better. The hash is taken for a number between 0 and 1, never 0 or 1 themselves. */
static double score_of(const struct placement_item *item, const struct placement_node *node)
{
	return node->capacity / -log(((double)(hash_of(item, node) >> 11) + 0.5) * 0x1p-53);
}

static bool prefers(const struct placement *p, const struct placement_item *item, int node, int other)
{
	return score_of(item, &p->nodes[node]) > score_of(item, &p->nodes[other]);
}

/* The best that may take the item, the bound not passed, and whether it is the best of all. Where every capacity is the
 * same, the hashes themselves are in the order of the scores: that is three times as fast. */
static int best_by_hash(const struct placement *p, const struct placement_item *item, bool *first)
{
	double best_score = -1, best_of_all = -1;
	int best = PLACEMENT_NONE;

	for (size_t i = 0; i < p->nodes_nr; i++) {
		const struct placement_node *n = &p->nodes[i];
		double score;

		if (!n->open || !fits(item, (int)i))
			continue;
		score = p->even ? (double)(hash_of(item, n) >> 11) : score_of(item, n);
		if (score > best_of_all)
			best_of_all = score;
		if (score > best_score && is_below_bound(item, n) && may_take(p, item, (int)i)) {
			best_score = score;
			best = (int)i;
		}
	}
	*first = best_score == best_of_all;
	return best;
}

/* Of those that are above the bound, or where load alone counts. */
static double burden(const struct placement_item *item, const struct placement_node *node)
{
	double items = (double)node->items / node->capacity;

	return item->strategy == PLACEMENT_BALANCED ? node->load + items : items;
}

static int least_loaded(const struct placement *p, const struct placement_item *item)
{
	double least = INFINITY;
	int best = PLACEMENT_NONE;

	for (size_t i = 0; i < p->nodes_nr; i++) {
		if (may_take(p, item, (int)i) && burden(item, &p->nodes[i]) < least) {
			least = burden(item, &p->nodes[i]);
			best = (int)i;
		}
	}
	return best;
}

static int choose(const struct placement *p, const struct placement_item *item, enum placement_why *why)
{
	bool first = true;
	int node = PLACEMENT_NONE;

	if (item->strategy == PLACEMENT_GUIDED)
		node = item->guide >= 0 && may_take(p, item, item->guide) ? item->guide : PLACEMENT_NONE;
	else if (is_by_hash(item))
		node = best_by_hash(p, item, &first);
	if (node < 0 && item->strategy != PLACEMENT_GUIDED) {
		first = item->strategy == PLACEMENT_BALANCED;
		node = least_loaded(p, item);
	}
	*why = first ? PLACEMENT_FIRST : PLACEMENT_NEXT;
	return node;
}

/* Why nobody can take it. */
static enum placement_why nowhere(const struct placement *p, const struct placement_item *item)
{
	enum placement_why why = PLACEMENT_NO_NODE;

	for (size_t i = 0; i < p->nodes_nr; i++) {
		if (!p->nodes[i].open || (item->strategy == PLACEMENT_GUIDED && item->guide != (int)i))
			continue;
		if (fits(item, (int)i))
			return PLACEMENT_NO_ROOM;
		why = PLACEMENT_NO_FIT;
	}
	return why;
}

/* A run */

/* Each open node's share of all items, by its capacity, and a little more: a whole number, but never so few that
 * there would be no room for all. */
static void set_bounds(struct placement *p)
{
	double capacity = 0;
	double items = (double)p->items_nr;

	p->even = true;
	for (size_t i = 0; i < p->nodes_nr; i++)
		capacity += p->nodes[i].open ? p->nodes[i].capacity : 0;
	for (size_t i = 0; i < p->nodes_nr; i++) {
		struct placement_node *n = &p->nodes[i];
		double share = n->open ? items * n->capacity / capacity : 0;

		p->even = p->even && n->capacity == p->nodes[0].capacity;
		n->items = 0;
		n->bound = (int64_t)fmax(ceil(share), floor(share * PLACEMENT_BOUND));
	}
}

/* What is well placed stays, and is counted before anything else looks for room. */
static void keep(struct placement *p)
{
	for (size_t i = 0; i < p->items_nr; i++) {
		struct placement_item *item = &p->items[i];

		item->to = PLACEMENT_NONE;
		if (item->at >= 0 && may_take(p, item, item->at) && (item->strategy != PLACEMENT_GUIDED || item->guide == item->at))
			put(p, item, item->at, PLACEMENT_STAYS);
	}
}

/* Could it move there, for there it belongs? */
static bool is_drawn_to(const struct placement *p, const struct placement_item *item, int node)
{
	const struct placement_node *n = &p->nodes[node];

	if (!n->fresh || node == item->to || !may_take(p, item, node))
		return false;
	if (is_by_hash(item))
		return is_below_bound(item, n) && prefers(p, item, node, item->to);
	return item->strategy == PLACEMENT_BALANCED && burden(item, n) + 1 / n->capacity < burden(item, &p->nodes[item->to]);
}

/* Has its node more than it may have, so that somebody has to go? */
static bool is_crowded(const struct placement *p, const struct placement_item *item)
{
	return item->strategy == PLACEMENT_BOUNDED && p->nodes[item->to].items > p->nodes[item->to].bound;
}

static bool is_drawn_from_crowd(const struct placement *p, const struct placement_item *item, int node)
{
	return is_crowded(p, item) && is_drawn_to(p, item, node);
}

static bool is_pushed_to(const struct placement *p, const struct placement_item *item, int node)
{
	const struct placement_node *n = &p->nodes[node];

	return is_crowded(p, item) && n->fresh && node != item->to && is_below_bound(item, n) && may_take(p, item, node);
}

static void move_to_fresh(struct placement *p, bool (*wanted)(const struct placement *, const struct placement_item *, int))
{
	for (size_t i = 0; i < p->items_nr; i++) {
		struct placement_item *item = &p->items[i];
		int best = PLACEMENT_NONE;

		/* What had no place has its best one by now. */
		for (int node = 0; item->at >= 0 && item->to >= 0 && node < (int)p->nodes_nr; node++) {
			if (p->nodes[node].fresh && wanted(p, item, node) && (best < 0 || prefers(p, item, node, best)))
				best = node;
		}
		if (best >= 0) {
			take(p, item);
			put(p, item, best, PLACEMENT_FIRST);
		}
	}
}

/* What is left of the crowds goes wherever there is room. */
static void relieve(struct placement *p)
{
	for (size_t i = 0; i < p->items_nr; i++) {
		struct placement_item *item = &p->items[i];
		int from = item->to;
		bool first;

		if (from < 0 || !is_crowded(p, item))
			continue;
		take(p, item);
		item->to = best_by_hash(p, item, &first);
		put(p, item, item->to < 0 ? from : item->to, item->to < 0 ? PLACEMENT_STAYS : PLACEMENT_NEXT);
	}
}

/* One that has to leave and can go nowhere is better off where it is, as long as that is there and nobody forbids it. */
static void place_the_rest(struct placement *p, bool waiting_alone)
{
	for (size_t i = 0; i < p->items_nr; i++) {
		struct placement_item *item = &p->items[i];
		enum placement_why why;
		int node;

		if (item->to >= 0 || (waiting_alone && item->at >= 0))
			continue;
		node = choose(p, item, &why);
		if (node < 0 && item->at >= 0 && !p->nodes[item->at].open)
			put(p, item, item->at, PLACEMENT_STUCK);
		else
			put(p, item, node, node < 0 ? nowhere(p, item) : why);
	}
}

size_t placement_run(struct placement *p)
{
	size_t moves = 0;
	bool fresh = false;

	for (size_t i = 0; i < p->groups_nr; i++)
		p->groups[i].nr = 0;
	for (size_t i = 0; i < p->nodes_nr; i++)
		fresh |= p->nodes[i].fresh;
	set_bounds(p);
	keep(p);
	/* Who is nowhere has the first choice: a replica that runs need not move so that another one can have its place. */
	place_the_rest(p, true);
	if (fresh) {
		move_to_fresh(p, is_drawn_from_crowd);
		move_to_fresh(p, is_pushed_to);
		relieve(p);
		move_to_fresh(p, is_drawn_to);
	}
	place_the_rest(p, false);
	for (size_t i = 0; i < p->items_nr; i++)
		moves += p->items[i].to != p->items[i].at;
	return moves;
}

/* Explaining */

struct ranking {
	int node;
	double score;
};

static int by_score(const void *a, const void *b)
{
	const struct ranking *x = a, *y = b;

	return (x->score < y->score) - (x->score > y->score);
}

/* For a guided one there is one, for a balanced one the less the better. */
static double worth(const struct placement_item *item, const struct placement_node *n, bool guide)
{
	switch (item->strategy) {
	case PLACEMENT_GUIDED:
		return guide;
	case PLACEMENT_BALANCED:
		return -burden(item, n);
	case PLACEMENT_BOUNDED:
	case PLACEMENT_HASH:
		break;
	}
	return score_of(item, n);
}

void placement_rank(const struct placement *p, const struct placement_item *item, int *order)
{
	struct ranking *all = xcalloc(p->nodes_nr + 1, sizeof(*all));

	for (size_t i = 0; i < p->nodes_nr; i++)
		all[i] = (struct ranking){ (int)i, worth(item, &p->nodes[i], item->guide == (int)i) };
	qsort(all, p->nodes_nr, sizeof(*all), by_score);
	for (size_t i = 0; i < p->nodes_nr; i++)
		order[i] = all[i].node;
	free(all);
}

const char *placement_obstacle(const struct placement *p, const struct placement_item *item, int node)
{
	const struct placement_node *n = &p->nodes[node];

	if (item->to == node)
		return NULL;
	if (!n->open)
		return "takes nothing more";
	if (item->strategy == PLACEMENT_GUIDED && item->guide != node)
		return "is not the one that was named";
	if (!fits(item, node))
		return "has not the labels";
	if (group_has(p, item->group, node))
		return "has one that is to be apart";
	return has_room(n) ? NULL : "is full";
}

const char *placement_refusal(const struct placement *p, const struct placement_item *item, int node)
{
	const char *obstacle = placement_obstacle(p, item, node);

	if (obstacle || item->to == node || is_below_bound(item, &p->nodes[node]))
		return obstacle;
	return "has its share";
}
