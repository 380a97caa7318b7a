/*
 * alive.h - liveness as a kernel lock.
 *
 * A holder has an open-file-description write lock (F_OFD_SETLK) on its own file
 * in live/. The kernel drops the lock when the holder's last descriptor closes, that
 * is when the process ends, however it ends. Whoever sees a free lock knows that the
 * holder is dead. A watcher of the directory sees IN_CLOSE_WRITE at that moment.
 *
 * Order: take the lock, then insert the row that names it; a row whose lock is free
 * is dead.
 */
#ifndef WP_ALIVE_H
#define WP_ALIVE_H

#include <stdbool.h>

struct alive {
	int fd;
	char *path;
};

/* Make live/NAME and lock it. The descriptor is close-on-exec. -1 with err recorded; a
 * lock that somebody else holds is status 75. After locking, fstat and stat are
 * compared: the file may have been unlinked and made anew in between, then again. */
int alive_hold(struct alive *alive, const char *live_dir, const char *name);
/* Unlink the file, then let go of the lock. */
void alive_release(struct alive *alive);

/* Is somebody alive under NAME? 1 yes; 0 no (free lock or no file); -1 with err
 * recorded. Takes no lock (F_OFD_GETLK on a read-only descriptor). */
int alive_test(const char *live_dir, const char *name);
/* Remove the file of a dead holder: takes the lock first, so that a holder that came
 * meanwhile is not robbed. 0 removed or gone, 1 somebody holds it. */
int alive_reap(const char *live_dir, const char *name);

#endif
