/* Which child belongs on which node: questions small enough to answer by hand, and properties that hold for whatever is asked. */
#include "../../cmd/wp-distribute/placement.c"

#include "tap.h"

static struct placement p;
static char names[2000][16];

static void begin(void)
{
	placement_release(&p);
}

static int node(const char *name, double capacity)
{
	return placement_add_node(&p, &(struct placement_node){ .name = name, .capacity = capacity, .limit = -1, .open = true });
}

static void nodes(int n, double capacity)
{
	for (int i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "node-%d", i);
		node(names[i], capacity);
	}
}

static struct placement_item *add(const char *id, enum placement_strategy strategy, int at)
{
	size_t i = placement_add_item(&p, &(struct placement_item){ .key = placement_key(id), .strategy = strategy,
		.guide = PLACEMENT_NONE, .at = at });

	return &p.items[i];
}

static void children(int n, enum placement_strategy strategy)
{
	char id[32];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "child-%d", i);
		add(id, strategy, PLACEMENT_NONE);
	}
}

/* What was decided is so now. */
static void settle(void)
{
	for (size_t i = 0; i < p.items_nr; i++)
		p.items[i].at = p.items[i].to;
	for (size_t i = 0; i < p.nodes_nr; i++)
		p.nodes[i].fresh = false;
}

static const char *why(const struct placement_item *item)
{
	static const char *const words[] = { "stays", "first", "next", "stuck", "no node", "no fit", "no room" };

	return words[item->why];
}

/* The largest number of items by share of the capacity that is open. */
static double worst(void)
{
	double capacity = 0, most = 0;

	for (size_t i = 0; i < p.nodes_nr; i++)
		capacity += p.nodes[i].open ? p.nodes[i].capacity : 0;
	for (size_t i = 0; i < p.nodes_nr; i++) {
		double share = (double)p.items_nr * p.nodes[i].capacity / capacity;

		if (p.nodes[i].open)
			most = fmax(most, (double)p.nodes[i].items / share);
	}
	return most;
}

static size_t moved_but_not_to(int to)
{
	size_t moved = 0;

	for (size_t i = 0; i < p.items_nr; i++)
		moved += p.items[i].to != p.items[i].at && p.items[i].to != to;
	return moved;
}

/* Small ones */

static void nobody_there(void)
{
	begin();
	is_int(placement_run(&p), 0, "nothing: nothing to do");
	struct placement_item *item = add("a", PLACEMENT_HASH, PLACEMENT_NONE);
	placement_run(&p);
	is_int(item->to, PLACEMENT_NONE, "no node: nowhere");
	is_str(why(item), "no node", "no node: and it says so");
	node("closed", 1);
	p.nodes[0].open = false;
	placement_run(&p);
	is_str(why(item), "no node", "a closed node is none");
}

static void a_single_node(void)
{
	begin();
	node("only", 1);
	children(50, PLACEMENT_HASH);
	is_int(placement_run(&p), 50, "one node: all are placed");
	is_int(p.nodes[0].items, 50, "one node: there");
	is_str(why(&p.items[7]), "first", "one node: it is the first choice");
	settle();
	is_int(placement_run(&p), 0, "one node: asked again, nothing moves");
	is_str(why(&p.items[7]), "stays", "one node: asked again, it stays");
}

static void one_that_is_guided(void)
{
	begin();
	nodes(3, 1);
	struct placement_item *item = add("g", PLACEMENT_GUIDED, PLACEMENT_NONE);
	placement_run(&p);
	is_str(why(item), "no node", "guided: without its node nowhere, whoever else is there");
	item->guide = 2;
	placement_run(&p);
	is_int(item->to, 2, "guided: where it was told");
	settle();
	p.nodes[2].open = false;
	placement_run(&p);
	is_int(item->to, 2, "guided: it does not go anywhere else");
	is_str(why(item), "stuck", "guided: though it should leave");
	item->at = PLACEMENT_NONE;
	item->guide = PLACEMENT_NONE;
	placement_run(&p);
	is_int(item->to, PLACEMENT_NONE, "guided: it waits for its node");
}

static void what_is_required(void)
{
	const bool fits[] = { false, false, true }, none[] = { false, false, false };

	begin();
	nodes(3, 1);
	struct placement_item *item = add("r", PLACEMENT_HASH, PLACEMENT_NONE);
	item->fits = fits;
	placement_run(&p);
	is_int(item->to, 2, "required: the node that has it");
	is_str(placement_refusal(&p, item, 0), "has not the labels", "required: the others have not");
	item->fits = none;
	placement_run(&p);
	is_str(why(item), "no fit", "required: nobody has it");
	item->at = 1;
	placement_run(&p);
	is_int(item->to, PLACEMENT_NONE, "required: it does not stay where it does not fit");
}

static void a_full_node(void)
{
	begin();
	nodes(2, 1);
	p.nodes[0].limit = 1;
	p.nodes[1].limit = 2;
	children(4, PLACEMENT_HASH);
	placement_run(&p);
	is_int(p.nodes[0].items + p.nodes[1].items, 3, "limit: as many as there is room for");
	is_int(p.nodes[0].items, 1, "limit: no more than it takes");
	is_str(why(&p.items[3]), "no room", "limit: the last one has none");
	is_str(placement_refusal(&p, &p.items[3], 1), "is full", "limit: which it says");
}

static void a_group(void)
{
	begin();
	nodes(3, 1);
	size_t group = placement_add_group(&p);
	for (int i = 0; i < 4; i++)
		add("same", PLACEMENT_HASH, PLACEMENT_NONE)->group = group;
	placement_run(&p);
	ok(p.items[0].to != p.items[1].to && p.items[1].to != p.items[2].to && p.items[0].to != p.items[2].to,
		"group: no two of it on one node");
	is_str(why(&p.items[3]), "no room", "group: the fourth has no node left");
	is_str(why(&p.items[0]), "first", "group: the first one has its first choice");
	is_str(why(&p.items[1]), "next", "group: the second has not");
	settle();
	is_int(placement_run(&p), 0, "group: asked again, nothing moves");
	p.items[1].at = p.items[0].at;
	placement_run(&p);
	ok(p.items[0].to != p.items[1].to, "group: two that are together are parted");
}

static void one_of_a_group_that_waits(void)
{
	begin();
	nodes(1, 1);
	size_t group = placement_add_group(&p);
	add("x", PLACEMENT_HASH, PLACEMENT_NONE)->group = group;
	add("x", PLACEMENT_HASH, PLACEMENT_NONE)->group = group;
	placement_run(&p);
	settle();
	node("better", 1000);
	p.nodes[1].fresh = true;
	placement_run(&p);
	is_int(p.items[0].to, 0, "group: the one that runs stays, though the node that has joined is better");
	is_int(p.items[1].to, 1, "group: the one that waits goes there");
}

static void by_load(void)
{
	begin();
	nodes(3, 1);
	p.nodes[0].load = 0.9;
	p.nodes[1].load = 0.1;
	p.nodes[2].load = 0.5;
	struct placement_item *item = add("b", PLACEMENT_BALANCED, PLACEMENT_NONE);
	placement_run(&p);
	is_int(item->to, 1, "balanced: the one that says it has the least to do");
	children(29, PLACEMENT_BALANCED);
	placement_run(&p);
	ok(p.nodes[0].items >= 9 && p.nodes[1].items <= 11, "balanced: many spread, and do not all go where it was quiet: %d %d %d",
		(int)p.nodes[0].items, (int)p.nodes[1].items, (int)p.nodes[2].items);
	settle();
	p.nodes[0].load = 5;
	is_int(placement_run(&p), 0, "balanced: what runs stays where it is");
	p.nodes[0].load = 0.9;
	node("new", 1);
	p.nodes[3].fresh = true;
	placement_run(&p);
	ok(p.nodes[3].items >= 6 && p.nodes[3].items <= 9, "balanced: one that joins takes its part: %d", (int)p.nodes[3].items);
	is_int((int)moved_but_not_to(3), 0, "balanced: and nothing else moves");
}

static void no_other_node(void)
{
	begin();
	nodes(2, 1);
	p.nodes[0].open = false;
	p.nodes[1].limit = 1;
	add("a", PLACEMENT_HASH, 0);
	add("b", PLACEMENT_HASH, 0);
	is_int(placement_run(&p), 1, "stuck: one can leave");
	is_int(p.nodes[0].items, 1, "stuck: the other has to stay");
	is_str(why(&p.items[1]), "stuck", "stuck: and says why");
}

/* Properties */

static void many(double capacity_of(int), const char *what)
{
	begin();
	nodes(100, 1);
	for (int i = 0; i < 100; i++)
		p.nodes[i].capacity = capacity_of(i);
	children(20000, PLACEMENT_BOUNDED);
	is_int(placement_run(&p), 20000, "%s: all are placed", what);
	ok(worst() <= PLACEMENT_BOUND + 0.02, "%s: nobody has much more than its share (%.3f)", what, worst());
	settle();
	is_int(placement_run(&p), 0, "%s: asked again, nothing moves", what);

	p.nodes[17].open = false;
	int64_t had = p.nodes[17].items;
	is_int((int64_t)placement_run(&p), had, "%s: of one that leaves everything moves, and nothing else", what);
	ok(worst() <= PLACEMENT_BOUND + 0.02, "%s: and the rest share it (%.3f)", what, worst());
	settle();

	int added = node("new", 4);
	is_int(placement_run(&p), 0, "%s: one that joins is left alone until it is said to be fresh", what);
	p.nodes[added].fresh = true;
	size_t moved = placement_run(&p);
	ok(moved_but_not_to(added) <= p.items_nr / 100, "%s: of what moves then, next to nothing goes anywhere else (%zu of %zu)", what,
		moved_but_not_to(added), moved);
	ok(p.nodes[added].items > 0 && worst() <= PLACEMENT_BOUND + 0.02, "%s: it gets its share, and no more (%.3f)", what, worst());
}

/* Without a bound each is where it belongs, whoever else is there. */
static void pure(void)
{
	size_t next = 0, same_as_before = 0;
	int *before;

	begin();
	nodes(100, 3);
	children(20000, PLACEMENT_HASH);
	placement_run(&p);
	before = xcalloc(20000, sizeof(*before));
	for (size_t i = 0; i < p.items_nr; i++) {
		next += p.items[i].why != PLACEMENT_FIRST;
		before[i] = p.items[i].to;
	}
	is_int((int)next, 0, "hash: all have their first choice");
	ok(worst() > PLACEMENT_BOUND, "hash: of which some nodes get more than they would be let (%.3f)", worst());
	p.items_nr = 10000;
	placement_run(&p);
	for (size_t i = 0; i < p.items_nr; i++)
		same_as_before += p.items[i].to == before[i];
	is_int((int)same_as_before, 10000, "hash: and the same without the others");
	free(before);
}

static double same(int i)
{
	return 4 + 0 * i;
}

static double various(int i)
{
	return 1 + i % 7;
}

static unsigned int seed = 20260131;

static int random_below(int n)
{
	seed = seed * 1103515245 + 12345;
	return (int)((seed >> 16) % (unsigned int)n);
}

static void ask_anything(bool fits[4][30])
{
	int count = 1 + random_below(30);

	begin();
	for (int i = 0; i < count; i++) {
		int n = node((snprintf(names[i], sizeof(names[i]), "n%d", i), names[i]), 1 + random_below(5));

		p.nodes[n].open = random_below(5) > 0;
		p.nodes[n].fresh = p.nodes[n].open && random_below(4) == 0;
		p.nodes[n].limit = random_below(3) ? -1 : random_below(6);
		p.nodes[n].load = random_below(100) / 50.0;
		for (int rule = 0; rule < 4; rule++)
			fits[rule][n] = random_below(3) > 0;
	}
	for (int i = 0; i < 5; i++)
		placement_add_group(&p);
	for (int i = random_below(200); i >= 0; i--) {
		char id[16];
		int rule = random_below(8);
		struct placement_item *item;

		snprintf(id, sizeof(id), "%d", random_below(1000));
		item = add(id, (enum placement_strategy)random_below(4), random_below(count + 1) - 1);
		item->guide = random_below(count + 1) - 1;
		item->fits = rule < 4 ? fits[rule] : NULL;
		item->group = (size_t)random_below(60) < 5 ? (size_t)(1 + random_below(5)) : 0;
	}
}

/* What may never be, whatever was asked. */
static const char *broken(void)
{
	int64_t placed[30] = { 0 };

	for (size_t i = 0; i < p.items_nr; i++) {
		const struct placement_item *item = &p.items[i];

		if (item->to < 0)
			continue;
		placed[item->to]++;
		if (!p.nodes[item->to].open && item->why != PLACEMENT_STUCK)
			return "on a closed node";
		if (item->why == PLACEMENT_STUCK ? item->to != item->at : !fits(item, item->to))
			return "where it does not fit";
		if (item->strategy == PLACEMENT_GUIDED && item->to != item->guide && item->why != PLACEMENT_STUCK)
			return "guided elsewhere";
		for (size_t j = 0; j < i; j++) {
			if (item->group && item->group == p.items[j].group && item->to == p.items[j].to && item->why != PLACEMENT_STUCK
				&& p.items[j].why != PLACEMENT_STUCK)
				return "two of a group";
		}
	}
	for (size_t i = 0; i < p.nodes_nr; i++) {
		if (placed[i] != p.nodes[i].items)
			return "miscounted";
		if (p.nodes[i].open && p.nodes[i].limit >= 0 && placed[i] > p.nodes[i].limit)
			return "more than the limit";
	}
	return NULL;
}

static void whatever_is_asked(void)
{
	static bool sets[4][30];
	const char *first_broken = NULL;
	int unsettled = 0;

	for (int round = 0; round < 2000 && !first_broken; round++) {
		ask_anything(sets);
		placement_run(&p);
		first_broken = broken();
		settle();
		unsettled += placement_run(&p) > 0;
	}
	is_str(first_broken, NULL, "2,000 questions: limits, groups, requirements and closed nodes are respected");
	is_int(unsettled, 0, "2,000 questions: what was decided stays when it is asked again");
}

int main(void)
{
	nobody_there();
	a_single_node();
	one_that_is_guided();
	what_is_required();
	a_full_node();
	a_group();
	one_of_a_group_that_waits();
	by_load();
	no_other_node();
	many(same, "equal nodes");
	many(various, "unequal nodes");
	pure();
	whatever_is_asked();
	placement_release(&p);
	return done_testing();
}
