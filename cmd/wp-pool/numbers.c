#include "numbers.h"

#include "alloc.h"

#include <stdlib.h>

enum { BITS = 64 };

uint64_t numbers_take(struct numbers *n)
{
	int bit;

	while (n->first < n->words && n->taken[n->first] == UINT64_MAX)
		n->first++;
	if (n->first == n->words) {
		grow_array(&n->taken, &n->alloc, n->words + 1, sizeof(*n->taken));
		n->taken[n->words++] = 0;
	}
	bit = __builtin_ctzll(~n->taken[n->first]);
	n->taken[n->first] |= UINT64_C(1) << bit;
	return n->first * BITS + (uint64_t)bit + 1;
}

void numbers_give(struct numbers *n, uint64_t number)
{
	size_t word = (number - 1) / BITS;

	n->taken[word] &= ~(UINT64_C(1) << (number - 1) % BITS);
	if (word < n->first)
		n->first = word;
}

void numbers_release(struct numbers *n)
{
	free(n->taken);
	*n = (struct numbers){ 0 };
}
