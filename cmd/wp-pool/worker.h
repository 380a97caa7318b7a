/*
 * worker.h - one long-lived line worker as a process: its three pipes and what goes through.
 *
 * Who uses it reads the answers (.out is watched and calls ANSWERED) and decides what they
 * are worth; sending and stderr are done here.
 */
#ifndef WP_POOL_WORKER_H
#define WP_POOL_WORKER_H

#include "loop.h"
#include "strbuf.h"

#include <stdbool.h>

struct map;

struct worker {
	struct map *map;
	size_t slot;
	bool up;                         /* it has a process */
	bool given_up;                   /* its answers do not count any more */
	bool good;                       /* it has answered as it should */
	int in;
	struct loop_fd in_handle, out, err;
	struct strbuf to;                /* lines on their way to it */
	size_t sent;
	struct strbuf from;              /* the beginning of an answer */
	struct strbuf talk;              /* the beginning of a line of its stderr */
	struct strbuf tail;              /* the end of its stderr since its last answer */
	struct strbuf reason;            /* why it was given up */
	unsigned failures;               /* deaths in a row without a good answer */
	struct loop_timer backoff;
	struct worker *next_dirty;       /* has lines to be sent */
	bool dirty;
};

void worker_init(struct worker *w, struct map *map, size_t slot);
void worker_release(struct worker *w);

/* -1 with errno and err recorded, as spawn_start(). */
int worker_start(struct worker *w, void (*answered)(struct loop_fd *handle, uint32_t events));
/* The process is gone: read what is left of its stderr, close what is open. */
void worker_gone(struct worker *w);

/* A line for it, newline not included; sent by worker_send(). */
void worker_queue(struct worker *w, const char *line, size_t len);
void worker_send(struct worker *w);
void worker_close_in(struct worker *w);
void worker_close_out(struct worker *w);

#endif
