/*
 * usage: processes list|gone|kill VARIABLE=VALUE [SECONDS]
 *        processes limit VARIABLE=VALUE SECONDS PID
 *        processes ended PID [SECONDS]
 *        processes signal VARIABLE=VALUE SIGNAL NAME [PICK]
 *
 * The processes of a test are those that were started with VARIABLE=VALUE in
 * their environment, whoever their parent is by now.
 *
 * list: print them.
 * gone: wait until there is none; after SECONDS (default 10) print what is left and exit with 1.
 * kill: SIGKILL them, then as gone.
 * limit: when SECONDS have passed and process PID, the test, has not ended, list and kill them, so
 * that a test that waits for one of them goes on, and fails.
 * ended: wait until process PID has ended, also when nobody reaps it, as the first process of many
 * containers does not; after SECONDS (default 10) print it and exit with 1.
 * signal: send SIGNAL, a number, to those whose command name is NAME; with PICK, a number, to one of them alone, the
 * same one for the same PICK as long as they are the same. Print whom it was sent to; exit with 1 when there was nobody.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct text {
	char *p;
	size_t len;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A file of the process, or an empty text when it is gone or not ours to read. */
static struct text proc_read(pid_t pid, const char *name)
{
	struct text text = { NULL, 0 };
	char path[64];
	FILE *f;

	if (snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name) >= (int)sizeof(path))
		errx(70, "path too long");
	f = fopen(path, "re");
	if (!f)
		return text;
	size_t room = 0;
	ssize_t n = getdelim(&text.p, &room, EOF, f);
	text.len = n > 0 ? (size_t)n : 0;
	fclose(f);
	return text;
}

static bool has_variable(pid_t pid, const char *variable)
{
	struct text environment = proc_read(pid, "environ");
	bool found = false;

	for (size_t at = 0; at < environment.len && !found; at += strlen(environment.p + at) + 1)
		found = !strcmp(environment.p + at, variable);
	free(environment.p);
	return found;
}

static void print_process(pid_t pid)
{
	struct text command = proc_read(pid, "cmdline");

	for (size_t i = 0; i + 1 < command.len; i++)
		if (!command.p[i])
			command.p[i] = ' ';
	printf("%d %s\n", (int)pid, command.len ? command.p : "?");
	free(command.p);
}

/* The next process of the listing, or 0. */
static pid_t next_process(DIR *proc, const char *variable)
{
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != getpid() && has_variable(pid, variable))
			return pid;
	}
	return 0;
}

static DIR *open_proc(void)
{
	DIR *proc = opendir("/proc");

	if (!proc)
		err(74, "/proc");
	return proc;
}

static int list(const char *variable)
{
	DIR *proc = open_proc();
	int n = 0;
	pid_t pid;

	for (; (pid = next_process(proc, variable)); n++)
		print_process(pid);
	closedir(proc);
	return n;
}

/* Wait for the end of one process. False: the deadline came first. */
static bool wait_end(int pidfd, int64_t deadline)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0)
			return false;
		if (errno != EINTR)
			err(74, "poll");
	}
}

/* One pass over the processes there are: each is waited for in turn. */
static int pass(const char *variable, int signal, int64_t deadline, bool *late)
{
	DIR *proc = open_proc();
	int seen = 0;
	pid_t pid;

	while (!*late && (pid = next_process(proc, variable))) {
		int fd = pidfd_open(pid, 0);

		seen++;
		if (fd < 0)
			continue;
		/* The number may have gone to another process before it was opened. */
		if (signal && has_variable(pid, variable))
			pidfd_send_signal(fd, signal, NULL, 0);
		*late = !wait_end(fd, deadline);
		close(fd);
	}
	closedir(proc);
	return seen;
}

static int wait_all(const char *variable, int signal, int64_t deadline)
{
	bool late = false;

	while (!late && pass(variable, signal, deadline, &late))
		;
	return late && list(variable) > 0;
}

static int limit(const char *variable, int64_t deadline, const char *test)
{
	int fd = pidfd_open((pid_t)strtol(test, NULL, 10), 0);

	if (fd < 0 || wait_end(fd, deadline))
		return 0;
	list(variable);
	if (fflush(stdout))
		err(74, "stdout");
	return wait_all(variable, SIGKILL, now_ms() + 10000);
}

static int ended(const char *name, int64_t deadline)
{
	pid_t pid = (pid_t)strtol(name, NULL, 10);
	int fd = pidfd_open(pid, 0);

	if (fd < 0 && errno != ESRCH)
		err(64, "process \"%s\"", name);
	if (fd < 0 || wait_end(fd, deadline))
		return 0;
	print_process(pid);
	return 1;
}

static bool is_named(pid_t pid, const char *name)
{
	struct text comm = proc_read(pid, "comm");
	bool same = comm.len == strlen(name) + 1 && !strncmp(comm.p, name, comm.len - 1);

	free(comm.p);
	return same;
}

/* Those of that name, oldest number first as the directory has them. Returns how many; at most room of them are in pids. */
static size_t find(const char *variable, const char *name, pid_t *pids, size_t room)
{
	DIR *proc = open_proc();
	size_t n = 0;
	pid_t pid;

	while (n < room && (pid = next_process(proc, variable)))
		if (is_named(pid, name))
			pids[n++] = pid;
	closedir(proc);
	return n;
}

static bool send_to(pid_t pid, const char *variable, int signal)
{
	int fd = pidfd_open(pid, 0);
	/* The number may have gone to another process before it was opened. */
	bool sent = fd >= 0 && has_variable(pid, variable) && !pidfd_send_signal(fd, signal, NULL, 0);

	if (fd >= 0)
		close(fd);
	if (sent)
		printf("%d\n", (int)pid);
	return sent;
}

static int send_signal(const char *variable, int signal, const char *name, const char *pick)
{
	pid_t pids[1024];
	size_t n = find(variable, name, pids, sizeof(pids) / sizeof(pids[0]));
	size_t chosen = pick && n ? strtoul(pick, NULL, 10) % n : 0;
	bool sent = false;

	for (size_t i = 0; i < n; i++)
		if (!pick || i == chosen)
			sent |= send_to(pids[i], variable, signal);
	return !sent;
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 6 || !strchr(argv[2], '=') != !strcmp(argv[1], "ended"))
		errx(64, "usage: processes list|gone|kill|limit VARIABLE=VALUE [SECONDS [PID]] | ended PID [SECONDS] | "
			"signal VARIABLE=VALUE SIGNAL NAME [PICK]");
	if (!strcmp(argv[1], "signal") && argc >= 5)
		return send_signal(argv[2], (int)strtol(argv[3], NULL, 10), argv[4], argv[5]);
	int64_t deadline = now_ms() + 1000 * (argc > 3 ? strtol(argv[3], NULL, 10) : 10);

	if (!strcmp(argv[1], "list")) {
		list(argv[2]);
		return 0;
	}
	if (!strcmp(argv[1], "gone"))
		return wait_all(argv[2], 0, deadline);
	if (!strcmp(argv[1], "kill"))
		return wait_all(argv[2], SIGKILL, deadline);
	if (!strcmp(argv[1], "limit") && argc == 5)
		return limit(argv[2], deadline, argv[4]);
	if (!strcmp(argv[1], "ended"))
		return ended(argv[2], deadline);
	errx(64, "unknown word \"%s\"", argv[1]);
}
