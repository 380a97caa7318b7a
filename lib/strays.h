/*
 * strays.h - what commands have left behind: processes outside their groups (setsid(2), a daemon's double fork) whose
 * parents have died, and who have become the children of a subreaper (PR_SET_CHILD_SUBREAPER), which is us.
 */
#ifndef WP_STRAYS_H
#define WP_STRAYS_H

#include "clock.h"

#include <stdbool.h>
#include <sys/types.h>

/* SIGKILL to each child that IS_OURS does not know, once. How many there were. */
size_t strays_kill(bool (*is_ours)(pid_t pid, void *ctx), void *ctx);
/* The same until none is left or the time is over; reaps children. For the end: SIGCHLD is blocked and nobody else waits for
 * children any more. What its death makes orphans of comes to us as well. */
void strays_end(bool (*is_ours)(pid_t pid, void *ctx), void *ctx, usec_t limit);

#endif
