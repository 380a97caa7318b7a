/* watch: joins, updates and leaves, the moment they happen. */

#include "verbs.h"

#include "err.h"
#include "roster.h"
#include "watch.h"

#include <string.h>

struct watch_args {
	struct topic_args topic;
	bool snapshot;
	usec_t timeout;
};

struct watching {
	struct watch watch;
	struct presence p;
	struct roster roster;
	const char *topic;           /* NULL: all */
};

static void on_event(const struct presence_event *event, void *ctx)
{
	struct watching *w = ctx;

	if (!w->topic || !strcmp(w->topic, event->entry.topic))
		presence_event_add(&w->watch.lines, event);
}

static void on_changed(void *ctx)
{
	watch_print(&((struct watching *)ctx)->watch);
}

static void on_failed(void *ctx)
{
	watch_fail(&((struct watching *)ctx)->watch);
}

static void add_present(const struct presence_entry *entry, void *ctx)
{
	struct watching *w = ctx;
	struct presence_event event = { .at = entry->joined_at, .event = "present", .entry = *entry };

	presence_event_add(&w->watch.lines, &event);
}

static int set_up(struct watching *w, const struct globals *globals, const struct watch_args *a)
{
	if (topic_of(&a->topic, &w->topic) < 0 || presence_open(&w->p, globals->state) < 0)
		return -1;
	w->roster = (struct roster){ .event = on_event, .changed = on_changed, .failed = on_failed, .ctx = w };
	if (roster_open(&w->roster, w->watch.loop, &w->p) < 0)
		return -1;
	return a->snapshot ? roster_snapshot(&w->roster, w->topic, add_present, w) : 0;
}

static int watch_verb(void *globals, void *args, int n, char **operands)
{
	const struct watch_args *a = args;
	struct watching w = { .topic = NULL };
	int status;

	if (watch_open(&w.watch) < 0 || set_up(&w, globals, a) < 0)
		status = err_report();
	else
		status = watch_run(&w.watch, a->timeout);
	roster_close(&w.roster);
	if (w.p.db)
		presence_close(&w.p);
	watch_close(&w.watch);
	return status;
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
	.options = options, .size = sizeof(struct watch_args), .defaults = &defaults, .run = watch_verb,
};
