/*
 * order.h - the messages between a pool and its runners, which are the same program: plain structs on a socket pair.
 *
 *     pool -> runner    ORDER_RUN       with the descriptors of spec.h, stdin, stdout and stderr
 *                       ORDER_SIGNAL    SIGNO to the call's process group
 *                       ORDER_SHUT      end: there are no calls any more
 *     runner -> pool    NEWS_GUARD      PID is its guard's (spawn.h), which goes on for a moment when the runner is killed
 *                       NEWS_READY      it has booted
 *                       NEWS_FAILED     it has not, or is lost: TEXT says why; it ends
 *                       NEWS_STARTED    the call's command runs as PID
 *                       NEWS_ENDED      ... has ended with STATUS (or was not begun: TEXT says why)
 *                       NEWS_GONE       ... and nothing is left of its process group: nothing more about this call
 *
 * The end of the connection tells a runner to kill everything and end, and the pool that the runner is lost.
 */
#ifndef WP_POOL_ORDER_H
#define WP_POOL_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { ORDER_RUN, ORDER_SIGNAL, ORDER_SHUT };

struct order {
	int what;
	int signo;
	bool hold;               /* its slot is taken until the whole process group is gone */
	uint64_t call;
	uint64_t slot;           /* WP_SLOT */
};

enum { NEWS_GUARD, NEWS_READY, NEWS_FAILED, NEWS_STARTED, NEWS_ENDED, NEWS_GONE };

struct news {
	int what;
	int status;              /* exit status in the shell's language */
	bool unstarted;          /* for lack of processes or memory: worth another try */
	pid_t pid;
	uint64_t call;
	char text[1024];         /* terminated */
};

#endif
