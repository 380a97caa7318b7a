/* watch: what happens to nodes and children, the moment it happens. */

#include "verbs.h"

#include "err.h"
#include "io.h"
#include "json.h"
#include "watch.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

struct watch_args {
	bool snapshot;
	usec_t timeout;
};

struct watching {
	struct watch watch;
	struct cluster cluster;
	struct loop_fd bell, live;
	int64_t seen;
};

#define watching_of(pointer, member) ((struct watching *)((char *)(pointer) - offsetof(struct watching, member)))

/* Lines */

static void add_member(struct strbuf *sb, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_addf(sb, ",\"%s\":", name);
	json_add_string(sb, value, strlen(value));
}

static void on_event(const struct cluster_event *event, void *ctx)
{
	struct strbuf *sb = &((struct watching *)ctx)->watch.lines;

	strbuf_addf(sb, "{\"event\":\"%s\",\"at\":\"", event->event);
	clock_add_rfc3339(sb, event->at);
	strbuf_addch(sb, '"');
	add_member(sb, "child", event->child);
	if (event->child)
		strbuf_addf(sb, ",\"replica\":%lld", (long long)event->number);
	add_member(sb, "node", event->node);
	if (event->pid)
		strbuf_addf(sb, ",\"pid\":%d", (int)event->pid);
	add_member(sb, "reason", event->reason);
	strbuf_addstr(sb, "}\n");
}

/* What is there, as if it were news. */
static void add_nodes(struct watching *w, const struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->nr; i++) {
		const struct node *n = &nodes->v[i];

		on_event(&(struct cluster_event){ .event = "node", .at = n->joined_at, .node = n->name, .pid = n->pid }, w);
	}
}

static void add_replicas(struct watching *w, const struct replicas *replicas)
{
	for (size_t i = 0; i < replicas->nr; i++) {
		const struct replica *r = &replicas->v[i];

		on_event(&(struct cluster_event){ .event = replica_state_name(r->state), .at = r->since, .child = r->child.name,
			.number = r->number, .node = r->node_name, .pid = r->pid, .reason = r->reason }, w);
	}
}

/* Events */

static void take_events(struct watching *w)
{
	int64_t seen = cluster_events(&w->cluster, w->seen, on_event, w);

	if (seen < 0) {
		watch_fail(&w->watch);
		return;
	}
	w->seen = seen;
	watch_print(&w->watch);
}

static void bell_rang(struct loop_fd *handle, uint32_t events)
{
	struct watching *w = watching_of(handle, bell);

	if (db_replaced(w->cluster.db)) {
		err_set(WP_IO, "the state file was removed: \"%s\"", w->cluster.state.db_path);
		watch_fail(&w->watch);
	} else if (db_bell_check(w->cluster.db) < 0) {
		watch_fail(&w->watch);
	} else {
		take_events(w);
	}
}

/* Who is dead is said to be by whoever looks. */
static int look_for_dead(struct watching *w)
{
	struct nodes nodes = { 0 };
	int r = cluster_nodes(&w->cluster, &nodes);

	nodes_release(&nodes);
	return r;
}

static void lock_closed(struct loop_fd *handle, uint32_t events)
{
	struct watching *w = watching_of(handle, live);

	fd_discard(handle->fd);
	if (look_for_dead(w) < 0)
		watch_fail(&w->watch);
	else
		take_events(w);
}

/* Opening */

static int watch_locks(struct watching *w)
{
	int fd = fd_inotify(w->cluster.state.live_dir, IN_CLOSE_WRITE | IN_DELETE);

	return fd < 0 ? -1 : loop_add(w->watch.loop, &w->live, fd, EPOLLIN, lock_closed);
}

static int add_present(struct watching *w)
{
	struct nodes nodes = { 0 };
	struct replicas replicas = { 0 };
	int r = cluster_nodes(&w->cluster, &nodes) < 0 || cluster_replicas(&w->cluster, NULL, &replicas) < 0 ? -1 : 0;

	if (r == 0) {
		add_nodes(w, &nodes);
		add_replicas(w, &replicas);
	}
	nodes_release(&nodes);
	replicas_release(&replicas);
	return r;
}

/* First the ears, then the eyes. */
static int set_up(struct watching *w, const struct globals *globals, const struct watch_args *args)
{
	if (watch_open(&w->watch) < 0 || cluster_open(&w->cluster, globals->state) < 0 || watch_locks(w) < 0
	    || db_bell_open(w->cluster.db, CLUSTER_BELL) < 0
	    || loop_add(w->watch.loop, &w->bell, db_fd(w->cluster.db), EPOLLIN, bell_rang) < 0 || look_for_dead(w) < 0)
		return -1;
	w->seen = cluster_last_event(&w->cluster);
	return w->seen < 0 || (args->snapshot && add_present(w) < 0) ? -1 : 0;
}

static void tear_down(struct watching *w)
{
	if (w->live.added) {
		loop_remove(w->watch.loop, &w->live);
		fd_close(&w->live.fd);
	}
	if (w->bell.added)
		loop_remove(w->watch.loop, &w->bell);
	if (w->cluster.db)
		cluster_close(&w->cluster);
	watch_close(&w->watch);
}

static int watch_verb_run(void *globals, void *args, int n, char **operands)
{
	const struct watch_args *a = args;
	struct watching w = { .cluster = { .state.fd = -1 } };
	int status = set_up(&w, globals, a) < 0 ? err_report() : watch_run(&w.watch, a->timeout);

	tear_down(&w);
	return status;
}

static const struct watch_args defaults = { .timeout = -1 };

static const struct opt options[] = {
	OPT_FLAG(0, "snapshot", struct watch_args, snapshot, NULL, "first the nodes and children that are there"),
	OPT_DURATION(0, "timeout", "DURATION", struct watch_args, timeout, NULL, "end after so long, with status 75"),
	OPT_END
};

const struct verb verb_watch = {
	.name = "watch", .args = "", .summary = "print what happens to nodes and children as it happens",
	.options = options, .size = sizeof(struct watch_args), .defaults = &defaults, .run = watch_verb_run,
};
