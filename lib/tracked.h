/*
 * tracked.h - a program's own entry among those present.
 *
 * The program says what it is and how busy; this joins, tells and leaves, in the program's loop, without
 * ever making it wait for the state file's other writers: what cannot be written now is written a moment
 * later. Should the state file or the lock file be removed, it says so and joins again.
 */
#ifndef WP_TRACKED_H
#define WP_TRACKED_H

#include "loop.h"
#include "presence.h"

struct tracked {
	/* The owner's, valid as long as it is tracked */
	const char *dir;             /* the state directory, as for state_open() */
	const char *topic, *key, *meta;
	int64_t capacity;
	struct strbuf ref;           /* empty: made up on joining */
	void (*moved)(struct tracked *t);    /* life.fd is another one now; NULL: nobody's concern */

	struct alive life;           /* to be read: what is locked while it is tracked; fd -1: not yet */

	/* private */
	struct loop *loop;
	struct presence p;
	bool open, joined, said;
	bool was_there;              /* once: the state directory may be made anew */
	int64_t in_use, told, told_capacity;
	usec_t told_at;
	struct loop_timer again, check;
};

#define TRACKED_INIT { .topic = PRESENCE_TOPIC, .meta = "{}", .capacity = 1, .ref = { .buf = strbuf_empty }, .life = { .fd = -1 } }

/* The entry of a program that works: KEY is NAME, or when that is NULL "PROGRAM-PID"; the meta says what runs. Both are
 * kept in *TEXT, which the caller releases when it has left. QUEUES may be NULL. -1 with err recorded: NAME is no key. */
int tracked_describe(struct tracked *t, struct strbuf *text, const char *program, const char *name, const struct strvec *queues,
	char *const *command);
/* Join before this returns, which may have to wait. The state directory is made when missing. -1 with err recorded. */
int tracked_join(struct tracked *t, struct loop *loop);
/* Join in a moment: a program that is over by then was never there. Where there is no state directory, or none
 * that can be used (which is said), nothing happens. */
void tracked_join_later(struct tracked *t, struct loop *loop);
/* How much of the capacity is in use: as often as it changes, for next to nothing. Others hear of it within a tenth of a second. */
void tracked_in_use(struct tracked *t, int64_t n);
/* Its capacity is another one now: told in the same way. */
void tracked_capacity(struct tracked *t, int64_t capacity);
/* Leave, for REASON (presence.h). Fine when it never joined. */
void tracked_leave(struct tracked *t, const char *reason);

#endif
