/*
 * load.h - how much of its capacity a node uses: processors, of which it has as many as its capacity says.
 *
 * What its children's main processes have used, and what these have waited for, in the time since the last look, and of earlier
 * times ever less: half of it after LOAD_HALF_LIFE. So a short peak moves nothing, and one that lasts is known in half a minute.
 */
#ifndef WP_DISTRIBUTE_LOAD_H
#define WP_DISTRIBUTE_LOAD_H

#include "clock.h"
#include "keeper.h"

#define LOAD_HALF_LIFE (10 * USEC_SEC)

struct load {
	double value;                /* 1.0: all of its capacity */
	usec_t at;                   /* of the last look; 0: none yet */
};

/* What a worker has used since it was looked at last is added; the others' part fades. */
void load_look(struct load *load, struct keeper *k, int64_t capacity, usec_t now);
/* BEFORE, of whose time PAUSE has gone by, in which NOW was used. */
double load_decayed(double before, double now, usec_t pause);

#endif
