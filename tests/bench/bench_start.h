/* bench_start.h - for the yardsticks that start other programs over and over. */
#ifndef BENCH_START_H
#define BENCH_START_H

#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static inline char *numbered(const char *arg, long n)
{
	const char *braces = strstr(arg, "{}");
	char *text;
	int len = braces ? asprintf(&text, "%.*s%ld%s", (int)(braces - arg), arg, n, braces + 2) : asprintf(&text, "%s", arg);

	if (len < 0)
		err(71, "asprintf");
	return text;
}

/* Start ARGV with its output thrown away; a "{}" in an argument becomes N. */
static inline pid_t start_numbered(char *const *argv, long n)
{
	posix_spawn_file_actions_t actions;
	char *args[64] = { NULL };
	pid_t pid;

	for (int i = 0; argv[i]; i++) {
		if (i == 63)
			errx(64, "too many arguments");
		args[i] = numbered(argv[i], n);
	}
	if (posix_spawn_file_actions_init(&actions) || posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0))
		errx(71, "posix_spawn_file_actions");
	int error = posix_spawnp(&pid, args[0], &actions, NULL, args, environ);
	if (error)
		errx(126, "%s: %s", args[0], strerror(error));
	posix_spawn_file_actions_destroy(&actions);
	for (int i = 0; args[i]; i++)
		free(args[i]);
	return pid;
}

/* PID -1: whichever ends first. */
static inline void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		err(71, "waitpid");
	if (status)
		errx(1, "a command failed: wait status %d", status);
}

#endif
