/*
 * watch.h - what verbs have in common that print what happens: lines as they come, until there is a signal, a deadline has
 * come, or nobody reads any more.
 *
 *     watch_open(&w); add to w.loop what is to be heard, and to w.lines what is there; watch_run(&w, timeout); watch_close(&w)
 */
#ifndef WP_WATCH_H
#define WP_WATCH_H

#include "loop.h"
#include "strbuf.h"

struct watch {
	struct loop *loop;
	struct strbuf lines;         /* for watch_print() */

	/* private */
	struct loop_fd reader;
	struct loop_timer deadline;
	int status;
};

/* -1 with err recorded; close it even so. */
int watch_open(struct watch *w);
/* Until it is stopped; LINES are printed first. TIMEOUT below 0: none; when it is over the status is 75. The exit status. */
int watch_run(struct watch *w, usec_t timeout);
void watch_stop(struct watch *w, int status);
/* For the reason that is recorded, which is told. */
void watch_fail(struct watch *w);
/* Print LINES at once, and empty it. */
void watch_print(struct watch *w);
void watch_close(struct watch *w);

/* The same for whoever has a loop of its own: 0, or the exit status; a failure is told, unless it is only that nobody reads any more. */
int lines_print(struct strbuf *lines);

#endif
