/*
 * usage: timed FILE COMMAND [ARG...]
 *
 * Runs COMMAND and writes to FILE, tab-separated: wall seconds, CPU seconds, and the largest
 * resident size in KiB that it or a child it waited for had. Ends with its exit status.
 */
#include "bench.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	pid_t pid;
	int status;

	if (argc < 3)
		errx(64, "usage: timed FILE COMMAND [ARG...]");
	int64_t began = now_us(CLOCK_MONOTONIC);
	int error = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
	if (error)
		errx(126, "%s: %s", argv[2], strerror(error));
	if (wait4(pid, &status, 0, &usage) < 0)
		err(71, "wait");
	double wall = (double)(now_us(CLOCK_MONOTONIC) - began) / 1e6;

	FILE *f = fopen(argv[1], "we");
	if (!f)
		err(73, "%s", argv[1]);
	fprintf(f, "%.6f\t%.6f\t%ld\n", wall, seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
	if (fclose(f))
		err(74, "%s", argv[1]);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
