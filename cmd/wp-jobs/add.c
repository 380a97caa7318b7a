/* add: payloads from the command line or from stdin become jobs, all of them or none. */

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "jobs.h"
#include "json.h"
#include "parse.h"
#include "store.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct add_args {
	const char *queue, *unique, *notify;
	int64_t priority, max_attempts;
	usec_t at, in;
	bool text;
};

struct add {
	const struct add_args *args;
	struct db *db;
	struct strbuf payload;       /* of the job being added */
	struct strbuf ids;           /* what is printed once everything is committed */
	char *state, *due;           /* for bulk input */
	bool copying;
	int64_t before, copied;
};

static struct db_value time_value(usec_t t)
{
	return t < 0 ? db_null() : db_int(t);
}

/* The payload that TEXT stands for. */
static int payload_take(struct add *a, const char *text, size_t len)
{
	if (a->args->text && (!utf8_valid(text, len) || memchr(text, '\0', len)))
		return err_set(WP_DATA, "not valid UTF-8 text");
	if (!a->args->text && json_check(text, len) < 0)
		return -1;
	strbuf_reset(&a->payload);
	strbuf_shrink(&a->payload, 1 << 20);
	if (a->args->text)
		json_add_string(&a->payload, text, len);
	else
		strbuf_add(&a->payload, text, len);
	if (a->payload.len > STREAM_PAYLOAD_MAX)
		return err_set(WP_DATA, "the payload is longer than %zu bytes", STREAM_PAYLOAD_MAX);
	return 0;
}

static void print_id(struct add *a, int64_t id)
{
	strbuf_addint(&a->ids, id);
	strbuf_addch(&a->ids, '\n');
}

/* One by one: the way for a few jobs, and for those with a key. */

static int64_t read_one_id(struct db_rows *rows)
{
	int64_t id = 0;
	int r;

	while ((r = db_next(rows)) > 0)
		id = db_col_int(rows, 0);
	return r < 0 ? r : id;
}

static int64_t insert(struct add *a, const char *payload, size_t len)
{
	const struct add_args *o = a->args;
	struct db_rows *rows;
	int r = db_run(a->db, &rows, SQL_JOBS_ADD, db_text(o->queue), db_textn(payload, len), db_int(o->priority),
		time_value(o->at), time_value(o->in), db_int(o->max_attempts), db_text(o->unique), db_text(o->notify));

	return r < 0 ? r : read_one_id(rows);
}

static int64_t standing(struct add *a)
{
	struct db_rows *rows;
	int r = db_run(a->db, &rows, SQL_JOBS_STANDING, db_text(a->args->queue), db_text(a->args->unique));

	return r < 0 ? r : read_one_id(rows);
}

static int add_one(struct add *a, const char *payload, size_t len)
{
	int64_t id = insert(a, payload, len);

	while (id == 0) {       /* the key is taken, unless its job ends at this very moment */
		id = standing(a);
		if (id > 0)
			err_say("job %lld already stands for key \"%s\"", (long long)id, a->args->unique);
		if (id == 0)
			id = insert(a, payload, len);
	}
	if (id < 0)
		return -1;
	print_id(a, id);
	return 0;
}

/* In bulk: one COPY (or one prepared insert), which draws the ids. They are a row of numbers
 * unless somebody else drew some at the same moment; then they are asked for. */

static int bulk_begin(struct add *a)
{
	struct db_rows *rows;
	int r = db_run(a->db, &rows, SQL_JOBS_WHEN, time_value(a->args->at), time_value(a->args->in));

	while (r >= 0 && (r = db_next(rows)) > 0) {
		const char *due = db_col_text(rows, 1, NULL);
		a->state = xstrdup(db_col_text(rows, 0, NULL));
		a->due = due ? xstrdup(due) : NULL;
	}
	if (r >= 0)
		r = db_run(a->db, &rows, SQL_JOBS_ID_BEFORE);
	if (r >= 0)
		a->before = read_one_id(rows);
	if (r < 0 || a->before < 0)
		return -1;
	a->copying = true;
	return db_copy_begin(a->db, SQL_JOBS_COPY) < 0 ? -1 : 0;
}

static int bulk_row(struct add *a, const char *payload, size_t len)
{
	const struct add_args *o = a->args;
	const struct db_value row[] = {
		db_text(o->queue), db_text(a->state), db_text(a->due), db_int(o->priority), db_int(o->max_attempts),
		db_text(o->notify), db_int(1), db_textn(payload, len)
	};

	a->copied++;
	return db_copy_row(a->db, row, sizeof(row) / sizeof(row[0])) < 0 ? -1 : 0;
}

static int print_ids_since(struct add *a)
{
	struct db_rows *rows;
	int r = db_run(a->db, &rows, SQL_JOBS_IDS_SINCE, db_int(a->before));

	while (r >= 0 && (r = db_next(rows)) > 0)
		print_id(a, db_col_int(rows, 0));
	return r;
}

static int bulk_end(struct add *a)
{
	struct db_rows *rows;
	int64_t after;
	int r = db_copy_end(a->db);

	a->copying = false;
	if (r >= 0 && a->copied)
		r = db_run(a->db, &rows, SQL_JOBS_ID_AFTER);
	if (r < 0 || !a->copied)
		return r;
	after = read_one_id(rows);
	if (after < 0)
		return -1;
	if (after - a->before != a->copied)
		r = print_ids_since(a);
	else
		for (int64_t id = a->before + 1; id <= after; id++)
			print_id(a, id);
	return r < 0 ? -1 : db_bell_ring(a->db, store_queue_bell(a->args->queue));
}

/* The payload, on its way; the transaction is open. */
static int send_payload(struct add *a)
{
	int r = 0;

	if (a->args->unique)
		r = add_one(a, a->payload.buf, a->payload.len);
	else if (a->copying || (r = bulk_begin(a)) == 0)
		r = bulk_row(a, a->payload.buf, a->payload.len);
	return r;
}

static int line_error(enum lines_result r, unsigned long long number)
{
	if (r == LINES_TOO_LONG)
		return err_set(WP_DATA, "line %llu: longer than %zu bytes", number, STREAM_LINE_MAX);
	return err_errno("cannot read standard input");
}

static int add_lines(struct add *a)
{
	struct lines in;
	enum lines_result r;
	char *line;
	size_t len;
	int status = 0;

	lines_init(&in, STDIN_FILENO, '\n', STREAM_LINE_MAX);
	while (status == 0 && (r = lines_next(&in, &line, &len)) != LINES_EOF) {
		if (r != LINES_OK)
			status = line_error(r, in.number);
		else if (payload_take(a, line, len) < 0)
			status = err_prefix("line %llu", in.number);
		else
			status = send_payload(a);
	}
	lines_release(&in);
	return status == 0 && a->copying ? bulk_end(a) : status;
}

static int add_operands(struct add *a, int n, char **operands)
{
	for (int i = 0; i < n; i++) {
		if (payload_take(a, operands[i], strlen(operands[i])) < 0)
			return err_prefix("payload %d", i + 1);
		if (add_one(a, a->payload.buf, a->payload.len) < 0)
			return -1;
	}
	return 0;
}

static int add_in_transaction(struct add *a, int n, char **operands)
{
	int r = db_begin(a->db, DB_DURABLE) < 0 ? -1 : 0;

	if (r == 0)
		r = n ? add_operands(a, n, operands) : add_lines(a);
	if (r >= 0)
		return db_commit(a->db) < 0 ? -1 : 0;
	db_rollback(a->db);
	return -1;
}

static int check_args(const struct globals *globals, const struct add_args *o)
{
	if (!o->queue)
		return err_usage("add", "no queue: say which with --queue");
	if (o->notify && !globals->db)
		return err_usage("add", "--notify is sent by Postgres: it goes with --db");
	if (o->notify && !utf8_valid(o->notify, strlen(o->notify)))
		return err_usage("add", "the text to notify is not valid UTF-8");
	if (o->notify && strlen(o->notify) > 7999)
		return err_usage("add", "the text to notify is longer than the 7999 bytes that Postgres sends");
	if (o->unique && !utf8_valid(o->unique, strlen(o->unique)))
		return err_usage("add", "the unique key is not valid UTF-8");
	return 0;
}

static int add_run(void *globals, void *args, int n, char **operands)
{
	struct add a = { .args = args, .payload = STRBUF_INIT, .ids = STRBUF_INIT };
	struct store store;
	int r = check_args(globals, args);

	if (r)
		return r;
	if (queue_check(a.args->queue, strlen(a.args->queue)) < 0 || store_open(&store, globals) < 0)
		return err_report();
	a.db = store.db;
	r = add_in_transaction(&a, n, operands);
	store_close(&store);
	if (r == 0)
		fwrite(a.ids.buf, 1, a.ids.len, stdout);
	strbuf_release(&a.payload);
	strbuf_release(&a.ids);
	free(a.state);
	free(a.due);
	return r < 0 ? err_report() : WP_OK;
}

static const struct add_args defaults = { .max_attempts = MAX_ATTEMPTS_DEFAULT, .at = -1, .in = -1 };

static const struct opt options[] = {
	OPT_STRING('q', "queue", "NAME", struct add_args, queue, "WP_JOBS_QUEUE", "the queue to add to"),
	OPT_INT('p', "priority", "N", struct add_args, priority, INT32_MIN + 1, INT32_MAX, NULL, "lower numbers run first (default: 0)"),
	{ .kind = OPT_KIND_TIME, .name = "at", .arg = "TIME", .offset = offsetof(struct add_args, at),
	  .help = "not before TIME (2026-01-31T12:00:00Z)", .group = 1 },
	{ .kind = OPT_KIND_DURATION, .name = "in", .arg = "DURATION", .offset = offsetof(struct add_args, in),
	  .help = "not before DURATION has passed (5m)", .group = 1 },
	OPT_INT(0, "max-attempts", "N", struct add_args, max_attempts, 1, INT32_MAX, "WP_JOBS_MAX_ATTEMPTS", "give up after so many (default: 5)"),
	OPT_STRING(0, "unique", "KEY", struct add_args, unique, NULL, "no second job with KEY while one is not finished"),
	OPT_STRING(0, "notify", "TEXT", struct add_args, notify, NULL, "send TEXT on workplane.completed, .retry or .failed (Postgres)"),
	OPT_FLAG('t', "text", struct add_args, text, NULL, "payloads are text, not JSON: they become JSON strings"),
	OPT_END
};

const struct verb verb_add = {
	.name = "add", .args = "[PAYLOAD...]", .summary = "put jobs into a queue; without PAYLOAD one a line from stdin",
	.options = options, .size = sizeof(struct add_args), .defaults = &defaults,
	.max_operands = -1, .run = add_run,
};
