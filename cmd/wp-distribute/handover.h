/*
 * handover.h - what a child hands over to its successor on another node.
 *
 * The one that goes gets SIGUSR2, and writes to the descriptor in WP_HANDOVER_OUT what its successor is to know; closing it says that this
 * is all. The successor reads it from the descriptor in WP_HANDOVER_IN, to its end, and writes a line there when it has taken over. Only
 * then is the one that goes told to end; without that line in time it stays.
 */
#ifndef WP_DISTRIBUTE_HANDOVER_H
#define WP_DISTRIBUTE_HANDOVER_H

#include "clock.h"
#include "loop.h"
#include "strbuf.h"

#include <stdbool.h>

enum { HANDOVER_MAX_BYTES = 64 << 20 };

struct handover {
	/* The owner's: ERROR NULL: it went well. The handover is closed by then. */
	void (*done)(struct handover *h, const char *error);

	/* private */
	struct loop *loop;
	struct loop_fd wire;
	struct loop_timer deadline;
	struct strbuf text;
	size_t sent;
	bool sends, confirmed;
};

#define HANDOVER_INIT { .wire.fd = -1, .text = { .buf = strbuf_empty } }

/* Read all that comes from FD, which is ours from now on, into h->text. -1 with err recorded. */
int handover_receive(struct handover *h, struct loop *loop, int fd, usec_t limit);
/* Write TEXT, which is taken over, to FD, and wait for the line. */
int handover_send(struct handover *h, struct loop *loop, int fd, struct strbuf *text, usec_t limit);
bool handover_goes_on(const struct handover *h);
/* Nothing more happens. */
void handover_close(struct handover *h);

#endif
