#include "keeper.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "process.h"
#include "spawn.h"
#include "strays.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define keeper_of(pointer, member) ((struct keeper *)((char *)(pointer) - offsetof(struct keeper, member)))

/* What it has started in groups of others' making is known by its environment. */
struct descent {
	const struct worker *worker;
	struct strbuf text;
	pid_t *dying;
	size_t nr, alloc;
};

static bool environment_has(const struct strbuf *text, const char *name, const char *value)
{
	size_t len = strlen(name);

	for (const char *p = text->buf; p < text->buf + text->len; p += strlen(p) + 1) {
		if (!strncmp(p, name, len) && !strcmp(p + len, value))
			return true;
	}
	return false;
}

static int read_environment(struct strbuf *text, pid_t pid)
{
	char path[64];
	int fd;
	ssize_t n;

	strbuf_reset(text);
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	do {
		strbuf_grow(text, 65536);
		n = read(fd, text->buf + text->len, 65536);
		if (n > 0)
			strbuf_setlen(text, text->len + (size_t)n);
	} while (n > 0);
	fd_close(&fd);
	return 0;
}

static bool is_a_leader(const struct keeper *k, pid_t pid)
{
	return pid == guard_pid() || groups_find(&k->groups, pid) >= 0;
}

static bool is_not_of(pid_t pid, void *ctx)
{
	struct descent *d = ctx;
	char number[24];

	if (is_a_leader(d->worker->keeper, pid) || read_environment(&d->text, pid) < 0)
		return true;
	snprintf(number, sizeof(number), "%lld", (long long)d->worker->number);
	if (!environment_has(&d->text, "WP_CHILD_ID=", d->worker->name) || !environment_has(&d->text, "WP_REPLICA=", number))
		return true;
	grow_array(&d->dying, &d->alloc, d->nr + 1, sizeof(*d->dying));
	d->dying[d->nr++] = pid;
	return false;
}

/* One that is dying has lost its environment before its files and locks: nobody would know any more that it is ours. */
static void kill_strays(struct worker *w)
{
	struct descent d = { .worker = w, .text = STRBUF_INIT };
	usec_t until = clock_now() + USEC_SEC;

	do {
		d.nr = 0;
		strays_kill(is_not_of, &d);
		for (size_t i = 0; i < d.nr; i++)
			process_await_death(d.dying[i], until);
	} while (d.nr && clock_now() < until);  /* there may be more of them, once their parents are dead */
	strbuf_release(&d.text);
	free(d.dying);
}

/* Ending */

static void over(struct worker *w)
{
	struct keeper *k = w->keeper;

	handover_close(&w->handover);
	fd_close(&w->out);
	k->of_slot[w->slot] = NULL;
	k->running--;
	w->pid = 0;
	loop_timer_cancel(k->loop, &w->kill);
	k->ended(k->ctx, w, w->wait_status);
}

static void sweep(struct keeper *k);

static void sweep_due(struct loop_timer *timer)
{
	sweep(keeper_of(timer, sweep));
}

static void sweep(struct keeper *k)
{
	usec_t deadline;
	ssize_t slot;

	while ((slot = groups_swept(&k->groups)) >= 0)
		if (slot < KEEPER_SLOTS)
			over(k->of_slot[slot]);
	deadline = groups_deadline(&k->groups);
	if (deadline != USEC_NEVER)
		loop_timer_set(k->loop, &k->sweep, deadline, sweep_due);
}

/* What is left of its group has lost the one that it belonged to. */
static void leader_reaped(struct keeper *k, size_t slot, int wait_status)
{
	struct worker *w = k->of_slot[slot];

	w->wait_status = wait_status;
	kill_strays(w);
	if (groups_reaped(&k->groups, slot, true) || groups_kill(&k->groups, slot))
		over(w);
	sweep(k);
}

static void start_guard_again(struct keeper *k)
{
	if (guard_start(k->groups.slots, k->hold) < 0) {
		err_warn("%s", err_message());
		err_clear();
		return;
	}
	for (size_t i = 0; i < k->groups.slots; i++)
		guard_set(i, k->groups.leader[i]);
}

static void child_ended(pid_t pid, int wait_status, void *ctx)
{
	struct keeper *k = ctx;
	ssize_t slot;

	if (pid == guard_pid()) {
		start_guard_again(k);
		return;
	}
	if (hooks_reaped(&k->hooks, pid, wait_status))
		return;
	slot = groups_find(&k->groups, pid);
	if (slot >= 0)
		leader_reaped(k, (size_t)slot, wait_status);
	else
		sweep(k);
}

static void kill_due(struct loop_timer *timer)
{
	struct worker *w = (struct worker *)((char *)timer - offsetof(struct worker, kill));

	if (w->pid && groups_kill(&w->keeper->groups, w->slot))
		over(w);
}

void worker_stop(struct worker *w, bool now)
{
	struct groups *g = &w->keeper->groups;

	if (!w->pid)
		return;
	if (now) {
		w->asked = true;
		kill_due(&w->kill);
	} else if (!w->asked) {
		w->asked = true;
		groups_signal(g, w->slot, (int)w->settings.stop_signal);
		groups_signal(g, w->slot, SIGCONT);
		loop_timer_set(w->keeper->loop, &w->kill, clock_now() + w->settings.shutdown_timeout, kill_due);
	}
}

/* Beginning */

static void fill_in(struct strbuf *arg, const char *text, const struct worker *w)
{
	while (*text) {
		if (!strncmp(text, "{id}", 4)) {
			strbuf_addstr(arg, w->name);
			text += 4;
		} else if (!strncmp(text, "{node}", 6)) {
			strbuf_addstr(arg, w->keeper->node);
			text += 6;
		} else if (!strncmp(text, "{replica}", 9)) {
			strbuf_addint(arg, w->number);
			text += 9;
		} else {
			strbuf_addch(arg, *text++);
		}
	}
}

static void make_command(struct strvec *argv, const struct worker *w)
{
	struct strbuf arg = STRBUF_INIT;

	for (size_t i = 0; i < w->settings.command.nr; i++) {
		strbuf_reset(&arg);
		fill_in(&arg, w->settings.command.v[i], w);
		strvec_push(argv, arg.buf);
	}
	strbuf_release(&arg);
}

static void make_variables(struct strvec *variables, const struct worker *w, bool comes)
{
	strvec_pushf(variables, "WP_CHILD_ID=%s", w->name);
	strvec_pushf(variables, "WP_NODE=%s", w->keeper->node);
	strvec_pushf(variables, "WP_REPLICA=%lld", (long long)w->number);
	strvec_pushf(variables, "WP_ROLE=%s", w->active ? "active" : "passive");
	strvec_pushf(variables, "WP_HANDOVER_OUT=%s", w->hot ? "3" : "");
	strvec_pushf(variables, "WP_HANDOVER_IN=%s", comes ? "4" : "");
}

/* A name may have what a file's may not: "%2F". */
static void add_file_name(struct strbuf *path, const char *name)
{
	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '/' || c == '%' || c < ' ' || c == 0x7f)
			strbuf_addf(path, "%%%02X", c);
		else
			strbuf_addch(path, *p);
	}
}

static int open_log(const struct worker *w)
{
	struct strbuf path = STRBUF_INIT;
	int fd;

	strbuf_addf(&path, "%s/", w->keeper->log_dir);
	add_file_name(&path, w->name);
	strbuf_addf(&path, ".%lld.log", (long long)w->number);
	fd = open(path.buf, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		err_errno("cannot open \"%s\"", path.buf);
	strbuf_release(&path);
	return fd;
}

/* The first of the name, as getenv(3) has it. */
static const char *variable(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++) {
		if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
			return *envp + len + 1;
	}
	return NULL;
}

/* Where the child itself would find it: in its directory, and by its PATH. NULL with err recorded. */
static char *find_command(const char *name, char *const *envp)
{
	return strchr(name, '/') ? xstrdup(name) : spawn_find_in(name, variable(envp, "PATH"));
}

static pid_t start_process(struct spawn *spawn)
{
	char *path;
	pid_t pid = -1;

	if (access(spawn->dir, X_OK) < 0)
		return err_errno("cannot change to directory \"%s\"", spawn->dir);
	path = find_command(spawn->argv[0], spawn->envp);
	if (path) {
		spawn->path = path;
		pid = spawn_start(spawn);
	}
	free(path);
	return pid;
}

static pid_t spawn(const struct worker *w, size_t slot, int log, const int handover[SPAWN_KEEP])
{
	struct spawn spawn = SPAWN_INIT;
	struct strvec argv = STRVEC_INIT, variables = STRVEC_INIT;
	pid_t pid;

	make_command(&argv, w);
	make_variables(&variables, w, handover[1] >= 0);
	spawn.argv = argv.v;
	spawn.envp = spawn_environment(w->settings.environment.v, &variables);
	spawn.dir = w->settings.directory;
	spawn.out = log < 0 ? STDOUT_FILENO : log;
	spawn.err = log < 0 ? STDERR_FILENO : log;
	memcpy(spawn.keep, handover, sizeof(spawn.keep));
	spawn.guarded = slot + 1;
	pid = start_process(&spawn);
	free((char **)spawn.envp);
	strvec_release(&argv);
	strvec_release(&variables);
	return pid;
}

static ssize_t free_slot(struct keeper *k)
{
	for (size_t i = 0; i < KEEPER_SLOTS; i++) {
		size_t slot = (k->next_slot + i) % KEEPER_SLOTS;

		if (!k->of_slot[slot]) {
			k->next_slot = slot + 1;
			return (ssize_t)slot;
		}
	}
	return err_set(WP_FAILED, "%d processes run already", KEEPER_SLOTS);
}

static void begin(struct worker *w, size_t slot, pid_t pid)
{
	struct keeper *k = w->keeper;

	groups_add(&k->groups, slot, pid);
	k->of_slot[slot] = w;
	k->running++;
	w->slot = slot;
	w->pid = pid;
}

int worker_start(struct worker *w, int in)
{
	struct keeper *k = w->keeper;
	ssize_t slot = free_slot(k);
	int log = -1, ends[2] = { -1, -1 };
	pid_t pid;

	if (slot < 0 || (k->log_dir && (log = open_log(w)) < 0))
		return -1;
	if (w->hot && pipe2(ends, O_CLOEXEC) < 0) {
		err_errno("cannot make a pipe");
		fd_close(&log);
		return -1;
	}
	pid = spawn(w, (size_t)slot, log, (const int[SPAWN_KEEP]){ ends[1], in });
	fd_close(&log);
	fd_close(&ends[1]);
	if (pid < 0) {
		fd_close(&ends[0]);
		return -1;
	}
	w->out = ends[0];
	begin(w, (size_t)slot, pid);
	return 0;
}

void worker_promote(struct worker *w)
{
	w->active = true;
	if (!w->pid || w->asked)
		return;
	if (process_is_defenceless(w->pid, SIGUSR1))
		worker_stop(w, false);
	else
		kill(w->pid, SIGUSR1);
}

/* Workers */

struct worker *keeper_add(struct keeper *k, const struct replica *r)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	*w = (struct worker){ .next = k->workers, .keeper = k, .id = r->id, .child = r->child.id,
		.name = xstrdup(r->child.name), .number = r->number, .settings = SETTINGS_INIT, .active = r->active, .hot = r->child.hot,
		.out = -1, .handover = HANDOVER_INIT };
	if (settings_parse(&w->settings, r->child.settings) < 0) {
		settings_release(&w->settings);
		free(w->name);
		free(w);
		return NULL;
	}
	restart_init(&w->restart, restart_from(r->child.restart), (size_t)w->settings.max_restarts, w->settings.within);
	k->workers = w;
	return w;
}

void keeper_remove(struct worker *w)
{
	struct worker **at = &w->keeper->workers;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	loop_timer_cancel(w->keeper->loop, &w->kill);
	handover_close(&w->handover);
	fd_close(&w->out);
	settings_release(&w->settings);
	restart_release(&w->restart);
	free(w->name);
	free(w);
}

struct worker *keeper_find(struct keeper *k, int64_t id)
{
	for (struct worker *w = k->workers; w; w = w->next) {
		if (w->id == id)
			return w;
	}
	return NULL;
}

int keeper_init(struct keeper *k, struct loop *loop, int hold)
{
	k->loop = loop;
	k->hold = hold;
	if (groups_init(&k->groups, KEEPER_SLOTS + HOOKS_MAX, hold) < 0)
		return -1;
	hooks_init(&k->hooks, loop, &k->groups, KEEPER_SLOTS, k);
	k->of_slot = xcalloc(KEEPER_SLOTS, sizeof(struct worker *));
	return loop_children(loop, child_ended, k);
}

static bool is_the_guard(pid_t pid, void *ctx)
{
	return pid == guard_pid();
}

void keeper_release(struct keeper *k)
{
	if (!k->of_slot)
		return;
	hooks_release(&k->hooks);
	for (size_t i = 0; i < KEEPER_SLOTS; i++)
		groups_kill(&k->groups, i);
	strays_end(is_the_guard, NULL, USEC_SEC);
	while (k->workers)
		keeper_remove(k->workers);
	loop_timer_cancel(k->loop, &k->sweep);
	groups_release(&k->groups);
	free(k->of_slot);
	k->of_slot = NULL;
	k->running = 0;
}
