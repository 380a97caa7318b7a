/* status: pools, their runners and calls, once or whenever they change. */

#include "verbs.h"

#include "alloc.h"
#include "client.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "loop.h"
#include "metrics.h"
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { FORMAT_TABLE, FORMAT_OPENMETRICS };

struct status_args {
	struct table_args table;
	bool runners, calls, watch;
	int format;
	const char *textfile;
};

/* One pool, as it said last that it is. */
struct view {
	struct view *next;
	char *name;
	struct client client;
	struct loop_fd wire;
	struct strvec lines, coming;
	struct status *status;
};

struct status {
	const struct status_args *args;
	const char *state_dir;
	char **names;                /* those asked for; none: all */
	struct state state;
	struct loop *loop;
	struct loop_fd arrivals;
	struct view *views;          /* in the order of their names */
	int result;
};

/* What is shown */

struct kind {
	const char *name;            /* as in "kind" */
	const char *table;           /* as JSON names it */
	const struct table_column *columns;
	const char *const *members;
};

static const struct table_column pool_columns[] = {
	{ "POOL", TABLE_TEXT, 0 }, { "STATE", TABLE_TEXT, 0 }, { "PID", TABLE_NUMBER, 0 }, { "BACKEND", TABLE_TEXT, TABLE_EXTRA },
	{ "RUNNERS", TABLE_NUMBER, 0 }, { "BOOTING", TABLE_NUMBER, TABLE_EXTRA }, { "LEAVING", TABLE_NUMBER, TABLE_EXTRA },
	{ "MIN", TABLE_NUMBER, 0 }, { "MAX", TABLE_NUMBER, 0 }, { "MAX-CONCURRENCY", TABLE_NUMBER, TABLE_EXTRA },
	{ "CAPACITY", TABLE_NUMBER, TABLE_EXTRA }, { "RUNNING", TABLE_NUMBER, 0 }, { "WAITING", TABLE_NUMBER, 0 },
	{ "CALLS", TABLE_NUMBER, 0 }, { "PASSED", TABLE_NUMBER, TABLE_EXTRA }, { "FAILED", TABLE_NUMBER, 0 },
	{ "INTERRUPTED", TABLE_NUMBER, TABLE_EXTRA }, { "BOOTS", TABLE_NUMBER, 0 }, { "BOOT-FAILURES", TABLE_NUMBER, 0 },
	{ "LOST", TABLE_NUMBER, 0 }, { "WAIT-MEAN", TABLE_REAL, TABLE_EXTRA }, { "WAIT-P50", TABLE_REAL, 0 },
	{ "WAIT-P99", TABLE_REAL, 0 }, { "WAIT-MAX", TABLE_REAL, TABLE_EXTRA }, { 0 } };

static const char *const pool_members[] = {
	"pool", "state", "pid", "backend", "runners", "booting", "leaving", "min", "max", "max_concurrency", "capacity", "running",
	"waiting", "calls", "passed", "failed", "interrupted", "boots", "boot_failures", "lost", "wait_mean", "wait_p50",
	"wait_p99", "wait_max" };

static const struct table_column runner_columns[] = {
	{ "POOL", TABLE_TEXT, 0 }, { "RUNNER", TABLE_NUMBER, 0 }, { "STATE", TABLE_TEXT, 0 }, { "PID", TABLE_NUMBER, 0 },
	{ "RUNNING", TABLE_NUMBER, 0 }, { "SLOTS", TABLE_NUMBER, 0 }, { "CALLS", TABLE_NUMBER, 0 }, { "FAILED", TABLE_NUMBER, 0 },
	{ "IDLE", TABLE_REAL, 0 }, { "SINCE", TABLE_TEXT, 0 }, { "HANDLE", TABLE_TEXT, TABLE_TRUNC }, { 0 } };

static const char *const runner_members[] = {
	"pool", "runner", "state", "pid", "running", "slots", "calls", "failed", "idle", "since", "handle" };

static const struct table_column call_columns[] = {
	{ "POOL", TABLE_TEXT, 0 }, { "ID", TABLE_NUMBER, 0 }, { "STATE", TABLE_TEXT, 0 }, { "RUNNER", TABLE_NUMBER, 0 },
	{ "SLOT", TABLE_NUMBER, 0 }, { "PID", TABLE_NUMBER, 0 }, { "PRIORITY", TABLE_NUMBER, TABLE_EXTRA },
	{ "TRIES", TABLE_NUMBER, TABLE_EXTRA }, { "SINCE", TABLE_TEXT, 0 }, { "COMMAND", TABLE_TEXT, TABLE_TRUNC }, { 0 } };

static const char *const call_members[] = {
	"pool", "id", "state", "runner", "slot", "pid", "priority", "tries", "since", "command" };

static const struct kind pools = { "pool", "pools", pool_columns, pool_members };
static const struct kind runners = { "runner", "runners", runner_columns, runner_members };
static const struct kind calls = { "call", "calls", call_columns, call_members };

/* Members of a line */

static bool member(struct strbuf *out, const char *line, const char *name)
{
	strbuf_reset(out);
	if (json_text_member(out, line, strlen(line), name, strlen(name)) == 0)
		return true;
	err_clear();
	return false;
}

static bool is_kind(const char *line, const char *name)
{
	struct strbuf kind = STRBUF_INIT;
	bool is = member(&kind, line, "kind") && !strcmp(kind.buf, name);

	strbuf_release(&kind);
	return is;
}

/* Tables */

static void add_row(struct table *t, const struct kind *kind, const char *line)
{
	struct strbuf text = STRBUF_INIT;

	table_row(t);
	for (int i = 0; kind->columns[i].name; i++)
		if (member(&text, line, kind->members[i]) && text.len)
			table_set(t, i, text.buf);
	strbuf_release(&text);
}

static int print_table(const struct status *s, const struct kind *kind)
{
	struct table *t;

	if (table_open(&t, kind->table, kind->columns, &s->args->table) < 0)
		return -1;
	for (const struct view *v = s->views; v; v = v->next)
		for (size_t i = 0; i < v->lines.nr; i++)
			if (is_kind(v->lines.v[i], kind->name))
				add_row(t, kind, v->lines.v[i]);
	return table_print(t);
}

/* For people, one pool is shown with its runners. */
static bool wants_both(const struct status *s)
{
	const struct table_args *t = &s->args->table;

	return s->names[0] && !s->names[1] && !t->output && !t->json && !t->raw && !t->pairs;
}

static int print_tables(const struct status *s)
{
	if (s->args->calls)
		return print_table(s, &calls);
	if (s->args->runners)
		return print_table(s, &runners);
	if (print_table(s, &pools) < 0)
		return -1;
	if (!wants_both(s))
		return 0;
	putchar('\n');
	return print_table(s, &runners);
}

/* OpenMetrics */

struct family {
	const char *name, *type, *member, *help;
};

static const struct family families[] = {
	{ "wp_pool_runners", "gauge", "runners", "runners that are ready" },
	{ "wp_pool_runners_booting", "gauge", "booting", "runners that boot" },
	{ "wp_pool_runners_min", "gauge", "min", "runners that there are at all times" },
	{ "wp_pool_runners_max", "gauge", "max", "runners that there may be" },
	{ "wp_pool_capacity", "gauge", "capacity", "calls that could run at once" },
	{ "wp_pool_running", "gauge", "running", "calls that run" },
	{ "wp_pool_waiting", "gauge", "waiting", "calls that wait for a runner" },
	{ "wp_pool_calls", "counter", "calls", "calls that came" },
	{ "wp_pool_passed", "counter", "passed", "calls that ended with status 0" },
	{ "wp_pool_failed", "counter", "failed", "calls that ended otherwise" },
	{ "wp_pool_interrupted", "counter", "interrupted", "calls that were sent away or ended because the pool was stopped" },
	{ "wp_pool_boots", "counter", "boots", "runners that were begun to boot" },
	{ "wp_pool_boot_failures", "counter", "boot_failures", "runners that did not boot" },
	{ "wp_pool_runners_lost", "counter", "lost", "runners that ended unasked" },
};

static const char *pool_line(const struct view *v)
{
	for (size_t i = 0; i < v->lines.nr; i++)
		if (is_kind(v->lines.v[i], "pool"))
			return v->lines.v[i];
	return "{}";
}

static void add_family(struct strbuf *out, const struct status *s, const struct family *f)
{
	struct strbuf name = STRBUF_INIT, value = STRBUF_INIT;

	metrics_family(out, f->name, f->type, f->help);
	strbuf_addf(&name, "%s%s", f->name, strcmp(f->type, "counter") ? "" : "_total");
	for (const struct view *v = s->views; v; v = v->next)
		if (member(&value, pool_line(v), f->member))
			metrics_sample_text(out, name.buf, (const char *const[]){ "pool", v->name, NULL }, value.buf);
	strbuf_release(&name);
	strbuf_release(&value);
}

static void add_buckets(struct strbuf *out, const struct view *v, const char *buckets)
{
	struct json_slice key, value;
	struct json_scan scan;

	if (json_object_begin(&scan, buckets, strlen(buckets)) < 0)
		return;
	while (json_object_next(&scan, &key, &value) == 1) {
		char *bound = xstrndup(key.p, key.len), *n = xstrndup(value.p, value.len);

		metrics_sample_text(out, "wp_pool_wait_seconds_bucket", (const char *const[]){ "pool", v->name, "le", bound, NULL }, n);
		free(bound);
		free(n);
	}
}

static void add_waits(struct strbuf *out, const struct status *s)
{
	struct strbuf value = STRBUF_INIT;

	metrics_family(out, "wp_pool_wait_seconds", "histogram", "how long calls waited for a runner");
	for (const struct view *v = s->views; v; v = v->next) {
		const char *const labels[] = { "pool", v->name, NULL };

		if (!member(&value, pool_line(v), "wait_buckets"))
			continue;
		add_buckets(out, v, value.buf);
		if (member(&value, pool_line(v), "waited")) {
			metrics_sample_text(out, "wp_pool_wait_seconds_bucket",
				(const char *const[]){ "pool", v->name, "le", "+Inf", NULL }, value.buf);
			metrics_sample_text(out, "wp_pool_wait_seconds_count", labels, value.buf);
		}
		if (member(&value, pool_line(v), "wait_sum"))
			metrics_sample_text(out, "wp_pool_wait_seconds_sum", labels, value.buf);
	}
	strbuf_release(&value);
}

static int print_metrics(const struct status *s)
{
	struct strbuf out = STRBUF_INIT;
	int r;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		add_family(&out, s, &families[i]);
	add_waits(&out, s);
	metrics_end(&out);
	r = metrics_write(&out, s->args->textfile);
	strbuf_release(&out);
	return r;
}

static int print(const struct status *s)
{
	return s->args->format == FORMAT_OPENMETRICS ? print_metrics(s) : print_tables(s);
}

/* The pools */

static void view_free(struct view *v)
{
	strvec_release(&v->lines);
	strvec_release(&v->coming);
	client_close(&v->client);
	free(v->name);
	free(v);
}

static struct view **place_for(struct status *s, const char *name)
{
	struct view **at = &s->views;

	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	return at;
}

/* 1 added; 0 there is none (any more), or it is there already; -1 with err recorded. */
static int add_view(struct status *s, const char *name)
{
	struct view **at = place_for(s, name), *v;
	struct request request = REQUEST_INIT;

	if (*at && !strcmp((*at)->name, name))
		return 0;
	v = xcalloc(1, sizeof(*v));
	v->name = xstrdup(name);
	v->status = s;
	strvec_init(&v->lines);
	strvec_init(&v->coming);
	request.ask = ASK_STATUS;
	request.watch = s->args->watch;
	request.calls = s->args->calls;
	if (client_open(&v->client, s->state_dir, v->name) < 0 || client_ask(&v->client, &request, NULL, 0) < 0) {
		view_free(v);
		return err_status() == WP_UNAVAILABLE || err_status() == WP_FAILED ? 0 : -1;
	}
	v->next = *at;
	*at = v;
	return 1;
}

/* Takes a line. True: it was the last of a whole. */
static bool take_line(struct view *v)
{
	struct strvec old = v->lines;

	if (!is_kind(v->client.text, "end")) {
		strvec_pushn(&v->coming, v->client.text, v->client.len);
		return false;
	}
	v->lines = v->coming;
	v->coming = old;
	strvec_clear(&v->coming);
	return true;
}

static int hear_whole(struct view *v)
{
	usec_t deadline = clock_now() + CLIENT_LIMIT;
	int r;

	while ((r = client_hear(&v->client, deadline)) > 0)
		if (take_line(v))
			return 1;
	return r < 0 ? client_silent(&v->client) : r;
}

static void remove_view(struct status *s, struct view *v)
{
	struct view **at = place_for(s, v->name);

	*at = v->next;
	if (s->loop)
		loop_remove(s->loop, &v->wire);
	view_free(v);
}

/* Those asked for have to be there; of all the others, those that are. */
static int find_named(struct status *s)
{
	for (char **name = s->names; *name; name++) {
		int r = add_view(s, *name);

		if (r < 0 || (r == 0 && *err_message()))
			return -1;
	}
	return 0;
}

static int find_all(struct status *s)
{
	struct strbuf dir = STRBUF_INIT;
	struct dirent *entry;
	DIR *sockets;
	int r = 0;

	strbuf_addf(&dir, "%s/" WIRE_DIRECTORY, s->state.dir);
	sockets = opendir(dir.buf);
	strbuf_release(&dir);
	if (!sockets)
		return errno == ENOENT ? 0 : err_errno("cannot read \"%s/" WIRE_DIRECTORY "\"", s->state.dir);
	while (r >= 0 && (entry = readdir(sockets)))
		if (!strncmp(entry->d_name, ADDRESS_PREFIX, strlen(ADDRESS_PREFIX)))
			r = add_view(s, entry->d_name + strlen(ADDRESS_PREFIX));
	closedir(sockets);
	if (r >= 0)
		err_clear();
	return r < 0 ? -1 : 0;
}

static int find(struct status *s)
{
	return s->names[0] ? find_named(s) : find_all(s);
}

static int show_once(struct status *s)
{
	for (struct view *v = s->views, *next; v; v = next) {
		int r = hear_whole(v);

		next = v->next;
		if (r < 0 && s->names[0])
			return -1;
		if (r < 0)
			s->result = err_report();    /* the others are shown all the same */
		if (r == 0 && s->names[0])
			return client_lost(&v->client);
		if (r <= 0)
			remove_view(s, v);
	}
	return print(s);
}

/* Watching */

static void watch_failed(struct status *s)
{
	s->result = err_report();
	loop_stop(s->loop);
}

static void show_again(struct status *s)
{
	bool terminal = isatty(STDOUT_FILENO);

	if (terminal)
		fputs("\033[H\033[2J", stdout);
	if (print(s) < 0)
		watch_failed(s);
	else if (!terminal && !s->args->table.json && s->args->format == FORMAT_TABLE)
		putchar('\n');
	if (fflush(stdout) == 0)
		return;
	if (errno != EPIPE) {
		err_errno("write error");
		watch_failed(s);
		return;
	}
	s->result = WP_IO;           /* our reader has seen enough, which is nothing to complain of */
	loop_stop(s->loop);
}

static void wire_readable(struct loop_fd *handle, uint32_t events)
{
	struct view *v = (struct view *)((char *)handle - offsetof(struct view, wire));
	struct status *s = v->status;
	int r = client_hear(&v->client, 0);

	if (r > 0 && !take_line(v))
		return;
	if (r < 0 && err_status() == WP_TEMPFAIL) {
		err_clear();
		return;
	}
	if (r <= 0)
		remove_view(s, v);
	err_clear();
	if (s->names[0] && !s->views)
		loop_stop(s->loop);      /* all that were asked for have ended */
	else
		show_again(s);
}

static int watch_view(struct status *s, struct view *v)
{
	return v->wire.added ? 0 : loop_add(s->loop, &v->wire, v->client.fd, EPOLLIN, wire_readable);
}

static int watch_views(struct status *s)
{
	for (struct view *v = s->views; v; v = v->next)
		if (watch_view(s, v) < 0)
			return -1;
	return 0;
}

static void somebody_came(struct loop_fd *handle, uint32_t events)
{
	struct status *s = (struct status *)((char *)handle - offsetof(struct status, arrivals));

	fd_discard(handle->fd);
	if (find_all(s) < 0 || watch_views(s) < 0)
		watch_failed(s);
}

static int watch_arrivals(struct status *s)
{
	int fd = wire_watch(&s->state);

	if (fd < 0)
		return -1;
	if (loop_add(s->loop, &s->arrivals, fd, EPOLLIN, somebody_came) == 0)
		return 0;
	close(fd);
	s->arrivals.fd = -1;
	return -1;
}

static void told_to_stop(int signo, void *ctx)
{
	struct status *s = ctx;

	s->result = 128 + signo;
	loop_stop(s->loop);
}

static int watch(struct status *s)
{
	if (loop_init(&s->loop) < 0 || loop_stop_signals(s->loop, told_to_stop, s) < 0)
		return -1;
	if (!s->names[0] && watch_arrivals(s) < 0)
		return -1;
	if (find(s) < 0 || watch_views(s) < 0)
		return -1;
	if (!s->views)
		show_again(s);
	return loop_run(s->loop);
}

static int open_status(struct status *s)
{
	int r = state_exists(s->state_dir);

	for (char **name = s->names; *name; name++)
		if (address_check(*name) < 0)
			return -1;
	/* Where nothing has ever been there are no pools, and status makes nothing. */
	if (r == 0 && !s->args->watch)
		return s->names[0] ? find_named(s) : 0;
	return r < 0 ? -1 : state_open(&s->state, s->state_dir);
}

static int run(struct status *s)
{
	if (open_status(s) < 0)
		return -1;
	if (s->args->watch)
		return watch(s);
	if (s->state.dir && find(s) < 0)
		return -1;
	return show_once(s);
}

static int status_run(void *globals, void *args, int n, char **operands)
{
	struct status s = {
		.args = args, .state_dir = ((struct globals *)globals)->state, .names = operands, .state.fd = -1, .arrivals.fd = -1 };

	if (s.args->textfile && s.args->format != FORMAT_OPENMETRICS)
		return err_usage("status", "option --textfile needs --format openmetrics");
	if (run(&s) < 0)
		s.result = err_report();
	while (s.views)
		remove_view(&s, s.views);
	if (s.arrivals.fd >= 0)
		loop_remove(s.loop, &s.arrivals);
	fd_close(&s.arrivals.fd);
	state_release(&s.state);
	loop_free(s.loop);
	return s.result;
}

#define WHAT_GROUP 1

static const struct opt options[] = {
	{ .kind = OPT_KIND_FLAG, .name = "runners", .offset = offsetof(struct status_args, runners), .group = WHAT_GROUP,
		.help = "the runners of the pools" },
	{ .kind = OPT_KIND_FLAG, .name = "calls", .offset = offsetof(struct status_args, calls), .group = WHAT_GROUP,
		.help = "the calls that wait and run" },
	OPT_FLAG('w', "watch", struct status_args, watch, NULL, "show it again whenever it changes"),
	OPT_CHOICE(0, "format", "table|openmetrics", struct status_args, format, NULL, "a table, or figures for a monitoring system"),
	OPT_STRING(0, "textfile", "FILE", struct status_args, textfile, NULL, "with openmetrics, write FILE, whole at any time"),
	OPT_END
};

const struct verb verb_status = {
	.name = "status", .args = "[NAME...]", .summary = "show pools, their runners, their load and waits",
	.options = options, .more = table_options, .more_offset = offsetof(struct status_args, table),
	.size = sizeof(struct status_args), .min_operands = 0, .max_operands = -1, .run = status_run,
};
