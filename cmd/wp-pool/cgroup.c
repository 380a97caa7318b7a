#include "cgroup.h"

#include "clock.h"
#include "err.h"
#include "io.h"
#include "strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMPTY_LIMIT (1 * USEC_SEC)

static int read_file(struct strbuf *text, const char *path)
{
	char buf[1024];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(text, buf, (size_t)n);
	fd_close(&fd);
	return n < 0 ? -1 : 0;
}

static int read_below(struct strbuf *text, const char *dir, const char *name)
{
	struct strbuf path = STRBUF_INIT;
	int r;

	strbuf_addf(&path, "%s/%s", dir, name);
	r = read_file(text, path.buf);
	strbuf_release(&path);
	return r;
}

static int write_below(const char *dir, const char *name, const char *text)
{
	struct strbuf path = STRBUF_INIT;
	int fd, r;

	strbuf_addf(&path, "%s/%s", dir, name);
	fd = open(path.buf, O_WRONLY | O_CLOEXEC);
	r = fd < 0 ? -1 : write_full(fd, text, strlen(text));
	fd_close(&fd);
	strbuf_release(&path);
	return r;
}

/* Where we are */

/* FN with each line of a file, until it says true. */
static bool each_line(const char *path, bool (*fn)(char *line, struct strbuf *out), struct strbuf *out)
{
	struct strbuf text = STRBUF_INIT;
	bool found = false;

	if (read_file(&text, path) == 0)
		for (char *line = text.buf, *end; !found && (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			found = fn(line, out);
		}
	strbuf_release(&text);
	return found;
}

/* The mount point is the fifth field: mountinfo in proc(5). */
static bool is_mount(char *line, struct strbuf *mount)
{
	char *p = line;

	if (!strstr(line, " - cgroup2 "))
		return false;
	for (int field = 1; field < 5 && p; field++)
		p = (p = strchr(p, ' ')) ? p + 1 : NULL;
	if (p)
		strbuf_add(mount, p, strcspn(p, " "));
	return p != NULL;
}

/* "0::/PATH", where version 2 is there; ".." stands for what is outside our name space. */
static bool is_path(char *line, struct strbuf *dir)
{
	if (strncmp(line, "0::/", strlen("0::/")) || strstr(line, "/.."))
		return false;
	strbuf_addstr(dir, line[4] ? line + 3 : "");
	return true;
}

/* Nobody but us is in it, and we may write to it: it was meant for us. */
static bool is_ours_alone(const char *dir)
{
	struct strbuf processes = STRBUF_INIT;
	char *end;
	bool alone = false;

	if (access(dir, W_OK) == 0 && read_below(&processes, dir, "cgroup.procs") == 0)
		alone = strtol(processes.buf, &end, 10) == getpid() && !strcmp(end, "\n");
	strbuf_release(&processes);
	return alone;
}

static int move_into_leaf(const char *dir)
{
	struct strbuf leaf = STRBUF_INIT, pid = STRBUF_INIT;
	int r;

	strbuf_addf(&leaf, "%s/pool", dir);
	strbuf_addint(&pid, getpid());
	r = mkdir(leaf.buf, 0755) < 0 && errno != EEXIST ? -1 : write_below(leaf.buf, "cgroup.procs", pid.buf);
	strbuf_release(&pid);
	strbuf_release(&leaf);
	return r;
}

char *cgroup_delegate(void)
{
	struct strbuf dir = STRBUF_INIT;

	if (!each_line("/proc/self/mountinfo", is_mount, &dir) || !each_line("/proc/self/cgroup", is_path, &dir)
	    || !is_ours_alone(dir.buf) || move_into_leaf(dir.buf) < 0) {
		strbuf_release(&dir);
		return NULL;
	}
	/* Without it the groups still tell whose a process is. */
	(void)write_below(dir.buf, "cgroup.subtree_control", "+memory");
	return strbuf_detach(&dir, NULL);
}

bool cgroup_limits_memory(const char *dir)
{
	struct strbuf controllers = STRBUF_INIT;
	bool has = read_below(&controllers, dir, "cgroup.subtree_control") == 0 && strstr(controllers.buf, "memory");

	strbuf_release(&controllers);
	return has;
}

/* Groups of calls */

static void add_group(struct strbuf *group, const char *dir, const char *runner, uint64_t call)
{
	strbuf_addf(group, "%s/call-%s-%llu", dir, runner, (unsigned long long)call);
}

static int set_limits(const char *group, const struct spawn_limits *limits)
{
	struct strbuf memory = STRBUF_INIT;
	int r;

	if (!limits->memory)
		return 0;
	strbuf_addint(&memory, limits->memory);
	r = write_below(group, "memory.max", memory.buf);
	/* Half a call is no use. */
	(void)write_below(group, "memory.oom.group", "1");
	strbuf_release(&memory);
	return r;
}

static int open_group(const char *group)
{
	struct strbuf path = STRBUF_INIT;
	int fd;

	strbuf_addf(&path, "%s/cgroup.procs", group);
	fd = open(path.buf, O_WRONLY | O_CLOEXEC);
	strbuf_release(&path);
	return fd;
}

int cgroup_make(const char *dir, const char *runner, uint64_t call, const struct spawn_limits *limits)
{
	struct strbuf group = STRBUF_INIT;
	int fd = -1;

	add_group(&group, dir, runner, call);
	if (mkdir(group.buf, 0755) < 0 || (cgroup_limits_memory(dir) && set_limits(group.buf, limits) < 0)
	    || (fd = open_group(group.buf)) < 0) {
		err_set(WP_FAILED, "cannot make the control group \"%s\": %s", group.buf, strerror(errno));
		rmdir(group.buf);
	}
	strbuf_release(&group);
	return fd;
}

void cgroup_kill(const char *dir, const char *runner, uint64_t call)
{
	struct strbuf group = STRBUF_INIT;

	add_group(&group, dir, runner, call);
	(void)write_below(group.buf, "cgroup.kill", "1");
	strbuf_release(&group);
}

int cgroup_remove(const char *dir, const char *runner, uint64_t call)
{
	struct strbuf group = STRBUF_INIT;
	int r;

	add_group(&group, dir, runner, call);
	r = rmdir(group.buf);
	strbuf_release(&group);
	return r;
}

/* cgroup.events raises POLLPRI when it changes: "populated 0" when nobody is left. */
static void wait_until_empty(const char *group, usec_t until)
{
	struct strbuf path = STRBUF_INIT, events = STRBUF_INIT;
	struct pollfd one = { .events = POLLPRI };

	strbuf_addf(&path, "%s/cgroup.events", group);
	one.fd = open(path.buf, O_RDONLY | O_CLOEXEC);
	while (one.fd >= 0 && clock_now() < until) {
		char buf[256];
		ssize_t n = pread(one.fd, buf, sizeof(buf) - 1, 0);

		buf[n > 0 ? n : 0] = '\0';
		if (n <= 0 || strstr(buf, "populated 0") || poll(&one, 1, (int)((until - clock_now()) / USEC_MS) + 1) <= 0)
			break;
	}
	fd_close(&one.fd);
	strbuf_release(&path);
	strbuf_release(&events);
}

void cgroup_remove_all(const char *dir, const char *runner)
{
	struct strbuf prefix = STRBUF_INIT, group = STRBUF_INIT;
	DIR *groups = opendir(dir);
	struct dirent *entry;
	usec_t until = clock_now() + EMPTY_LIMIT;

	strbuf_addf(&prefix, "call-%s-", runner);
	while (groups && (entry = readdir(groups))) {
		if (strncmp(entry->d_name, prefix.buf, prefix.len))
			continue;
		strbuf_reset(&group);
		strbuf_addf(&group, "%s/%s", dir, entry->d_name);
		(void)write_below(group.buf, "cgroup.kill", "1");
		wait_until_empty(group.buf, until);
		rmdir(group.buf);
	}
	if (groups)
		closedir(groups);
	strbuf_release(&prefix);
	strbuf_release(&group);
}
