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
	bool settled;
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

static int by_id(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* The results are sorted by id for this. */
static void mark_settled(struct db_rows *rows, void *ctx)
{
	struct settler *s = ctx;
	struct pending key = { .id = db_col_int(rows, 0) }, *p;
	size_t len;
	const char *lease = db_col_text(rows, 4, &len);

	p = bsearch(&key, s->pending, s->nr, sizeof(*p), by_id);
	if (!p || !lease)
		return;
	while (p > s->pending && p[-1].id == key.id)
		p--;
	for (; p < s->pending + s->nr && p->id == key.id; p++) {
		if (p->status != RESULT_STARTED && !p->settled && p->lease.len == len
			&& !memcmp(s->text.buf + p->lease.at, lease, len)) {
			p->settled = true;
			return;
		}
	}
}

/* Run ID for those of the results FROM..TO that it is for. */
static int flush_group(struct settler *s, enum sql_id id, size_t from, size_t to, struct changes *c)
{
	struct db_rows *rows;
	size_t columns = 0, n = 0;
	int r;

	grow_array(&s->cells, &s->cells_alloc, (to - from) * END_COLUMNS, sizeof(*s->cells));
	for (size_t i = from; i < to; i++) {
		if (statement_of(s, &s->pending[i]) == id) {
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

static int flush_steps(struct settler *s, size_t from, size_t to, struct changes *c)
{
	int r = db_begin(s->db, only_started(s, from, to) ? DB_RELAXED : DB_DURABLE);

	if (r >= 0)
		r = flush_group(s, SQL_JOBS_STARTED, from, to, c);
	if (r >= 0)
		r = flush_group(s, SQL_JOBS_DONE, from, to, c);
	if (r >= 0)
		r = flush_group(s, SQL_JOBS_END, from, to, c);
	if (r >= 0)
		r = changes_publish(c, s->db);
	return r < 0 ? r : db_commit(s->db);
}

static void count(struct settler *s, const struct changes *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		s->completed += c->queues[i].completed;
		s->retried += c->queues[i].retried;
		s->failed += c->queues[i].failed;
	}
}

static int flush_range(struct settler *s, size_t from, size_t to)
{
	struct changes c = CHANGES_INIT;
	int r = flush_steps(s, from, to, &c);

	if (r >= 0)
		count(s, &c);
	else
		db_rollback(s->db);
	changes_release(&c);
	return r;
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

/* One result that the database refuses must not keep the others from being settled. */
static int flush_singly(struct settler *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		int r;
		s->pending[i].settled = false;
		r = flush_range(s, i, i + 1);
		if (r == DB_LOST)
			return r;
		if (r < 0) {
			err_prefix("job %lld: result not stored", (long long)s->pending[i].id);
			err_warn("%s", err_message());
			err_clear();
			s->refused++;
			s->pending[i].settled = true;
		}
	}
	return 0;
}

int settler_flush(struct settler *s)
{
	int r;

	if (s->nr == 0)
		return 0;
	qsort(s->pending, s->nr, sizeof(*s->pending), by_id);
	for (size_t i = 0; i < s->nr; i++)
		s->pending[i].settled = false;
	r = flush_range(s, 0, s->nr);
	if (r == DB_ERROR && s->nr > 1)
		r = flush_singly(s);
	if (r < 0)
		return r;
	tell_stale(s);
	s->nr = 0;
	strbuf_reset(&s->text);
	strbuf_shrink(&s->text, 1 << 20);
	return 0;
}
