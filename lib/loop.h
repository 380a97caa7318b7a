/*
 * loop.h - wait for descriptors, signals, children and time.
 *
 * One loop a program, on epoll; callbacks run one at a time from loop_run() or
 * loop_once() and may add and remove anything, themselves included. Handles are
 * embedded in their owner's struct; the loop keeps pointers, so an owner removes
 * a handle before it goes away.
 *
 * Signals are blocked and read from a signalfd; no handler ever runs. Children
 * are reaped with waitpid(-1) after SIGCHLD, so nobody else may wait for them.
 */
#ifndef WP_LOOP_H
#define WP_LOOP_H

#include "heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;

struct loop_fd {
	int fd;
	void (*fn)(struct loop_fd *handle, uint32_t events);  /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
	uint32_t events;     /* what is waited for; 0 when added but paused */
	bool added;
	bool always;         /* not pollable (a regular file): always ready */
};

struct loop_timer {
	struct heap_node due;    /* at: CLOCK_MONOTONIC; index 0: not set */
	void (*fn)(struct loop_timer *timer);
};

int loop_init(struct loop **loop);      /* -1 with err recorded */
void loop_free(struct loop *loop);

int loop_add(struct loop *loop, struct loop_fd *handle, int fd, uint32_t events,
	void (*fn)(struct loop_fd *, uint32_t));
int loop_watch(struct loop *loop, struct loop_fd *handle, uint32_t events);   /* change EVENTS */
/* Forget it; call before the descriptor is closed. No pending event reaches it any more. */
void loop_remove(struct loop *loop, struct loop_fd *handle);

void loop_timer_set(struct loop *loop, struct loop_timer *timer, usec_t at,
	void (*fn)(struct loop_timer *));   /* sets or moves */
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* FN for SIGNO; blocks the signal. SIGCHLD belongs to loop_children(). */
int loop_signal(struct loop *loop, int signo, void (*fn)(int signo, void *ctx), void *ctx);
/* FN for SIGTERM, SIGINT and SIGHUP. One that was ignored when we were started (nohup, a shell's
 * background) stays ignored. */
int loop_stop_signals(struct loop *loop, void (*fn)(int signo, void *ctx), void *ctx);
/* FN for every child that ended, with its wait status. */
int loop_children(struct loop *loop, void (*fn)(pid_t pid, int status, void *ctx), void *ctx);

/* Wait for and handle one batch of events. WAIT false: only what is ready now. */
int loop_once(struct loop *loop, bool wait);
/* loop_once() until loop_stop(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* FN after each batch of events, before waiting again: the place for work that
 * is better done once for many events (flushing, refilling). */
void loop_after(struct loop *loop, void (*fn)(void *ctx), void *ctx);

#endif
