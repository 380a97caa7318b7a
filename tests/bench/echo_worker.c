/*
 * usage: echo_worker line|ok|stamp|once
 *
 * The least that a warm worker can do with a line: send it back (line), answer
 * {"status":"ok"} (ok), or the same after it has written the time, microseconds since 1970 as
 * 8 bytes, to the FIFO named by BENCH_STAMPS (stamp). once writes the time and ends: a command for one job.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdbool.h>

enum mode { LINE, OK, STAMP, ONCE };

static const char ok_answer[] = "{\"status\":\"ok\"}\n";

static enum mode mode_of(const char *word)
{
	if (!strcmp(word, "line"))
		return LINE;
	if (!strcmp(word, "ok"))
		return OK;
	if (!strcmp(word, "stamp"))
		return STAMP;
	if (!strcmp(word, "once"))
		return ONCE;
	errx(64, "unknown mode \"%s\"", word);
}

static int open_stamps(void)
{
	const char *path = getenv("BENCH_STAMPS");
	int fd = open(path ? path : "", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		err(66, "BENCH_STAMPS");
	return fd;
}

static void stamp(int fd)
{
	int64_t now = now_us(CLOCK_REALTIME);

	write_all(fd, (const char *)&now, sizeof(now));
}

static long count_lines(const char *p, size_t len)
{
	const char *end = p + len;
	long lines = 0;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		lines++;
		p++;
	}
	return lines;
}

static void answer_ok(long lines)
{
	char buf[64 * (sizeof(ok_answer) - 1)];
	const size_t one = sizeof(ok_answer) - 1;

	while (lines) {
		size_t now = lines < 64 ? (size_t)lines : 64;

		for (size_t i = 0; i < now; i++)
			memcpy(buf + i * one, ok_answer, one);
		write_all(1, buf, now * one);
		lines -= (long)now;
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(64, "usage: echo_worker line|ok|stamp|once");
	enum mode mode = mode_of(argv[1]);
	int stamps = mode == STAMP || mode == ONCE ? open_stamps() : -1;
	char buf[65536];
	ssize_t n;

	if (mode == ONCE) {
		stamp(stamps);
		return 0;
	}
	while ((n = read(0, buf, sizeof(buf))) > 0) {
		if (mode == LINE) {
			write_all(1, buf, (size_t)n);
			continue;
		}
		long lines = count_lines(buf, (size_t)n);

		for (long i = 0; mode == STAMP && i < lines; i++)
			stamp(stamps);
		answer_ok(lines);
	}
	return n < 0;
}
