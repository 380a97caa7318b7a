/* watch: what happens to consumers, the moment it happens. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct watch_args {
	struct stack_args stack;
	bool snapshot;
	usec_t timeout;
};

struct watch {
	const struct watch_args *args;
	struct loop *loop;
	struct registry registry;
	const char *stack;           /* NULL: all */
	struct loop_fd bell, live, reader;
	struct loop_timer deadline;
	struct process *processes;
	int64_t seen;
	struct strbuf lines;
	int status;
};

#define watch_of(pointer, member) ((struct watch *)((char *)(pointer) - offsetof(struct watch, member)))

/* Of a consumer without an inbox: nothing of it is locked. */
struct process {
	struct process *next;
	struct watch *watch;
	pid_t pid;
	struct loop_fd handle;
};

static void stop(struct watch *w, int status)
{
	w->status = status;
	loop_stop(w->loop);
}

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
	struct watch *w = ctx;

	if (!w->stack || !strcmp(w->stack, event->stack))
		add_event(&w->lines, event);
}

/* Told once, unless it is only that nobody reads any more. The exit status. */
static int write_failed(void)
{
	if (errno == EPIPE)
		return WP_IO;
	err_errno("write error");
	clearerr(stdout);
	return err_report();
}

static void write_lines(struct watch *w)
{
	if (w->lines.len && (fwrite(w->lines.buf, 1, w->lines.len, stdout) != w->lines.len || fflush(stdout) == EOF))
		stop(w, write_failed());
	strbuf_reset(&w->lines);
	strbuf_shrink(&w->lines, 1 << 16);
}

/* Events */

static void note_process(const struct consumer *c, const struct counts *live, void *ctx);

static void take_events(struct watch *w)
{
	int64_t seen = registry_events(&w->registry, w->seen, on_event, w);

	if (seen < 0) {
		stop(w, err_report());
		return;
	}
	if (seen != w->seen && registry_list(&w->registry, NULL, note_process, w) < 0)
		stop(w, err_report());
	w->seen = seen;
	write_lines(w);
}

static void bell_rang(struct loop_fd *handle, uint32_t events)
{
	struct watch *w = watch_of(handle, bell);
	struct stat st;

	if (stat(w->registry.state.db_path, &st) < 0) {
		err_set(WP_IO, "the state file was removed: \"%s\"", w->registry.state.db_path);
		stop(w, err_report());
	} else if (db_bell_check(w->registry.db) < 0) {
		stop(w, err_report());
	} else {
		take_events(w);
	}
}

static void lock_closed(struct loop_fd *handle, uint32_t events)
{
	struct watch *w = watch_of(handle, live);
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
		stop(w, err_report());
	else
		take_events(w);
}

/* Processes */

static void process_ended(struct loop_fd *handle, uint32_t events)
{
	struct process *p = (struct process *)((char *)handle - offsetof(struct process, handle)), **at;
	struct watch *w = p->watch;

	for (at = &w->processes; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	loop_remove(w->loop, &p->handle);
	fd_close(&p->handle.fd);
	free(p);
	if (registry_reap(&w->registry) < 0)
		stop(w, err_report());
	else
		take_events(w);
}

static bool is_noted(const struct watch *w, pid_t pid)
{
	const struct process *p = w->processes;

	while (p && p->pid != pid)
		p = p->next;
	return p != NULL;
}

/* One that cannot be waited for is found dead when somebody looks. */
static void note_process(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct watch *w = ctx;
	struct process *p;
	int fd;

	if (!c->process || is_noted(w, c->pid))
		return;
	fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (fd < 0)
		return;
	p = xcalloc(1, sizeof(*p));
	*p = (struct process){ .next = w->processes, .watch = w, .pid = c->pid };
	if (loop_add(w->loop, &p->handle, fd, EPOLLIN, process_ended) < 0) {
		err_clear();
		fd_close(&fd);
		free(p);
		return;
	}
	w->processes = p;
}

/* Opening */

static int watch_locks(struct watch *w)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, w->registry.state.live_dir, IN_CLOSE_WRITE | IN_DELETE) < 0) {
		err_errno("cannot watch \"%s\"", w->registry.state.live_dir);
		fd_close(&fd);
		return -1;
	}
	return loop_add(w->loop, &w->live, fd, EPOLLIN, lock_closed);
}

static void on_signal(int signo, void *ctx)
{
	stop(ctx, 128 + signo);
}

static void on_deadline(struct loop_timer *timer)
{
	stop(watch_of(timer, deadline), WP_TEMPFAIL);
}

static void reader_gone(struct loop_fd *handle, uint32_t events)
{
	stop(watch_of(handle, reader), WP_IO);
}

/* One that reads no more must not have us wait for the next event to find out. */
static int watch_reader(struct watch *w)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	return loop_add(w->loop, &w->reader, STDOUT_FILENO, EPOLLERR, reader_gone);
}

static void add_present(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct registry_event event = {
		.at = c->since, .event = consumer_state_name(c->state), .reason = c->reason, .stack = c->stack, .handle = c->handle, .pid = c->pid };

	note_process(c, live, ctx);
	if (((struct watch *)ctx)->args->snapshot)
		on_event(&event, ctx);
}

/* First the ears, then the eyes. */
static int set_up(struct watch *w, const struct globals *globals)
{
	if (stack_of(&w->args->stack, &w->stack) < 0 || loop_init(&w->loop) < 0 || registry_open(&w->registry, globals->state) < 0)
		return -1;
	if (watch_locks(w) < 0 || db_bell_open(w->registry.db, "registry") < 0
	    || loop_add(w->loop, &w->bell, db_fd(w->registry.db), EPOLLIN, bell_rang) < 0)
		return -1;
	if (registry_reap(&w->registry) < 0)
		return -1;
	w->seen = registry_last_event(&w->registry);
	if (w->seen < 0 || registry_list(&w->registry, NULL, add_present, w) < 0)
		return -1;
	if (w->args->timeout >= 0)
		loop_timer_set(w->loop, &w->deadline, clock_now() + w->args->timeout, on_deadline);
	return watch_reader(w) < 0 ? -1 : loop_stop_signals(w->loop, on_signal, w);
}

static void tear_down(struct watch *w)
{
	struct process *p;

	while ((p = w->processes)) {
		w->processes = p->next;
		loop_remove(w->loop, &p->handle);
		fd_close(&p->handle.fd);
		free(p);
	}
	if (w->live.added) {
		loop_remove(w->loop, &w->live);
		fd_close(&w->live.fd);
	}
	if (w->bell.added)
		loop_remove(w->loop, &w->bell);
	registry_close(&w->registry);
	loop_free(w->loop);
	strbuf_release(&w->lines);
}

static int watch_run(void *globals, void *args, int n, char **operands)
{
	struct watch w = { .args = args, .registry.state.fd = -1, .lines = STRBUF_INIT };

	if (set_up(&w, globals) < 0)
		w.status = err_report();
	if (!w.status)
		write_lines(&w);
	if (!w.status && loop_run(w.loop) < 0)
		w.status = err_report();
	tear_down(&w);
	return w.status;
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
	.options = options, .size = sizeof(struct watch_args), .defaults = &defaults, .run = watch_run,
};
