#include "host.h"

#include "json.h"

#include <string.h>
#include <unistd.h>

/* What status shows, as JSON objects: the pool, each runner, each call where asked for, an end. */

static const char *stage(const struct host *host)
{
	if (host->stopping)
		return "stopping";
	if (host->refusing)
		return host->pool.live ? "draining" : "drained";
	return host->ready ? "ready" : "booting";
}

static void add_text(struct strbuf *sb, const char *member, const char *text)
{
	strbuf_addf(sb, "%s\"%s\":", sb->buf[sb->len - 1] == '{' ? "" : ",", member);
	json_add_string(sb, text, strlen(text));
}

static void add_int(struct strbuf *sb, const char *member, uint64_t n)
{
	strbuf_addf(sb, ",\"%s\":%llu", member, (unsigned long long)n);
}

static void add_seconds(struct strbuf *sb, const char *member, usec_t duration)
{
	strbuf_addf(sb, ",\"%s\":", member);
	clock_add_seconds(sb, duration);
}

static void add_time(struct strbuf *sb, const char *member, usec_t wall)
{
	strbuf_addf(sb, ",\"%s\":\"", member);
	clock_add_rfc3339(sb, wall);
	strbuf_addch(sb, '"');
}

static void say(struct caller *caller, struct strbuf *sb)
{
	strbuf_addch(sb, '}');
	caller_say(caller, sb->buf, sb->len);
	strbuf_release(sb);
}

/* As a histogram of OpenMetrics has them: how many waited at most so long, every fourth class. */
static void add_buckets(struct strbuf *sb, const struct waits *w)
{
	enum { EVERY = 4 };
	uint64_t sum = 0;

	strbuf_addstr(sb, ",\"wait_buckets\":{");
	for (int i = 0; i < WAITS_CLASSES - 1; i++) {
		sum += w->count[i];
		if (i % EVERY != EVERY - 1)
			continue;
		strbuf_addstr(sb, i > EVERY ? ",\"" : "\"");
		clock_add_seconds(sb, (usec_t)1 << (i + 1));
		strbuf_addf(sb, "\":%llu", (unsigned long long)sum);
	}
	strbuf_addch(sb, '}');
}

static void add_waits(struct strbuf *sb, const struct waits *w)
{
	add_int(sb, "waited", w->all);
	add_seconds(sb, "wait_sum", w->sum);
	add_seconds(sb, "wait_mean", w->all ? w->sum / (usec_t)w->all : 0);
	add_seconds(sb, "wait_p50", waits_percentile(w, 50));
	add_seconds(sb, "wait_p99", waits_percentile(w, 99));
	add_seconds(sb, "wait_max", w->max);
	add_buckets(sb, w);
}

static void report_pool(const struct host *host, struct caller *caller)
{
	const struct elastic *e = &host->elastic;
	struct strbuf sb = STRBUF_INIT;

	strbuf_addch(&sb, '{');
	add_text(&sb, "kind", "pool");
	add_text(&sb, "pool", host->name);
	add_text(&sb, "state", stage(host));
	add_int(&sb, "pid", (uint64_t)getpid());
	add_text(&sb, "backend", host->args->backend);
	add_int(&sb, "min", host->limits.elastic.min);
	add_int(&sb, "max", host->limits.elastic.max);
	add_int(&sb, "max_concurrency", host->limits.max_concurrency);
	add_int(&sb, "capacity", (uint64_t)host_capacity(host));
	add_int(&sb, "runners", elastic_count(e, RUNNER_READY));
	add_int(&sb, "booting", elastic_count(e, RUNNER_BOOTING));
	add_int(&sb, "leaving", elastic_count(e, RUNNER_LEAVING));
	add_int(&sb, "running", host->pool.running);
	add_int(&sb, "waiting", host->pool.waiting);
	add_int(&sb, "calls", host->pool.offered);
	add_int(&sb, "passed", host->pool.passed);
	add_int(&sb, "failed", host->pool.failed);
	add_int(&sb, "interrupted", host->pool.interrupted);
	add_int(&sb, "boots", e->boots);
	add_int(&sb, "boot_failures", e->failed);
	add_int(&sb, "lost", e->lost);
	add_waits(&sb, &host->waits);
	say(caller, &sb);
}

static void report_runner(const struct host *host, size_t slot, struct caller *caller)
{
	static const char *const states[] = { "absent", "booting", "ready", "leaving" };
	const struct runner *r = &host->elastic.runner[slot];
	const struct place *place = &host->places[slot];
	const struct pool_slot *s = &host->pool.slot[slot];
	struct strbuf sb = STRBUF_INIT;

	strbuf_addch(&sb, '{');
	add_text(&sb, "kind", "runner");
	add_text(&sb, "pool", host->name);
	add_int(&sb, "runner", r->number);
	add_text(&sb, "state", states[r->state]);
	add_int(&sb, "pid", (uint64_t)(place->pid > 0 ? place->pid : 0));
	add_text(&sb, "handle", place->handle ? place->handle : "");
	add_int(&sb, "running", s->load);
	add_int(&sb, "slots", host->limits.max_concurrency);
	add_int(&sb, "calls", r->state == RUNNER_BOOTING ? 0 : s->taken);
	add_int(&sb, "failed", place->failed);
	add_time(&sb, "since", place->wall);
	add_seconds(&sb, "idle", r->state == RUNNER_READY && s->load == 0 ? host->now - r->idle_since : 0);
	say(caller, &sb);
}

static const char *call_state(const struct call *call)
{
	if (!call->number)
		return "waiting";
	return call->ended || call->item.cause != POOL_NO_CAUSE ? "ending" : "running";
}

static void report_call(const struct host *host, const struct call *call, struct caller *caller)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addch(&sb, '{');
	add_text(&sb, "kind", "call");
	add_text(&sb, "pool", host->name);
	add_int(&sb, "id", call->id);
	add_text(&sb, "state", call_state(call));
	if (call->number) {
		add_int(&sb, "runner", place_number(host, call->item.slot));
		add_int(&sb, "slot", call->number);
		add_int(&sb, "pid", (uint64_t)call->pid);
	}
	strbuf_addf(&sb, ",\"priority\":%d", (int)call->item.priority);
	add_int(&sb, "tries", call->item.tries);
	add_time(&sb, "since", call->wall);
	add_text(&sb, "command", call->what);
	say(caller, &sb);
}

static const struct call *oldest(const struct host *host)
{
	const struct call *call = host->calls;

	while (call && call->next)
		call = call->next;
	return call;
}

void report_to(struct host *host, struct caller *caller)
{
	struct strbuf sb = STRBUF_INIT;

	host->now = clock_now();
	report_pool(host, caller);
	for (size_t i = 0; i < host->elastic.top; i++)
		if (host->elastic.runner[i].state != RUNNER_ABSENT)
			report_runner(host, i, caller);
	for (const struct call *call = caller->calls ? oldest(host) : NULL; call; call = call->prev)
		report_call(host, call, caller);
	strbuf_addch(&sb, '{');
	add_text(&sb, "kind", "end");
	say(caller, &sb);
}
