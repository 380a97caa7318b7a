/* work: reserve, run through a pool, settle; each result is demand for the next job. */

#include "alloc.h"
#include "backoff.h"
#include "err.h"
#include "inhand.h"
#include "io.h"
#include "jobline.h"
#include "jobs.h"
#include "outq.h"
#include "pool_child.h"
#include "producer.h"
#include "session.h"
#include "settler.h"
#include "spawn.h"
#include "stream.h"
#include "tracked.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/* Results wait so long for company before they are settled, and no longer than for so many. */
#define SETTLE_AFTER (5 * USEC_MS)
enum { SETTLE_BATCH = 500 };
/* Ahead of the pool are reserved as many jobs as it has finished in so long: enough to
 * take them in batches, too few to keep them from another worker. */
#define AHEAD (50 * USEC_MS)
enum { AHEAD_MAX = 2000 };
/* A worker that ends tries so long to settle what a lost database keeps from it. */
#define LAST_WORDS (15 * USEC_SEC)
/* What the pool adds to an answer that may be as long as any line. */
enum { ENVELOPE_MAX = 4096 };

struct work_args {
	struct strvec queues;
	struct pool_options pool;
	bool drain;
	const char *backoff;
	usec_t keep;
	int64_t prefetch;
	const char *name;
	bool untracked;
};

enum stage {
	RUNNING,
	ENDING,      /* no more jobs: the pool was told to end, its last results are on their way */
	ENDED        /* the pool is gone: settle, give back, leave */
};

struct work {
	const struct work_args *args;
	struct loop *loop;
	struct session session;
	struct producer producer;
	struct settler settler;
	struct inhand inhand;
	struct pool_child pool;
	struct outq jobs;
	struct lines results;
	struct loop_fd results_handle;
	struct loop_timer settle_timer, last_words;
	struct tracked tracked;      /* our entry among the workers */
	struct strbuf tracked_text;
	enum stage stage;
	bool results_ended, pool_ended, given_back, look_for_cancels;
	int signals, status;
	int64_t unsuccessful;
	usec_t ahead_since;
	int64_t ahead_done, ahead;
};

#define work_of(pointer, member) ((struct work *)((char *)(pointer) - offsetof(struct work, member)))

static void work_fail(struct work *w)
{
	int status = err_report();

	if (!w->status)
		w->status = status;
}

/* No more jobs. The pool ends when it has answered what it has. */
static void close_jobs(struct work *w)
{
	if (w->pool.jobs < 0)
		return;
	outq_release(&w->jobs);
	fd_close(&w->pool.jobs);
}

static void end_pool(struct work *w, int signo)
{
	if (w->stage == RUNNING)
		w->stage = ENDING;
	if (signo && w->pool.pid > 0 && !w->pool_ended)
		kill(w->pool.pid, signo);
	close_jobs(w);
	if (w->session.ready)
		producer_rest(&w->producer);
}

static void on_signal(int signo, void *ctx)
{
	struct work *w = ctx;

	(void)signo;
	end_pool(w, ++w->signals > 2 ? SIGKILL : SIGTERM);
}

/* Results */

static void on_result(struct work *w, const struct result_line *result)
{
	if (!inhand_find(&w->inhand, result->id)) {
		err_warn("the pool answered job %lld, which it was not given", (long long)result->id);
		return;
	}
	settler_add(&w->settler, result);
	if (result->status == RESULT_STARTED)
		return;
	inhand_remove(&w->inhand, result->id);
	w->unsuccessful += result->status == RESULT_RETRY || result->status == RESULT_FAIL;
	w->ahead_done++;
}

static void on_result_line(struct work *w, const char *line, size_t len)
{
	struct result_line result;

	if (result_line_parse(&result, line, len, false) == 0) {
		on_result(w, &result);
		return;
	}
	err_prefix("from the pool");
	err_warn("%s", err_message());
	err_clear();
}

static void results_end(struct work *w)
{
	loop_remove(w->loop, &w->results_handle);
	fd_close(&w->pool.results);
	w->results_ended = true;
}

static void on_results(struct loop_fd *handle, uint32_t events)
{
	struct work *w = work_of(handle, results_handle);
	enum lines_result r = lines_fill(&w->results);
	size_t len;
	char *line;

	(void)events;
	if (r == LINES_AGAIN)
		return;
	while (r != LINES_ERROR && (r = lines_buffered(&w->results, &line, &len)) != LINES_AGAIN && r != LINES_EOF) {
		if (r == LINES_OK)
			on_result_line(w, line, len);
		else
			err_warn("a result of the pool is too long: its job goes back at the end");
	}
	if (r == LINES_EOF || r == LINES_ERROR)
		results_end(w);
}

static void on_child(pid_t pid, int wait_status, void *ctx)
{
	struct work *w = ctx;
	int status = spawn_exit_status(wait_status);

	if (pid != w->pool.pid)
		return;
	w->pool_ended = true;
	if (status == WP_CANNOT_EXEC || status == WP_NOT_FOUND || status == WP_USAGE || status == WP_IO) {
		w->status = status;     /* it has said why, if there was anything to say */
	} else if (status > 1 && !w->signals) {
		err_set(WP_FAILED, WIFSIGNALED(wait_status) ? "wp-pool was killed by signal %d" : "wp-pool ended with status %d",
			WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : status);
		work_fail(w);
	}
	end_pool(w, 0);
}

static void on_jobs_broken(struct outq *q)
{
	end_pool(work_of(q, jobs), 0);
}

/* Jobs */

static void on_job(const struct job *job, void *ctx)
{
	struct work *w = ctx;

	inhand_add(&w->inhand, job->id, job->lease);
	jobline_add(&w->jobs.buf, job);
}

static void on_delivered(void *ctx)
{
	struct work *w = ctx;

	if (w->pool.jobs >= 0)
		outq_flush(&w->jobs);
}

static void count_ahead(struct work *w)
{
	usec_t now = clock_now(), past = now - w->ahead_since;
	int64_t done;

	if (w->args->prefetch >= 0) {
		w->ahead = w->args->prefetch;
		return;
	}
	if (past < AHEAD)
		return;
	done = w->ahead_done * AHEAD / past;
	w->ahead = done > w->ahead / 2 ? done : w->ahead / 2;
	if (w->ahead > AHEAD_MAX)
		w->ahead = AHEAD_MAX;
	w->ahead_done = 0;
	w->ahead_since = now;
}

static void take_jobs(struct work *w)
{
	int64_t slots = w->args->pool.max_procs * (w->args->pool.warm ? w->args->pool.window : 1);

	count_ahead(w);
	w->producer.demand = slots + w->ahead - (int64_t)w->inhand.count;
	/* in batches: not before half of what is ahead has gone */
	if (w->producer.demand <= w->ahead / 2 || w->producer.demand <= 0)
		return;
	session_check(&w->session, producer_fill(&w->producer));
}

/* Settling */

static void on_settle_timer(struct loop_timer *timer)
{
	(void)timer;     /* the turn that follows does it */
}

static void settle(struct work *w)
{
	size_t pending = settler_pending(&w->settler);
	usec_t due = settler_since(&w->settler) + SETTLE_AFTER;

	if (!pending || !w->session.ready)
		return;
	if (pending < SETTLE_BATCH && w->inhand.count && w->stage != ENDED && clock_now() < due) {
		loop_timer_set(w->loop, &w->settle_timer, due, on_settle_timer);
		return;
	}
	session_check(&w->session, settler_flush(&w->settler));
}

static void on_stale(int64_t id, const char *lease, void *ctx)
{
	(void)ctx;
	err_warn("job %lld: lease \"%s\" is stale, its result changes nothing", (long long)id, lease);
}

/* The job goes back, and the attempt does not count. */
static void put_back(struct work *w, int64_t id, const char *lease)
{
	struct strbuf quoted = STRBUF_INIT;
	struct result_line result = { .id = id, .status = RESULT_SNOOZE, .delay = 0, .duration = -1 };

	json_add_string(&quoted, lease, strlen(lease));
	result.lease = (struct json_slice){ quoted.buf, quoted.len };
	settler_add(&w->settler, &result);
	strbuf_release(&quoted);
}

/* Jobs that nobody will answer any more go back. */
static void give_back(struct work *w)
{
	struct strbuf lease = STRBUF_INIT;
	const struct held *held;
	size_t at = 0;

	w->given_back = true;
	while ((held = inhand_next(&w->inhand, &at))) {
		strbuf_reset(&lease);
		held_add_lease(&lease, held, w->session.worker.id);
		put_back(w, held->id, lease.buf);
	}
	strbuf_release(&lease);
	inhand_release(&w->inhand);
}

/* Cancellation */

static int look_for_cancels(struct work *w)
{
	struct db_rows *rows;
	int r;

	w->look_for_cancels = false;
	r = db_run(w->session.store.db, &rows, SQL_JOBS_CANCELLED, db_int(w->session.worker.id));
	if (r < 0)
		return r;
	while ((r = db_next(rows)) > 0) {
		struct held *held = inhand_find(&w->inhand, db_col_int(rows, 0));
		if (!held || held->stopping)
			continue;
		held->stopping = true;
		jobline_add_cancel(&w->jobs.buf, held->id, db_col_text(rows, 1, NULL));
	}
	return r;
}

/* The session's events */

static void on_rang(struct session *session)
{
	struct work *w = work_of(session, session);

	producer_look_again(&w->producer);
	w->look_for_cancels = true;
}

static void on_swept(struct session *session)
{
	if (!db_session_works(session->store.db))
		on_rang(session);
}

static size_t in_hand(struct session *session, int64_t **ids)
{
	return inhand_ids(&work_of(session, session)->inhand, ids);
}

enum { REASSERT_COLUMNS = 4 };

static void push_reassert(struct db_value **cells, size_t *nr, size_t *alloc, int64_t id, const char *lease, size_t len,
	const struct worker *worker)
{
	grow_array(cells, alloc, *nr + REASSERT_COLUMNS, sizeof(**cells));
	(*cells)[(*nr)++] = db_int(id);
	(*cells)[(*nr)++] = db_textn(lease, len);
	(*cells)[(*nr)++] = db_int(worker->id);
	(*cells)[(*nr)++] = worker_ttl(worker);
}

/* Say again what we have in hand, run and unsettled: the server may have forgotten it in a crash, or
 * given us up for dead. */
static int reassert(struct work *w)
{
	const struct worker *worker = &w->session.worker;
	struct strbuf leases = STRBUF_INIT;
	struct db_value *cells = NULL;
	size_t nr = 0, alloc = 0, at = 0, len;
	const struct held *held;
	const char *lease;
	int r = 0;

	strbuf_grow(&leases, w->inhand.count * 64);   /* three numbers and two dots: no lease moves */
	while ((held = inhand_next(&w->inhand, &at))) {
		size_t from = leases.len;
		held_add_lease(&leases, held, worker->id);
		push_reassert(&cells, &nr, &alloc, held->id, leases.buf + from, leases.len - from, worker);
	}
	for (size_t i = 0; i < settler_pending(&w->settler); i++) {
		int64_t id = settler_nth(&w->settler, i, &lease, &len);
		push_reassert(&cells, &nr, &alloc, id, lease, len, worker);
	}
	if (nr)
		r = db_begin(w->session.store.db, DB_RELAXED);
	if (nr && r >= 0)
		r = db_run_many(w->session.store.db, NULL, SQL_JOBS_REASSERT, cells, REASSERT_COLUMNS, nr / REASSERT_COLUMNS);
	if (nr && r >= 0)
		r = db_commit(w->session.store.db);
	free(cells);
	strbuf_release(&leases);
	return r;
}

static bool is_in_hand(const struct work *w, int64_t id, const char *lease)
{
	const struct held *held = inhand_find(&w->inhand, id);
	struct strbuf ours = STRBUF_INIT;
	bool same;

	if (!held)
		return false;
	held_add_lease(&ours, held, w->session.worker.id);
	same = !strcmp(ours.buf, lease);
	strbuf_release(&ours);
	return same;
}

static bool is_to_settle(const struct work *w, int64_t id, const char *lease)
{
	size_t want = strlen(lease), len;
	const char *ours;

	for (size_t i = 0; i < settler_pending(&w->settler); i++) {
		if (settler_nth(&w->settler, i, &ours, &len) == id && len == want && !memcmp(ours, lease, len))
			return true;
	}
	return false;
}

/* A reservation whose answer was lost with the connection is known to the database alone, and would
 * stand for as long as we live. */
static int put_back_unknown(struct work *w)
{
	struct db_rows *rows;
	int r = db_run(w->session.store.db, &rows, SQL_JOBS_OF_WORKER, db_int(w->session.worker.id));

	while (r >= 0 && (r = db_next(rows)) > 0) {
		int64_t id = db_col_int(rows, 0);
		const char *lease = db_col_text(rows, 1, NULL);
		if (lease && !is_in_hand(w, id, lease) && !is_to_settle(w, id, lease))
			put_back(w, id, lease);
	}
	return r;
}

static void on_broke(struct session *session)
{
	end_pool(work_of(session, session), SIGTERM);
}

static void on_connected(struct session *session)
{
	struct work *w = work_of(session, session);

	producer_reconnected(&w->producer);
	w->look_for_cancels = true;
	if (session_check(session, session_arm(&w->session, BELL_CANCEL)) >= 0
		&& session_check(session, reassert(w)) >= 0)
		session_check(session, put_back_unknown(w));
}

/* The turn: what is done once for all events that came together */

static void on_last_words(struct loop_timer *timer)
{
	struct work *w = work_of(timer, last_words);

	err_set(WP_UNAVAILABLE, "the database is away: %zu results could not be settled", settler_pending(&w->settler));
	work_fail(w);
	loop_stop(w->loop);
}

static void turn_ended(struct work *w)
{
	if (!w->given_back)
		give_back(w);
	if (settler_pending(&w->settler) == 0 || w->session.failed)
		loop_stop(w->loop);
	else if (!w->last_words.due.index)
		loop_timer_set(w->loop, &w->last_words, clock_now() + LAST_WORDS, on_last_words);
}

static bool drained(const struct work *w)
{
	return w->args->drain && w->session.ready && producer_dry(&w->producer) && w->inhand.count == 0
		&& settler_pending(&w->settler) == 0;
}

static void turn(void *ctx)
{
	struct work *w = ctx;

	if (w->stage == RUNNING && w->session.ready)
		take_jobs(w);
	settle(w);
	if (w->look_for_cancels && w->session.ready && w->pool.jobs >= 0)
		session_check(&w->session, look_for_cancels(w));
	if (w->pool.jobs >= 0)
		outq_flush(&w->jobs);
	/* What is reserved beyond that waits for the pool. */
	tracked_in_use(&w->tracked, (int64_t)w->inhand.count < w->tracked.capacity ? (int64_t)w->inhand.count : w->tracked.capacity);
	if (w->stage == RUNNING && drained(w))
		end_pool(w, 0);
	if (w->results_ended && w->pool_ended && w->stage == ENDING)
		w->stage = ENDED;
	if (w->stage == ENDED) {
		turn_ended(w);
		settle(w);
		turn_ended(w);
	}
}

/* Setting up */

static int track(struct work *w, const struct globals *globals, char **command)
{
	if (w->args->untracked)
		return 0;
	w->tracked.dir = globals->state;
	w->tracked.capacity = w->args->pool.max_procs;
	if (tracked_describe(&w->tracked, &w->tracked_text, "wp-jobs", w->args->name, &w->args->queues, command) < 0)
		return -1;
	tracked_join_later(&w->tracked, w->loop);
	return 0;
}

static int start_pool(struct work *w, char **command)
{
	if (pool_child_start(&w->pool, &w->args->pool, worker_life(&w->session.worker), command) < 0)
		return -1;
	lines_init(&w->results, w->pool.results, '\n', STREAM_LINE_MAX + ENVELOPE_MAX);
	if (fd_nonblock(w->pool.results, true) < 0)
		return err_errno("cannot read from the pool");
	if (loop_add(w->loop, &w->results_handle, w->pool.results, EPOLLIN, on_results) < 0)
		return -1;
	return outq_init(&w->jobs, w->loop, w->pool.jobs, on_jobs_broken);
}

static int set_up(struct work *w, const struct globals *globals, char **command)
{
	struct backoff backoff;

	if (backoff_parse(&backoff, w->args->backoff) < 0 || loop_init(&w->loop) < 0)
		return -1;
	w->session = (struct session){ .connected = on_connected, .rang = on_rang, .swept = on_swept, .broke = on_broke,
		.in_hand = in_hand };
	if (producer_init(&w->producer, &w->session, &w->args->queues) < 0)
		return -1;
	if (session_open(&w->session, w->loop, globals, true, 0) < 0)
		return -1;
	w->producer.deliver = on_job;
	w->producer.delivered = on_delivered;
	w->producer.ctx = w;
	settler_init(&w->settler, w->session.store.db, &backoff, w->args->keep);
	w->settler.stale = on_stale;
	if (session_arm(&w->session, BELL_CANCEL) < 0)
		return -1;
	loop_children(w->loop, on_child, w);
	if (loop_stop_signals(w->loop, on_signal, w) < 0)
		return -1;
	loop_after(w->loop, turn, w);
	return track(w, globals, command) < 0 ? -1 : start_pool(w, command);
}

static int finish(struct work *w)
{
	bool settled = settler_pending(&w->settler) == 0;

	close_jobs(w);
	tracked_leave(&w->tracked, PRESENCE_EXITED);
	strbuf_release(&w->tracked_text);
	if (w->session.store.db)
		session_close(&w->session, !settled);
	if (w->results_handle.added)
		results_end(w);
	lines_release(&w->results);
	producer_release(&w->producer);
	settler_release(&w->settler);
	inhand_release(&w->inhand);
	loop_free(w->loop);
	if (w->status)
		return w->status;
	if (w->session.status)
		return w->session.status;
	return w->unsuccessful ? WP_NO : WP_OK;      /* the pool has said how many */
}

static int work_run(void *globals, void *args, int n, char **operands)
{
	struct work_args *a = args;
	struct work w = { .args = a, .pool = { .pid = -1, .jobs = -1, .results = -1 }, .tracked = TRACKED_INIT,
		.tracked_text = STRBUF_INIT };

	(void)n;
	if (a->queues.nr == 0)
		return err_usage("work", "no queue: say which with --queue");
	if (a->pool.window > 1 && !a->pool.warm)
		return err_usage("work", "--window goes with --warm");
	if (a->pool.max_procs == 0)
		a->pool.max_procs = sysconf(_SC_NPROCESSORS_ONLN);
	w.ahead_since = clock_now();
	if (set_up(&w, globals, operands) < 0)
		work_fail(&w);
	else if (loop_run(w.loop) < 0)
		work_fail(&w);
	return finish(&w);
}

static const struct work_args defaults = {
	.queues = STRVEC_INIT,
	.pool = { .window = 1, .kill_after = 5 * USEC_SEC, .grace = 30 * USEC_SEC },
	.backoff = BACKOFF_DEFAULT,
	.keep = -1,
	.prefetch = -1,
};

static const struct opt options[] = {
	OPT_LIST('q', "queue", "NAME[=WEIGHT]", struct work_args, queues, "WP_JOBS_QUEUE", "a queue to work on; several share the pool by weight"),
	OPT_INT('j', "max-procs", "N", struct work_args, pool.max_procs, 1, 4096, "WP_JOBS_MAX_PROCS", "run so many at a time (default: one a processor)"),
	OPT_FLAG(0, "drain", struct work_args, drain, NULL, "end when no job is available, instead of waiting for more"),
	OPT_FLAG(0, "warm", struct work_args, pool.warm, NULL, "keep COMMAND alive and give it a job line at a time"),
	OPT_INT(0, "window", "N", struct work_args, pool.window, 1, 1024, NULL, "with --warm: up to so many lines ahead of the answers"),
	OPT_FLAG(0, "progress", struct work_args, pool.progress, NULL, "show how far it is, when stderr is a terminal"),
	OPT_DURATION(0, "timeout", "DURATION", struct work_args, pool.timeout, "WP_JOBS_TIMEOUT", "stop a job that runs longer"),
	OPT_DURATION(0, "grace", "DURATION", struct work_args, pool.grace, "WP_JOBS_GRACE", "on SIGTERM let running jobs go on for so long (default: 30s)"),
	OPT_DURATION('k', "kill-after", "DURATION", struct work_args, pool.kill_after, NULL, "from SIGTERM to SIGKILL for a job that is stopped (default: 5s)"),
	OPT_STRING(0, "backoff", "SPEC", struct work_args, backoff, "WP_JOBS_BACKOFF", "how long a failed job waits: [constant|linear|exponential:]BASE[,MAX] (default: " BACKOFF_DEFAULT ")"),
	OPT_DURATION(0, "keep", "DURATION", struct work_args, keep, "WP_JOBS_KEEP", "keep done jobs for so long (default: deleted at once)"),
	OPT_INT(0, "prefetch", "N", struct work_args, prefetch, 0, 2000, "WP_JOBS_PREFETCH", "reserve so many jobs ahead of the pool (default: what it does in 50 ms)"),
	OPT_STRING(0, "name", "NAME", struct work_args, name, "WP_NAME", "the key under which it is present (default: wp-jobs-PID)"),
	OPT_FLAG(0, "untracked", struct work_args, untracked, NULL, "do not appear among the workers (see wp-presence)"),
	OPT_END
};

const struct verb verb_work = {
	.name = "work", .args = "[--] COMMAND [ARG...]", .summary = "run a command for each job",
	.options = options, .size = sizeof(struct work_args), .defaults = &defaults,
	.command = true, .min_operands = 1, .max_operands = -1, .run = work_run,
};
