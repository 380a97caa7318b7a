#include "heap.h"

#include "tap.h"

#include <stdlib.h>

enum { NODES = 500, STEPS = 20000 };

static struct heap_node nodes[NODES];

/* The smallest time of those that are in, found the slow way. */
static const struct heap_node *smallest(void)
{
	const struct heap_node *found = NULL;

	for (size_t i = 0; i < NODES; i++)
		if (nodes[i].index && (!found || nodes[i].at < found->at))
			found = &nodes[i];
	return found;
}

static void test_order(void)
{
	struct heap heap = { 0 };
	usec_t last = -1;
	bool sorted = true;

	for (size_t i = 0; i < NODES; i++)
		heap_set(&heap, &nodes[i], (usec_t)(i * 7919 % NODES));
	for (struct heap_node *first; (first = heap_first(&heap)); last = first->at) {
		sorted = sorted && first->at >= last;
		heap_remove(&heap, first);
	}
	ok(sorted, "they come out in order");
	is_int(last, NODES - 1, "all of them");
	heap_release(&heap);
}

static void test_anything(void)
{
	struct heap heap = { 0 };
	bool right = true;

	srand(7);
	for (int i = 0; i < STEPS && right; i++) {
		struct heap_node *node = &nodes[rand() % NODES];
		const struct heap_node *first, *expected;

		if (rand() % 3)
			heap_set(&heap, node, rand() % 1000);
		else
			heap_remove(&heap, node);
		first = heap_first(&heap);
		expected = smallest();
		right = expected ? first && first->at == expected->at : !first;
	}
	ok(right, "setting, moving and removing in any order leave the smallest first");
	for (size_t i = 0; i < NODES; i++)
		heap_remove(&heap, &nodes[i]);
	ok(!heap_first(&heap), "and nothing when all were removed");
	heap_release(&heap);
}

int main(void)
{
	test_order();
	test_anything();
	return done_testing();
}
