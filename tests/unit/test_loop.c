#include "loop.h"

#include "err.h"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static struct loop *loop;

struct end {
	struct loop_fd handle;
	int calls;
	uint32_t events;
	struct loop_fd *victim;      /* to be removed when this one is called */
};

static void called(struct loop_fd *handle, uint32_t events)
{
	struct end *end = (struct end *)handle;

	end->calls++;
	end->events = events;
	if (end->victim)
		loop_remove(loop, end->victim);
}

static void make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		bail_out("pipe");
}

static void poke(int fd)
{
	if (write(fd, "x", 1) != 1)
		bail_out("write");
}

static void descriptors(void)
{
	struct end a = { 0 };
	int p[2];

	make_pipe(p);
	is_int(loop_add(loop, &a.handle, p[0], EPOLLIN, called), 0, "add");
	loop_once(loop, false);
	is_int(a.calls, 0, "not called without an event");
	poke(p[1]);
	loop_once(loop, true);
	is_int(a.calls, 1, "called");
	loop_once(loop, true);
	is_int(a.calls, 2, "called again while there is something to read");
	loop_watch(loop, &a.handle, 0);
	loop_once(loop, false);
	is_int(a.calls, 2, "not called while paused");
	close(p[1]);
	loop_once(loop, false);
	is_int(a.calls, 2, "not even for a hang-up");
	loop_watch(loop, &a.handle, EPOLLIN);
	loop_once(loop, true);
	is_int(a.calls, 3, "called when watched again");
	ok(a.events & EPOLLHUP, "and told of the hang-up");
	loop_remove(loop, &a.handle);
	loop_remove(loop, &a.handle);
	loop_once(loop, false);
	is_int(a.calls, 3, "not called once removed");
	close(p[0]);
}

static void removal_in_a_batch(void)
{
	struct end a = { 0 }, b = { 0 };
	int p[2], q[2];

	make_pipe(p);
	make_pipe(q);
	loop_add(loop, &a.handle, p[0], EPOLLIN, called);
	loop_add(loop, &b.handle, q[0], EPOLLIN, called);
	a.victim = &b.handle;
	b.victim = &a.handle;
	poke(p[1]);
	poke(q[1]);
	loop_once(loop, true);
	is_int(a.calls + b.calls, 1, "a pending event does not reach what was removed");
	loop_remove(loop, &a.handle);
	loop_remove(loop, &b.handle);
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
}

static void regular_file(void)
{
	struct end a = { 0 };
	FILE *file = tmpfile();

	if (!file)
		bail_out("tmpfile");
	is_int(loop_add(loop, &a.handle, fileno(file), EPOLLIN, called), 0, "a regular file can be added");
	loop_once(loop, true);
	loop_once(loop, true);
	is_int(a.calls, 2, "and is always ready");
	loop_watch(loop, &a.handle, 0);
	loop_once(loop, false);
	is_int(a.calls, 2, "unless it is paused");
	loop_watch(loop, &a.handle, EPOLLIN);
	a.victim = &a.handle;
	loop_once(loop, true);
	loop_once(loop, false);
	is_int(a.calls, 3, "it may remove itself");
	fclose(file);
}

static void bad_descriptor(void)
{
	struct end a = { 0 };

	is_int(loop_add(loop, &a.handle, 9999, EPOLLIN, called), -1, "a closed descriptor is an error");
	ok(err_status() != 0, "with a reason");
	err_clear();
	loop_remove(loop, &a.handle);
}

/* Timers */

#define TIMERS 50

static struct loop_timer timers[TIMERS];
static size_t order[TIMERS], rung;

static void ring(struct loop_timer *timer)
{
	order[rung++] = (size_t)(timer - timers);
}

static void timers_in_order(void)
{
	usec_t past = clock_now() - USEC_SEC;
	bool sorted = true;

	rung = 0;
	for (size_t i = 0; i < TIMERS; i++)
		loop_timer_set(loop, &timers[i], past + (usec_t)(i * 17 % TIMERS), ring);
	for (size_t i = 0; i < TIMERS; i += 5)
		loop_timer_cancel(loop, &timers[i]);
	loop_timer_set(loop, &timers[1], past - 1, ring);
	loop_once(loop, true);
	is_int((long long)rung, TIMERS - TIMERS / 5, "all that were not cancelled ring");
	is_int((long long)order[0], 1, "one that was moved comes at its new time");
	for (size_t i = 1; i < rung; i++)
		sorted &= timers[order[i - 1]].due.at <= timers[order[i]].due.at;
	ok(sorted, "in the order of their times");
	loop_once(loop, false);
	is_int((long long)rung, TIMERS - TIMERS / 5, "once");
}

static void timer_is_not_early(void)
{
	usec_t at = clock_now() + 3 * USEC_MS;

	rung = 0;
	loop_timer_set(loop, &timers[0], at, ring);
	while (!rung)
		loop_once(loop, true);
	ok(clock_now() >= at, "a timer does not ring early");
}

static void ring_again(struct loop_timer *timer)
{
	rung++;
	loop_timer_set(loop, timer, timer->due.at, ring_again);
}

static void endless_timer(void)
{
	struct end a = { 0 };
	int p[2];

	make_pipe(p);
	poke(p[1]);
	rung = 0;
	loop_add(loop, &a.handle, p[0], EPOLLIN, called);
	loop_timer_set(loop, &timers[0], clock_now() - 1, ring_again);
	loop_once(loop, true);
	loop_once(loop, true);
	ok(a.calls == 2 && rung == 2, "a timer that sets itself for the past does not starve descriptors");
	loop_timer_cancel(loop, &timers[0]);
	loop_remove(loop, &a.handle);
	close(p[0]);
	close(p[1]);
}

/* Signals and children */

static int signalled, dead;
static pid_t pids[3];

static void on_signal(int signo, void *ctx)
{
	signalled += signo == SIGUSR1;
	*(int *)ctx = signo;
}

static void on_child(pid_t pid, int status, void *ctx)
{
	for (int i = 0; i < 3; i++)
		if (pids[i] == pid && WEXITSTATUS(status) == i)
			dead++;
}

static void signals(void)
{
	int seen = 0;

	is_int(loop_signal(loop, SIGUSR1, on_signal, &seen), 0, "watch a signal");
	kill(getpid(), SIGUSR1);
	is_int(seen, 0, "no handler runs by itself");
	loop_once(loop, true);
	ok(signalled == 1 && seen == SIGUSR1, "the loop calls it");
}

static void children(void)
{
	is_int(loop_children(loop, on_child, NULL), 0, "watch children");
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(i);
	}
	while (dead < 3)
		loop_once(loop, true);
	ok(true, "every child is told of, with its status");
}

static int after_calls;

static void after(void *ctx)
{
	if (++after_calls == 3)
		loop_stop(loop);
}

static void hook(void)
{
	rung = 0;
	loop_after(loop, after, NULL);
	loop_timer_set(loop, &timers[0], clock_now() - 1, ring_again);
	is_int(loop_run(loop), 0, "run until stopped");
	is_int(after_calls, 3, "the hook runs after each batch");
	loop_timer_cancel(loop, &timers[0]);
}

int main(void)
{
	if (loop_init(&loop) < 0)
		bail_out("loop_init");
	descriptors();
	removal_in_a_batch();
	regular_file();
	bad_descriptor();
	timers_in_order();
	timer_is_not_early();
	endless_timer();
	signals();
	children();
	hook();
	loop_free(loop);
	return done_testing();
}
