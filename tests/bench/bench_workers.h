/* bench_workers.h - processes that send lines back, and one epoll loop that keeps them busy. */
#ifndef BENCH_WORKERS_H
#define BENCH_WORKERS_H

#include "bench.h"

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>

struct worker {
	int in, out;         /* its stdin and stdout, our ends */
	long on_the_way;
};

static long next_line, last_line;

static inline void echo(int in, int out)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		write_all(out, buf, (size_t)n);
	_exit(n < 0);
}

/* Fork with a pipe each way. In the child, IN and OUT are its ends, and the result is 0. */
static inline pid_t fork_with_pipes(int *in, int *out)
{
	int to[2], from[2];

	if (pipe(to) || pipe(from))
		err(71, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		err(71, "fork");
	*in = pid ? from[0] : to[0];
	*out = pid ? to[1] : from[1];
	close(pid ? from[1] : to[1]);
	close(pid ? to[0] : from[0]);
	return pid;
}

static inline void start_worker(struct worker *w)
{
	int in, out;

	if (!fork_with_pipes(&in, &out)) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo(in, out);
	}
	*w = (struct worker){ .in = out, .out = in };
}

/* Decimal and a newline, backwards from END, by hand: printf would be a part of the floor. */
static inline char *format_line(char *end, long n)
{
	*--end = '\n';
	do {
		*--end = (char)('0' + n % 10);
	} while (n /= 10);
	return end;
}

static inline void send_lines(struct worker *w, long count)
{
	char buf[32768], digits[24];
	size_t len = 0;

	for (; count && next_line < last_line; count--) {
		char *line = format_line(digits + sizeof(digits), next_line++);
		size_t n = (size_t)(digits + sizeof(digits) - line);

		memcpy(buf + len, line, n);
		len += n;
		w->on_the_way++;
	}
	if (len)
		write_all(w->in, buf, len);
}

static inline long count_answers(struct worker *w)
{
	char buf[65536];
	ssize_t n = read(w->out, buf, sizeof(buf));
	long lines = 0;

	if (n <= 0)
		err(1, "worker");
	for (char *p = buf; (p = memchr(p, '\n', (size_t)(buf + n - p))); p++)
		lines++;
	w->on_the_way -= lines;
	return lines;
}

static inline void watch(int epoll, struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = w };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, w->out, &event))
		err(71, "epoll_ctl");
}

static inline struct worker *start_workers(int epoll, long n)
{
	struct worker *w = calloc((size_t)n, sizeof(*w));

	if (!w || epoll < 0)
		err(71, "set-up");
	for (long i = 0; i < n; i++) {
		start_worker(&w[i]);
		watch(epoll, &w[i]);
	}
	return w;
}

/* LINES more go out to the N workers, WINDOW at a time to each, and come back. */
static inline void pass_lines(int epoll, struct worker *w, long n, long window, long lines)
{
	struct epoll_event events[64];

	last_line = next_line + lines;
	for (long i = 0; i < n; i++)
		send_lines(&w[i], window);
	while (lines > 0) {
		int ready = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			long answers = count_answers(events[i].data.ptr);

			lines -= answers;
			send_lines(events[i].data.ptr, answers);
		}
	}
}

#endif
