#include "settler.h"

#include "alloc.h"
#include "changes.h"
#include "err.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

/* Offsets into the settler's text; len SIZE_MAX: not given. */
struct span {
	size_t at, len;
};

struct pending {
	int64_t id;
	enum result_status status;
	struct span lease, error, output;
	usec_t delay;
	bool grouped, settled;
};

enum { END_COLUMNS = 7, DONE_COLUMNS = 2 };

static const struct span no_span = { 0, SIZE_MAX };

void settler_init(struct settler *s, struct db *db, const struct backoff *backoff, usec_t keep)
{
	*s = (struct settler){ .db = db, .backoff = *backoff, .keep = keep };
	strbuf_init(&s->text);
}

void settler_release(struct settler *s)
{
	free(s->pending);
	free(s->cells);
	strbuf_release(&s->text);
}

size_t settler_pending(const struct settler *s)
{
	return s->nr;
}

usec_t settler_since(const struct settler *s)
{
	return s->since;
}

int64_t settler_nth(const struct settler *s, size_t n, const char **lease, size_t *len)
{
	const struct pending *p = &s->pending[n];

	*lease = s->text.buf + p->lease.at;
	*len = p->lease.len == SIZE_MAX ? 0 : p->lease.len;
	return p->id;
}

/* The text of a JSON string; what cannot be text as it stands is kept as JSON. */
static struct span add_text(struct settler *s, struct json_slice value)
{
	struct span span = { s->text.len, 0 };

	if (!value.p)
		return no_span;
	if (json_add_decoded(&s->text, value) < 0 || !utf8_valid(s->text.buf + span.at, s->text.len - span.at)) {
		strbuf_setlen(&s->text, span.at);
		json_add_string(&s->text, value.p, value.len);
	}
	span.len = s->text.len - span.at;
	return span;
}

static struct span add_json(struct settler *s, struct json_slice value)
{
	struct span span = { s->text.len, 0 };

	if (!value.p)
		return no_span;
	if (utf8_valid(value.p, value.len))
		strbuf_add(&s->text, value.p, value.len);
	else
		json_add_string(&s->text, value.p, value.len);
	span.len = s->text.len - span.at;
	return span;
}

static usec_t delay_of(const struct settler *s, const struct result_line *result, const char *lease)
{
	if (result->delay >= 0)
		return result->delay;
	if (result->status == RESULT_SNOOZE)
		return SNOOZE_DEFAULT;
	return backoff_delay(&s->backoff, strtoll(lease, NULL, 10));   /* a lease begins with its attempt */
}

void settler_add(struct settler *s, const struct result_line *result)
{
	struct pending *p;

	grow_array(&s->pending, &s->alloc, s->nr + 1, sizeof(*s->pending));
	if (s->nr == 0)
		s->since = clock_now();
	p = &s->pending[s->nr++];
	*p = (struct pending){ .id = result->id, .status = result->status };
	p->lease = add_text(s, result->lease);
	p->error = add_text(s, result->error);
	p->output = s->keep >= 0 || result->status != RESULT_OK ? add_json(s, result->output) : no_span;
	p->delay = result->status == RESULT_OK ? 0 : delay_of(s, result, s->text.buf + p->lease.at);
}

static struct db_value span_value(const struct settler *s, struct span span)
{
	return span.len == SIZE_MAX ? db_null() : db_textn(s->text.buf + span.at, span.len);
}

static enum sql_id statement_of(const struct settler *s, const struct pending *p)
{
	if (p->status == RESULT_STARTED)
		return SQL_JOBS_STARTED;
	return p->status == RESULT_OK && s->keep < 0 ? SQL_JOBS_DONE : SQL_JOBS_END;
}

static size_t fill_cells(struct settler *s, const struct pending *p, struct db_value *cell)
{
	cell[0] = db_int(p->id);
	cell[1] = span_value(s, p->lease);
	if (statement_of(s, p) != SQL_JOBS_END)
		return DONE_COLUMNS;
	cell[2] = db_text(result_status_name(p->status));
	cell[3] = db_int(p->delay);
	cell[4] = span_value(s, p->error);
	cell[5] = span_value(s, p->output);
	cell[6] = s->keep >= 0 ? db_int(s->keep) : db_null();
	return END_COLUMNS;
}

/* By lease, so that those who share one are together, then by id. */
static int compare(const struct pending *p, const char *text, int64_t id, const char *lease, size_t len)
{
	int r;

	if (p->lease.len != len)
		return p->lease.len < len ? -1 : 1;
	r = memcmp(text + p->lease.at, lease, len);
	if (r)
		return r;
	return p->id < id ? -1 : p->id > id;
}

static int in_order(const void *a, const void *b, void *text)
{
	const struct pending *y = b;

	return compare(a, text, y->id, (char *)text + y->lease.at, y->lease.len);
}

static bool same_lease(const struct settler *s, const struct pending *a, const struct pending *b)
{
	return a->lease.len == b->lease.len && !memcmp(s->text.buf + a->lease.at, s->text.buf + b->lease.at, a->lease.len);
}

/* The first result that is not before the job ID with LEASE. The text stays where it is: the statement that
 * is read from may need it still. */
static struct pending *lower_bound(const struct settler *s, int64_t id, const char *lease, size_t len)
{
	size_t low = 0, high = s->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(&s->pending[mid], s->text.buf, id, lease, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return &s->pending[low];
}

static void mark_settled(struct db_rows *rows, void *ctx)
{
	struct settler *s = ctx;
	size_t len;
	int64_t id = db_col_int(rows, 0);
	const char *lease = db_col_text(rows, 4, &len);
	struct pending *p = lower_bound(s, id, lease, len), *end = s->pending + s->nr;

	for (; p < end && p->id == id && p->lease.len == len && !memcmp(s->text.buf + p->lease.at, lease, len); p++) {
		if (p->status != RESULT_STARTED && !p->settled) {
			p->settled = true;
			return;
		}
	}
}

/* Jobs that were reserved together and are done together are one statement, which is a third of the price. */
enum { TOGETHER_MIN = 8 };

/* Above the negative results of db.h: of those that were to be settled together, some could not be. */
enum { NOT_ALL = 1 };

/* How many from FROM on are done and share a lease. */
static size_t together(const struct settler *s, size_t from, size_t to)
{
	size_t n = 0;

	while (from + n < to && statement_of(s, &s->pending[from + n]) == SQL_JOBS_DONE
			&& same_lease(s, &s->pending[from], &s->pending[from + n]))
		n++;
	return n;
}

static int settle_together(struct settler *s, size_t from, size_t n, struct changes *c)
{
	int64_t *ids = xcalloc(n, sizeof(*ids)), settled;
	struct db_rows *rows;
	int r;

	for (size_t i = 0; i < n; i++)
		ids[i] = s->pending[from + i].id;
	r = db_run(s->db, &rows, SQL_JOBS_DONE_ALL, span_value(s, s->pending[from].lease), db_ints(ids, n));
	if (r >= 0)
		r = changes_read_done(c, rows, &settled);
	free(ids);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		s->pending[from + i].grouped = s->pending[from + i].settled = true;
	return settled == (int64_t)n ? 0 : NOT_ALL;
}

/* Take what settle_together() is for out of FROM..TO. */
static int flush_together(struct settler *s, size_t from, size_t to, struct changes *c)
{
	int r = 0;

	for (size_t i = from; i < to && r == 0; ) {
		size_t n = together(s, i, to);
		if (n >= TOGETHER_MIN)
			r = settle_together(s, i, n, c);
		i += n ? n : 1;
	}
	return r;
}

/* Run ID for those of the results FROM..TO that it is for. */
static int flush_group(struct settler *s, enum sql_id id, size_t from, size_t to, struct changes *c)
{
	struct db_rows *rows;
	size_t columns = 0, n = 0;
	int r;

	grow_array(&s->cells, &s->cells_alloc, (to - from) * END_COLUMNS, sizeof(*s->cells));
	for (size_t i = from; i < to; i++) {
		if (!s->pending[i].grouped && statement_of(s, &s->pending[i]) == id) {
			columns = fill_cells(s, &s->pending[i], s->cells + n * columns);
			n++;
		}
	}
	if (n == 0)
		return 0;
	if (id == SQL_JOBS_STARTED)
		return db_run_many(s->db, NULL, id, s->cells, columns, n);
	r = db_run_many(s->db, &rows, id, s->cells, columns, n);
	return r < 0 ? r : changes_read(c, rows, mark_settled, s);
}

static bool only_started(const struct settler *s, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (s->pending[i].status != RESULT_STARTED)
			return false;
	}
	return true;
}

/* GROUPS: as many in one statement as may be; NOT_ALL when that would not tell which of them are stale. */
static int flush_steps(struct settler *s, size_t from, size_t to, bool groups, struct changes *c)
{
	int r = db_begin(s->db, only_started(s, from, to) ? DB_RELAXED : DB_DURABLE);

	if (r >= 0)
		r = flush_group(s, SQL_JOBS_STARTED, from, to, c);
	if (r >= 0 && groups)
		r = flush_together(s, from, to, c);
	if (r == 0)
		r = flush_group(s, SQL_JOBS_DONE, from, to, c);
	if (r == 0)
		r = flush_group(s, SQL_JOBS_END, from, to, c);
	if (r == 0)
		r = changes_publish(c, s->db);
	return r == 0 ? db_commit(s->db) : r;
}

static void count(struct settler *s, const struct changes *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		s->completed += c->queues[i].completed;
		s->retried += c->queues[i].retried;
		s->failed += c->queues[i].failed;
	}
}

static int try_range(struct settler *s, size_t from, size_t to, bool groups)
{
	struct changes c = CHANGES_INIT;
	int r;

	for (size_t i = from; i < to; i++)
		s->pending[i].settled = s->pending[i].grouped = false;
	r = flush_steps(s, from, to, groups, &c);
	if (r == 0)
		count(s, &c);
	else
		db_rollback(s->db);
	changes_release(&c);
	return r;
}

static int flush_range(struct settler *s, size_t from, size_t to)
{
	int r = try_range(s, from, to, true);

	return r == NOT_ALL ? try_range(s, from, to, false) : r;
}

static void tell_stale(struct settler *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct pending *p = &s->pending[i];
		char *lease;
		if (p->settled || p->status == RESULT_STARTED || !s->stale)
			continue;
		lease = xstrndup(s->text.buf + p->lease.at, p->lease.len == SIZE_MAX ? 0 : p->lease.len);
		s->stale(p->id, lease, s->ctx);
		free(lease);
	}
}

/* Did the database refuse what a result says, or would it refuse any (a full disk, say)? */
static bool result_is_to_blame(int r)
{
	return r < 0 && r != DB_LOST && (err_status() == WP_DATA || err_status() == WP_SOFTWARE);
}

/* How the job ended is settled nevertheless, with the refusal in the place of what was refused. */
static int flush_without_texts(struct settler *s, size_t i)
{
	struct pending *p = &s->pending[i];

	err_prefix("job %lld: result not stored", (long long)p->id);
	err_warn("%s", err_message());
	p->output = no_span;
	p->error.at = s->text.len;
	strbuf_addstr(&s->text, err_message());
	p->error.len = s->text.len - p->error.at;
	err_clear();
	s->refused++;
	return flush_range(s, i, i + 1);
}

/* One result that the database refuses must not keep the others from being settled. */
static int flush_singly(struct settler *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		int r = flush_range(s, i, i + 1);
		if (result_is_to_blame(r))
			r = flush_without_texts(s, i);
		if (r < 0)
			return r;
	}
	return 0;
}

int settler_flush(struct settler *s)
{
	int r;

	if (s->nr == 0)
		return 0;
	qsort_r(s->pending, s->nr, sizeof(*s->pending), in_order, s->text.buf);
	r = flush_range(s, 0, s->nr);
	if (result_is_to_blame(r))
		r = flush_singly(s);
	if (r < 0)
		return r;
	tell_stale(s);
	s->nr = 0;
	strbuf_reset(&s->text);
	strbuf_shrink(&s->text, 1 << 20);
	return 0;
}

int settle_failed(struct db *db, int64_t id, const char *lease, const char *error)
{
	struct backoff none = { .base = 0 };
	struct strbuf text = STRBUF_INIT;
	struct result_line result = { .id = id, .status = RESULT_FAIL, .delay = 0, .duration = -1 };
	struct settler s;
	size_t at;
	int r;

	json_add_string(&text, lease, strlen(lease));
	at = text.len;
	json_add_string(&text, error, strlen(error));
	result.lease = (struct json_slice){ text.buf, at };
	result.error = (struct json_slice){ text.buf + at, text.len - at };
	settler_init(&s, db, &none, -1);
	settler_add(&s, &result);
	r = settler_flush(&s);
	settler_release(&s);
	strbuf_release(&text);
	return r;
}
