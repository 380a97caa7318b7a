/*
 * usage: start_turns COUNT COMMAND [ARG...] [, COMMAND [ARG...]]...
 *
 * Runs the commands one after the other, COUNT times; "{}" in an argument becomes the number of the turn. Prints
 * for each, tab-separated, in microseconds: the median time from its start to its exit, and the median
 * processor time. What disturbs the machine for a while disturbs them all.
 */
#include "bench_start.h"
#include "bench_times.h"

#include <sys/resource.h>

enum { COMMANDS_MAX = 16 };

/* Cuts ARGV at the commas. */
static int split(char **argv, char ***commands)
{
	int n = 0;

	for (char **start = argv; *start; n++) {
		if (n == COMMANDS_MAX || !strcmp(*start, ","))
			errx(64, "an empty command, or more than %d", COMMANDS_MAX);
		commands[n] = start;
		while (*start && strcmp(*start, ","))
			start++;
		if (*start)
			*start++ = NULL;
	}
	return n;
}

static int64_t us(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void run(char **command, long n, int64_t *wall, int64_t *processor)
{
	int64_t began = now_us(CLOCK_MONOTONIC);
	pid_t pid = start_numbered(command, n);
	struct rusage usage;
	int status;

	if (wait4(pid, &status, 0, &usage) < 0 || status)
		errx(1, "%s failed", command[0]);
	*wall = now_us(CLOCK_MONOTONIC) - began;
	*processor = us(usage.ru_utime) + us(usage.ru_stime);
}

int main(int argc, char **argv)
{
	char **commands[COMMANDS_MAX];
	int64_t *wall[COMMANDS_MAX], *processor[COMMANDS_MAX];

	if (argc < 3)
		errx(64, "usage: start_turns COUNT COMMAND [ARG...] [, COMMAND [ARG...]]...");
	long count = number(argv[1], 1, 100000000);
	int n = split(argv + 2, commands);
	for (int c = 0; c < n; c++) {
		wall[c] = times_alloc(count);
		processor[c] = times_alloc(count);
	}
	for (long i = 0; i < count; i++)
		for (int c = 0; c < n; c++)
			run(commands[c], i, &wall[c][i], &processor[c][i]);
	for (int c = 0; c < n; c++)
		printf("%lld\t%lld%c", quantile(wall[c], count, 50), quantile(processor[c], count, 50), c + 1 < n ? '\t' : '\n');
	return 0;
}
