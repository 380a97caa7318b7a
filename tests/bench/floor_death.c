/*
 * usage: floor_death COUNT DIR
 *
 * The floor under telling of a death: a process that has a file in DIR open for writing is killed, another one that
 * watches DIR writes a line when the file is closed. Prints what lat_presence prints.
 */
#include "bench_times.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static pid_t start_process(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(71, "fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void tell_of_closes(int watch, int out)
{
	char events[4096];

	while (read(watch, events, sizeof(events)) > 0)
		write_all(out, "closed\n", 7);
	_exit(1);
}

static pid_t start_holder(const char *path, int ready)
{
	pid_t pid = start_process();

	if (!pid) {
		if (open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0)
			err(73, "%s", path);
		write_all(ready, "", 1);
		pause();
		_exit(1);
	}
	return pid;
}

static void expect(int fd, size_t len)
{
	char buf[64];

	if (read(fd, buf, sizeof(buf)) != (ssize_t)len)
		errx(1, "something else than was expected");
}

/* As lat_presence does, so that everybody is idle. */
static void pause_idle(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 20))
		errx(1, "a close was told of before the death");
}

int main(int argc, char **argv)
{
	int ready[2], lines[2], watch = inotify_init1(IN_CLOEXEC);
	char *path;

	if (argc != 3)
		errx(64, "usage: floor_death COUNT DIR");
	long count = number(argv[1], 1, 1000000);
	int64_t *times = times_alloc(count);
	if (asprintf(&path, "%s/lock", argv[2]) < 0 || pipe(ready) || pipe(lines) || inotify_add_watch(watch, argv[2], IN_CLOSE_WRITE) < 0)
		err(71, "set-up");
	pid_t watcher = start_process();
	if (!watcher)
		tell_of_closes(watch, lines[1]);
	for (long i = 0; i < count; i++) {
		pid_t holder = start_holder(path, ready[1]);

		expect(ready[0], 1);
		pause_idle(lines[0]);
		int64_t began = now_us(CLOCK_MONOTONIC);
		kill(holder, SIGKILL);
		expect(lines[0], 7);
		times[i] = now_us(CLOCK_MONOTONIC) - began;
		waitpid(holder, NULL, 0);
	}
	printf("%lld\t%lld\n", quantile(times, count, 50), quantile(times, count, 99));
	kill(watcher, SIGKILL);
	return 0;
}
