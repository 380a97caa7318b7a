#include "verbs.h"

#include "alloc.h"
#include "backend.h"
#include "cgroup.h"
#include "err.h"
#include "groups.h"
#include "io.h"
#include "loop.h"
#include "order.h"
#include "spawn.h"
#include "spec.h"
#include "strays.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A runner: a process of the pool's that runs calls. It is the parent of their commands, and the subreaper of what those leave
 * behind, so that everything that runs in it ends with it. The pool decides; this obeys. */

enum { WIRE_FD = 3, HOLD_FD = 4 };

/* What a boot that is told to end by our death has left until it is killed. */
#define PATIENCE (10 * USEC_SEC)
#define STRAYS_LIMIT (1 * USEC_SEC)
/* After groups whose calls hold their slots: the last of a group may be the child of somebody who has left it, and of its end
 * nobody tells us. */
#define LOOK_EVERY (1 * USEC_SEC)

struct runner_args {
	struct strvec sync;
	const char *cgroup;
};

struct work {
	uint64_t call;
	bool ending;             /* its slot is taken until its whole group is gone */
};

struct runner {
	const char *pool, *number;
	int home;                /* the pool's directory: what is said to a backend may be relative to it */
	const char *cgroup;      /* where each call gets a group; NULL: nowhere */
	bool cgroup_memory;
	uint64_t *full;          /* calls that are over, and whose groups are not empty yet */
	size_t full_nr, full_alloc;
	struct loop *loop;
	struct loop_fd wire;
	struct loop_timer look;  /* after groups that were killed */
	struct groups groups;
	struct backend backend;
	struct work *works;      /* by slot of the groups */
	size_t *free_slots;      /* a stack */
	size_t free_nr;
	int status;
};

static void send_news(struct runner *r, const struct news *news)
{
	/* A pool that is gone shows as the end of the connection. */
	(void)wire_send(r->wire.fd, news, sizeof(*news), NULL, 0);
}

static void send_text(struct runner *r, int what, const char *text)
{
	struct news news = { .what = what };

	snprintf(news.text, sizeof(news.text), "%s", text);
	send_news(r, &news);
}

static void send_guard(struct runner *r)
{
	const struct news news = { .what = NEWS_GUARD, .pid = guard_pid() };

	send_news(r, &news);
}

/* The end */

static bool is_ours(pid_t pid, void *ctx)
{
	struct runner *r = ctx;

	return pid == guard_pid() || pid == r->backend.boot;
}

/* The backend's boot sees the end of its input when we exit, and the guard sees to it that it ends. */
static _Noreturn void kill_all(struct runner *r)
{
	for (size_t i = BACKEND_HELPER; i < r->groups.slots; i++)
		groups_kill(&r->groups, i);
	strays_end(is_ours, r, STRAYS_LIMIT);
	if (r->cgroup)
		cgroup_remove_all(r->cgroup, r->number);
	_exit(WP_FAILED);
}

static void backend_over(struct backend *b, const char *why)
{
	struct runner *r = (struct runner *)((char *)b - offsetof(struct runner, backend));

	if (why)
		send_text(r, NEWS_FAILED, why);
	if (why && r->status == 0)
		r->status = WP_FAILED;
	loop_stop(r->loop);
}

static void backend_ready(struct backend *b)
{
	struct runner *r = (struct runner *)((char *)b - offsetof(struct runner, backend));

	send_text(r, NEWS_READY, b->path ? b->handle.buf : BACKEND_LOCAL);
}

/* Calls */

static void leave_group(struct runner *r, const struct work *work)
{
	if (work->ending)
		cgroup_kill(r->cgroup, r->number, work->call);
	if (cgroup_remove(r->cgroup, r->number, work->call) == 0)
		return;
	grow_array(&r->full, &r->full_alloc, r->full_nr + 1, sizeof(*r->full));
	r->full[r->full_nr++] = work->call;
}

/* Who was in such a group has ended, perhaps the last one. */
static void remove_empty_groups(struct runner *r)
{
	for (size_t i = r->full_nr; i-- > 0;)
		if (cgroup_remove(r->cgroup, r->number, r->full[i]) == 0)
			r->full[i] = r->full[--r->full_nr];
}

static void call_gone(struct runner *r, size_t slot)
{
	struct news news = { .what = NEWS_GONE, .call = r->works[slot].call };

	if (r->cgroup)
		leave_group(r, &r->works[slot]);
	r->free_slots[r->free_nr++] = slot;
	r->works[slot].call = 0;
	send_news(r, &news);
}

static bool is_ours_to_set(const char *variable)
{
	static const char *const names[] = {
		"WP_POOL=", "WP_RUNNER=", "WP_SLOT=", "WP_CALL=", "WP_RUNNER_DIR=", "WP_LIMIT_MEMORY=", "WP_LIMIT_CPU=", "WP_LIMIT_NICE=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

/* The caller's environment, but for what is ours in it: the caller may run in a call itself. */
static void set_variables(struct spec *spec, char *const *ours)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->env_nr; i++)
		if (!is_ours_to_set(spec->envp[i]))
			spec->envp[n++] = spec->envp[i];
	for (; *ours; ours++)
		spec->envp[n++] = *ours;
	spec->envp[n] = NULL;
}

/* A backend's program sees to the limits where the command runs; here they would be its own. */
static void add_limits(struct strvec *ours, const struct spawn_limits *limits)
{
	if (limits->memory)
		strvec_pushf(ours, "WP_LIMIT_MEMORY=%lld", (long long)limits->memory);
	if (limits->cpu)
		strvec_pushf(ours, "WP_LIMIT_CPU=%lld", (long long)limits->cpu);
	if (limits->nice)
		strvec_pushf(ours, "WP_LIMIT_NICE=%d", limits->nice);
}

enum { OUR_VARIABLES = 7 };

static void our_variables(struct strvec *ours, const struct runner *r, const struct order *order, const struct spec *spec)
{
	strvec_pushf(ours, "WP_POOL=%s", r->pool);
	strvec_pushf(ours, "WP_RUNNER=%s", r->number);
	strvec_pushf(ours, "WP_SLOT=%llu", (unsigned long long)order->slot);
	strvec_pushf(ours, "WP_CALL=%llu", (unsigned long long)order->call);
	if (r->backend.path)
		add_limits(ours, &spec->limits);
}

static const char *variable(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++)
		if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

static pid_t run_in_dir(struct runner *r, struct spec *spec, struct spawn *spawn)
{
	mode_t ours;
	char *path;
	pid_t pid;
	int error;

	if (chdir(spec->dir) < 0) {
		error = errno;
		err_set(WP_CANNOT_EXEC, "cannot enter the directory \"%s\": %s", spec->dir, strerror(error));
		return -1;
	}
	path = r->backend.path ? xstrdup(r->backend.path) : spawn_find_in(spec->argv[0], variable(spec->envp, "PATH"));
	if (!path)
		return -1;
	spawn->path = path;
	ours = umask(spec->mask);
	pid = spawn_start(spawn);
	error = errno;
	umask(ours);
	free(path);
	errno = error;
	return pid;
}

/* A group limits the memory of all of the call, which is better than that of each process. */
static int enter_group(struct runner *r, struct spec *spec, uint64_t call, struct spawn *spawn)
{
	if (!r->cgroup || r->backend.path)
		return 0;
	spawn->cgroup = cgroup_make(r->cgroup, r->number, call, &spec->limits);
	if (r->cgroup_memory)
		spec->limits.memory = 0;
	return spawn->cgroup < 0 ? -1 : 0;
}

static pid_t run(struct runner *r, struct spec *spec, const struct order *order, const int *fds, size_t slot)
{
	struct spawn spawn = SPAWN_INIT;
	char **argv = backend_command(&r->backend, spec->argv);
	pid_t pid;
	int error;

	spawn.argv = argv;
	spawn.envp = spec->envp;
	spawn.in = fds[1];
	spawn.out = fds[2];
	spawn.err = fds[3];
	spawn.guarded = slot + 1;
	spawn.limits = r->backend.path ? NULL : &spec->limits;
	pid = enter_group(r, spec, order->call, &spawn) < 0 ? -1 : run_in_dir(r, spec, &spawn);
	error = errno;
	fd_close(&spawn.cgroup);
	if (pid < 0 && r->cgroup)
		cgroup_remove(r->cgroup, r->number, order->call);
	free(argv);
	if (fchdir(r->home) < 0)
		error = errno;
	errno = error;
	return pid;
}

static void not_run(struct runner *r, const struct order *order)
{
	struct news news = { .what = NEWS_ENDED, .call = order->call, .status = err_status() };

	news.unstarted = err_status() == WP_FAILED;
	snprintf(news.text, sizeof(news.text), "%s", err_message());
	err_clear();
	send_news(r, &news);
	news = (struct news){ .what = NEWS_GONE, .call = order->call };
	send_news(r, &news);
}

static pid_t run_spec(struct runner *r, const struct order *order, const int *fds, size_t slot)
{
	struct strvec ours = STRVEC_INIT;
	struct spec spec;
	pid_t pid = -1;

	if (spec_read(&spec, fds[0], OUR_VARIABLES) == 0) {
		our_variables(&ours, r, order, &spec);
		set_variables(&spec, ours.v);
		pid = run(r, &spec, order, fds, slot);
	}
	spec_release(&spec);
	strvec_release(&ours);
	return pid;
}

static void obey_run(struct runner *r, const struct order *order, const int *fds)
{
	struct news news = { .what = NEWS_STARTED, .call = order->call };
	size_t slot;

	if (r->free_nr == 0) {
		err_set(WP_FAILED, "the runner is full");
		not_run(r, order);
		return;
	}
	slot = r->free_slots[r->free_nr - 1];
	news.pid = run_spec(r, order, fds, slot);
	if (news.pid < 0) {
		not_run(r, order);
		return;
	}
	r->free_nr--;
	groups_add(&r->groups, slot, news.pid);
	r->works[slot] = (struct work){ .call = order->call, .ending = order->hold };
	send_news(r, &news);
}

static void obey_signal(struct runner *r, const struct order *order)
{
	size_t slot = BACKEND_SLOTS;

	while (slot < r->groups.slots && r->works[slot].call != order->call)
		slot++;
	if (slot == r->groups.slots)
		return;              /* it has ended, and the pool will hear of it */
	if (order->signo == SIGKILL) {
		r->works[slot].ending = true;
		if (groups_kill(&r->groups, slot))
			call_gone(r, slot);
	} else if (order->signo == SIGTERM) {
		r->works[slot].ending = true;
		groups_term(&r->groups, slot);
	} else {
		groups_signal(&r->groups, slot, order->signo);
	}
}

static void obey(struct runner *r, const struct order *order, int fds[WIRE_FDS], size_t fds_nr)
{
	if (order->what == ORDER_RUN && fds_nr == WIRE_FDS)
		obey_run(r, order, fds);
	else if (order->what == ORDER_SIGNAL)
		obey_signal(r, order);
	else if (order->what == ORDER_SHUT)
		backend_shut(&r->backend);
	wire_close_fds(fds);
}

static void wire_readable(struct loop_fd *handle, uint32_t events)
{
	struct runner *r = (struct runner *)((char *)handle - offsetof(struct runner, wire));
	static _Alignas(struct order) char buf[WIRE_MAX];
	int fds[WIRE_FDS];
	size_t fds_nr;
	ssize_t n;

	while ((n = wire_receive(handle->fd, buf, fds, &fds_nr)) == sizeof(struct order))
		obey(r, (struct order *)buf, fds, fds_nr);
	if (n >= 0 || errno != EAGAIN)
		kill_all(r);
}

/* Children */

/* Groups that were killed are looked after until they are gone. */
static void free_swept(struct runner *r)
{
	ssize_t slot;

	while ((slot = groups_swept(&r->groups)) >= 0)
		if (slot >= BACKEND_SLOTS)
			call_gone(r, (size_t)slot);
}

static void look_again(struct loop_timer *timer)
{
	free_swept((struct runner *)((char *)timer - offsetof(struct runner, look)));
}

static void call_ended(struct runner *r, size_t slot, int wait_status)
{
	struct news news = { .what = NEWS_ENDED, .call = r->works[slot].call, .status = spawn_exit_status(wait_status) };
	bool free = groups_reaped(&r->groups, slot, r->works[slot].ending);

	send_news(r, &news);
	if (free)
		call_gone(r, slot);
	backend_doubt(&r->backend, news.status);
}

static void child_ended(pid_t pid, int wait_status, void *ctx)
{
	struct runner *r = ctx;
	ssize_t slot;

	if (pid == guard_pid()) {
		if (guard_start(r->groups.slots, HOLD_FD) < 0)
			err_report();
		send_guard(r);
		return;
	}
	if (backend_reaped(&r->backend, pid, wait_status))
		return;
	slot = groups_find(&r->groups, pid);
	if (slot >= BACKEND_SLOTS)
		call_ended(r, (size_t)slot, wait_status);
	else
		free_swept(r);
	if (r->full_nr)
		remove_empty_groups(r);
}

static void after(void *ctx)
{
	struct runner *r = ctx;
	usec_t deadline = groups_deadline(&r->groups);

	if (r->groups.lingering && deadline == USEC_NEVER)
		deadline = clock_now() + LOOK_EVERY;
	if (deadline != USEC_NEVER && (!r->look.due.index || deadline < r->look.due.at))
		loop_timer_set(r->loop, &r->look, deadline, look_again);
}

/* Setting up */

/* The pool tells us when to end, and with it whoever ends a whole session or unit means the pool. In a session of our own, commands
 * may read from the terminal that a caller hands them: in the pool's it would be job control's to stop them. */
static void stand_apart(void)
{
	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
}

static int open_runner(struct runner *r)
{
	size_t slots = BACKEND_SLOTS + RUNNER_CALLS_MAX;

	guard_patience(BACKEND_BOOT, PATIENCE);
	if (groups_init(&r->groups, slots, HOLD_FD) < 0 || loop_init(&r->loop) < 0)
		return -1;
	send_guard(r);
	r->works = xcalloc(slots, sizeof(*r->works));
	r->free_slots = xcalloc(slots, sizeof(*r->free_slots));
	for (size_t slot = slots; slot-- > BACKEND_SLOTS;)
		r->free_slots[r->free_nr++] = slot;
	if (loop_children(r->loop, child_ended, r) < 0 || loop_add(r->loop, &r->wire, WIRE_FD, EPOLLIN, wire_readable) < 0)
		return -1;
	loop_after(r->loop, after, r);
	r->home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r->home < 0 ? err_errno("cannot open the current directory") : 0;
}

static int start_backend(struct runner *r, struct runner_args *args, int n, char **operands)
{
	r->backend.sync = args->sync;
	args->sync = (struct strvec)STRVEC_INIT;
	r->backend.ready = backend_ready;
	r->backend.over = backend_over;
	if (n > 2 && strcmp(operands[2], BACKEND_LOCAL))
		r->backend.path = xstrdup(operands[2]);
	r->backend.args = operands + (n > 2 ? 3 : 2);
	if (setenv("WP_POOL", r->pool, 1) < 0 || setenv("WP_RUNNER", r->number, 1) < 0)
		return err_errno("cannot set the backend's environment");
	return backend_start(&r->backend, r->loop, &r->groups);
}

static void close_runner(struct runner *r)
{
	strays_end(is_ours, r, STRAYS_LIMIT);
	if (r->cgroup)
		cgroup_remove_all(r->cgroup, r->number);
	backend_release(&r->backend);
	groups_release(&r->groups);
	loop_free(r->loop);
	fd_close(&r->home);
	free(r->works);
	free(r->full);
	free(r->free_slots);
}

static int runner_run(void *globals, void *args, int n, char **operands)
{
	struct runner r = { .pool = operands[0], .number = operands[1], .home = -1, .backend = { .in = -1, .out.fd = -1 } };
	struct stat st;

	if (fstat(WIRE_FD, &st) < 0 || !S_ISSOCK(st.st_mode) || fcntl(HOLD_FD, F_GETFD) < 0)
		return err_usage("runner", "this verb is for wp-pool start alone");
	fcntl(WIRE_FD, F_SETFD, FD_CLOEXEC);
	fcntl(HOLD_FD, F_SETFD, FD_CLOEXEC);
	strbuf_init(&r.backend.handle);
	r.wire.fd = WIRE_FD;
	r.cgroup = ((struct runner_args *)args)->cgroup;
	r.cgroup_memory = r.cgroup && cgroup_limits_memory(r.cgroup);
	stand_apart();
	if (open_runner(&r) < 0 || start_backend(&r, args, n, operands) < 0) {
		send_text(&r, NEWS_FAILED, err_message());
		r.status = err_report();
	} else if (loop_run(r.loop) < 0) {
		r.status = err_report();
	}
	close_runner(&r);
	return r.status;
}

static const struct opt options[] = {
	OPT_STRING(0, "cgroup", "DIR", struct runner_args, cgroup, NULL, "make a control group for each call in DIR"),
	OPT_LIST(0, "sync", "PATH", struct runner_args, sync, NULL, "copy PATH to the runner"),
	OPT_END
};

static const struct runner_args defaults = { .sync = STRVEC_INIT };

const struct verb verb_runner = {
	.name = "runner", .args = "POOL NUMBER [BACKEND [ARG...]]",
	.summary = "what start runs for each runner", .internal = true,
	.options = options, .size = sizeof(struct runner_args), .defaults = &defaults,
	.min_operands = 2, .max_operands = -1, .run = runner_run,
};
