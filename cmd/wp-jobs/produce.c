/* produce: reserved jobs as lines on stdout, as many as are asked for. */

#include "alloc.h"
#include "backoff.h"
#include "carriers.h"
#include "err.h"
#include "inhand.h"
#include "io.h"
#include "jobline.h"
#include "jobs.h"
#include "outq.h"
#include "parse.h"
#include "producer.h"
#include "session.h"
#include "settler.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* --follow without --demand keeps so many jobs out. */
enum { DEMAND_DEFAULT = 32 };
/* Nothing more is reserved while the reader has so much to read. */
enum { UNREAD_MAX = 256 << 10 };
enum { DEMAND_LINE_MAX = 64 };

struct produce_args {
	struct strvec queues;
	int64_t limit;
	bool follow;
	const char *demand;
	usec_t lease;
};

/* A line on its way: until its last byte is written, its job can still be given back. */
struct unsent {
	uint64_t end;
	int64_t id;
	char *lease;
};

struct produce {
	const struct produce_args *args;
	struct loop *loop;
	struct session session;
	struct producer producer;
	struct outq out;
	struct inhand out_there;     /* jobs reserved and, as far as is known, not settled */
	struct unsent *unsent;
	size_t unsent_first, unsent_nr, unsent_alloc;
	struct lines in;
	struct loop_fd in_handle;
	uint64_t queued;             /* bytes appended to out since the beginning */
	int64_t keep_out;            /* --demand N: at most so many out; 0: not asked for */
	struct carriers carriers;    /* --demand presence */
	int64_t open;                /* --demand -: asked for and not delivered */
	int64_t produced;
	bool by_stdin, stdin_ended, recount, look_for_cancels, ending;
	int64_t bad;
	int status;
};

#define produce_of(pointer, member) ((struct produce *)((char *)(pointer) - offsetof(struct produce, member)))

static void end(struct produce *p)
{
	p->ending = true;
	loop_stop(p->loop);
}

static void on_signal(int signo, void *ctx)
{
	(void)signo;
	end(ctx);
}

/* The reader is gone, or the disk is full. */
static void on_broken(struct outq *out)
{
	struct produce *p = produce_of(out, out);

	if (out->error != EPIPE) {
		err_set(WP_IO, "cannot write to standard output: %s", strerror(out->error));
		p->status = err_report();
	}
	end(p);
}

/* Jobs out */

static void on_job(const struct job *job, void *ctx)
{
	struct produce *p = ctx;
	size_t before = p->out.buf.len;

	jobline_add(&p->out.buf, job);
	p->queued += p->out.buf.len - before;
	grow_array(&p->unsent, &p->unsent_alloc, p->unsent_nr + 1, sizeof(*p->unsent));
	p->unsent[p->unsent_nr++] = (struct unsent){ .end = p->queued, .id = job->id, .lease = xstrdup(job->lease) };
	inhand_add(&p->out_there, job->id, job->lease);
	p->produced++;
	if (p->by_stdin)
		p->open--;
}

/* Written lines are the reader's. */
static void forget_sent(struct produce *p)
{
	while (p->unsent_first < p->unsent_nr && p->unsent[p->unsent_first].end <= p->out.written)
		free(p->unsent[p->unsent_first++].lease);
	if (p->unsent_first == p->unsent_nr)
		p->unsent_first = p->unsent_nr = 0;
}

static void on_delivered(void *ctx)
{
	struct produce *p = ctx;

	outq_flush(&p->out);
	forget_sent(p);
}

/* Is it of interest how many of the jobs that went out are not settled? */
static bool counts_out(const struct produce *p)
{
	return p->keep_out || p->carriers.topic;
}

static int64_t demand(struct produce *p)
{
	int64_t n = INT64_MAX;

	if (p->by_stdin)
		n = p->open;
	else if (p->keep_out)
		n = p->keep_out - (int64_t)p->out_there.count;
	else if (p->carriers.topic)
		n = carriers_demand(&p->carriers, &p->out_there);
	if (p->args->limit && n > p->args->limit - p->produced)
		n = p->args->limit - p->produced;
	return n;
}

/* Forget the jobs that are settled. */
static int count_out(struct produce *p)
{
	struct inhand still = INHAND_INIT;
	struct db_rows *rows;
	int64_t *ids;
	size_t nr = inhand_ids(&p->out_there, &ids);
	int r = 0;

	p->recount = false;
	if (nr)
		r = db_run(p->session.store.db, &rows, SQL_JOBS_HELD, db_ints(ids, nr), db_int(p->session.worker.id));
	while (nr && r >= 0 && (r = db_next(rows)) > 0)
		inhand_move(&still, &p->out_there, db_col_int(rows, 0));
	free(ids);
	if (r < 0 || !nr) {
		inhand_release(&still);
		return r;
	}
	inhand_release(&p->out_there);
	p->out_there = still;
	return r;
}

/* Waiting for settlements only makes sense while they would make room. */
static int watch_settled(struct produce *p)
{
	if (!counts_out(p))
		return 0;
	p->recount = true;
	return session_arm(&p->session, BELL_SETTLED);
}

/* Cancellations go out as lines too. */
static int look_for_cancels(struct produce *p)
{
	struct db_rows *rows;
	int r;

	p->look_for_cancels = false;
	r = db_run(p->session.store.db, &rows, SQL_JOBS_CANCELLED, db_int(p->session.worker.id));
	while (r >= 0 && (r = db_next(rows)) > 0) {
		int64_t id = db_col_int(rows, 0);
		size_t before = p->out.buf.len;
		struct held *held = inhand_find(&p->out_there, id);
		if (!held || held->stopping)
			continue;
		held->stopping = true;
		jobline_add_cancel(&p->out.buf, id, db_col_text(rows, 1, NULL));
		p->queued += p->out.buf.len - before;
	}
	return r;
}

/* Demand in */

static void take_demand(struct produce *p, const char *line)
{
	int64_t n;

	if (parse_int(&n, line, "demand", 0, INT32_MAX) == 0) {
		p->open += n;
		return;
	}
	p->bad++;
	err_prefix("line %llu", p->in.number);
	err_warn("%s: skipped", err_message());
	err_clear();
}

static void on_input(struct loop_fd *handle, uint32_t events)
{
	struct produce *p = produce_of(handle, in_handle);
	enum lines_result r = lines_fill(&p->in);
	size_t len;
	char *line;

	(void)events;
	while (r != LINES_ERROR && (r = lines_buffered(&p->in, &line, &len)) != LINES_AGAIN && r != LINES_EOF)
		take_demand(p, r == LINES_OK ? line : "(too long)");
	if (r == LINES_ERROR) {
		err_errno("cannot read standard input");
		p->status = err_report();
	}
	if (r == LINES_EOF || r == LINES_ERROR) {
		loop_remove(p->loop, handle);
		p->stdin_ended = true;
	}
}

/* Events */

static void on_rang(struct session *session)
{
	struct produce *p = produce_of(session, session);

	producer_look_again(&p->producer);
	p->recount = counts_out(p);
	p->look_for_cancels = true;
}

/* turn() follows, and asks them. */
static void on_carriers(struct carriers *carriers)
{
	struct produce *p = produce_of(carriers, carriers);

	p->recount = true;
}

static void on_carriers_failed(struct carriers *carriers)
{
	struct produce *p = produce_of(carriers, carriers);

	p->status = err_report();
	end(p);
}

static void on_swept(struct session *session)
{
	if (!db_session_works(session->store.db))
		on_rang(session);
}

/* What is settled needs no lease. */
static size_t in_hand(struct session *session, int64_t **ids)
{
	struct produce *p = produce_of(session, session);

	if (session_check(session, count_out(p)) < 0) {
		*ids = NULL;
		return 0;
	}
	return inhand_ids(&p->out_there, ids);
}

static void on_connected(struct session *session)
{
	struct produce *p = produce_of(session, session);

	producer_reconnected(&p->producer);
	p->look_for_cancels = true;
	if (session_check(session, session_arm(&p->session, BELL_CANCEL)) >= 0)
		session_check(session, watch_settled(p));
}

static bool waits(const struct produce *p)
{
	return p->args->follow || p->args->demand;
}

static bool done(const struct produce *p)
{
	if (outq_waiting(&p->out))
		return false;
	if (p->args->limit && p->produced >= p->args->limit)
		return true;
	if (!waits(p))
		return producer_dry(&p->producer);
	return p->by_stdin && p->stdin_ended && p->open == 0;
}

static int take_turn(struct produce *p)
{
	int r = 0;

	if (p->recount)
		r = count_out(p);
	p->producer.demand = demand(p);
	if (r >= 0 && p->producer.demand > 0 && outq_waiting(&p->out) < UNREAD_MAX)
		r = producer_fill(&p->producer);
	if (r >= 0 && p->look_for_cancels)
		r = look_for_cancels(p);
	return r;
}

static void turn(void *ctx)
{
	struct produce *p = ctx;

	if (p->session.ready && !p->ending)
		session_check(&p->session, take_turn(p));
	outq_flush(&p->out);
	forget_sent(p);
	if (done(p))
		end(p);
}

/* Jobs whose lines nobody has read whole go back, and the attempt does not count. */
static int give_back_unsent(struct produce *p)
{
	struct strbuf lease = STRBUF_INIT;
	struct settler settler;
	struct backoff none = { .base = 0 };
	int r;

	settler_init(&settler, p->session.store.db, &none, -1);
	for (size_t i = p->unsent_first; i < p->unsent_nr; i++) {
		struct result_line result = { .id = p->unsent[i].id, .status = RESULT_SNOOZE, .delay = 0, .duration = -1 };
		strbuf_reset(&lease);
		json_add_string(&lease, p->unsent[i].lease, strlen(p->unsent[i].lease));
		result.lease = (struct json_slice){ lease.buf, lease.len };
		settler_add(&settler, &result);
		free(p->unsent[i].lease);
	}
	r = settler_flush(&settler);
	settler_release(&settler);
	strbuf_release(&lease);
	free(p->unsent);
	return r;
}

/* Setting up */

static int demand_init(struct produce *p)
{
	const struct produce_args *a = p->args;
	bool bad = false;

	p->carriers.topic = a->demand ? carriers_topic(a->demand, &bad) : NULL;
	if (p->carriers.topic)
		return bad ? -1 : 0;
	if (a->demand && !strcmp(a->demand, "-")) {
		p->by_stdin = true;
		lines_init(&p->in, STDIN_FILENO, '\n', DEMAND_LINE_MAX);
		return loop_add(p->loop, &p->in_handle, STDIN_FILENO, EPOLLIN, on_input);
	}
	if (a->demand)
		return parse_int(&p->keep_out, a->demand, "demand", 1, INT32_MAX);
	p->keep_out = a->follow ? DEMAND_DEFAULT : 0;
	return 0;
}

static int set_up(struct produce *p, const struct globals *globals)
{
	if (loop_init(&p->loop) < 0 || demand_init(p) < 0)
		return -1;
	p->session = (struct session){ .connected = on_connected, .rang = on_rang, .swept = on_swept, .in_hand = in_hand };
	if (producer_init(&p->producer, &p->session, &p->args->queues) < 0)
		return -1;
	if (session_open(&p->session, p->loop, globals, true, p->args->lease) < 0)
		return -1;
	p->producer.deliver = on_job;
	p->producer.delivered = on_delivered;
	p->producer.ctx = p;
	loop_after(p->loop, turn, p);
	if (session_arm(&p->session, BELL_CANCEL) < 0 || watch_settled(p) < 0)
		return -1;
	p->carriers.changed = on_carriers;
	p->carriers.failed = on_carriers_failed;
	if (p->carriers.topic && carriers_open(&p->carriers, p->loop, globals->state) < 0)
		return -1;
	if (loop_stop_signals(p->loop, on_signal, p) < 0)
		return -1;
	return outq_init(&p->out, p->loop, STDOUT_FILENO, on_broken);
}

static int finish(struct produce *p)
{
	if (p->session.store.db) {
		if (p->session.ready && give_back_unsent(p) < 0 && !p->status)
			p->status = err_report();
		session_close(&p->session, false);
	}
	if (p->out.loop)
		outq_release(&p->out);
	carriers_close(&p->carriers);
	producer_release(&p->producer);
	inhand_release(&p->out_there);
	if (p->by_stdin)
		lines_release(&p->in);
	loop_free(p->loop);
	if (p->status || p->session.status)
		return p->status ? p->status : p->session.status;
	return p->bad ? WP_NO : WP_OK;
}

static int produce_run(void *globals, void *args, int n, char **operands)
{
	struct produce_args *a = args;
	struct produce p = { .args = a };

	(void)n;
	(void)operands;
	if (a->queues.nr == 0)
		return err_usage("produce", "no queue: say which with --queue");
	if (!a->limit && !a->follow && !a->demand)
		return err_usage("produce", "no demand: say how many with --limit, --follow or --demand");
	if (a->lease < USEC_SEC)
		return err_usage("produce", "a lease shorter than a second");
	if (set_up(&p, globals) < 0 || loop_run(p.loop) < 0)
		p.status = err_report();
	return finish(&p);
}

static const struct produce_args defaults = { .queues = STRVEC_INIT, .lease = 300 * USEC_SEC };

static const struct opt options[] = {
	OPT_LIST('q', "queue", "NAME[=WEIGHT]", struct produce_args, queues, "WP_JOBS_QUEUE", "a queue to take from; several share the demand by weight"),
	OPT_INT('n', "limit", "N", struct produce_args, limit, 1, INT64_MAX, NULL, "end after so many; without --follow or --demand also when no job is available"),
	OPT_FLAG('f', "follow", struct produce_args, follow, NULL, "wait for more jobs"),
	OPT_STRING(0, "demand", "N|-|presence[:TOPIC]", struct produce_args, demand, NULL, "keep at most N jobs out; -: what stdin asks for, a number a line; presence: what those present under TOPIC can carry"),
	OPT_DURATION(0, "lease", "DURATION", struct produce_args, lease, "WP_JOBS_LEASE", "a job not settled is available again so long after this program ended (default: 5m)"),
	OPT_END
};

const struct verb verb_produce = {
	.name = "produce", .args = "", .summary = "reserve jobs and print them as lines",
	.options = options, .size = sizeof(struct produce_args), .defaults = &defaults, .run = produce_run,
};
