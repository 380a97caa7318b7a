/*
 * keeper.h - the processes of a node's children: each in a group of its own, ended with all that it has started, and never
 * outliving the node.
 *
 * What is asked for is done or goes on in the loop; what became of it comes to ended(). Whether it is started again is
 * not decided here.
 */
#ifndef WP_DISTRIBUTE_KEEPER_H
#define WP_DISTRIBUTE_KEEPER_H

#include "cluster.h"
#include "groups.h"
#include "handover.h"
#include "hooks.h"
#include "loop.h"
#include "restart.h"
#include "settings.h"

#include <stdbool.h>

enum { KEEPER_SLOTS = 4096 };           /* processes of a node at a time */

/* A replica that this node has in hand. */
struct worker {
	struct worker *next;
	struct keeper *keeper;
	int64_t id;                  /* of the replica */
	int64_t child;
	char *name;                  /* of the child */
	int64_t number;
	struct settings settings;
	struct restart restart;
	int64_t restarts;
	bool active;
	pid_t pid;                   /* 0: it does not run */
	size_t slot;
	bool asked;                  /* it was told to end */
	int wait_status;             /* once its process was reaped */
	struct loop_timer kill;
	bool hot;                    /* it may hand over */
	int out;                     /* what it hands over comes from there; -1: it has, or cannot */
	struct handover handover;
	/* The owner's */
	bool seen, comes;
	int64_t target;
	int64_t ticks;               /* load.h's */
};

struct keeper {
	/* The owner's */
	const char *node;
	const char *log_dir;         /* NULL: our own stdout and stderr */
	void (*ended)(void *ctx, struct worker *w, int wait_status);   /* nothing of it runs any more; w->pid is 0 */
	void *ctx;

	/* private */
	struct loop *loop;
	struct groups groups;
	struct hooks hooks;
	struct worker *workers;
	struct worker **of_slot;
	int hold;
	size_t running, next_slot;
	struct loop_timer sweep;
};

/* HOLD is open as long as something of a child may run. -1 with err recorded. */
int keeper_init(struct keeper *k, struct loop *loop, int hold);
/* What runs is killed. The second time nothing happens. */
void keeper_release(struct keeper *k);

/* For R, with its settings: a worker that does not run yet. NULL with err recorded (65). */
struct worker *keeper_add(struct keeper *k, const struct replica *r);
/* One that does not run. */
void keeper_remove(struct worker *w);
struct worker *keeper_find(struct keeper *k, int64_t id);

/* -1 with err recorded: 127 and 126 as for spawn_start(). IN: what it gets as WP_HANDOVER_IN; -1: nothing; it stays the caller's. */
int worker_start(struct worker *w, int in);
/* It is the active one from now on: SIGUSR1 says so; one that knows nothing of that signal is ended, so that it can be started as such. */
void worker_promote(struct worker *w);
/* Its signal to stop, and SIGKILL after its time; with NOW at once. */
void worker_stop(struct worker *w, bool now);

#endif
