/* bench_times.h - what a number of measured times comes to. */
#ifndef BENCH_TIMES_H
#define BENCH_TIMES_H

#include "bench.h"

static inline int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static inline int64_t *times_alloc(long n)
{
	int64_t *times = calloc((size_t)n, sizeof(*times));

	if (!times)
		err(71, "calloc");
	return times;
}

/* Sorts them. */
static inline long long quantile(int64_t *times, long n, int percent)
{
	qsort(times, (size_t)n, sizeof(*times), by_size);
	return (long long)times[n * percent / 100];
}

#endif
