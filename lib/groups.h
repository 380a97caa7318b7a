/*
 * groups.h - the process groups that run on the slots, known to the guard as well.
 *
 * A group may outlive its leader: a command that was told to end may be gone while what
 * it started is not. Such a group lingers on its slot until its last process ends
 * (we are its subreaper, so we hear of it) or until it is killed.
 */
#ifndef WP_GROUPS_H
#define WP_GROUPS_H

#include <stdbool.h>
#include "clock.h"

#include <stddef.h>
#include <sys/types.h>

struct groups {
	pid_t *leader;        /* by slot; 0: none */
	bool *lingers;        /* its leader was reaped */
	usec_t *give_up;      /* when not to wait any longer for those that were killed; USEC_NEVER: they were not */
	size_t slots, alive, lingering;
};

int groups_init(struct groups *g, size_t slots, int hold);     /* starts the guard, which holds the descriptor HOLD open */
void groups_release(struct groups *g);

void groups_add(struct groups *g, size_t slot, pid_t leader);
/* The slot whose leader PID is, or -1. */
ssize_t groups_find(const struct groups *g, pid_t pid);
/* The leader was reaped. True: the slot is free now. With ENDING (its group was sent
 * TERM) it is not as long as something of the group is left: false. */
bool groups_reaped(struct groups *g, size_t slot, bool ending);
/* The next slot of which nothing is left by now, or -1: ask when a process that is no leader was reaped, and at groups_deadline(). */
ssize_t groups_swept(struct groups *g);
/* When to ask at the latest; USEC_NEVER: no need. */
usec_t groups_deadline(const struct groups *g);
void groups_term(struct groups *g, size_t slot);     /* SIGTERM, and SIGCONT so that a stopped one hears it */
void groups_signal(struct groups *g, size_t slot, int signo);
/* SIGKILL. True: there was nobody left, and the slot is free now. Else those who were killed have a moment to be gone: one
 * that cannot be reaped by us, because its own parent lives elsewhere, must not keep the slot for ever. */
bool groups_kill(struct groups *g, size_t slot);

#endif
