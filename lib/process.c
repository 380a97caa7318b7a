#include "process.h"

#include "err.h"
#include "io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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

int process_is_defenceless(pid_t pid, int signo)
{
	static const char *const masks[] = { "SigBlk:", "SigIgn:", "SigCgt:" };
	char path[64], status[4000];
	unsigned long long set = 0;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	if (read_small(path, status, sizeof(status)) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		const char *at = strstr(status, masks[i]);

		if (at)
			set |= strtoull(at + strlen(masks[i]), NULL, 16);
	}
	return !(set >> (signo - 1) & 1);
}

int64_t process_ticks(pid_t pid)
{
	char path[64], stat[1024];
	const char *at;
	int64_t sum = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (read_small(path, stat, sizeof(stat)) < 0)
		return -1;
	/* utime, stime, cutime, cstime */
	for (int i = 14; i <= 17 && (at = field(stat, i)); i++)
		sum += strtoll(at, NULL, 10);
	return sum;
}

bool process_ends(pid_t pid)
{
	enum { EXITING = 0x4 };          /* PF_EXITING of the kernel's flags */
	char path[64], stat[1024];
	const char *state, *flags;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (read_small(path, stat, sizeof(stat)) < 0)
		return true;
	state = field(stat, 3);
	flags = field(stat, 9);
	return !state || !flags || *state == 'Z' || *state == 'X' || strtoul(flags, NULL, 10) & EXITING;
}

void process_await_death(pid_t pid, usec_t until)
{
	struct pollfd one = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	usec_t left = until - clock_now();

	if (one.fd < 0)
		return;
	poll(&one, 1, left > 0 ? (int)(left / USEC_MS) : 0);
	close(one.fd);
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

/* The kernel's own list (CONFIG_PROC_CHILDREN), which is shorter than that of all processes. -1: it has none. */
static int listed_children(pid_t parent, void (*fn)(pid_t pid, void *ctx), void *ctx)
{
	char path[64], pid[24];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fscanf(file, "%23s", pid) == 1) {
		if (is_child_of(parent, pid))
			fn((pid_t)strtol(pid, NULL, 10), ctx);
	}
	fclose(file);
	return 0;
}

void process_children(pid_t parent, void (*fn)(pid_t pid, void *ctx), void *ctx)
{
	struct dirent *entry;
	DIR *dir;

	if (listed_children(parent, fn, ctx) == 0)
		return;
	dir = opendir("/proc");
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
