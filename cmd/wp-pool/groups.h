/*
 * groups.h - the process groups that run on the slots, known to the guard as well.
 *
 * A group may outlive its leader: a command that was told to end may be gone while what
 * it started is not. Such a group lingers on its slot until its last process ends
 * (we are its subreaper, so we hear of it) or until it is killed.
 */
#ifndef WP_POOL_GROUPS_H
#define WP_POOL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct groups {
	pid_t *leader;        /* by slot; 0: none */
	bool *lingers;
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
/* A process that is no leader was reaped: the next slot that this has freed, or -1. */
ssize_t groups_swept(struct groups *g);
void groups_term(struct groups *g, size_t slot);     /* SIGTERM, and SIGCONT so that a stopped one hears it */
/* SIGKILL. True: only lingerers were left, and the slot is free now. */
bool groups_kill(struct groups *g, size_t slot);

#endif
