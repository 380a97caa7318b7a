#include "loop.h"

#include "alloc.h"
#include "err.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 64
#define SIGNALS 65

struct signal_handler {
	void (*fn)(int signo, void *ctx);
	void *ctx;
};

struct loop {
	int epoll, signals;
	bool stopped;
	sigset_t mask;
	struct loop_fd signal_handle;
	struct signal_handler handlers[SIGNALS];

	void (*child)(pid_t pid, int status, void *ctx);
	void *child_ctx;
	void (*after)(void *ctx);
	void *after_ctx;

	/* The batch being handled: loop_remove() strikes out what is pending. */
	struct epoll_event batch[BATCH];
	int pending;

	/* epoll refuses regular files; they are ready all the time. */
	struct loop_fd **always;
	size_t always_nr, always_alloc;

	struct heap timers;
};

static void signals_readable(struct loop_fd *handle, uint32_t events);

int loop_init(struct loop **out)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	sigemptyset(&loop->mask);
	loop->signals = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return err_errno("cannot make an epoll descriptor");
	}
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signals >= 0)
		close(loop->signals);
	close(loop->epoll);
	free(loop->always);
	heap_release(&loop->timers);
	free(loop);
}

/* Descriptors */

static int always_add(struct loop *loop, struct loop_fd *handle)
{
	grow_array(&loop->always, &loop->always_alloc, loop->always_nr + 1, sizeof(*loop->always));
	loop->always[loop->always_nr++] = handle;
	handle->always = true;
	return 0;
}

static void always_remove(struct loop *loop, struct loop_fd *handle)
{
	for (size_t i = 0; i < loop->always_nr; i++)
		if (loop->always[i] == handle)
			loop->always[i] = NULL;   /* compacted when nobody walks the array */
}

static void always_compact(struct loop *loop)
{
	size_t kept = 0;

	for (size_t i = 0; i < loop->always_nr; i++)
		if (loop->always[i])
			loop->always[kept++] = loop->always[i];
	loop->always_nr = kept;
}

static int epoll_set(struct loop *loop, int op, struct loop_fd *handle, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = handle };

	if (epoll_ctl(loop->epoll, op, handle->fd, &event) < 0)
		return -1;
	return 0;
}

int loop_add(struct loop *loop, struct loop_fd *handle, int fd, uint32_t events,
	void (*fn)(struct loop_fd *, uint32_t))
{
	*handle = (struct loop_fd){ .fd = fd, .fn = fn, .events = events, .added = true };
	if (!events || !epoll_set(loop, EPOLL_CTL_ADD, handle, events))
		return 0;
	if (errno == EPERM)
		return always_add(loop, handle);
	handle->added = false;
	return err_errno("cannot wait for descriptor %d", fd);
}

static void strike_pending(struct loop *loop, const struct loop_fd *handle)
{
	for (int i = 0; i < loop->pending; i++)
		if (loop->batch[i].data.ptr == handle)
			loop->batch[i].data.ptr = NULL;
}

/* A paused descriptor is taken out of epoll, because epoll reports a hang-up
 * whether it was asked for or not. */
int loop_watch(struct loop *loop, struct loop_fd *handle, uint32_t events)
{
	uint32_t before = handle->events;
	int op = !before ? EPOLL_CTL_ADD : !events ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

	if (events == before)
		return 0;
	handle->events = events;
	if (!events)
		strike_pending(loop, handle);
	if (handle->always)
		return 0;
	if (!epoll_set(loop, op, handle, events))
		return 0;
	if (op == EPOLL_CTL_ADD && errno == EPERM)
		return always_add(loop, handle);
	handle->events = before;
	return err_errno("cannot wait for descriptor %d", handle->fd);
}

void loop_remove(struct loop *loop, struct loop_fd *handle)
{
	if (!handle->added)
		return;
	strike_pending(loop, handle);
	if (handle->always)
		always_remove(loop, handle);
	else if (handle->events && epoll_set(loop, EPOLL_CTL_DEL, handle, 0) < 0)
		err_bug("descriptor %d was closed before it was removed from the loop", handle->fd);
	handle->added = handle->always = false;
	handle->events = 0;
}

/* Timers */

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	if (timer->due.index)        /* one that was never set may be cancelled before there is a loop */
		heap_remove(&loop->timers, &timer->due);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, usec_t at,
	void (*fn)(struct loop_timer *))
{
	timer->fn = fn;
	if (!timer->due.index || timer->due.at != at)
		heap_set(&loop->timers, &timer->due, at);
}

/* Timers that callbacks set for a time already past wait for the next batch, so
 * that one that sets itself anew cannot starve the descriptors. */
static void run_timers(struct loop *loop)
{
	struct heap_node *first = heap_first(&loop->timers);
	usec_t now = first ? clock_now() : 0;

	for (size_t left = loop->timers.nr; left && first && first->at <= now; left--) {
		struct loop_timer *timer = (struct loop_timer *)((char *)first - offsetof(struct loop_timer, due));

		loop_timer_cancel(loop, timer);
		timer->fn(timer);
		first = heap_first(&loop->timers);
	}
}

/* Signals and children */

static int watch_signal(struct loop *loop, int signo)
{
	int fd;

	if (sigismember(&loop->mask, signo))
		return 0;
	sigaddset(&loop->mask, signo);
	if (sigprocmask(SIG_BLOCK, &loop->mask, NULL) < 0)
		return err_errno("cannot block signal %d", signo);
	fd = signalfd(loop->signals, &loop->mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno("cannot make a signal descriptor");
	if (loop->signals >= 0)
		return 0;
	loop->signals = fd;
	return loop_add(loop, &loop->signal_handle, fd, EPOLLIN, signals_readable);
}

int loop_signal(struct loop *loop, int signo, void (*fn)(int signo, void *ctx), void *ctx)
{
	if (signo < 1 || signo >= SIGNALS || signo == SIGCHLD)
		err_bug("signal %d cannot be handled by loop_signal", signo);
	loop->handlers[signo] = (struct signal_handler){ .fn = fn, .ctx = ctx };
	return watch_signal(loop, signo);
}

int loop_stop_signals(struct loop *loop, void (*fn)(int signo, void *ctx), void *ctx)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			continue;
		if (loop_signal(loop, signals[i], fn, ctx) < 0)
			return -1;
	}
	return 0;
}

int loop_children(struct loop *loop, void (*fn)(pid_t pid, int status, void *ctx), void *ctx)
{
	loop->child = fn;
	loop->child_ctx = ctx;
	return watch_signal(loop, SIGCHLD);
}

static void reap(struct loop *loop)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (loop->child)
			loop->child(pid, status, loop->child_ctx);
}

static void signals_readable(struct loop_fd *handle, uint32_t events)
{
	struct loop *loop = (struct loop *)((char *)handle - offsetof(struct loop, signal_handle));
	struct signalfd_siginfo info[8];
	ssize_t n = read(handle->fd, info, sizeof(info));
	bool children = false;

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(info[0]); i++) {
		unsigned signo = info[i].ssi_signo;

		if (signo == SIGCHLD)
			children = true;
		else if (signo < SIGNALS && loop->handlers[signo].fn)
			loop->handlers[signo].fn((int)signo, loop->handlers[signo].ctx);
	}
	if (children)
		reap(loop);
}

/* Waiting */

static bool always_ready(const struct loop *loop)
{
	for (size_t i = 0; i < loop->always_nr; i++)
		if (loop->always[i] && loop->always[i]->events)
			return true;
	return false;
}

/* NULL: for ever. Kernels before 5.11 have no epoll_pwait2; milliseconds, rounded up
 * so that a timer is never early, are good enough for them. */
static int wait_events(struct loop *loop, const struct timespec *timeout)
{
	static bool coarse;
	int ms = -1;

	if (!coarse) {
		int n = epoll_pwait2(loop->epoll, loop->batch, BATCH, timeout, NULL);

		if (n >= 0 || errno != ENOSYS)
			return n;
		coarse = true;
	}
	if (timeout)
		ms = timeout->tv_sec > 3600 ? 3600 * 1000 :
			(int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000);
	return epoll_wait(loop->epoll, loop->batch, BATCH, ms);
}

static const struct timespec *time_to_wait(const struct loop *loop, bool wait, struct timespec *ts)
{
	const struct heap_node *first = heap_first(&loop->timers);
	usec_t left;

	*ts = (struct timespec){ 0 };
	if (!wait || always_ready(loop))
		return ts;
	if (!first)
		return NULL;
	left = first->at - clock_now();
	if (left > 0) {
		ts->tv_sec = left / USEC_SEC;
		ts->tv_nsec = left % USEC_SEC * 1000;
	}
	return ts;
}

static void run_descriptors(struct loop *loop)
{
	for (int i = 0; i < loop->pending; i++) {
		struct loop_fd *handle = loop->batch[i].data.ptr;

		/* Struck out by then: a callback that adds its handle again must not be called for the old event. */
		loop->batch[i].data.ptr = NULL;
		if (handle)
			handle->fn(handle, loop->batch[i].events);
	}
	loop->pending = 0;
}

static void run_always(struct loop *loop)
{
	for (size_t i = 0, n = loop->always_nr; i < n; i++) {
		struct loop_fd *handle = loop->always[i];

		if (handle && handle->events)
			handle->fn(handle, handle->events);
	}
	always_compact(loop);
}

int loop_once(struct loop *loop, bool wait)
{
	struct timespec ts;
	int n = wait_events(loop, time_to_wait(loop, wait, &ts));

	if (n < 0 && errno != EINTR)
		return err_errno("cannot wait for events");
	loop->pending = n < 0 ? 0 : n;
	run_descriptors(loop);
	run_always(loop);
	run_timers(loop);
	if (loop->after)
		loop->after(loop->after_ctx);
	return 0;
}

int loop_run(struct loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped)
		if (loop_once(loop, true) < 0)
			return -1;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

void loop_after(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
	loop->after = fn;
	loop->after_ctx = ctx;
}
