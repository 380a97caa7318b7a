/*
 * usage: floor_broadcast WORKERS ROUNDS
 *
 * The floor under broadcasting: a line goes over pipes to each of WORKERS processes, and all send it back, ROUNDS times. Prints
 * lines a second.
 */
#include "bench_workers.h"

#include <sys/resource.h>

static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(71, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(71, "setrlimit");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(64, "usage: floor_broadcast WORKERS ROUNDS");
	long n = number(argv[1], 1, 100000), rounds = number(argv[2], 1, 1000000);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	want_descriptors();
	struct worker *workers = start_workers(epoll, n);
	pass_lines(epoll, workers, n, 1, n);         /* they are all there */
	int64_t began = now_us(CLOCK_MONOTONIC);
	for (long i = 0; i < rounds; i++)
		pass_lines(epoll, workers, n, 1, n);
	printf("%.0f\n", per_second(n * rounds, began));
	return 0;
}
