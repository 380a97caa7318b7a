/*
 * numbers.h - small numbers, each taken by one at a time: the smallest free one first.
 *
 * Zeroed, all are free. They count from 1.
 */
#ifndef WP_POOL_NUMBERS_H
#define WP_POOL_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

struct numbers {
	uint64_t *taken;         /* a bit each */
	size_t words, alloc;
	size_t first;            /* no word before it has a free bit */
};

uint64_t numbers_take(struct numbers *numbers);
void numbers_give(struct numbers *numbers, uint64_t number);
void numbers_release(struct numbers *numbers);

#endif
