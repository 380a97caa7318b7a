/*
 * usage: floor_spawn COUNT IN_FLIGHT [COMMAND]
 *
 * The floor under "a process a line": COMMAND (/bin/true) started COUNT times, IN_FLIGHT
 * at once, by a bare posix_spawn loop and by a bare vfork loop. Prints the faster one's
 * starts a second.
 */
#include "bench.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static void start_posix_spawn(char **argv)
{
	pid_t pid;
	int error = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);

	if (error)
		errx(126, "%s: %s", argv[0], strerror(error));
}

static void start_vfork(char **argv)
{
	pid_t pid = vfork();

	if (pid < 0)
		err(71, "vfork");
	if (!pid) {
		execve(argv[0], argv, environ);
		_exit(126);
	}
}

static void reap_one(void)
{
	int status;

	if (waitpid(-1, &status, 0) < 0 || status)
		errx(1, "the command failed");
}

static double loop(void (*start)(char **), long count, long in_flight, char **argv)
{
	int64_t began = now_us(CLOCK_MONOTONIC);

	for (long i = 0; i < count; i++) {
		if (i >= in_flight)
			reap_one();
		start(argv);
	}
	for (long i = count < in_flight ? count : in_flight; i; i--)
		reap_one();
	return per_second(count, began);
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4)
		errx(64, "usage: floor_spawn COUNT IN_FLIGHT [COMMAND]");
	long count = number(argv[1], 1, 100000000), in_flight = number(argv[2], 1, 10000);
	/* With an argument, as a line of input would be: /bin/true does not look at its locale without. */
	char *command[] = { argc > 3 ? argv[3] : "/bin/true", "1", NULL };
	double spawned = loop(start_posix_spawn, count, in_flight, command);
	double forked = loop(start_vfork, count, in_flight, command);

	fprintf(stderr, "posix_spawn %.0f, vfork %.0f\n", spawned, forked);
	printf("%.0f\n", spawned > forked ? spawned : forked);
	return 0;
}
