/* bench_wait.h - writers that never stop, and the longest that one of them had to wait for its turn. */
#ifndef BENCH_WAIT_H
#define BENCH_WAIT_H

#include "bench.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct waited {
	int64_t longest;     /* microseconds */
	long turns;
};

/* A writer's process: what it does before the start, to begin a transaction, and to write and end it. */
struct writer {
	void (*open)(const char *file);
	void (*begin)(void);
	void (*write)(long n);
};

static inline void write_on(const struct writer *w, long n, int64_t until, struct waited *waited)
{
	for (;;) {
		int64_t began = now_us(CLOCK_MONOTONIC), wait;

		if (began > until)
			return;
		w->begin();
		wait = now_us(CLOCK_MONOTONIC) - began;
		if (wait > waited->longest)
			waited->longest = wait;
		w->write(n);
		waited->turns++;
	}
}

static inline void start_writer(const struct writer *w, const char *file, long n, long seconds, const int *start,
	struct waited *waited)
{
	pid_t pid = fork();
	char byte;

	if (pid < 0)
		err(71, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(start[1]);
	w->open(file);
	/* Until all have been started. */
	if (read(start[0], &byte, 1) < 0)
		err(71, "read");
	write_on(w, n, now_us(CLOCK_MONOTONIC) + seconds * 1000000, waited);
	_exit(0);
}

/* Prints the longest wait in milliseconds, and the transactions a second of all together. */
static inline int run_writers(const struct writer *w, int argc, char **argv)
{
	struct waited total = { 0 }, *waited;
	int start[2], status;

	if (argc != 4)
		errx(64, "usage: %s FILE WRITERS SECONDS", argv[0]);
	long writers = number(argv[2], 1, 1000), seconds = number(argv[3], 1, 3600);
	waited = mmap(NULL, (size_t)writers * sizeof(*waited), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (waited == MAP_FAILED || pipe(start))
		err(71, "set-up");
	for (long i = 0; i < writers; i++)
		start_writer(w, argv[1], i, seconds, start, &waited[i]);
	close(start[1]);
	for (long i = 0; i < writers; i++) {
		if (wait(&status) < 0 || status)
			errx(1, "a writer failed");
	}
	for (long i = 0; i < writers; i++) {
		total.turns += waited[i].turns;
		if (waited[i].longest > total.longest)
			total.longest = waited[i].longest;
		if (!waited[i].turns)
			errx(1, "a writer never had its turn");
	}
	printf("%.3f\t%.0f\n", (double)total.longest / 1000, (double)total.turns / (double)seconds);
	return 0;
}

#endif
