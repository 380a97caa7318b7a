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
#include <stdint.h>

struct alive {
	int fd;
	char *path;
};

/* Make live/NAME and lock it. The descriptor is close-on-exec. -1 with err recorded; a
 * lock that somebody else holds is status 75. After locking, fstat and stat are
 * compared: the file may have been unlinked and made anew in between, then again. */
int alive_hold(struct alive *alive, const char *live_dir, const char *name);
/* Take that lock on FD, which the caller has inherited and whose file NAME is: it is then held by whoever has FD
 * open, and by us only until we end. 0, or -1 with err recorded. */
int alive_lock_inherited(int fd, const char *live_dir, const char *name);
/* Unlink the file, then let go of the lock. */
void alive_release(struct alive *alive);

/* Is somebody alive under NAME? 1 yes; 0 no (free lock or no file); -1 with err
 * recorded. Takes no lock (F_OFD_GETLK on a read-only descriptor). */
int alive_test(const char *live_dir, const char *name);
/*
 * Numbered holders, for those of which there may be thousands: ALIVE_SHARED of them, whose numbers are
 * neighbours, have a byte each of one file FAMILY.N. One look at a lock is then 0.4 us instead of
 * the 2.6 us that opening and closing a file of its own costs.
 *
 * Numbers are given out, and files removed (alive_clear), inside a writing transaction
 * of the database that knows which are taken: that is what keeps the two in step.
 */
enum { ALIVE_SHARED = 16 };
/* -1 with err recorded; errno EAGAIN: somebody holds that number. Status 75 alone is also that of having no descriptor left. */
int alive_hold_number(struct alive *alive, const char *live_dir, const char *family, int64_t number);
/* Let go of the lock and leave the file. */
void alive_let_go(struct alive *alive);
/* Remove the file that NUMBER is in: the caller knows that none of its numbers is taken. */
int alive_clear(const char *live_dir, const char *family, int64_t number);
/* The first number of the file called NAME, or -1 when it is none of FAMILY's. */
int64_t alive_first_number(const char *family, const char *name);

/* Looks at many locks: one file is open from one look to the next, so ask in the order of the numbers. */
struct alive_look {
	const char *family;
	int dir, fd;         /* fd of the file looked at last; -1: none, or there was none */
	int64_t file;        /* its number; -1: none yet */
};
int alive_look_begin(struct alive_look *look, const char *live_dir, const char *family);
/* As alive_test(). */
int alive_look_at(struct alive_look *look, int64_t number);
void alive_look_end(struct alive_look *look);

/* Remove the file of a dead holder: takes the lock first, so that a holder that came
 * meanwhile is not robbed. 0 removed or gone, 1 somebody holds it. */
int alive_reap(const char *live_dir, const char *name);

#endif
