#include "outcome.h"

#include "alloc.h"
#include "ear.h"
#include "err.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_member(struct strbuf *line, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_addf(line, ",\"%s\":", name);
	json_add_string(line, value, strlen(value));
}

static void begin_line(struct strbuf *line, const char *child)
{
	strbuf_addstr(line, "{\"child\":");
	json_add_string(line, child, strlen(child));
}

static void print_line(struct strbuf *line)
{
	strbuf_addstr(line, "}\n");
	fwrite(line->buf, 1, line->len, stdout);
	strbuf_release(line);
}

void outcome_print(const char *child, const char *result, const char *error)
{
	struct strbuf line = STRBUF_INIT;

	begin_line(&line, child);
	add_member(&line, "result", result);
	add_member(&line, "error", error);
	print_line(&line);
}

static void print_replica(const struct replica *r, const char *result)
{
	struct strbuf line = STRBUF_INIT;

	begin_line(&line, r->child.name);
	strbuf_addf(&line, ",\"replica\":%lld", (long long)r->number);
	add_member(&line, "result", result);
	add_member(&line, "node", r->node_name);
	if (r->pid)
		strbuf_addf(&line, ",\"pid\":%d", (int)r->pid);
	add_member(&line, "error", r->reason);
	print_line(&line);
}

/* *NEXT: when it is worth another look though nothing was heard. */
static enum outcome outcome_of(const struct replica *r, usec_t up_for, usec_t *next)
{
	usec_t left = r->since + up_for - clock_wall();

	switch (r->state) {
	case REPLICA_RUNNING:
		if (up_for == 0 || left <= 0)
			return OUTCOME_GOOD;
		*next = clock_earlier(*next, clock_now() + left);
		break;
	case REPLICA_EXITED:
		return OUTCOME_GOOD;
	case REPLICA_FAILED:
		return OUTCOME_BAD;
	case REPLICA_WAITING:
	case REPLICA_PLACED:
		break;
	}
	return OUTCOME_PENDING;
}

static enum outcome outcome_of_all(const struct replicas *replicas, usec_t up_for, usec_t *next)
{
	enum outcome all = OUTCOME_GOOD;

	for (size_t i = 0; i < replicas->nr; i++) {
		enum outcome one = outcome_of(&replicas->v[i], up_for, next);

		if (one == OUTCOME_PENDING)
			return OUTCOME_PENDING;
		if (one == OUTCOME_BAD)
			all = OUTCOME_BAD;
	}
	return all;
}

static void print_replicas(const struct replicas *replicas, const char *result)
{
	static const char *const results[] = {
		[REPLICA_WAITING] = "waiting", [REPLICA_PLACED] = "placed", [REPLICA_RUNNING] = "started", [REPLICA_EXITED] = "exited",
		[REPLICA_FAILED] = "failed" };

	for (size_t i = 0; i < replicas->nr; i++)
		print_replica(&replicas->v[i], result ? result : results[replicas->v[i].state]);
}

/* What is to end there, and has not. */
static size_t left_on(const struct replicas *replicas, const char *node)
{
	size_t left = 0;

	for (size_t i = 0; i < replicas->nr; i++) {
		const struct replica *r = &replicas->v[i];

		left += !node || (r->stop && r->node_name && !strcmp(r->node_name, node));
	}
	return left;
}

/* One that somebody has removed meanwhile is gone: as it should be, or not. */
static int look_at(struct cluster *c, const char *name, enum outcome *outcome, const struct outcome_wish *wish, usec_t *next)
{
	struct replicas replicas = { 0 };

	if (cluster_replicas(c, name, &replicas) < 0)
		return -1;
	if (left_on(&replicas, wish->node) == 0) {
		*outcome = wish->gone ? OUTCOME_GOOD : OUTCOME_BAD;
		outcome_print(name, "stopped", NULL);
	} else if (!wish->gone) {
		*outcome = outcome_of_all(&replicas, wish->up_for, next);
		if (*outcome != OUTCOME_PENDING)
			print_replicas(&replicas, NULL);
	}
	replicas_release(&replicas);
	return 0;
}

/* Who is waited for, by name: those of whom nothing was heard need not be looked at again. */
struct waiting {
	const struct strvec *names;
	const struct outcome_wish *wish;
	size_t *order;               /* of the names, sorted */
	bool *heard;
	usec_t next;                 /* when to look again at all of them */
};

static int by_name(const void *a, const void *b, void *ctx)
{
	const struct strvec *names = ctx;

	return strcmp(names->v[*(const size_t *)a], names->v[*(const size_t *)b]);
}

static void waiting_init(struct waiting *w, const struct strvec *names, const struct outcome_wish *wish)
{
	w->names = names;
	w->wish = wish;
	w->next = USEC_NEVER;
	w->order = xcalloc(names->nr + 1, sizeof(*w->order));
	w->heard = xcalloc(names->nr + 1, sizeof(*w->heard));
	for (size_t i = 0; i < names->nr; i++) {
		w->order[i] = i;
		w->heard[i] = true;
	}
	qsort_r(w->order, names->nr, sizeof(*w->order), by_name, (void *)names);
}

static void waiting_release(struct waiting *w)
{
	free(w->order);
	free(w->heard);
}

static void hear(const struct cluster_event *event, void *ctx)
{
	struct waiting *w = ctx;
	size_t low = 0, high = event->child ? w->names->nr : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(w->names->v[w->order[middle]], event->child) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; event->child && low < w->names->nr && !strcmp(w->names->v[w->order[low]], event->child); low++)
		w->heard[w->order[low]] = true;
}

/* The number of the last event heard; when some are not kept any more, all are taken to have been heard of. */
static int64_t hear_all(struct cluster *c, struct waiting *w, int64_t seen)
{
	int64_t last = cluster_events(c, seen, hear, w);

	if (last >= 0 || err_status() != WP_TEMPFAIL)
		return last;
	err_clear();
	memset(w->heard, true, w->names->nr);
	return cluster_last_event(c);
}

static int64_t look_at_all(struct cluster *c, struct waiting *w, enum outcome *outcomes)
{
	int64_t pending = 0;

	if (clock_now() >= w->next) {
		memset(w->heard, true, w->names->nr);
		w->next = USEC_NEVER;
	}

	for (size_t i = 0; i < w->names->nr; i++) {
		if (outcomes[i] == OUTCOME_PENDING && w->heard[i] && look_at(c, w->names->v[i], &outcomes[i], w->wish, &w->next) < 0)
			return -1;
		w->heard[i] = false;
		pending += outcomes[i] == OUTCOME_PENDING;
	}
	if (fflush(stdout) == EOF) {
		err_errno("write error");
		clearerr(stdout);
		return -1;
	}
	return pending;
}

static int print_pending(struct cluster *c, const struct strvec *names, const enum outcome *outcomes)
{
	for (size_t i = 0; i < names->nr; i++) {
		struct replicas replicas = { 0 };

		if (outcomes[i] == OUTCOME_PENDING && cluster_replicas(c, names->v[i], &replicas) < 0)
			return -1;
		print_replicas(&replicas, "timeout");
		replicas_release(&replicas);
	}
	return 0;
}

/* 1: there may be news; 0: it is too late; -1 with err recorded. */
static int wait_for_news(struct ear *ear, const struct waiting *w)
{
	int r = ear_wait(ear, clock_earlier(w->next, w->wish->deadline));

	return r == 0 ? clock_now() < w->wish->deadline : r;
}

int64_t outcome_wait(struct cluster *c, const struct strvec *names, enum outcome *outcomes, const struct outcome_wish *wish)
{
	struct waiting waiting;
	struct ear ear;
	int64_t pending = -1, seen;
	int r = 1;

	if (ear_open(&ear, c) < 0)
		return -1;
	waiting_init(&waiting, names, wish);
	seen = cluster_last_event(c);
	while (seen >= 0 && (pending = look_at_all(c, &waiting, outcomes)) > 0 && (r = wait_for_news(&ear, &waiting)) > 0)
		seen = hear_all(c, &waiting, seen);
	waiting_release(&waiting);
	ear_close(&ear);
	if (pending > 0 && r == 0)
		r = print_pending(c, names, outcomes);
	return r < 0 || seen < 0 ? -1 : pending;
}

int outcome_status(const enum outcome *outcomes, size_t n)
{
	int status = WP_OK;

	for (size_t i = 0; i < n; i++) {
		if (outcomes[i] == OUTCOME_PENDING)
			return WP_TEMPFAIL;
		if (outcomes[i] == OUTCOME_BAD)
			status = WP_NO;
	}
	return status;
}
