/*
 * progress.h - a line at the bottom of the terminal, redrawn at most ten times a second.
 */
#ifndef WP_POOL_PROGRESS_H
#define WP_POOL_PROGRESS_H

#include "loop.h"
#include "strbuf.h"

#include <stdint.h>

struct map;

struct progress {
	struct map *map;
	bool on, shown;
	usec_t started;
	uint64_t bytes;              /* of the lines that are done */
	struct loop_timer timer;
	struct strbuf text;
};

/* Does nothing unless stderr is a terminal. */
void progress_init(struct map *map);
void progress_release(struct map *map);
/* A line of LEN bytes is done. */
void progress_done(struct map *map, size_t len);
/* Take it off the screen, because something else is about to be written there. */
void progress_hide(struct map *map);

#endif
