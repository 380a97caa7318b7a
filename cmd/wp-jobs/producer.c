#include "producer.h"

#include "alloc.h"
#include "err.h"
#include "parse.h"
#include "settler.h"
#include "stream.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* One reservation takes at most so many, which bounds what one answer of the database weighs. */
enum { RESERVE_MAX = 1000 };
/* So much demand at a time is shared between queues. */
enum { DEMAND_SHARED = 1000000 };
/* A look from the start of the queue, over everything taken since, may cost this share of the time. */
enum { RESCAN_SHARE = 20 };

struct queue {
	char *name, *bell;
	int weight;
	int64_t credit;              /* what it got less than its share, in jobs times the total weight */
	bool armed, dry;
	int32_t after_priority;      /* look behind this job; from the start: the smallest there is */
	int64_t after_id;
	usec_t rescan_at;
};

static void queue_rewind(struct queue *q)
{
	q->after_priority = INT32_MIN;
	q->after_id = INT64_MIN;
}

static bool queue_from_start(const struct queue *q)
{
	return q->after_id == INT64_MIN;
}

static int queue_init(struct queue *q, const char *text)
{
	size_t len;

	if (parse_weighted(text, &len, &q->weight) < 0 || queue_check(text, len) < 0)
		return -1;
	q->name = xstrndup(text, len);
	q->bell = xstrdup(store_queue_bell(q->name));
	queue_rewind(q);
	return 0;
}

int producer_init(struct producer *p, struct session *session, const struct strvec *names)
{
	p->session = session;
	strbuf_init(&p->suffix);
	p->queues = xcalloc(names->nr ? names->nr : 1, sizeof(*p->queues));
	for (size_t i = 0; i < names->nr; i++) {
		p->nr++;
		if (queue_init(&p->queues[i], names->v[i]) < 0)
			return -1;
	}
	return 0;
}

void producer_release(struct producer *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		free(p->queues[i].name);
		free(p->queues[i].bell);
	}
	free(p->queues);
	if (p->session) {
		loop_timer_cancel(p->session->loop, &p->due);
		strbuf_release(&p->suffix);
	}
}

void producer_look_again(struct producer *p)
{
	for (size_t i = 0; i < p->nr; i++)
		p->queues[i].dry = false;
}

bool producer_dry(const struct producer *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		if (!p->queues[i].dry)
			return false;
	}
	return true;
}

void producer_reconnected(struct producer *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		p->queues[i].armed = false;
		queue_rewind(&p->queues[i]);
	}
	producer_look_again(p);
}

static int64_t total_weight(const struct producer *p)
{
	int64_t total = 0;

	for (size_t i = 0; i < p->nr; i++)
		total += p->queues[i].dry ? 0 : p->queues[i].weight;
	return total;
}

/* What Q should get of the open demand, in jobs times the total weight. */
static int64_t owed(const struct producer *p, const struct queue *q)
{
	int64_t demand = p->demand < DEMAND_SHARED ? p->demand : DEMAND_SHARED;

	return q->credit + demand * q->weight;
}

/* The next queue's turn among those that may have jobs; NULL when none has. */
static struct queue *next_queue(struct producer *p)
{
	struct queue *best = NULL;

	for (size_t i = 0; i < p->nr; i++) {
		struct queue *q = &p->queues[i];
		if (!q->dry && (!best || owed(p, q) > owed(p, best)))
			best = q;
	}
	return best;
}

/* How much of the open demand is Q's now, at least one. */
static int64_t share_of(const struct producer *p, const struct queue *q)
{
	int64_t share = owed(p, q) / total_weight(p);

	if (share > p->demand)
		share = p->demand;
	if (share > RESERVE_MAX)
		share = RESERVE_MAX;
	return share < 1 ? 1 : share;
}

/* With every job that goes out, whose ever it is, each queue earns its weight; the job's own pays for it. */
static void pay(struct producer *p, struct queue *q, int64_t got)
{
	q->credit -= got * total_weight(p);
	for (size_t i = 0; i < p->nr; i++) {
		if (!p->queues[i].dry)
			p->queues[i].credit += got * p->queues[i].weight;
	}
}

struct taken {
	struct job job;
	size_t lease_at, payload_at;
};

static int by_order(const void *a, const void *b)
{
	const struct job *x = &((const struct taken *)a)->job, *y = &((const struct taken *)b)->job;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void read_taken(struct taken *t, struct db_rows *rows, struct strbuf *text)
{
	size_t len;
	const char *s;

	*t = (struct taken){ .job = { .id = db_col_int(rows, 0), .priority = db_col_int(rows, 1),
		.attempt = db_col_int(rows, 2), .max_attempts = db_col_int(rows, 3) } };
	s = db_col_text(rows, 4, &len);
	t->lease_at = text->len;
	strbuf_add(text, s, len + 1);
	s = db_col_text(rows, 5, &len);
	t->payload_at = text->len;
	t->job.payload_len = len;
	strbuf_add(text, s, len + 1);
}

/* Whoever put it there went by SQL and did not ask: no line could carry it. */
static int refuse(struct producer *p, const struct job *job)
{
	err_warn("job %lld: its payload is longer than %zu bytes", (long long)job->id, STREAM_PAYLOAD_MAX);
	return settle_failed(p->session->store.db, job->id, job->lease, "the payload is too long for a job line");
}

/* The rows come in any order; the jobs go out in theirs. */
static int deliver_all(struct producer *p, struct queue *q, struct taken *taken, size_t nr, const char *text)
{
	int r = 0;

	qsort(taken, nr, sizeof(*taken), by_order);
	for (size_t i = 0; i < nr && r >= 0; i++) {
		struct job *job = &taken[i].job;
		job->queue = q->name;
		job->lease = text + taken[i].lease_at;
		job->payload = text + taken[i].payload_at;
		if (job->payload_len > STREAM_PAYLOAD_MAX)
			r = refuse(p, job);
		else
			p->deliver(job, p->ctx);
	}
	q->after_priority = (int32_t)taken[nr - 1].job.priority;
	q->after_id = taken[nr - 1].job.id;
	return r;
}

static int64_t read_jobs(struct producer *p, struct queue *q, struct db_rows *rows)
{
	struct strbuf text = STRBUF_INIT;
	struct taken *taken = NULL;
	size_t nr = 0, alloc = 0;
	int r;

	while ((r = db_next(rows)) > 0) {
		grow_array(&taken, &alloc, nr + 1, sizeof(*taken));
		read_taken(&taken[nr++], rows, &text);
	}
	if (r >= 0 && nr)
		r = deliver_all(p, q, taken, nr, text.buf);
	free(taken);
	strbuf_release(&text);
	return r < 0 ? r : (int64_t)nr;
}

static int64_t reserve(struct producer *p, struct queue *q, int64_t n)
{
	struct db_rows *rows;
	int r;

	strbuf_reset(&p->suffix);
	strbuf_addf(&p->suffix, ".%lld.%lld", (long long)p->session->worker.id, (long long)++p->serial);
	r = db_run(p->session->store.db, &rows, SQL_JOBS_RESERVE, db_text(q->name), db_int(n), db_int(q->after_priority),
		db_int(q->after_id), db_int(p->session->worker.id), db_text(p->suffix.buf), worker_ttl(&p->session->worker));
	return r < 0 ? r : read_jobs(p, q, rows);
}

/* Jobs before the last one taken appear too (a lower number, a retry, a slow commit), so now
 * and then, and whenever the queue seems to end, the look is from the start. */
static int64_t reserve_in_order(struct producer *p, struct queue *q, int64_t n, bool *whole)
{
	usec_t start = clock_now();
	int64_t got;

	if (start >= q->rescan_at)
		queue_rewind(q);
	*whole = queue_from_start(q);
	got = reserve(p, q, n);
	if (*whole) {
		usec_t now = clock_now();
		q->rescan_at = now + RESCAN_SHARE * (now - start);
	}
	return got;
}

static int arm(struct producer *p, struct queue *q)
{
	int r = session_arm(p->session, q->bell);

	if (r >= 0)
		q->armed = true;
	return r;
}

/* One step on Q: jobs, or the certainty that there are none. */
static int fill_from(struct producer *p, struct queue *q)
{
	int64_t want = share_of(p, q), got;
	bool whole;

	got = reserve_in_order(p, q, want, &whole);
	if (got < 0)
		return (int)got;
	p->demand -= got;
	pay(p, q, got);
	if (got && p->delivered)
		p->delivered(p->ctx);
	if (got == want)
		return 0;
	queue_rewind(q);
	if (!whole)
		return 0;
	if (!q->armed)
		return arm(p, q);       /* and look once more: it may have come in between */
	q->dry = true;
	q->credit = 0;
	return 0;
}

static void producer_due(struct loop_timer *timer)
{
	struct producer *p = (struct producer *)((char *)timer - offsetof(struct producer, due));
	int64_t n;

	if (!p->session->ready)
		return;
	n = sweep_activate(&p->session->store);
	if (n >= 0)
		producer_look_again(p);
	else
		session_check(p->session, (int)n);
}

/* Wake up when the next scheduled job is due. */
static int set_due(struct producer *p)
{
	struct db_rows *rows;
	int64_t wait = -1;
	int r = db_run(p->session->store.db, &rows, SQL_JOBS_NEXT_DUE);

	if (r < 0)
		return r;
	while ((r = db_next(rows)) > 0)
		wait = db_col_int(rows, 0) < 0 ? 0 : db_col_int(rows, 0);
	if (wait >= 0)
		loop_timer_set(p->session->loop, &p->due, clock_now() + wait, producer_due);
	else
		loop_timer_cancel(p->session->loop, &p->due);
	return r;
}

int producer_fill(struct producer *p)
{
	struct queue *q;
	bool went_dry = false;
	int r = 0;

	while (r >= 0 && p->demand > 0 && (q = next_queue(p))) {
		r = fill_from(p, q);
		went_dry |= q->dry;
	}
	if (r >= 0 && went_dry)
		r = set_due(p);
	return r;
}

void producer_rest(struct producer *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		if (!p->queues[i].armed)
			continue;
		p->queues[i].armed = false;
		if (session_check(p->session, db_bell_disarm(p->session->store.db, p->queues[i].bell)) < 0)
			return;
	}
}
