/*
 * db_queue.h - the queue in front of a SQLite file's writers, and its bell.
 *
 * A file of ours beside the database (PATH-lock). A writer holds its open-file-description
 * lock for the length of its transaction: the kernel wakes the next one at once, where SQLite's own
 * busy handler sleeps and starves, and who writes without a pause gives way to it every
 * two milliseconds. The kernel drops the lock of a writer that dies.
 *
 * The bell is a byte written into that file after the commit and before the lock is let
 * go: whoever watches the file (inotify) wakes when the commit is visible. A watch on the
 * WAL would not do: it is written before the commit can be seen, and the write that makes
 * it seen goes to shared memory, of which inotify tells nothing.
 */
#ifndef WP_DB_QUEUE_H
#define WP_DB_QUEUE_H

#include "clock.h"

#include <stdbool.h>

struct db_queue {
	int fd;
	int inotify;     /* -1 until db_queue_listen() */
	char *path;
	usec_t came_at;  /* when we entered it after waiting, or after having been away */
	usec_t left_at;  /* when we let go of it last */
};

/* Opens PATH-lock, makes it when missing (0600). 0, or -1 with err recorded. */
int db_queue_open(struct db_queue *queue, const char *db_path);
void db_queue_close(struct db_queue *queue);

int db_queue_enter(struct db_queue *queue);               /* waits; 0, or -1 with err recorded */
int db_queue_try(struct db_queue *queue);                 /* 1 entered, 0 somebody is in it, -1 with err recorded */
void db_queue_leave(struct db_queue *queue, bool ring);

/* From now on the descriptor queue->inotify is readable after a ring. */
int db_queue_listen(struct db_queue *queue);
/* Take what was heard: 1 something, 0 nothing, -1 with err recorded. Never blocks. */
int db_queue_heard(struct db_queue *queue);

#endif
