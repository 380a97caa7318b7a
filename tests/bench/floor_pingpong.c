/*
 * usage: floor_pingpong COUNT WORKERS [WINDOW]
 *
 * The floor under warm workers: COUNT numbered lines go over pipes to WORKERS processes that
 * send them back, with WINDOW (1) lines on the way to each. One epoll loop: wait,
 * read what a worker answered, write as many new lines. Prints lines a second.
 */
#include "bench_workers.h"

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4)
		errx(64, "usage: floor_pingpong COUNT WORKERS [WINDOW]");
	long count = number(argv[1], 1, 1000000000);
	long workers = number(argv[2], 1, 500), window = argc > 3 ? number(argv[3], 1, 1024) : 1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int64_t began = now_us(CLOCK_MONOTONIC);

	pass_lines(epoll, start_workers(epoll, workers), workers, window, count);
	printf("%.0f\n", per_second(count, began));
	return 0;
}
