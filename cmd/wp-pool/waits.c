#include "waits.h"

static unsigned class_of(usec_t wait)
{
	unsigned class = wait > 1 ? 63 - (unsigned)__builtin_clzll((uint64_t)wait) : 0;

	return class < WAITS_CLASSES ? class : WAITS_CLASSES - 1;
}

void waits_add(struct waits *w, usec_t wait)
{
	w->count[class_of(wait)]++;
	w->all++;
	w->sum += wait;
	if (wait > w->max)
		w->max = wait;
}

usec_t waits_percentile(const struct waits *w, unsigned percent)
{
	uint64_t needed = (w->all * percent + 99) / 100, seen = 0;

	for (unsigned class = 0; class < WAITS_CLASSES && w->all; class++) {
		usec_t bound = (usec_t)1 << (class + 1);

		seen += w->count[class];
		if (seen >= needed)
			return bound < w->max ? bound : w->max;
	}
	return w->max;
}
