#include "heap.h"

#include "alloc.h"

#include <stdlib.h>

/* Slot 0 of the array stays empty: the children of i are 2i and 2i + 1. */

static void put(struct heap *heap, size_t index, struct heap_node *node)
{
	heap->nodes[index] = node;
	node->index = index;
}

static void up(struct heap *heap, size_t index, struct heap_node *node)
{
	for (; index > 1 && heap->nodes[index / 2]->at > node->at; index /= 2)
		put(heap, index, heap->nodes[index / 2]);
	put(heap, index, node);
}

static void down(struct heap *heap, size_t index, struct heap_node *node)
{
	for (size_t child; (child = 2 * index) <= heap->nr; index = child) {
		if (child < heap->nr && heap->nodes[child + 1]->at < heap->nodes[child]->at)
			child++;
		if (heap->nodes[child]->at >= node->at)
			break;
		put(heap, index, heap->nodes[child]);
	}
	put(heap, index, node);
}

void heap_release(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){ 0 };
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t index = node->index;
	struct heap_node *last;

	if (!index)
		return;
	node->index = 0;
	last = heap->nodes[heap->nr--];
	if (last == node)
		return;
	if (last->at < node->at)
		up(heap, index, last);
	else
		down(heap, index, last);
}

void heap_set(struct heap *heap, struct heap_node *node, usec_t at)
{
	heap_remove(heap, node);
	node->at = at;
	grow_array(&heap->nodes, &heap->alloc, heap->nr + 2, sizeof(*heap->nodes));
	up(heap, ++heap->nr, node);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->nr ? heap->nodes[1] : NULL;
}
