/*
 * capture.h - output that is held until its turn comes: a little in memory, the rest in
 * an unlinked temporary file in $TMPDIR (default /tmp).
 *
 * Memory is bounded for one capture and for all of them together.
 */
#ifndef WP_POOL_CAPTURE_H
#define WP_POOL_CAPTURE_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

struct capture {
	struct strbuf mem;
	int fd;              /* the file that holds it all once memory did not do; -1: none */
	size_t len;
	bool cut;            /* there was more than LIMIT */
};

#define CAPTURE_INIT { .mem = STRBUF_INIT, .fd = -1 }

/* Keep at most LIMIT bytes, pass over what comes after. -1 with err recorded (74). */
int capture_add(struct capture *c, const char *data, size_t len, size_t limit);

/* At most LEN bytes from OFFSET on, in *DATA: valid until the next call on any capture.
 * 0 at the end, -1 with err recorded. */
ssize_t capture_peek(struct capture *c, size_t offset, size_t len, const char **data);

/* Empty again; memory and file are given back. */
void capture_reset(struct capture *c);

/* An unlinked temporary file of one's own. -1 with err recorded. */
int capture_file(void);

#endif
