/*
 * joblog.h - a record of every call, in GNU parallel's format, and going on from it.
 *
 * The file is only ever appended to, except that half a record at its end (of a run that
 * was killed) is cut off; of several records of a line the last counts. To resume, an index (line number to place in the file) is kept in an unlinked temporary
 * file, so that a log of millions of lines needs no memory.
 */
#ifndef WP_POOL_JOBLOG_H
#define WP_POOL_JOBLOG_H

#include "strbuf.h"

#include <stdbool.h>

struct map;
struct line;

struct joblog {
	bool on, failed;
	int fd;
	int index;               /* -1: nothing to resume */
	struct strbuf pending;   /* written once a turn of the loop */
	struct strbuf scratch;
};

int joblog_init(struct map *map);
void joblog_release(struct map *map);
void joblog_add(struct map *map, const struct line *line);
void joblog_flush(struct map *map);
/* Did the line succeed in the run that is resumed? 1 or 0; -1 with err recorded (65): the
 * log is of another input. */
int joblog_done(struct map *map, struct line *line);

#endif
