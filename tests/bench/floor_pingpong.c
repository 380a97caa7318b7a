/*
 * usage: floor_pingpong COUNT WORKERS [WINDOW]
 *
 * The floor under warm workers: COUNT numbered lines go over pipes to WORKERS processes that
 * send them back, with WINDOW (1) lines on the way to each. One epoll loop: wait,
 * read what a worker answered, write as many new lines. Prints lines a second.
 */
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

static void echo(int in, int out)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		write_all(out, buf, (size_t)n);
	_exit(n < 0);
}

static void start_worker(struct worker *w)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		err(71, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		err(71, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(in[1]);
		close(out[0]);
		echo(in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	*w = (struct worker){ .in = in[1], .out = out[0] };
}

/* Decimal and a newline, backwards from END, by hand: printf would be a part of the floor. */
static char *format_line(char *end, long n)
{
	*--end = '\n';
	do {
		*--end = (char)('0' + n % 10);
	} while (n /= 10);
	return end;
}

static void send_lines(struct worker *w, long count)
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

static long count_answers(struct worker *w)
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

static void watch(int epoll, struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = w };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, w->out, &event))
		err(71, "epoll_ctl");
}

static void answer_until(int epoll, long count)
{
	struct epoll_event events[64];

	for (long answered = 0; answered < count;) {
		int n = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			long lines = count_answers(events[i].data.ptr);

			answered += lines;
			send_lines(events[i].data.ptr, lines);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4)
		errx(64, "usage: floor_pingpong COUNT WORKERS [WINDOW]");
	last_line = number(argv[1], 1, 1000000000);
	long workers = number(argv[2], 1, 500), window = argc > 3 ? number(argv[3], 1, 1024) : 1;
	struct worker *w = calloc((size_t)workers, sizeof(*w));
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (!w || epoll < 0)
		err(71, "set-up");
	int64_t began = now_us(CLOCK_MONOTONIC);
	for (long i = 0; i < workers; i++) {
		start_worker(&w[i]);
		watch(epoll, &w[i]);
	}
	for (long i = 0; i < workers; i++)
		send_lines(&w[i], window);
	answer_until(epoll, last_line);
	printf("%.0f\n", per_second(last_line, began));
	return 0;
}
