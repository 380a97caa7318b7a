#include "agent.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "process.h"
#include "spawn.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a load that is another by less nobody hears. */
#define LOAD_STEP 0.05
#define LOAD_EVERY (2 * USEC_SEC)
/* When the state file could not be written or read. */
#define TRY_AGAIN (200 * USEC_MS)
/* Watchers of a lock file are told that it is being closed before the lock is free (Linux, __fput()). */
#define UNLOCKED_AFTER (50 * USEC_MS)

#define agent_of(pointer, member) ((struct agent *)((char *)(pointer) - offsetof(struct agent, member)))

static void follow_or_lead(struct agent *a);

static void look_again(struct loop_timer *timer)
{
	struct agent *a = agent_of(timer, again);

	a->to_look = a->to_place = a->counting = true;
	follow_or_lead(a);
}

/* Said once, and tried again: what should be so is looked at then. */
static void failed(struct agent *a)
{
	if (!a->said)
		err_warn("node \"%s\": %s", a->self.name, err_message());
	err_clear();
	a->said = true;
	loop_timer_set(a->loop, &a->again, clock_now() + TRY_AGAIN, look_again);
}

/* Reports */

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/* Of the row only what a report says of it. */
static struct report *add_report(struct agent *a, enum report_kind kind, int64_t id, int64_t child, const char *name, int64_t number)
{
	struct report *report = xcalloc(1, sizeof(*report));

	report->kind = kind;
	strbuf_init(&report->text);
	report->replica = (struct replica){ .id = id, .number = number, .child = { .id = child, .name = xstrdup(name) } };
	*a->last = report;
	a->last = &report->next;
	return report;
}

static int send_report(struct agent *a, const struct report *report)
{
	struct cluster *c = &a->cluster;

	switch (report->kind) {
	case REPORT_RUNS:
		return cluster_runs(c, &report->replica, &a->self, report->pid, report->restarts);
	case REPORT_ENDED:
		return cluster_ended(c, &report->replica, &a->self, report->state, report->reason);
	case REPORT_RELEASED:
		return cluster_released(c, &report->replica, &a->self);
	case REPORT_REMOVED:
		return cluster_removed(c, &report->replica, a->self.name);
	case REPORT_HANDS:
		return cluster_hands(c, &report->replica, &a->self, report->text.buf, report->text.len);
	case REPORT_TAKES:
		return cluster_takes(c, &report->replica, &a->self, report->pid);
	case REPORT_REFUSES:
		return cluster_refuses(c, &report->replica, report->target, report->reason, a->self.name);
	}
	return 0;
}

static void drop_reports(struct agent *a)
{
	struct report *report;

	while ((report = a->first)) {
		a->first = report->next;
		replica_release(&report->replica);
		free(report->reason);
		strbuf_release(&report->text);
		free(report);
	}
	a->last = &a->first;
}

/* All of them in one transaction. */
static int send_reports(struct agent *a)
{
	int result;

	if (!a->first)
		return 0;
	result = cluster_begin(&a->cluster);
	if (result < 0)
		return -1;
	for (struct report *report = a->first; report && result >= 0; report = report->next)
		result = send_report(a, report);
	if (cluster_finish(&a->cluster, result) < 0)
		return -1;
	drop_reports(a);
	return 0;
}

/* Workers */

static struct report *report_worker(struct agent *a, const struct worker *w, enum report_kind kind)
{
	struct report *report = add_report(a, kind, w->id, w->child, w->name, w->number);

	report->pid = w->pid;
	report->restarts = w->restarts;
	return report;
}

static void give_up(struct agent *a, struct worker *w, enum replica_state state, const char *reason)
{
	struct report *report = report_worker(a, w, REPORT_ENDED);

	if (state == REPLICA_FAILED)
		err_warn("child \"%s\" has failed: %s", w->name, reason);
	report->state = state;
	report->reason = copy(reason);
	keeper_remove(w);
}

static void start(struct agent *a, struct worker *w)
{
	if (worker_start(w, -1) == 0) {
		report_worker(a, w, REPORT_RUNS);
		return;
	}
	give_up(a, w, REPLICA_FAILED, err_message());
	err_clear();
}

static void add_status(struct strbuf *text, int status)
{
	if (status > 128)
		strbuf_addf(text, "killed by signal %d", status - 128);
	else
		strbuf_addf(text, "exit status %d", status);
}

/* Hot moves */

static void refuse(struct agent *a, const struct worker *w, int64_t target, const char *reason)
{
	struct report *report = report_worker(a, w, REPORT_REFUSES);

	err_warn("child \"%s\" does not move: %s", w->name, reason);
	report->target = target;
	report->reason = copy(reason);
	a->to_look = true;
}

/* REASON NULL: that was said already, or nobody wants to know any more. */
static void did_not_take_over(struct agent *a, struct worker *w, const char *reason)
{
	if (reason)
		refuse(a, w, a->self.id, reason);
	keeper_remove(w);
}

#define worker_of(h) ((struct worker *)((char *)(h) - offsetof(struct worker, handover)))

static void handed_over(struct handover *h, const char *error)
{
	struct worker *w = worker_of(h);
	struct agent *a = w->keeper->ctx;

	/* Nobody knows whether that was all. */
	if (!error && process_ends(w->pid))
		error = "it ended while it handed over";
	if (error) {
		refuse(a, w, w->target, error);
		return;
	}
	struct report *report = report_worker(a, w, REPORT_HANDS);

	report->text = h->text;
	strbuf_init(&h->text);
	a->to_look = true;
}

/* It can do that once: its end of the pipe is closed afterwards. True: it goes on, or has been done. */
static bool hands_over(struct agent *a, const struct replica *r, struct worker *w)
{
	int fd = w->out;

	if (r->handed || handover_goes_on(&w->handover))
		return true;
	if (fd < 0 || w->asked || r->state != REPLICA_RUNNING)
		return false;
	w->out = -1;
	w->target = r->target;
	w->handover.done = handed_over;
	kill(w->pid, SIGUSR2);
	if (handover_receive(&w->handover, a->loop, fd, w->settings.handover_timeout) < 0) {
		refuse(a, w, r->target, err_message());
		err_clear();
		handover_close(&w->handover);
	}
	return true;
}

static void taken_over(struct handover *h, const char *error)
{
	struct worker *w = worker_of(h);
	struct agent *a = w->keeper->ctx;

	if (error) {
		refuse(a, w, a->self.id, error);
		worker_stop(w, true);
		return;
	}
	w->comes = false;
	report_worker(a, w, REPORT_TAKES);
	a->to_look = true;
}

static int start_successor(struct agent *a, struct worker *w)
{
	struct strbuf text = STRBUF_INIT;
	int ends[2] = { -1, -1 }, result;

	result = cluster_handed(&a->cluster, w->id, &text);
	if (result == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		result = err_errno("cannot make a socket");
	if (result == 0)
		result = worker_start(w, ends[1]);
	fd_close(&ends[1]);
	w->handover.done = taken_over;
	if (result == 0)
		return handover_send(&w->handover, a->loop, ends[0], &text, w->settings.handover_timeout);
	fd_close(&ends[0]);
	strbuf_release(&text);
	return result;
}

static void take_over(struct agent *a, const struct replica *r)
{
	struct worker *w = keeper_find(&a->keeper, r->id);

	if (w && w->comes && (r->stop || !a->quorate))
		worker_stop(w, true);
	if (w || r->stop || !r->handed || a->end != AGENT_STAYS || !a->quorate)
		return;
	w = keeper_add(&a->keeper, r);
	if (w) {
		w->comes = w->seen = true;
		if (start_successor(a, w) == 0)
			return;
	}
	struct report *report = add_report(a, REPORT_REFUSES, r->id, r->child.id, r->child.name, r->number);

	report->target = a->self.id;
	report->reason = copy(err_message());
	err_clear();
	if (w && w->pid)
		worker_stop(w, true);
	else if (w)
		keeper_remove(w);
}

static void ended(void *ctx, struct worker *w, int wait_status)
{
	struct agent *a = ctx;
	int status = spawn_exit_status(wait_status);
	struct strbuf reason = STRBUF_INIT;
	bool asked = w->asked;

	a->to_look = true;
	w->asked = false;
	if (asked && !w->comes)
		return;              /* the row says what is to become of it */
	add_status(&reason, status);
	if (w->comes) {
		did_not_take_over(a, w, asked ? NULL : reason.buf);
		strbuf_release(&reason);
		return;
	}
	switch (restart_ended(&w->restart, status, clock_now())) {
	case RESTART_AGAIN:
		w->restarts++;
		start(a, w);
		break;
	case RESTART_IS_OVER:
		give_up(a, w, REPLICA_EXITED, reason.buf);
		break;
	case RESTART_GIVES_UP:
		if (w->restart.nr)
			strbuf_addf(&reason, ", after %zu restarts", w->restart.max);
		give_up(a, w, REPLICA_FAILED, reason.buf);
		break;
	}
	strbuf_release(&reason);
}

/* Looking */

static bool is_hot_move(const struct agent *a, const struct replica *r)
{
	return r->child.hot && r->target && !r->stop && a->end != AGENT_ENDS && a->quorate;
}

static bool is_to_run(const struct agent *a, const struct replica *r)
{
	return a->quorate && !r->stop && !r->target && a->end != AGENT_ENDS && (r->state == REPLICA_PLACED || r->state == REPLICA_RUNNING);
}

/* A worker that is gone for a report that is not written yet is not to be started for it once more. */
static bool is_reported(const struct agent *a, int64_t id)
{
	for (const struct report *report = a->first; report; report = report->next) {
		if (report->replica.id == id && report->kind != REPORT_RUNS)
			return true;
	}
	return false;
}

static void begin(struct agent *a, const struct replica *r)
{
	struct worker *w = keeper_add(&a->keeper, r);

	if (w) {
		w->seen = true;
		start(a, w);
		return;
	}
	struct report *report = add_report(a, REPORT_ENDED, r->id, r->child.id, r->child.name, r->number);

	report->state = REPLICA_FAILED;
	report->reason = copy(err_message());
	err_clear();
}

/* It does not run, and is not to. */
static void give_away(struct agent *a, const struct replica *r, struct worker *w)
{
	if (w)
		keeper_remove(w);
	if (a->end == AGENT_ENDS && !r->stop)
		return;              /* all at once, with the node */
	add_report(a, r->stop ? REPORT_REMOVED : REPORT_RELEASED, r->id, r->child.id, r->child.name, r->number);
}

static void see_to(struct agent *a, const struct replica *r)
{
	struct worker *w = keeper_find(&a->keeper, r->id);

	if (w)
		w->seen = true;
	if (is_reported(a, r->id))
		return;
	if (r->node != a->self.id) {
		take_over(a, r);
	} else if (!is_to_run(a, r)) {
		if (w && w->pid && is_hot_move(a, r) && hands_over(a, r, w))
			return;
		if (w && w->pid)
			worker_stop(w, r->stop == STOP_NOW);
		else
			give_away(a, r, w);
	} else if (!w) {
		begin(a, r);
	} else if (!w->pid) {
		start(a, w);         /* it was to go, and is to stay after all */
	} else if (r->active && !w->active) {
		worker_promote(w);
	}
}

/* Whose row is gone, or not ours any more. */
static void end_unseen(struct agent *a)
{
	for (struct worker *w = a->keeper.workers, *next; w; w = next) {
		next = w->next;
		if (w->seen || is_reported(a, w->id))
			continue;
		if (w->pid)
			worker_stop(w, false);
		else
			keeper_remove(w);
	}
}

static int reconcile(struct agent *a)
{
	struct replicas replicas = { 0 };
	size_t mine = 0;

	if (send_reports(a) < 0 || cluster_replicas_at(&a->cluster, a->self.id, &replicas) < 0)
		return -1;
	for (struct worker *w = a->keeper.workers; w; w = w->next)
		w->seen = false;
	for (size_t i = 0; i < replicas.nr; i++) {
		see_to(a, &replicas.v[i]);
		mine += replicas.v[i].node == a->self.id;
	}
	end_unseen(a);
	a->coming = 0;
	for (struct worker *w = a->keeper.workers; w; w = w->next)
		a->coming += w->comes;
	replicas_release(&replicas);
	a->mine = mine;
	return send_reports(a);
}

/* Placing */

/* What does not change where anything should be is none of the leader's business. */
static bool is_of_interest(const char *event)
{
	static const char *const others[] = { "place", "move", "run", "stop", "hand", "take", "promote" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(event, others[i]))
			return false;
	}
	return true;
}

/* The node that has it, and the one where it goes, of which one alone is named. */
static bool concerns_two(const char *event)
{
	static const char *const moves[] = { "move", "release", "hand", "take", "refuse" };

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		if (!strcmp(event, moves[i]))
			return true;
	}
	return false;
}

/* Hooks */

static void run_hook(struct agent *a, int kind, const struct cluster_event *event)
{
	static const char *const names[HOOK_KINDS] = {
		[ON_CHILD_START] = "on-child-start", [ON_CHILD_STOP] = "on-child-stop", [ON_CHILD_FAIL] = "on-child-fail",
		[ON_CHILD_MOVE] = "on-child-move", [ON_NODE_JOIN] = "on-node-join", [ON_NODE_LEAVE] = "on-node-leave",
		[ON_QUORUM_LOSS] = "on-quorum-loss" };
	struct strvec variables = STRVEC_INIT;

	if (!a->hooks[kind])
		return;
	strvec_pushf(&variables, "WP_EVENT=%s", event->event);
	strvec_pushf(&variables, "WP_NODE=%s", event->node ? event->node : a->self.name);
	strvec_pushf(&variables, "WP_CHILD_ID=%s", event->child ? event->child : "");
	strvec_pushf(&variables, "WP_REPLICA=%lld", (long long)event->number);
	strvec_pushf(&variables, "WP_PID=%d", (int)event->pid);
	strvec_pushf(&variables, "WP_REASON=%s", event->reason ? event->reason : "");
	hooks_run(&a->keeper.hooks, names[kind], a->hooks[kind], &variables, NULL, 0);
	strvec_release(&variables);
}

/* Of a child its node tells, of a node the leader. */
static void run_hooks(struct agent *a, const struct cluster_event *event)
{
	static const struct {
		const char *event;
		int kind;
	} kinds[] = {
		{ "run", ON_CHILD_START }, { "exit", ON_CHILD_STOP }, { "stopped", ON_CHILD_STOP }, { "fail", ON_CHILD_FAIL },
		{ "release", ON_CHILD_MOVE }, { "take", ON_CHILD_MOVE }, { "join", ON_NODE_JOIN }, { "leave", ON_NODE_LEAVE } };
	bool ours = event->node && !strcmp(event->node, a->self.name);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(event->event, kinds[i].event) && (event->child ? ours : a->leading))
			run_hook(a, kinds[i].kind, event);
	}
}

static void lead_no_more(struct agent *a)
{
	if (a->leading)
		alive_release(&a->leader);
	a->leading = false;
}

/* What others rely on is gone: nothing is to run here any more. BURIED: the row is. */
static void lost(struct agent *a, const char *what, bool buried)
{
	err_warn("node \"%s\": %s", a->self.name, what);
	a->buried |= buried;
	a->status = WP_IO;
	a->end = AGENT_ENDS;
	a->to_look = true;
	lead_no_more(a);
}

static void on_event(const struct cluster_event *event, void *ctx)
{
	struct agent *a = ctx;

	run_hooks(a, event);
	if (event->seq > a->self.life && !event->child && !strcmp(event->event, "leave") && !strcmp(event->node, a->self.name))
		lost(a, "the lock file was removed: others have taken over what is here", true);
	a->to_place |= is_of_interest(event->event);
	/* Of what is to leave another node we hear nothing else: when it ends there, nothing comes here. */
	a->to_look |= !event->node || !strcmp(event->node, a->self.name) || concerns_two(event->event) || a->coming;
	a->counting |= !event->child;
}

static int take_events(struct agent *a)
{
	int64_t seen = cluster_events(&a->cluster, a->seen, on_event, a);

	if (seen < 0 && err_status() == WP_TEMPFAIL) {
		err_clear();
		seen = cluster_last_event(&a->cluster);
		a->to_look = a->to_place = a->counting = true;
	}
	if (seen < 0)
		return -1;
	a->seen = seen;
	return 0;
}

/* To look first takes nothing: an attempt that fails is an event, for all, by which nodes would wake each other for ever. */
static void follow_or_lead(struct agent *a)
{
	if (a->leading || a->end != AGENT_STAYS || alive_test(a->cluster.state.live_dir, CLUSTER_LEADER) > 0)
		return;
	if (alive_hold(&a->leader, a->cluster.state.live_dir, CLUSTER_LEADER) == 0) {
		a->leading = a->to_place = true;
		return;
	}
	if (err_status() != WP_TEMPFAIL)
		failed(a);
	err_clear();
}

/* Leaving */

static int is_alone(struct agent *a)
{
	struct nodes nodes = { 0 };
	int alone = 1;

	if (cluster_nodes(&a->cluster, &nodes) < 0)
		return -1;
	for (size_t i = 0; i < nodes.nr; i++) {
		if (nodes.v[i].id != a->self.id && !nodes.v[i].closed)
			alone = 0;
	}
	nodes_release(&nodes);
	return alone;
}

/* As long as others can take what is here, it is theirs to say where it goes. */
static int go_on_leaving(struct agent *a)
{
	if (a->end == AGENT_LEAVES && !a->closed) {
		if (cluster_drain(&a->cluster, a->self.name, true) < 0)
			return -1;
		a->closed = true;
		a->to_look = true;   /* something may have come before */
		return 0;
	}
	if (a->end == AGENT_LEAVES) {
		int alone = a->mine ? is_alone(a) : 1;

		if (alone < 0)
			return -1;
		if (alone) {
			a->end = AGENT_ENDS;
			a->to_look = true;
		}
	}
	if (a->end == AGENT_ENDS && !a->to_look && !a->keeper.running)
		loop_stop(a->loop);
	return 0;
}

static void patience_over(struct loop_timer *timer)
{
	struct agent *a = agent_of(timer, patience);

	a->end = AGENT_ENDS;
	a->to_look = true;
}

static void told_to_leave(int signo, void *ctx)
{
	struct agent *a = ctx;

	a->to_look = true;
	if (a->end != AGENT_STAYS) {
		a->end = AGENT_ENDS;
		return;
	}
	a->end = AGENT_LEAVES;
	loop_timer_set(a->loop, &a->patience, clock_now() + a->drain_timeout, patience_over);
	lead_no_more(a);
}

/* The loop */

/* Below the quorum nothing is to run: elsewhere, unseen, it may. */
static int count(struct agent *a)
{
	int enough = a->counting ? cluster_has_quorum(&a->cluster) : a->quorate;

	if (enough < 0)
		return -1;
	a->counting = false;
	if (enough == a->quorate)
		return 0;
	a->quorate = enough;
	a->to_look = a->to_place = true;
	if (!enough) {
		err_warn("node \"%s\": there are fewer nodes than the quorum: nothing runs here", a->self.name);
		run_hook(a, ON_QUORUM_LOSS, &(struct cluster_event){ .event = "quorum" });
		return 0;
	}
	err_say("node \"%s\": there are enough nodes again", a->self.name);
	return 0;
}

/* Load */

static void tell_load(struct agent *a)
{
	double change = a->load.value - a->told_load;

	if (change < LOAD_STEP && change > -LOAD_STEP && !(a->load.value == 0 && a->told_load > 0))
		return;
	if (cluster_tell_load(&a->cluster, &a->self, a->load.value) < 0)
		failed(a);
	else
		a->told_load = a->load.value;
}

static void load_due(struct loop_timer *timer);

static void look_at_load(struct agent *a)
{
	load_look(&a->load, &a->keeper, a->self.capacity, clock_now());
	if (!a->keeper.running && a->load.value < LOAD_STEP / 2)
		a->load.value = 0;   /* what fades away is never quite gone */
	tell_load(a);
	if (a->keeper.running || a->load.value > 0)
		loop_timer_set(a->loop, &a->look_at_load, clock_now() + LOAD_EVERY, load_due);
}

static void load_due(struct loop_timer *timer)
{
	look_at_load(agent_of(timer, look_at_load));
}

static int look(struct agent *a)
{
	if (a->end != AGENT_ENDS && db_replaced(a->cluster.db))
		lost(a, "the state file was removed", false);
	if (take_events(a) < 0 || count(a) < 0)
		return -1;
	if (a->leading && a->to_place && !a->quorate)
		a->to_place = false; /* it is looked at again when there are enough */
	if (a->leading && a->to_place) {
		a->to_place = false; /* what happens from here on may ask for it again */
		if (cluster_place(&a->cluster, a->rebalance) < 0 || take_events(a) < 0)
			return -1;
	}
	if (a->to_look) {
		a->to_look = false;
		if (reconcile(a) < 0) {
			a->to_look = true;
			return -1;
		}
	}
	tracked_in_use(&a->tracked, (int64_t)a->keeper.running);
	if (a->keeper.running && !a->look_at_load.due.index)
		look_at_load(a);
	return a->end == AGENT_STAYS ? 0 : go_on_leaving(a);
}

/* Told to end, where nothing can be noted: what runs here ends all the same, and then we do. Others see that we are gone. */
static void end_unnoted(struct agent *a)
{
	for (struct worker *w = a->keeper.workers; w; w = w->next)
		worker_stop(w, false);
	if (a->keeper.running)
		return;
	a->status = WP_IO;
	loop_stop(a->loop);
}

static void after(void *ctx)
{
	struct agent *a = ctx;

	/* What is looked at may show more to be looked at; the loop waits only when there is nothing. */
	do {
		if (look(a) < 0) {
			if (a->end == AGENT_ENDS && a->said)
				end_unnoted(a);
			failed(a);
			return;
		}
		a->said = false;
	} while (a->to_look || (a->leading && a->to_place));
}

static void bell_rang(struct loop_fd *handle, uint32_t events)
{
	struct agent *a = agent_of(handle, bell);

	if (db_bell_check(a->cluster.db) < 0)
		failed(a);
}

static void look_twice(struct loop_timer *timer)
{
	struct agent *a = agent_of(timer, second_look);
	struct nodes nodes = { 0 };

	follow_or_lead(a);
	if (cluster_nodes(&a->cluster, &nodes) < 0)
		failed(a);
	nodes_release(&nodes);
}

/* A node may have died, or the leader. */
static void lock_closed(struct loop_fd *handle, uint32_t events)
{
	struct agent *a = agent_of(handle, live);
	_Alignas(struct inotify_event) char buf[4096];
	bool ours = false;
	ssize_t n;

	while ((n = read(handle->fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n; ) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

			bool any = event->mask & IN_Q_OVERFLOW;
			bool node = any || (event->len && alive_first_number(CLUSTER_LOCKS, event->name) >= 0);
			bool leader = any || (event->len && !strcmp(event->name, CLUSTER_LEADER));

			if (node)
				a->to_place = a->counting = true;
			if (leader)
				follow_or_lead(a);
			ours |= node || leader;
			at += sizeof(*event) + event->len;
		}
	}
	if (ours)
		loop_timer_set(a->loop, &a->second_look, clock_now() + UNLOCKED_AFTER, look_twice);
}

static int watch_locks(struct agent *a)
{
	int fd = fd_inotify(a->cluster.state.live_dir, IN_CLOSE_WRITE | IN_DELETE);

	return fd < 0 ? -1 : loop_add(a->loop, &a->live, fd, EPOLLIN, lock_closed);
}

static int track(struct agent *a)
{
	a->tracked = (struct tracked)TRACKED_INIT;
	a->tracked.dir = a->dir;
	a->tracked.topic = "nodes";
	a->tracked.key = a->self.name;
	a->tracked.meta = a->self.labels;
	a->tracked.capacity = a->self.capacity;
	return tracked_join(&a->tracked, a->loop);
}

/* Ears first: what happens once the row is there is heard. */
static int set_up(struct agent *a)
{
	(void)spawn_raise_files();   /* a child that may hand over has one */
	if (cluster_open(&a->cluster, a->dir) < 0 || loop_init(&a->loop) < 0 || loop_stop_signals(a->loop, told_to_leave, a) < 0)
		return -1;
	if (watch_locks(a) < 0 || db_bell_open(a->cluster.db, CLUSTER_BELL) < 0
	    || loop_add(a->loop, &a->bell, db_fd(a->cluster.db), EPOLLIN, bell_rang) < 0)
		return -1;
	a->seen = cluster_last_event(&a->cluster);
	if (a->seen < 0 || cluster_join(&a->cluster, &a->self, &a->lock) < 0)
		return -1;
	a->keeper.node = a->self.name;
	a->keeper.log_dir = a->log_dir;
	a->keeper.ended = ended;
	a->keeper.ctx = a;
	if ((a->quorum && cluster_set_quorum(&a->cluster, &(struct quorum){ (char *)a->quorum, -1 }) < 0)
	    || keeper_init(&a->keeper, a->loop, a->lock.fd) < 0 || track(a) < 0) {
		if (cluster_leave(&a->cluster, &a->self) < 0)
			err_clear();
		return -1;
	}
	a->to_look = a->to_place = a->counting = a->quorate = true;
	loop_after(a->loop, after, a);
	return 0;
}

static void tear_down(struct agent *a)
{
	lead_no_more(a);
	drop_reports(a);
	keeper_release(&a->keeper);
	if (a->live.added) {
		loop_remove(a->loop, &a->live);
		fd_close(&a->live.fd);
	}
	if (a->bell.added)
		loop_remove(a->loop, &a->bell);
	if (a->cluster.db)
		cluster_close(&a->cluster);
	loop_free(a->loop);
	alive_let_go(&a->lock);
}

int agent_run(struct agent *a)
{
	a->lock.fd = a->leader.fd = -1;
	a->last = &a->first;
	if (set_up(a) < 0) {
		a->status = err_report();
		tear_down(a);
		return a->status;
	}
	follow_or_lead(a);
	after(a);
	if (a->ready)
		a->ready(a->ctx);
	if (loop_run(a->loop) < 0)
		a->status = err_report();
	tracked_leave(&a->tracked, PRESENCE_EXITED);
	keeper_release(&a->keeper);  /* something may run still, when the loop has failed */
	if (send_reports(a) < 0 || (!a->buried && cluster_leave(&a->cluster, &a->self) < 0))
		a->status = err_report();
	tear_down(a);
	return a->status;
}
