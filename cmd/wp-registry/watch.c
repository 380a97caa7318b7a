/* watch: what happens to consumers, the moment it happens. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

struct watch_args {
	struct stack_args stack;
	bool snapshot;
	usec_t timeout;
};

struct watching {
	struct watch watch;
	bool snapshot;
	struct registry registry;
	const char *stack;           /* NULL: all */
	struct loop_fd bell, live;
	struct process *processes;
	bool missed;
	int64_t seen;
};

#define watching_of(pointer, member) ((struct watching *)((char *)(pointer) - offsetof(struct watching, member)))

/* Of a consumer without an inbox: nothing of it is locked. */
struct process {
	struct process *next;
	struct watching *owner;
	pid_t pid;
	struct loop_fd handle;
};

/* Lines */

static void add_event(struct strbuf *sb, const struct registry_event *event)
{
	strbuf_addf(sb, "{\"event\":\"%s\",\"at\":\"", event->event);
	clock_add_rfc3339(sb, event->at);
	strbuf_addstr(sb, "\",\"stack\":");
	json_add_string(sb, event->stack, strlen(event->stack));
	strbuf_addstr(sb, ",\"handle\":");
	json_add_string(sb, event->handle, strlen(event->handle));
	if (event->pid)
		strbuf_addf(sb, ",\"pid\":%d", (int)event->pid);
	if (event->reason) {
		strbuf_addstr(sb, ",\"reason\":");
		json_add_string(sb, event->reason, strlen(event->reason));
	}
	strbuf_addstr(sb, "}\n");
}

static void on_event(const struct registry_event *event, void *ctx)
{
	struct watching *w = ctx;

	if (!w->stack || !strcmp(w->stack, event->stack))
		add_event(&w->watch.lines, event);
}

/* Events */

static void note_process(const struct consumer *c, const struct counts *live, void *ctx);

/* One that dies before it is noted raises no event: whoever looks says that it did. */
static int note_processes(struct watching *w)
{
	w->missed = false;
	if (registry_list(&w->registry, NULL, note_process, w) < 0)
		return -1;
	return w->missed ? registry_reap(&w->registry) : 0;
}

static void take_events(struct watching *w)
{
	int64_t before, seen;

	do {
		before = w->seen;
		seen = registry_events(&w->registry, before, on_event, w);
		if (seen < 0 || (seen != before && note_processes(w) < 0)) {
			watch_fail(&w->watch);
			return;
		}
		w->seen = seen;
	} while (w->missed && seen != before);
	watch_print(&w->watch);
}

static void bell_rang(struct loop_fd *handle, uint32_t events)
{
	struct watching *w = watching_of(handle, bell);

	if (db_replaced(w->registry.db)) {
		err_set(WP_IO, "the state file was removed: \"%s\"", w->registry.state.db_path);
		watch_fail(&w->watch);
	} else if (db_bell_check(w->registry.db) < 0) {
		watch_fail(&w->watch);
	} else {
		take_events(w);
	}
}

static void lock_closed(struct loop_fd *handle, uint32_t events)
{
	struct watching *w = watching_of(handle, live);
	_Alignas(struct inotify_event) char buf[4096];
	int r = 0;
	ssize_t n;

	while ((n = read(handle->fd, buf, sizeof(buf))) > 0 && r == 0) {
		for (char *at = buf; at < buf + n && r == 0; ) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
			int64_t first = event->len ? alive_first_number(REGISTRY_LOCKS, event->name) : -1;

			if (event->mask & IN_Q_OVERFLOW)
				r = registry_reap(&w->registry);
			else if (first >= 0)
				r = registry_reap_lives(&w->registry, first, first + ALIVE_SHARED - 1);
			at += sizeof(*event) + event->len;
		}
	}
	if (r < 0)
		watch_fail(&w->watch);
	else
		take_events(w);
}

/* Processes */

static void process_ended(struct loop_fd *handle, uint32_t events)
{
	struct process *p = (struct process *)((char *)handle - offsetof(struct process, handle)), **at;
	struct watching *w = p->owner;

	for (at = &w->processes; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	loop_remove(w->watch.loop, &p->handle);
	fd_close(&p->handle.fd);
	free(p);
	if (registry_reap(&w->registry) < 0)
		watch_fail(&w->watch);
	else
		take_events(w);
}

static bool is_noted(const struct watching *w, pid_t pid)
{
	const struct process *p = w->processes;

	while (p && p->pid != pid)
		p = p->next;
	return p != NULL;
}

static void note_process(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct watching *w = ctx;
	struct process *p;
	int fd;

	if (!c->process || is_noted(w, c->pid))
		return;
	fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (fd < 0) {
		w->missed |= errno == ESRCH;
		return;
	}
	p = xcalloc(1, sizeof(*p));
	*p = (struct process){ .next = w->processes, .owner = w, .pid = c->pid };
	if (loop_add(w->watch.loop, &p->handle, fd, EPOLLIN, process_ended) < 0) {
		err_clear();
		fd_close(&fd);
		free(p);
		return;
	}
	w->processes = p;
}

/* Opening */

static int watch_locks(struct watching *w)
{
	int fd = fd_inotify(w->registry.state.live_dir, IN_CLOSE_WRITE | IN_DELETE);

	return fd < 0 ? -1 : loop_add(w->watch.loop, &w->live, fd, EPOLLIN, lock_closed);
}

static void add_present(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct registry_event event = {
		.at = c->since, .event = consumer_state_name(c->state), .reason = c->reason, .stack = c->stack, .handle = c->handle, .pid = c->pid };

	note_process(c, live, ctx);
	if (((struct watching *)ctx)->snapshot)
		on_event(&event, ctx);
}

/* First the ears, then the eyes. */
static int set_up(struct watching *w, const struct globals *globals, const struct watch_args *args)
{
	w->snapshot = args->snapshot;
	if (stack_of(&args->stack, &w->stack) < 0 || registry_open(&w->registry, globals->state) < 0)
		return -1;
	if (watch_locks(w) < 0 || db_bell_open(w->registry.db, "registry") < 0
	    || loop_add(w->watch.loop, &w->bell, db_fd(w->registry.db), EPOLLIN, bell_rang) < 0)
		return -1;
	if (registry_reap(&w->registry) < 0)
		return -1;
	w->seen = registry_last_event(&w->registry);
	return w->seen < 0 ? -1 : registry_list(&w->registry, NULL, add_present, w);
}

static void tear_down(struct watching *w)
{
	struct process *p;

	while ((p = w->processes)) {
		w->processes = p->next;
		loop_remove(w->watch.loop, &p->handle);
		fd_close(&p->handle.fd);
		free(p);
	}
	if (w->live.added) {
		loop_remove(w->watch.loop, &w->live);
		fd_close(&w->live.fd);
	}
	if (w->bell.added)
		loop_remove(w->watch.loop, &w->bell);
	registry_close(&w->registry);
	watch_close(&w->watch);
}

static int watch_verb(void *globals, void *args, int n, char **operands)
{
	struct watching w = { .registry.state.fd = -1 };
	int status;

	if (watch_open(&w.watch) < 0 || set_up(&w, globals, args) < 0)
		status = err_report();
	else
		status = watch_run(&w.watch, ((struct watch_args *)args)->timeout);
	tear_down(&w);
	return status;
}

static const struct watch_args defaults = { .timeout = -1 };

static const struct opt options[] = {
	STACKS_OPTIONS(struct watch_args, stack),
	OPT_FLAG(0, "snapshot", struct watch_args, snapshot, NULL, "first those who are there"),
	OPT_DURATION(0, "timeout", "DURATION", struct watch_args, timeout, NULL, "end after so long, with status 75"),
	OPT_END
};

const struct verb verb_watch = {
	.name = "watch", .args = "", .summary = "print what happens to consumers as it happens",
	.options = options, .size = sizeof(struct watch_args), .defaults = &defaults, .run = watch_verb,
};
