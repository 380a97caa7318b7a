/* db_postgres.c - the Postgres driver of db.h: statements, transactions, rows, COPY. */
#include "db_postgres.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "pgtext.h"

#include <stdlib.h>
#include <string.h>

/* COPY data is handed to the kernel in pieces of this size. */
#define COPY_PIECE ((size_t)64 << 10)
/* Memory for values and COPY data that is kept between statements. */
#define KEEP ((size_t)256 << 10)

/* Transactions */

static const char *begin_text(enum db_mode mode)
{
	switch (mode) {
	case DB_READ:
		return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
	case DB_RELAXED:
		return "BEGIN; SET LOCAL synchronous_commit = off";
	case DB_DURABLE:
		break;
	}
	return "BEGIN";
}

static void end_rows(struct postgres *pg)
{
	pq.PQclear(pg->result);
	pg->result = NULL;
	pg->row = -1;
}

static int pg_begin(struct db *db, enum db_mode mode)
{
	struct postgres *pg = pg_self(db);

	end_rows(pg);
	if (pg->conn && pq.PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		err_bug("a transaction within a transaction");
	return pg_query(pg, begin_text(mode), NULL);
}

static int pg_commit(struct db *db)
{
	struct postgres *pg = pg_self(db);
	PGresult *result;
	int r;

	end_rows(pg);
	r = pg_query(pg, "COMMIT", &result);
	if (r < 0)
		return r;
	/* The server says so when it had to roll back instead, and calls that no error. */
	if (strcmp(pq.PQcmdStatus(result), "COMMIT"))
		r = err_set(WP_SOFTWARE, "the transaction was rolled back: database \"%s\"", pq.PQdb(pg->conn));
	pq.PQclear(result);
	return r;
}

static void abandon_copy(struct postgres *pg)
{
	pg->copying = false;
	strbuf_reset(&pg->copy);
	pg_answer(pg, pq.PQputCopyEnd(pg->conn, "abandoned") == 1, NULL, clock_now() + PG_STATEMENT_DEADLINE);
}

static void roll_back(struct postgres *pg)
{
	if (pg->copying)
		abandon_copy(pg);
	if (pg->conn && pq.PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		pg_query(pg, "ROLLBACK", NULL);
	/* A connection that cannot even roll back is of no use, as the next call will say. */
	if (pg->conn && pq.PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		pg_drop(pg);
}

static void pg_rollback(struct db *db)
{
	struct postgres *pg = pg_self(db);

	end_rows(pg);
	pg->quiet = true;
	if (pg->conn)
		roll_back(pg);
	pg->quiet = false;
}

/* Statements */

static void want_params(struct postgres *pg, size_t n)
{
	size_t old = pg->params_alloc;

	grow_array(&pg->params, &pg->params_alloc, n, sizeof(*pg->params));
	for (size_t i = old; i < pg->params_alloc; i++)
		strbuf_init(&pg->params[i]);
	grow_array(&pg->param_texts, &pg->param_texts_alloc, n, sizeof(*pg->param_texts));
	for (size_t i = 0; i < n; i++) {
		strbuf_shrink(&pg->params[i], KEEP);
		strbuf_reset(&pg->params[i]);
	}
}

static int set_params(struct postgres *pg, const struct db_value *values, size_t n)
{
	want_params(pg, n);
	for (size_t i = 0; i < n; i++) {
		if (pgtext_add_value(&pg->params[i], &values[i]) < 0)
			return DB_ERROR;
		pg->param_texts[i] = values[i].type == DB_NULL ? NULL : pg->params[i].buf;
	}
	return DB_OK;
}

static int set_array_params(struct postgres *pg, const struct db_value *cells, size_t ncols, size_t nrows)
{
	want_params(pg, ncols);
	for (size_t col = 0; col < ncols; col++) {
		if (pgtext_add_array(&pg->params[col], cells, ncols, nrows, col) < 0)
			return DB_ERROR;
		pg->param_texts[col] = pg->params[col].buf;
	}
	return DB_OK;
}

static int prepare(struct postgres *pg, enum sql_id id, usec_t deadline)
{
	const struct sql_text *sql = &sql_texts[id];
	int r;

	if (pg->prepared[id])
		return DB_OK;
	r = pg_answer(pg, pq.PQsendPrepare(pg->conn, sql->name, sql->postgres, 0, NULL), NULL, deadline);
	pg->prepared[id] = r == DB_OK;
	return r;
}

/* A prepared statement stays behind in the session, so it wants one of its own. */
static int run_params(struct postgres *pg, enum sql_id id, size_t n)
{
	usec_t deadline = clock_now() + PG_STATEMENT_DEADLINE;
	int sent, r;

	if (pg->session == PG_SESSION_OWN) {
		r = prepare(pg, id, deadline);
		if (r < 0)
			return r;
		sent = pq.PQsendQueryPrepared(pg->conn, sql_texts[id].name, (int)n, pg->param_texts, NULL, NULL, 0);
	} else {
		sent = pq.PQsendQueryParams(pg->conn, sql_texts[id].postgres, (int)n, NULL, pg->param_texts, NULL,
			NULL, 0);
	}
	pg->row = -1;
	return pg_answer(pg, sent, &pg->result, deadline);
}

int pg_run(struct db *db, bool read, enum sql_id id, const struct db_value *values, size_t n)
{
	struct postgres *pg = pg_self(db);
	int r;

	end_rows(pg);
	if (!pg->conn)
		return pg_not_connected();
	r = set_params(pg, values, n);
	return r < 0 ? r : run_params(pg, id, n);
}

static int pg_run_many(struct db *db, bool read, enum sql_id id,
	const struct db_value *cells, size_t ncols, size_t nrows)
{
	struct postgres *pg = pg_self(db);
	int r;

	end_rows(pg);
	if (!pg->conn)
		return pg_not_connected();
	r = set_array_params(pg, cells, ncols, nrows);
	return r < 0 ? r : run_params(pg, id, ncols);
}

/* A script makes or changes a schema, which may take its time: no deadline. */
static int pg_script(struct db *db, enum sql_id id)
{
	struct postgres *pg = pg_self(db);

	end_rows(pg);
	if (!pg->conn)
		return pg_not_connected();
	return pg_answer(pg, pq.PQsendQuery(pg->conn, sql_texts[id].postgres), NULL, USEC_NEVER);
}

/* Rows */

static int pg_next(struct db *db)
{
	struct postgres *pg = pg_self(db);

	if (pg->result && pg->row + 1 < pq.PQntuples(pg->result)) {
		pg->row++;
		return 1;
	}
	return 0;
}

static bool pg_col_null(struct db *db, int col)
{
	struct postgres *pg = pg_self(db);

	return pq.PQgetisnull(pg->result, pg->row, col);
}

/* As in SQLite, true is 1. */
static int64_t pg_col_int(struct db *db, int col)
{
	struct postgres *pg = pg_self(db);
	const char *text = pq.PQgetvalue(pg->result, pg->row, col);

	return *text == 't' ? 1 : strtoll(text, NULL, 10);
}

static double pg_col_real(struct db *db, int col)
{
	struct postgres *pg = pg_self(db);

	return strtod(pq.PQgetvalue(pg->result, pg->row, col), NULL);
}

static const char *pg_col_text(struct db *db, int col, size_t *len)
{
	struct postgres *pg = pg_self(db);

	*len = (size_t)pq.PQgetlength(pg->result, pg->row, col);
	return pg_col_null(db, col) ? NULL : pq.PQgetvalue(pg->result, pg->row, col);
}

static int64_t pg_changes(struct db *db)
{
	struct postgres *pg = pg_self(db);

	if (!pg->result || !strncmp(pq.PQcmdStatus(pg->result), "SELECT", 6))
		return 0;
	return strtoll(pq.PQcmdTuples(pg->result), NULL, 10);
}

/* COPY */

static int pg_copy_begin(struct db *db, enum sql_id id)
{
	struct postgres *pg = pg_self(db);
	PGresult *result;
	int r;

	end_rows(pg);
	r = pg_query(pg, sql_texts[id].postgres, &result);
	if (r < 0)
		return r;
	pg->copying = pq.PQresultStatus(result) == PGRES_COPY_IN;
	pq.PQclear(result);
	if (!pg->copying)
		err_bug("\"%s\" is no COPY FROM STDIN", sql_texts[id].name);
	return DB_OK;
}

static int send_copy(struct postgres *pg)
{
	usec_t deadline = clock_now() + PG_STATEMENT_DEADLINE;
	int r = DB_OK, queued;

	do {
		queued = pq.PQputCopyData(pg->conn, pg->copy.buf, (int)pg->copy.len);
		if (queued >= 0)
			r = pg_flush(pg, deadline);
	} while (queued == 0 && r == DB_OK);
	if (queued < 0)
		return pg_lost(pg, pq.PQerrorMessage(pg->conn));
	strbuf_shrink(&pg->copy, KEEP);
	strbuf_reset(&pg->copy);
	return r;
}

static int pg_copy_row(struct db *db, const struct db_value *values, size_t n)
{
	struct postgres *pg = pg_self(db);

	if (!pg->conn)
		return pg_not_connected();
	if (pgtext_add_copy_line(&pg->copy, values, n) < 0)
		return DB_ERROR;
	return pg->copy.len < COPY_PIECE ? DB_OK : send_copy(pg);
}

static int pg_copy_end(struct db *db)
{
	struct postgres *pg = pg_self(db);
	int r;

	if (!pg->conn)
		return pg_not_connected();
	r = send_copy(pg);
	if (r < 0)
		return r;
	pg->copying = false;
	return pg_answer(pg, pq.PQputCopyEnd(pg->conn, NULL) == 1, NULL, clock_now() + PG_STATEMENT_DEADLINE);
}

static int pg_fd(struct db *db)
{
	return pg_self(db)->conn ? pg_self(db)->epoll : -1;
}

static void pg_close(struct db *db)
{
	struct postgres *pg = pg_self(db);

	end_rows(pg);
	pg_drop(pg);
	fd_close(&pg->epoll);
	fd_close(&pg->wake);
	for (size_t i = 0; i < pg->params_alloc; i++)
		strbuf_release(&pg->params[i]);
	free(pg->params);
	free(pg->param_texts);
	strbuf_release(&pg->copy);
	pg_release_bells(pg);
	free(pg->prepared);
	free(pg->where);
	free(pg);
}

const struct db_driver pg_driver = {
	.kind = DB_POSTGRES,
	.close = pg_close,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.run = pg_run,
	.run_many = pg_run_many,
	.script = pg_script,
	.copy_begin = pg_copy_begin,
	.copy_row = pg_copy_row,
	.copy_end = pg_copy_end,
	.next = pg_next,
	.col_null = pg_col_null,
	.col_int = pg_col_int,
	.col_real = pg_col_real,
	.col_text = pg_col_text,
	.changes = pg_changes,
	.bell_open = pg_bell_open,
	.bell_check = pg_bell_check,
	.fd = pg_fd,
	.bell_arm = pg_bell_arm,
	.bell_disarm = pg_bell_disarm,
	.bell_ring = pg_bell_ring,
	.listen = pg_listen,
	.notification = pg_notification,
	.session_works = pg_session_works,
	.reconnect_start = pg_reconnect_start,
	.reconnect_events = pg_reconnect_events,
	.reconnect_step = pg_reconnect_step,
};
