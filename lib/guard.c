#include "spawn.h"

#include "clock.h"
#include "err.h"
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic pid_t *groups;      /* shared with the guard */
static size_t groups_nr;
static pid_t guard;
static int lifeline = -1;          /* its end of file tells the guard that we are gone */

static size_t patient_slot = SIZE_MAX;
static usec_t patience;

static const char *leavings[GUARD_UNLINKS];

void guard_unlinks(const char *path)
{
	for (size_t i = 0; i < GUARD_UNLINKS; i++)
		if (!leavings[i]) {
			leavings[i] = path;
			return;
		}
}

static int awaited = -1;

void guard_awaits(int fd)
{
	awaited = fd;
}

static int stream = -1;

void guard_holds_too(int fd)
{
	stream = fd;
}

static void remove_leavings(void)
{
	for (size_t i = 0; i < GUARD_UNLINKS && leavings[i]; i++)
		unlink(leavings[i]);
}

static void kill_group(size_t slot)
{
	pid_t group = atomic_load(&groups[slot]);

	if (group > 0)
		kill(-group, SIGKILL);
}

/* Its leader, that is: the others of the group are killed when that is gone. */
static void wait_patiently(pid_t leader)
{
	process_await_death(leader, clock_now() + patience);
}

static void kill_groups(void)
{
	for (size_t i = 0; i < groups_nr; i++)
		if (i != patient_slot)
			kill_group(i);
	if (patient_slot >= groups_nr || atomic_load(&groups[patient_slot]) <= 0)
		return;
	wait_patiently(atomic_load(&groups[patient_slot]));
	kill_group(patient_slot);
}

/* Dying */

/* Something that hangs in the kernel is not waited for any longer; it does nothing any more. */
enum { DYING_AT_MOST = 10 };

static bool is_group(pid_t group)
{
	/* The kernel's own processes are in group 0, as is what a slot has that is free. */
	for (size_t i = 0; group > 0 && i < groups_nr; i++)
		if (atomic_load(&groups[i]) == group)
			return true;
	return false;
}

/* Is it over, though its parent may not have heard of it? */
static bool is_dead(pid_t pid)
{
	char path[32], stat[512];
	const char *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return true;
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	stat[n > 0 ? n : 0] = '\0';
	at = strrchr(stat, ')');
	return !at || strlen(at) < 3 || at[2] == 'Z' || at[2] == 'X';
}

/* Asked of all processes of the machine: so first what costs one system call. */
static bool is_dying(pid_t pid)
{
	return is_group(getpgid(pid)) && !is_dead(pid);
}

static void wait_for_members(usec_t until)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);   /* 0 of those that are no processes */
		if (pid > 0 && is_dying(pid))
			process_await_death(pid, until);
	}
	if (dir)
		closedir(dir);
}

/* What is killed has its files and locks until it is dead. Nobody starts more of it meanwhile. */
static void wait_for_groups(void)
{
	usec_t until = clock_now() + DYING_AT_MOST * USEC_SEC;
	bool more = false;

	for (size_t i = 0; i < groups_nr; i++) {
		pid_t group = atomic_load(&groups[i]);

		if (group <= 0)
			continue;
		process_await_death(group, until);
		more |= kill(-group, 0) == 0;
	}
	if (more)
		wait_for_members(until);
}

enum { LIFELINE, HOLD, AWAITED, STREAM, ALL };

static int guard_descriptors(int end, int hold)
{
	/* The stream may have the number of one of them. */
	const int fds[ALL] = { end, hold, awaited, stream < 0 ? -1 : fcntl(stream, F_DUPFD, ALL) };

	if (stream >= 0 && fds[STREAM] < 0)
		return -1;
	for (int i = 0; i < ALL; i++)
		if (fds[i] >= 0 ? dup2(fds[i], i) < 0 : close(i) < 0 && errno != EBADF)
			return -1;
	return close_range(ALL, ~0U, 0);
}

/* Deaf to signals: whoever ends a whole session or unit by TERM means us, and we
 * still need the guard while we drain. */
static _Noreturn void guard_main(int end, int hold)
{
	sigset_t all;
	bool clean = false;
	ssize_t n;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setpgid(0, 0);
	prctl(PR_SET_NAME, "wp-guard");
	if (guard_descriptors(end, hold) < 0)
		_exit(WP_FAILED);
	while ((n = read(LIFELINE, &byte, 1)) != 0)
		clean |= n > 0;
	kill_groups();
	wait_for_groups();
	while (!clean && awaited >= 0 && read(AWAITED, &byte, 1) > 0)
		;
	if (!clean)
		remove_leavings();
	_exit(0);
}

static int make_table(size_t slots)
{
	void *table = mmap(NULL, slots * sizeof(*groups), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (table == MAP_FAILED)
		return err_errno("cannot share memory with the guard process");
	groups = table;
	groups_nr = slots;
	return 0;
}

int guard_start(size_t slots, int hold)
{
	int ends[2];

	if (!groups && make_table(slots) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno("cannot make a pipe");
	guard = fork();
	if (guard == 0)
		guard_main(ends[0], hold);
	close(ends[0]);
	if (guard < 0) {
		close(ends[1]);
		return err_errno("cannot start the guard process");
	}
	if (lifeline >= 0)
		close(lifeline);
	lifeline = ends[1];
	return 0;
}

void guard_patience(size_t slot, usec_t limit)
{
	patient_slot = slot;
	patience = limit;
}

void guard_set(size_t slot, pid_t group)
{
	if (slot < groups_nr)
		atomic_store(&groups[slot], group);
}

pid_t guard_pid(void)
{
	return guard;
}

void guard_stop(void)
{
	if (lifeline < 0)
		return;
	/* What is to be removed is our own business now: somebody may have made it anew as soon as it is gone. */
	(void)!write(lifeline, "", 1);
	close(lifeline);
	lifeline = -1;
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(groups, groups_nr * sizeof(*groups));
	groups = NULL;
	groups_nr = 0;
	guard = 0;
}
