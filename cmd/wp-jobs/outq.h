/*
 * outq.h - lines on their way into a pipe that may be full.
 */
#ifndef WP_JOBS_OUTQ_H
#define WP_JOBS_OUTQ_H

#include "loop.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct outq {
	struct loop *loop;
	int fd;
	struct strbuf buf;       /* append here, then outq_flush() */
	size_t start;            /* buf before this is written */
	uint64_t written;        /* bytes since the beginning */
	bool broken;             /* nobody reads any more, or the write failed: errno in error */
	int error;
	void (*on_broken)(struct outq *q);
	uint32_t idle_events;    /* what is waited for while there is nothing to write: the reader's end, of a pipe or socket */
	struct loop_fd handle;
};

/* A pipe or socket becomes non-blocking. ON_BROKEN is also called when the reader goes away
 * while there is nothing to write. -1 with err recorded. */
int outq_init(struct outq *q, struct loop *loop, int fd, void (*on_broken)(struct outq *q));
/* Write what goes; the rest goes when there is room. */
void outq_flush(struct outq *q);
/* Bytes appended and not written. */
size_t outq_waiting(const struct outq *q);
/* Stop watching, free the buffer; FD stays open. */
void outq_release(struct outq *q);

#endif
