/* wait: sleep until enough capacity, or a key, is present or gone. */

#include "verbs.h"

#include "err.h"
#include "name.h"
#include "roster.h"

struct wait_args {
	const char *topic, *key, *gone;
	int64_t capacity, free;
	usec_t timeout;
};

struct wait {
	const struct wait_args *args;
	struct loop *loop;
	struct presence p;
	struct roster roster;
	struct loop_timer deadline;
	bool met;
	int status;
};

/* 1 it is so, 0 not yet, -1 with err recorded. */
static int condition(struct wait *w)
{
	const struct wait_args *a = w->args;
	struct presence_totals totals;
	int r;

	if (a->key)
		return presence_has_key(&w->p, a->topic, a->key);
	if (a->gone) {
		r = presence_has_key(&w->p, a->topic, a->gone);
		return r < 0 ? r : !r;
	}
	if (presence_totals(&w->p, a->topic, &totals) < 0)
		return -1;
	return a->free >= 0 ? totals.free >= a->free : totals.capacity >= a->capacity;
}

static void on_failed(void *ctx)
{
	struct wait *w = ctx;

	w->status = err_report();
	loop_stop(w->loop);
}

static void look(void *ctx)
{
	struct wait *w = ctx;
	int r = condition(w);

	if (r < 0) {
		on_failed(w);
	} else if (r > 0) {
		w->met = true;
		loop_stop(w->loop);
	}
}

static void on_deadline(struct loop_timer *timer)
{
	struct wait *w = (struct wait *)((char *)timer - offsetof(struct wait, deadline));

	err_set(WP_TEMPFAIL, "timed out");
	on_failed(w);
}

static void on_signal(int signo, void *ctx)
{
	struct wait *w = ctx;

	w->status = 128 + signo;
	loop_stop(w->loop);
}

static int check(const struct wait_args *a)
{
	if (name_check("topic", a->topic) < 0)
		return -1;
	if (a->key)
		return name_check("key", a->key);
	return a->gone ? name_check("key", a->gone) : 0;
}

static int set_up(struct wait *w, const struct globals *globals)
{
	if (check(w->args) < 0 || loop_init(&w->loop) < 0 || presence_open(&w->p, globals->state) < 0)
		return -1;
	w->roster = (struct roster){ .changed = look, .failed = on_failed, .ctx = w };
	if (roster_open(&w->roster, w->loop, &w->p) < 0 || loop_stop_signals(w->loop, on_signal, w) < 0)
		return -1;
	if (w->args->timeout >= 0)
		loop_timer_set(w->loop, &w->deadline, clock_now() + w->args->timeout, on_deadline);
	look(w);
	return 0;
}

static int wait_run(void *globals, void *args, int n, char **operands)
{
	const struct wait_args *a = args;
	struct wait w = { .args = a };

	(void)n;
	(void)operands;
	if (!a->key && !a->gone && a->capacity < 0 && a->free < 0)
		return err_usage("wait", "nothing to wait for: --capacity, --free, --key or --gone");
	if (set_up(&w, globals) < 0 || (!w.met && !w.status && loop_run(w.loop) < 0))
		w.status = err_report();
	roster_close(&w.roster);
	if (w.p.db)
		presence_close(&w.p);
	loop_free(w.loop);
	return w.status;
}

static const struct wait_args defaults = { .topic = PRESENCE_TOPIC, .capacity = -1, .free = -1, .timeout = -1 };

static const struct opt options[] = {
	OPT_STRING('t', "topic", "TOPIC", struct wait_args, topic, "WP_PRESENCE_TOPIC", "the topic (default: " PRESENCE_TOPIC ")"),
	{ .kind = OPT_KIND_INT, .letter = 'c', .name = "capacity", .arg = "N", .offset = offsetof(struct wait_args, capacity),
		.max = INT64_MAX, .help = "until those present can carry N", .group = 1 },
	{ .kind = OPT_KIND_INT, .letter = 'f', .name = "free", .arg = "N", .offset = offsetof(struct wait_args, free),
		.max = INT64_MAX, .help = "until so much of it is not in use", .group = 1 },
	{ .kind = OPT_KIND_STRING, .letter = 'k', .name = "key", .arg = "KEY", .offset = offsetof(struct wait_args, key),
		.help = "until KEY is present", .group = 1 },
	{ .kind = OPT_KIND_STRING, .letter = 'g', .name = "gone", .arg = "KEY", .offset = offsetof(struct wait_args, gone),
		.help = "until KEY is not present", .group = 1 },
	OPT_DURATION(0, "timeout", "DURATION", struct wait_args, timeout, NULL, "give up after so long, with status 75"),
	OPT_END
};

const struct verb verb_wait = {
	.name = "wait", .args = "", .summary = "sleep until enough capacity, or a key, is present or gone",
	.options = options, .size = sizeof(struct wait_args), .defaults = &defaults, .run = wait_run,
};
