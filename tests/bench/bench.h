/* bench.h - what every yardstick needs: the time, its arguments, and one number as its answer. */
#ifndef BENCH_H
#define BENCH_H

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline long number(const char *s, long min, long max)
{
	char *end;
	errno = 0;
	long n = strtol(s, &end, 10);

	if (errno || *end || end == s || n < min || n > max)
		errx(64, "not a number from %ld to %ld: \"%s\"", min, max, s);
	return n;
}

/* Things done since START, a second. */
static inline double per_second(long count, int64_t start)
{
	return (double)count * 1e6 / (double)(now_us(CLOCK_MONOTONIC) - start);
}

static inline void write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			err(74, "write");
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

#endif
