/*
 * ear.h - wait until something happens to the cluster.
 */
#ifndef WP_DISTRIBUTE_EAR_H
#define WP_DISTRIBUTE_EAR_H

#include "cluster.h"

struct ear {
	struct cluster *cluster;
	int locks;                   /* the deaths of nodes, inotify(7) */
};

/* What happens after this has returned is heard. -1 with err recorded. */
int ear_open(struct ear *ear, struct cluster *c);
void ear_close(struct ear *ear);
/* 1: something may have happened since it was asked last; 0: DEADLINE (clock_now(); USEC_NEVER: none) is over; -1 with err recorded. */
int ear_wait(struct ear *ear, usec_t deadline);

#endif
