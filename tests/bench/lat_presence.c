/*
 * usage: lat_presence COUNT wrapper|pid
 *
 * How soon a death is told: tracks a worker, kills it and waits for the line of `wp-presence watch`. wrapper:
 * the worker is a command that `wp-presence track` runs, and what is killed is the wrapper. pid: it is a process
 * tracked by --pid. Prints, in microseconds from before the kill to the reading of the line: median, p99.
 */
#include "bench_start.h"
#include "bench_times.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>

/* Between a join and the death, so that everybody is idle. */
#define PAUSE_MS 20
#define PATIENCE_MS 10000

struct holder {
	pid_t pid;
	int in, out;         /* of the command, our ends */
};

static int lines;            /* what watch prints */

static void wait_readable(int fd, const char *what)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		errx(1, "%s did not come within %d ms", what, PATIENCE_MS);
}

/* The rest of a line that was read in part would be taken for the next one: lines are short, and written whole. */
static void expect_line(const char *event, const char *key)
{
	char buf[2048];

	wait_readable(lines, event);
	ssize_t n = read(lines, buf, sizeof(buf) - 1);
	if (n <= 0)
		errx(1, "watch ended");
	buf[n] = '\0';
	if (!strstr(buf, event) || !strstr(buf, key) || strchr(buf, '\n') != buf + n - 1)
		errx(1, "not the line of %s %s: %s", event, key, buf);
}

static void pause_idle(void)
{
	struct pollfd p = { .fd = lines, .events = POLLIN };

	if (poll(&p, 1, PAUSE_MS))
		errx(1, "watch printed more than it should");
}

/* Runs ARGV with IN and OUT, which it takes over; -1: ours. */
static pid_t start_between(char **argv, int in, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions) || (in >= 0 && posix_spawn_file_actions_adddup2(&actions, in, 0)) ||
			(out >= 0 && posix_spawn_file_actions_adddup2(&actions, out, 1)))
		errx(71, "posix_spawn_file_actions");
	int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (error)
		errx(126, "%s: %s", argv[0], strerror(error));
	posix_spawn_file_actions_destroy(&actions);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return pid;
}

/* The worker itself, idle; the command and the wrapper end with us by their pipes' end. */
static struct holder start_wrapper(long n)
{
	char *key = numbered("wrapped-{}", n), *argv[] = { "wp-presence", "track", key, "--", "echo_worker", "line", NULL };
	int in[2], out[2];
	char byte = '\n';

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		err(71, "pipe");
	struct holder h = { .pid = start_between(argv, in[0], out[1]), .in = in[1], .out = out[0] };
	expect_line("\"event\":\"join\"", key);
	/* It runs when it answers. */
	write_all(h.in, &byte, 1);
	wait_readable(h.out, "the command's answer");
	if (read(h.out, &byte, 1) != 1)
		errx(1, "the command ended");
	free(key);
	return h;
}

static struct holder start_process(long n)
{
	char *pid, *key = numbered("process-{}", n);
	struct holder h = { .pid = fork(), .in = -1, .out = -1 };

	if (h.pid < 0)
		err(71, "fork");
	if (!h.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	if (asprintf(&pid, "%ld", (long)h.pid) < 0)
		err(71, "asprintf");
	reap(start_numbered((char *[]){ "wp-presence", "track", key, "--pid", pid, NULL }, n));
	expect_line("\"event\":\"join\"", key);
	free(pid);
	free(key);
	return h;
}

static int64_t kill_and_hear(const struct holder *h, long n)
{
	char *key = numbered("-{}\"", n);
	int64_t began = now_us(CLOCK_MONOTONIC);

	if (kill(h->pid, SIGKILL))
		err(71, "kill");
	expect_line("\"event\":\"leave\"", key);
	began = now_us(CLOCK_MONOTONIC) - began;
	free(key);
	return began;
}

static void clear_away(const struct holder *h)
{
	if (waitpid(h->pid, NULL, 0) < 0)
		err(71, "waitpid");
	if (h->in >= 0)
		close(h->in);
	if (h->out >= 0)
		close(h->out);
}

/* It has begun to listen when it has told of the entry that is there already. */
static pid_t start_watch(void)
{
	char *pid, *argv[] = { "wp-presence", "watch", "--snapshot", NULL };
	int out[2];

	if (asprintf(&pid, "%ld", (long)getpid()) < 0 || pipe2(out, O_CLOEXEC))
		err(71, "set-up");
	reap(start_numbered((char *[]){ "wp-presence", "track", "present", "--pid", pid, NULL }, 0));
	free(pid);
	lines = out[0];
	pid_t watch = start_between(argv, -1, out[1]);
	expect_line("\"event\":\"present\"", "\"present\"");
	return watch;
}

int main(int argc, char **argv)
{
	if (argc != 3 || (strcmp(argv[2], "wrapper") && strcmp(argv[2], "pid")))
		errx(64, "usage: lat_presence COUNT wrapper|pid");
	long count = number(argv[1], 1, 1000000);
	bool wrapper = !strcmp(argv[2], "wrapper");
	int64_t *times = times_alloc(count);
	pid_t watch = start_watch();

	/* The first one brings everything into memory. */
	for (long i = -1; i < count; i++) {
		struct holder h = wrapper ? start_wrapper(i) : start_process(i);

		pause_idle();
		int64_t time = kill_and_hear(&h, i);
		if (i >= 0)
			times[i] = time;
		clear_away(&h);
	}
	printf("%lld\t%lld\n", quantile(times, count, 50), quantile(times, count, 99));
	kill(watch, SIGTERM);
	return waitpid(watch, NULL, 0) == watch ? 0 : 1;
}
