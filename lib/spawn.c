#include "spawn.h"

#include "alloc.h"
#include "err.h"
#include "strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "/bin/sh"

/* What the child needs and must not work out itself: after vfork it may only make
 * system calls, and what it writes it writes into our memory. */
struct child {
	const struct spawn *spawn;
	const char *path;
	char *const *argv;
	char *const *envp;
	int fds[3];
	pid_t parent;
	volatile int failure;      /* errno, 0 when the command was started */
	volatile bool limited;     /* so it was not the limits that failed */
};

/* Signals that are ignored stay ignored over exec, others do not stay handled: only
 * the ignored ones need the child's attention. Looked up once, because asking costs
 * a call a signal. SIGPIPE, which programs here ignore after their start, is always one. */
static int ignored[NSIG];
static size_t ignored_nr;

static void find_ignored(void)
{
	static bool done;
	struct sigaction action;

	if (done)
		return;
	done = true;
	ignored[ignored_nr++] = SIGPIPE;
	for (int signo = 1; signo < NSIG; signo++)
		if (signo != SIGPIPE && !sigaction(signo, NULL, &action) && action.sa_handler == SIG_IGN)
			ignored[ignored_nr++] = signo;
}

static struct rlimit files;        /* as it was before we raised our own; rlim_cur 0: we have not */

int spawn_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	if (!files.rlim_cur)
		files = limit;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int dev_null(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fd;
}

/* In the child: from here to exec nothing but system calls. */

/* With INHERIT the command stands in our place: what our caller ignored (nohup), it ignores, and only our own SIGPIPE goes. */
static int child_signals(bool inherit)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (size_t i = 0; i < (inherit ? 1 : ignored_nr); i++)
		if (sigaction(ignored[i], &dfl, NULL) < 0)
			return -1;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* We may have died before the child asked to be told. */
static int child_ties(const struct child *child)
{
	if (!child->spawn->same_group && setpgid(0, 0) < 0)
		return -1;
	if (child->spawn->cgroup >= 0 && write(child->spawn->cgroup, "0", 1) != 1)
		return -1;
	/* By the child itself: between its start and our next step we may be killed. */
	if (child->spawn->guarded)
		guard_set(child->spawn->guarded - 1, getpid());
	if (!child->spawn->death_signal)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, child->spawn->death_signal) < 0)
		return -1;
	if (getppid() != child->parent)
		_exit(WP_FAILED);
	return 0;
}

static int child_move(int from, int to)
{
	if (from == to)
		return fcntl(to, F_SETFD, 0);
	return dup2(from, to);
}

static int child_descriptors(const struct child *child)
{
	enum { ALL = 3 + SPAWN_KEEP };
	int from[ALL], end = 3;

	/* Out of the way of those that are about to be overwritten. */
	for (int i = 0; i < ALL; i++) {
		from[i] = i < 3 ? child->fds[i] : child->spawn->keep[i - 3];
		if (from[i] >= 0 && from[i] < ALL && from[i] != i && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, ALL)) < 0)
			return -1;
	}
	for (int i = 0; i < ALL; i++) {
		if (from[i] < 0)
			continue;
		if (child_move(from[i], i) < 0 || (i > end && close_range((unsigned)end, (unsigned)i - 1, 0) < 0))
			return -1;
		if (i >= end)
			end = i + 1;
	}
	if (child->spawn->inherit)
		return 0;
	/* Also what a careless program above us left open. */
	return close_range((unsigned)end, ~0U, 0);
}

static int child_limit(int resource, int64_t soft, int64_t hard)
{
	struct rlimit limit = { (rlim_t)soft, (rlim_t)hard }, now;

	if (getrlimit(resource, &now) < 0)
		return -1;
	if (limit.rlim_max > now.rlim_max)
		limit.rlim_max = now.rlim_max;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit);
}

static int child_limits(const struct spawn_limits *limits)
{
	if (!limits)
		return 0;
	if (limits->memory && child_limit(RLIMIT_AS, limits->memory, limits->memory) < 0)
		return -1;
	if (limits->cpu && child_limit(RLIMIT_CPU, limits->cpu, limits->cpu + 1) < 0)
		return -1;
	return limits->nice ? setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + limits->nice) : 0;
}

/* Last, because what the child was given may be above the limit. */
static int child_files(void)
{
	return files.rlim_cur ? setrlimit(RLIMIT_NOFILE, &files) : 0;
}

static void child_run(struct child *child)
{
	if (!child_ties(child) && !child_signals(child->spawn->inherit)
	    && (child->limited = !child_limits(child->spawn->limits)) && (!child->spawn->dir || !chdir(child->spawn->dir))
	    && child_descriptors(child) >= 0 && child_files() >= 0)
		execve(child->path, child->argv, child->envp);
	child->failure = errno;
	_exit(WP_FAILED);
}

/* Not inlined: the child borrows our stack, and must not change a frame that we go on using. */
static __attribute__((noinline)) pid_t fork_child(struct child *child)
{
	pid_t pid = vfork();

	if (pid == 0)
		child_run(child);
	return pid;
}

/* Back in the parent */

static pid_t run(struct child *child)
{
	pid_t pid;

	child->failure = 0;
	child->limited = !child->spawn->limits;
	pid = fork_child(child);
	if (pid < 0) {
		child->failure = errno;
		return -1;
	}
	if (!child->failure)
		return pid;
	if (child->spawn->guarded)
		guard_set(child->spawn->guarded - 1, 0);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -1;
}

/* A script without "#!" is the shell's, as execvp has it. */
static pid_t run_by_shell(struct child *child)
{
	size_t n = 0;
	char **argv;
	pid_t pid;

	while (child->argv[n])
		n++;
	argv = xcalloc(n + 2, sizeof(*argv));
	argv[0] = (char *)SHELL;
	argv[1] = (char *)child->path;
	for (size_t i = 1; i < n; i++)
		argv[i + 1] = child->argv[i];
	child->path = SHELL;
	child->argv = argv;
	pid = run(child);
	free(argv);
	return pid;
}

static int exec_error(const char *name, int error)
{
	errno = error;
	if (error == ENOENT || error == ENOTDIR)
		err_set(WP_NOT_FOUND, "cannot run \"%s\": %s", name, strerror(error));
	else if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE)
		err_set(WP_FAILED, "cannot start \"%s\": %s", name, strerror(error));
	else
		err_set(WP_CANNOT_EXEC, "cannot run \"%s\": %s", name, strerror(error));
	errno = error;
	return -1;
}

static pid_t start(const struct spawn *spawn, const char *path)
{
	struct child child = {
		.spawn = spawn, .path = path, .argv = spawn->argv,
		.envp = spawn->envp ? spawn->envp : environ,
		.fds = { spawn->in, spawn->out, spawn->err }, .parent = getpid(),
	};
	pid_t pid;

	find_ignored();
	for (int i = 0; i < 3; i++)
		if (child.fds[i] < 0 && (child.fds[i] = dev_null()) < 0) {
			int error = errno;

			err_set(WP_FAILED, "cannot open \"/dev/null\": %s", strerror(error));
			errno = error;
			return -1;
		}
	pid = run(&child);
	if (pid < 0 && child.failure == ENOEXEC)
		pid = run_by_shell(&child);
	if (pid < 0 && !child.limited && (child.failure == EACCES || child.failure == EPERM)) {
		err_set(WP_CANNOT_EXEC, "cannot set the limits of \"%s\": %s", spawn->argv[0], strerror(child.failure));
		errno = child.failure;
		return -1;
	}
	if (pid < 0)
		return exec_error(spawn->argv[0], child.failure);
	return pid;
}

pid_t spawn_start(const struct spawn *spawn)
{
	char *found;
	pid_t pid;
	int error;

	if (spawn->path)
		return start(spawn, spawn->path);
	found = spawn_find(spawn->argv[0]);
	if (!found)
		return -1;
	pid = start(spawn, found);
	error = errno;
	free(found);
	errno = error;
	return pid;
}

/* Finding the command */

/* 0, or the errno that exec would meet. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return access(path, X_OK) < 0 ? errno : 0;
}

static int search_path(const char *name, const char *dirs, struct strbuf *found)
{
	int error = ENOENT;

	if (!dirs)
		dirs = "/usr/local/bin:/usr/bin:/bin";
	for (const char *p = dirs;; p++) {
		size_t len = strcspn(p, ":");
		int this;

		strbuf_reset(found);
		strbuf_add(found, p, len);
		if (len)
			strbuf_addch(found, '/');   /* an empty entry is the current directory */
		strbuf_addstr(found, name);
		this = executable(found->buf);
		if (!this)
			return 0;
		if (this == EACCES)
			error = EACCES;     /* found but not to be run: says more than "not found" */
		p += len;
		if (!*p)
			return error;
	}
}

char *spawn_find(const char *name)
{
	return spawn_find_in(name, getenv("PATH"));
}

char *spawn_find_in(const char *name, const char *dirs)
{
	struct strbuf found = STRBUF_INIT;
	int error;

	if (!*name) {
		error = ENOENT;
	} else if (strchr(name, '/')) {
		strbuf_addstr(&found, name);
		error = executable(name);
	} else {
		error = search_path(name, dirs, &found);
	}
	if (!error)
		return strbuf_detach(&found, NULL);
	strbuf_release(&found);
	if (error == ENOENT && !strchr(name, '/'))
		err_set(WP_NOT_FOUND, "command not found: \"%s\"", name);
	else
		exec_error(name, error);
	errno = error;
	return NULL;
}

int spawn_exit_status(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

static bool sets(const struct strvec *variables, const char *variable)
{
	for (size_t i = 0; i < variables->nr; i++)
		if (!strncmp(variable, variables->v[i], strcspn(variables->v[i], "=") + 1))
			return true;
	return false;
}

char **spawn_environment(char *const *base, const struct strvec *variables)
{
	size_t n = 0, at = 0;
	char **envp;

	while (base[n])
		n++;
	envp = xcalloc(n + variables->nr + 1, sizeof(*envp));
	for (size_t i = 0; i < n; i++)
		if (!sets(variables, base[i]))
			envp[at++] = base[i];
	memcpy(envp + at, variables->v, variables->nr * sizeof(*envp));
	return envp;
}
