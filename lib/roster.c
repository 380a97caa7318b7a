#include "roster.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Entries that live as long as a process: it is waited for, because nothing of it need be locked. */
struct roster_process {
	struct roster_process *next;
	struct roster *roster;
	char *ref;
	struct loop_fd handle;
};

#define roster_of(pointer, member) ((struct roster *)((char *)(pointer) - offsetof(struct roster, member)))

enum { POLL_EVERY = 500 * USEC_MS };

static void process_ended(struct loop_fd *handle, uint32_t events);
static void take_events(struct roster *r);

static void fail(struct roster *r)
{
	r->failed(r->ctx);
}

/* Processes */

static void forget_process(struct roster_process *process)
{
	int fd = process->handle.fd;

	loop_remove(process->roster->loop, &process->handle);
	fd_close(&fd);
	free(process->ref);
	free(process);
}

static void poll_processes(struct loop_timer *timer)
{
	struct roster *r = roster_of(timer, poll);

	loop_timer_set(r->loop, timer, clock_now() + POLL_EVERY, poll_processes);
	if (presence_reap(r->p) < 0)
		fail(r);
	else
		take_events(r);
}

/* A process that cannot be waited for may have ended already, or there is no descriptor left. */
static void cannot_wait(struct roster *r, const char *ref)
{
	if (errno == ESRCH)
		strvec_push(&r->suspects, ref);
	else
		loop_timer_set(r->loop, &r->poll, clock_now() + POLL_EVERY, poll_processes);
}

static void add_process(struct roster *r, const char *ref, pid_t pid)
{
	struct roster_process *process;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0) {
		cannot_wait(r, ref);
		return;
	}
	process = xcalloc(1, sizeof(*process));
	*process = (struct roster_process){ .next = r->processes, .roster = r, .ref = xstrdup(ref) };
	if (loop_add(r->loop, &process->handle, fd, EPOLLIN, process_ended) < 0) {
		err_clear();
		free(process->ref);
		free(process);
		fd_close(&fd);
		cannot_wait(r, ref);
		return;
	}
	r->processes = process;
	/* The number may have been another's by the time we asked for it: whoever looks at the entry will tell. */
	strvec_push(&r->suspects, ref);
}

static struct roster_process **find_process(struct roster *r, const char *ref)
{
	struct roster_process **p = &r->processes;

	while (*p && strcmp((*p)->ref, ref))
		p = &(*p)->next;
	return p;
}

static void remove_process(struct roster *r, const char *ref)
{
	struct roster_process **p = find_process(r, ref), *process = *p;

	if (!process)
		return;
	*p = process->next;
	forget_process(process);
}

static void process_ended(struct loop_fd *handle, uint32_t events)
{
	struct roster_process *process = (struct roster_process *)((char *)handle - offsetof(struct roster_process, handle));
	struct roster *r = process->roster;

	(void)events;
	strvec_push(&r->suspects, process->ref);
	remove_process(r, process->ref);
	take_events(r);
}

/* Events */

static void on_event(const struct presence_event *event, void *ctx)
{
	struct roster *r = ctx;

	if (event->entry.process && !strcmp(event->event, "join"))
		add_process(r, event->entry.ref, event->entry.pid);
	else if (event->entry.process && !strcmp(event->event, "leave"))
		remove_process(r, event->entry.ref);
	if (r->event)
		r->event(event, r->ctx);
}

/* Whether the suspects were all alive, -1 with err recorded. */
static int clear_suspects(struct roster *r)
{
	struct strvec suspects = r->suspects;
	int64_t n = 0;

	strvec_init(&r->suspects);
	for (size_t i = 0; i < suspects.nr && n >= 0; i++)
		n = presence_reap_ref(r->p, suspects.v[i]);
	strvec_release(&suspects);
	return n < 0 ? -1 : 0;
}

/* Reading may bring up suspects, and removing those brings events. */
static int read_events(struct roster *r)
{
	int64_t seen;

	do {
		if (clear_suspects(r) < 0)
			return -1;
		seen = presence_events(r->p, r->seen, on_event, r);
		if (seen < 0)
			return -1;
		r->seen = seen;
	} while (r->suspects.nr);
	return 0;
}

static void take_events(struct roster *r)
{
	int64_t before = r->seen;

	if (db_replaced(r->p->db)) {
		err_set(WP_IO, "the state file was removed: \"%s\"", r->p->state.db_path);
		fail(r);
	} else if (read_events(r) < 0) {
		fail(r);
	} else if (r->seen != before && r->changed) {
		r->changed(r->ctx);
	}
}

static void bell_rang(struct loop_fd *handle, uint32_t events)
{
	struct roster *r = roster_of(handle, bell);

	(void)events;
	if (db_bell_check(r->p->db) < 0)
		fail(r);
	else
		take_events(r);
}

/* Deaths */

static int64_t look_at(struct roster *r, const struct inotify_event *event)
{
	int64_t first;

	if (event->mask & IN_Q_OVERFLOW)
		return presence_reap(r->p);
	first = event->len ? alive_first_number(PRESENCE_LOCKS, event->name) : -1;
	if (first >= 0)
		return presence_reap_numbers(r->p, first, first + ALIVE_SHARED - 1);
	return event->len ? presence_reap_lock(r->p, event->name) : 0;
}

static void lock_closed(struct loop_fd *handle, uint32_t events)
{
	struct roster *r = roster_of(handle, live);
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	(void)events;
	while ((n = read(handle->fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n; ) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
			if (look_at(r, event) < 0) {
				fail(r);
				return;
			}
			at += sizeof(*event) + event->len;
		}
	}
	take_events(r);
}

/* Opening */

static int watch_locks(struct roster *r)
{
	int fd = fd_inotify(r->p->state.live_dir, IN_CLOSE_WRITE | IN_DELETE);

	return fd < 0 ? -1 : loop_add(r->loop, &r->live, fd, EPOLLIN, lock_closed);
}

static int watch_state(struct roster *r)
{
	if (db_bell_open(r->p->db, "presence") < 0)
		return -1;
	return loop_add(r->loop, &r->bell, db_fd(r->p->db), EPOLLIN, bell_rang);
}

static void note_process(const struct presence_entry *entry, void *ctx)
{
	if (entry->process)
		add_process(ctx, entry->ref, entry->pid);
}

int roster_open(struct roster *r, struct loop *loop, struct presence *p)
{
	r->loop = loop;
	r->p = p;
	r->processes = NULL;
	strvec_init(&r->suspects);
	(void)spawn_raise_files();   /* one for each process */
	/* First the ears, then the eyes: what happens in between is heard. */
	if (watch_locks(r) < 0 || watch_state(r) < 0)
		return -1;
	if (presence_list(p, NULL, NULL, note_process, r) < 0 || clear_suspects(r) < 0)
		return -1;
	r->seen = presence_last_event(p);
	return r->seen < 0 ? -1 : 0;
}

int roster_snapshot(struct roster *r, const char *topic, void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx)
{
	int64_t seen = presence_snapshot(r->p, topic, fn, ctx);

	if (seen >= 0)
		r->seen = seen;
	return seen < 0 ? -1 : 0;
}

void roster_close(struct roster *r)
{
	int fd = r->live.added ? r->live.fd : -1;

	if (!r->loop)
		return;
	loop_timer_cancel(r->loop, &r->poll);
	loop_remove(r->loop, &r->bell);
	loop_remove(r->loop, &r->live);
	fd_close(&fd);
	while (r->processes) {
		struct roster_process *next = r->processes->next;
		forget_process(r->processes);
		r->processes = next;
	}
	strvec_release(&r->suspects);
}
