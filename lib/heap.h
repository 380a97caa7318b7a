/*
 * heap.h - what is due next: a binary heap of times, whose nodes are embedded in their owners.
 *
 * Zeroed is empty. Setting and removing cost O(log n), the first one is there at once. The heap keeps pointers,
 * so an owner removes its node before it goes away.
 */
#ifndef WP_HEAP_H
#define WP_HEAP_H

#include "clock.h"

#include <stddef.h>

struct heap_node {
	usec_t at;
	size_t index;        /* from 1; 0: not in a heap */
};

struct heap {
	struct heap_node **nodes;
	size_t nr, alloc;
};

void heap_release(struct heap *heap);
void heap_set(struct heap *heap, struct heap_node *node, usec_t at);   /* puts in, or moves */
void heap_remove(struct heap *heap, struct heap_node *node);           /* fine when it is in none */
/* The one with the smallest time, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

#endif
