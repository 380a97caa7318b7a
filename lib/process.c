#include "process.h"

#include "err.h"
#include "io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What fits of a small file, terminated; -1 with errno. */
static ssize_t read_small(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read_full(fd, buf, size - 1);
	fd_close(&fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* Field N of a stat line, from the state (3) on: the name before it may hold anything, so count from its end. */
static const char *field(const char *stat, int n)
{
	const char *p = strrchr(stat, ')');

	for (int i = 2; p && i < n; i++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	return p;
}

int process_start(pid_t pid, int64_t *start)
{
	char path[64], stat[1024];
	const char *state, *time;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (read_small(path, stat, sizeof(stat)) < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : err_errno("cannot read \"%s\"", path);
	state = field(stat, 3);
	time = field(stat, 22);
	if (!state || !time)
		return err_set(WP_SOFTWARE, "cannot make sense of \"%s\"", path);
	*start = strtoll(time, NULL, 10);
	return *state != 'Z' && *state != 'X';
}

int process_lives(pid_t pid, int64_t start)
{
	int64_t now = 0;
	int r = process_start(pid, &now);

	return r > 0 ? now == start : r;
}

static bool is_child_of(pid_t parent, const char *pid)
{
	char path[300], stat[1024];
	const char *state, *owner;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (read_small(path, stat, sizeof(stat)) < 0)
		return false;
	state = field(stat, 3);
	owner = field(stat, 4);
	return state && owner && *state != 'Z' && strtol(owner, NULL, 10) == parent;
}

void process_children(pid_t parent, void (*fn)(pid_t pid, void *ctx), void *ctx)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && is_child_of(parent, entry->d_name))
			fn((pid_t)strtol(entry->d_name, NULL, 10), ctx);
	closedir(dir);
}

int process_boot(int64_t *boot)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	char id[64], digits[16];
	size_t n = 0;

	if (read_small(path, id, sizeof(id)) < 0)
		return err_errno("cannot read \"%s\"", path);
	for (const char *p = id; *p && n < sizeof(digits) - 1; p++)
		if (*p != '-')
			digits[n++] = *p;
	digits[n] = '\0';
	*boot = (int64_t)(strtoull(digits, NULL, 16) & INT64_MAX);
	return 0;
}
