/* watch: joins, updates and leaves, the moment they happen. */

#include "verbs.h"

#include "err.h"
#include "roster.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

struct watch_args {
	struct topic_args topic;
	bool snapshot;
	usec_t timeout;
};

struct watch {
	struct loop *loop;
	struct presence p;
	struct roster roster;
	struct loop_timer deadline;
	struct loop_fd reader;
	const char *topic;           /* NULL: all */
	struct strbuf lines;
	int status;
};

static void on_event(const struct presence_event *event, void *ctx)
{
	struct watch *w = ctx;

	if (!w->topic || !strcmp(w->topic, event->entry.topic))
		presence_event_add(&w->lines, event);
}

/* Whoever does not read any more ends us. */
static void print_lines(void *ctx)
{
	struct watch *w = ctx;

	if (w->lines.len && (fwrite(w->lines.buf, 1, w->lines.len, stdout) != w->lines.len || fflush(stdout) == EOF)) {
		if (errno != EPIPE)
			err_errno("cannot write");
		w->status = errno == EPIPE ? WP_IO : err_report();
		loop_stop(w->loop);
	}
	strbuf_reset(&w->lines);
	strbuf_shrink(&w->lines, 1 << 16);
}

static void reader_gone(struct loop_fd *handle, uint32_t events)
{
	struct watch *w = (struct watch *)((char *)handle - offsetof(struct watch, reader));

	(void)events;
	w->status = WP_IO;
	loop_stop(w->loop);
}

/* One that reads no more must not have us wait for the next event to find out. */
static int watch_reader(struct watch *w)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	return loop_add(w->loop, &w->reader, STDOUT_FILENO, EPOLLERR, reader_gone);
}

static void on_failed(void *ctx)
{
	struct watch *w = ctx;

	w->status = err_report();
	loop_stop(w->loop);
}

static void on_signal(int signo, void *ctx)
{
	struct watch *w = ctx;

	w->status = 128 + signo;
	loop_stop(w->loop);
}

static void on_deadline(struct loop_timer *timer)
{
	struct watch *w = (struct watch *)((char *)timer - offsetof(struct watch, deadline));

	w->status = WP_TEMPFAIL;
	loop_stop(w->loop);
}

static void add_present(const struct presence_entry *entry, void *ctx)
{
	struct watch *w = ctx;
	struct presence_event event = { .at = entry->joined_at, .event = "present", .entry = *entry };

	presence_event_add(&w->lines, &event);
}

static int set_up(struct watch *w, const struct globals *globals, const struct watch_args *a)
{
	if (topic_of(&a->topic, &w->topic) < 0 || loop_init(&w->loop) < 0 || presence_open(&w->p, globals->state) < 0)
		return -1;
	w->roster = (struct roster){ .event = on_event, .changed = print_lines, .failed = on_failed, .ctx = w };
	if (roster_open(&w->roster, w->loop, &w->p) < 0)
		return -1;
	if (a->snapshot && roster_snapshot(&w->roster, w->topic, add_present, w) < 0)
		return -1;
	if (a->timeout >= 0)
		loop_timer_set(w->loop, &w->deadline, clock_now() + a->timeout, on_deadline);
	return watch_reader(w) < 0 ? -1 : loop_stop_signals(w->loop, on_signal, w);
}

static int watch_run(void *globals, void *args, int n, char **operands)
{
	const struct watch_args *a = args;
	struct watch w = { .lines = STRBUF_INIT };

	(void)n;
	(void)operands;
	if (set_up(&w, globals, a) < 0)
		w.status = err_report();
	if (!w.status)
		print_lines(&w);
	if (!w.status && loop_run(w.loop) < 0)
		w.status = err_report();
	roster_close(&w.roster);
	if (w.p.db)
		presence_close(&w.p);
	loop_free(w.loop);
	strbuf_release(&w.lines);
	return w.status;
}

static const struct watch_args defaults = { .timeout = -1 };

static const struct opt options[] = {
	TOPIC_OPTIONS(struct watch_args, topic),
	OPT_FLAG('s', "snapshot", struct watch_args, snapshot, NULL, "first those who are present"),
	OPT_DURATION(0, "timeout", "DURATION", struct watch_args, timeout, NULL, "end after so long, with status 75"),
	OPT_END
};

const struct verb verb_watch = {
	.name = "watch", .args = "", .summary = "print joins, updates and leaves as they happen",
	.options = options, .size = sizeof(struct watch_args), .defaults = &defaults, .run = watch_run,
};
