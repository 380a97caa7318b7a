/*
 * usage: start_many COUNT IN_FLIGHT COMMAND [ARG...]
 *
 * Starts COMMAND COUNT times, IN_FLIGHT at once; "{}" in an argument becomes the number of the start.
 * Prints starts a second. For the two sides of a comparison, so that both are started alike.
 */
#include "bench_start.h"

int main(int argc, char **argv)
{
	if (argc < 4)
		errx(64, "usage: start_many COUNT IN_FLIGHT COMMAND [ARG...]");
	long count = number(argv[1], 1, 100000000), in_flight = number(argv[2], 1, 10000);
	int64_t began = now_us(CLOCK_MONOTONIC);

	for (long i = 0; i < count; i++) {
		if (i >= in_flight)
			reap(-1);
		start_numbered(argv + 3, i);
	}
	for (long i = count < in_flight ? count : in_flight; i; i--)
		reap(-1);
	printf("%.0f\n", per_second(count, began));
	return 0;
}
