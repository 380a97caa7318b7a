/*
 * usage: note FILE WORD... [-- COMMAND...]
 *
 * Appends the words to FILE as a line, behind the time: nanoseconds of the monotonic clock, which all processes
 * share. The line is one write, so that those of many processes do not mix, and one that is killed leaves it whole or
 * not at all. Then executes COMMAND.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void append(const char *path, const char *line, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, line, len) != (ssize_t)len)
		err(74, "%s", path);
	close(fd);
}

int main(int argc, char **argv)
{
	char *line;
	size_t len;
	int i;
	FILE *f = open_memstream(&line, &len);

	if (argc < 3 || !f)
		errx(64, "usage: note FILE WORD... [-- COMMAND...]");
	fprintf(f, "%" PRId64, now_ns());
	for (i = 2; i < argc && strcmp(argv[i], "--"); i++)
		fprintf(f, " %s", argv[i]);
	fputc('\n', f);
	if (fclose(f))
		err(70, "memory");
	append(argv[1], line, len);
	free(line);
	if (i + 1 >= argc)
		return 0;
	execvp(argv[i + 1], argv + i + 1);
	err(127, "%s", argv[i + 1]);
}
