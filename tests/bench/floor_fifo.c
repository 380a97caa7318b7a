/*
 * usage: floor_fifo DIR COUNT
 *
 * The floor under publishing to one warm consumer: COUNT lines go to a process over a FIFO in DIR, one at a time, and
 * come back over another. Prints lines a second.
 */
#include "bench_workers.h"

#include <fcntl.h>
#include <sys/stat.h>

static int make_fifo(const char *name)
{
	int fd;

	if (mkfifo(name, 0600))
		err(73, "%s", name);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(74, "%s", name);
	unlink(name);
	return fd;
}

int main(int argc, char **argv)
{
	char buf[64];

	if (argc != 3)
		errx(64, "usage: floor_fifo DIR COUNT");
	if (chdir(argv[1]))
		err(66, "%s", argv[1]);
	long count = number(argv[2], 1, 1000000000);
	int out = make_fifo("there"), in = make_fifo("back");
	pid_t pid = fork();
	if (pid < 0)
		err(71, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo(out, in);
	}
	int64_t began = now_us(CLOCK_MONOTONIC);
	for (long i = 0; i < count; i++) {
		write_all(out, "{\"lsn\":1}\n", 10);
		if (read(in, buf, sizeof(buf)) != 10)
			err(1, "read");
	}
	printf("%.0f\n", per_second(count, began));
	kill(pid, SIGKILL);
	return 0;
}
