/*
 * placement.h - which child belongs on which node.
 *
 * No I/O and no memory of earlier questions: who asks says which nodes there are, and where each child is now, and
 * is told where it should be. The same question has the same answer on every node.
 *
 * A child with replicas is as many items. What is well placed stays. By itself an item moves only off a node that is closed or
 * does not fit it any more, and onto one that is fresh: so a node that leaves moves what was on it, and one that joins moves what
 * is to be on it, and nothing else.
 *
 *   hash      the node with the highest score for the child's id (weighted rendezvous hashing: score = capacity / -ln(hash))
 *   bounded   the same, of those that are below the bound: their share of all items times PLACEMENT_BOUND
 *   guided    the node that was named, or none
 *   balanced  the one with the least load, its own report and what was placed there since
 *
 * Use: zeroed; nodes, groups and items are added (their strings and sets stay the caller's); placement_run(); the items are read.
 */
#ifndef WP_DISTRIBUTE_PLACEMENT_H
#define WP_DISTRIBUTE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of bounded ones: no node has more than that times its share of all, as long as another one fits. */
#define PLACEMENT_BOUND 1.1
enum { PLACEMENT_NONE = -1 };

enum placement_strategy { PLACEMENT_BOUNDED, PLACEMENT_HASH, PLACEMENT_GUIDED, PLACEMENT_BALANCED };

struct placement_node {
	const char *name;
	double capacity;             /* its weight, above 0 */
	int64_t limit;               /* it takes no more items than that; -1: no limit */
	bool open;                   /* may take items; a closed one is to be emptied */
	bool fresh;                  /* open, and what belongs on it may move there */
	double load;                 /* what it says itself, a part of its capacity: 1.0 is all of it */

	/* of the last run */
	int64_t items;

	/* private */
	uint64_t key;
	int64_t bound;
};

/* Why an item is where it is, or nowhere. */
enum placement_why {
	PLACEMENT_STAYS,             /* it was there */
	PLACEMENT_FIRST,             /* first choice: by hash, the least loaded, or named */
	PLACEMENT_NEXT,              /* a later choice: better ones are full, or have one of its group */
	PLACEMENT_STUCK,             /* it should leave, and no other node can take it */
	PLACEMENT_NO_NODE,           /* there is no open node, or not the one that was named */
	PLACEMENT_NO_FIT,            /* there are open ones, none with what it requires */
	PLACEMENT_NO_ROOM            /* those that fit are full or have one of its group */
};

struct placement_item {
	uint64_t key;                /* placement_key() of the child's id */
	enum placement_strategy strategy;
	int guide;                   /* of PLACEMENT_GUIDED: the node named, or PLACEMENT_NONE: it is not there */
	const bool *fits;            /* a bool a node: has it got what this requires? NULL: all have */
	size_t group;                /* no two of a group on one node; 0: of none */
	int at;                      /* where it is now, or PLACEMENT_NONE */

	/* of the last run */
	int to;
	enum placement_why why;
};

struct placement_group {
	int *nodes;                  /* where it has somebody */
	size_t nr, alloc;
};

struct placement {
	struct placement_node *nodes;
	size_t nodes_nr, nodes_alloc;
	struct placement_item *items;
	size_t items_nr, items_alloc;
	struct placement_group *groups;      /* from 1 */
	size_t groups_nr, groups_alloc;
	bool even;                           /* private: all open nodes have one capacity */
};

uint64_t placement_key(const char *name);
/* Their numbers, from 0. */
int placement_add_node(struct placement *p, const struct placement_node *node);
size_t placement_add_item(struct placement *p, const struct placement_item *item);
/* From 1. */
size_t placement_add_group(struct placement *p);
void placement_release(struct placement *p);

/* Set to and why of all items, and items of all nodes. How many items are to be elsewhere than they are. */
size_t placement_run(struct placement *p);

/* After a run, for explanations */

/* The numbers of all nodes, those that the item belongs to most first, whether or not they can take it. ORDER has room for all. */
void placement_rank(const struct placement *p, const struct placement_item *item, int *order);
/* Why the item is not on NODE, a few words with a verb first, or NULL when it is, or could be. */
const char *placement_refusal(const struct placement *p, const struct placement_item *item, int node);
/* The same without what is no more than a preference: why it cannot be there. */
const char *placement_obstacle(const struct placement *p, const struct placement_item *item, int node);

#endif
