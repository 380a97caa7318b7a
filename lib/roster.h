/*
 * roster.h - hear of everything that happens to presence, the moment it happens.
 *
 * A death raises an event of the kernel's: the close of a lock file, or the end of a process. The roster
 * removes the dead entry, as whoever meets one does, and then tells of its leaving as of all that others
 * have recorded: each event once, in the order of the log.
 *
 *     roster_open(&r, loop, p);  look at the state; loop_run(loop) ... callbacks
 *
 * What the state holds after roster_open() has returned has no event any more; everything later has.
 */
#ifndef WP_ROSTER_H
#define WP_ROSTER_H

#include "loop.h"
#include "presence.h"

struct roster_process;

struct roster {
	/* The owner's. EVENT may not use the presence; CHANGED comes after a batch of events and may; FAILED ends
	 * it, with err recorded. Either of the first two may be NULL. */
	void (*event)(const struct presence_event *event, void *ctx);
	void (*changed)(void *ctx);
	void (*failed)(void *ctx);
	void *ctx;

	/* private */
	struct loop *loop;
	struct presence *p;
	int64_t seen;
	struct loop_fd bell, live;
	struct loop_timer poll;          /* where there is no descriptor left to wait for a process */
	struct roster_process *processes;
	struct strvec suspects;
};

/* The dead are removed on the way. The callbacks are set before. -1 with err recorded. */
int roster_open(struct roster *r, struct loop *loop, struct presence *p);
/* Right after opening: FN for each entry under TOPIC (NULL: any) of one state; the events that come are those after it. Who died
 * since the opening is among them still, and an event. -1 with err recorded. */
int roster_snapshot(struct roster *r, const char *topic, void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx);
void roster_close(struct roster *r);

#endif
