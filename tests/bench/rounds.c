/*
 * usage: rounds LINES COUNT COMMAND [ARG...]
 *
 * COUNT times, a line goes to COMMAND, and then LINES lines are waited for: nothing of the next round begins before this
 * one is over. Prints answers a second; the first round, which sets everything up, is not counted.
 */
#include "bench_workers.h"

static void hear(int fd, long lines)
{
	char buf[65536];

	while (lines > 0) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			errx(1, "the command has ended");
		for (char *p = buf; (p = memchr(p, '\n', (size_t)(buf + n - p))); p++)
			lines--;
	}
}

int main(int argc, char **argv)
{
	static const char line[] = "{\"reload\":true}\n";
	int in, out;

	if (argc < 4)
		errx(64, "usage: rounds LINES COUNT COMMAND [ARG...]");
	long lines = number(argv[1], 1, 1000000), count = number(argv[2], 1, 1000000);
	if (!fork_with_pipes(&in, &out)) {
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
			err(71, "dup2");
		execvp(argv[3], argv + 3);
		err(127, "%s", argv[3]);
	}
	write_all(out, line, sizeof(line) - 1);
	hear(in, lines);
	int64_t began = now_us(CLOCK_MONOTONIC);
	for (long i = 0; i < count; i++) {
		write_all(out, line, sizeof(line) - 1);
		hear(in, lines);
	}
	printf("%.0f\n", per_second(lines * count, began));
	close(out);
	return wait(NULL) < 0;
}
