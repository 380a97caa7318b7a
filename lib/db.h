/*
 * db.h - the database, whichever it is.
 *
 * A statement is a name: SQL_JOBS_RESERVE is the block "-- name: jobs.reserve" of
 * share/sql/sqlite/ or share/sql/postgres/, chosen by the connection, always
 * bound, prepared on first use. The two dialects have the same names and take
 * the same parameters in the same order ($1 in Postgres, ?1 in SQLite). In SQLite a block
 * may be two statements, "first; second": both take the parameters, the second runs when
 * the first's rows have been read, and together they are one transaction.
 *
 * Every call returns DB_OK (or a count) or one of the negative results below with
 * the reason recorded (err.h). After DB_LOST the connection is gone; whatever
 * transaction was open is undone; db_reconnect() brings it back.
 *
 * Calls wait for the answer: at most the statement deadline (30 s; DB_LOST then,
 * since a server that does not answer is no connection). Only db_script() waits
 * for as long as it takes.
 */
#ifndef WP_DB_H
#define WP_DB_H

#include "clock.h"
#include "sql.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

enum db_kind { DB_SQLITE, DB_POSTGRES };

enum db_result {
	DB_OK = 0,
	DB_ERROR = -1,      /* refused: recorded with its reason */
	DB_LOST = -2,       /* the connection is gone */
	DB_MISSING = -3,    /* schema or table is not there: recorded with the hint to run init */
	DB_UNIQUE = -4      /* a unique constraint stands against it */
};

/*
 * Open. WHERE is a Postgres URI, a conninfo string or "service=NAME" when it
 * contains "://" (postgres:// or postgresql://) or '='; anything else, and an empty
 * string, is an error. NULL: the SQLite state file PATH, made when missing.
 * Postgres: keyword arrays, application_name PROGRAM unless given, TCP keepalives and
 * tcp_user_timeout (10 s) unless given, connect_timeout 10 s unless given.
 * SQLite: WAL, foreign_keys, PERSIST_WAL and NO_CKPT_ON_CLOSE, busy_timeout as a
 * last resort, and the queue lock of ours in front of every writing transaction.
 */
int db_open(struct db **db, const char *where, const char *path);
void db_close(struct db *db);        /* NULL is fine */
enum db_kind db_kind(const struct db *db);
/* SQLite: was the state file removed, or another put in its place, since it was opened? */
bool db_replaced(struct db *db);

/*
 * After DB_LOST (Postgres only; SQLite never returns it). db_reconnect_start() begins;
 * the caller polls db_fd() for db_reconnect_events() and calls db_reconnect_step():
 * 1 connected again (bells are listened to again, none is armed), 0 go on waiting,
 * negative: failed with the reason recorded; start again after a pause of the caller's choice.
 * No attempt lasts longer than 10 s: db_fd() becomes readable then, the step fails.
 */
int db_reconnect_start(struct db *db);
uint32_t db_reconnect_events(const struct db *db);    /* EPOLLIN or EPOLLOUT */
int db_reconnect_step(struct db *db);

/* Transactions. A statement outside one is a transaction of its own (DB_RELAXED in
 * SQLite for writes: use db_begin where it matters). */
enum db_mode {
	DB_READ,            /* one snapshot, writes nothing */
	DB_DURABLE,         /* on disk when db_commit() returns */
	DB_RELAXED          /* may be forgotten by a crash of the machine (SQLite) or server (Postgres) */
};
int db_begin(struct db *db, enum db_mode mode);
/* The same for a writing MODE, without waiting for another process to end its transaction: 1 begun, 0 not. */
int db_try_begin(struct db *db, enum db_mode mode);
int db_commit(struct db *db);
void db_rollback(struct db *db);     /* also after an error; fine when none is open */

/* Values. TEXT and BYTES point to the caller's memory for the length of the call. */
struct db_value {
	enum { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_INTS } type;
	int64_t i;
	double r;
	const char *s;
	const int64_t *ints;
	size_t len;
};
struct db_value db_null(void);
struct db_value db_int(int64_t i);
struct db_value db_real(double r);
struct db_value db_text(const char *s);              /* NULL: SQL NULL */
struct db_value db_textn(const char *s, size_t len);
/* A set of numbers in one parameter: ANY ($1::bigint[]) in Postgres, json_each(?1) in SQLite. Not in db_run_many(). */
struct db_value db_ints(const int64_t *ints, size_t n);

/*
 * Run a statement. ROWS may be NULL when nothing is to be read. Rows are read with
 * db_next() in order; one result set is open at a time, and the next
 * db_run or db_commit ends it. Text is valid until the next db_next().
 *
 *     struct db_rows *rows;
 *     if (db_run(db, &rows, SQL_JOBS_SHOW, db_int(id)) < 0) return -1;
 *     while ((r = db_next(rows)) > 0) ... db_col_int(rows, 0) ...
 */
struct db_rows;
#define db_run(db, rows, ...) \
	db_run_(db, rows, DB_FIRST_(__VA_ARGS__, 0), \
		(const struct db_value[]){ db_null() DB_REST_(__VA_ARGS__) } + 1, \
		sizeof((const struct db_value[]){ db_null() DB_REST_(__VA_ARGS__) }) / sizeof(struct db_value) - 1)
#define DB_FIRST_(first, ...) first
#define DB_REST_(first, ...) __VA_OPT__(,) __VA_ARGS__
int db_run_(struct db *db, struct db_rows **rows, enum sql_id id, const struct db_value *values, size_t n);

int db_next(struct db_rows *rows);               /* 1 a row, 0 the end, negative as above */
int64_t db_col_int(struct db_rows *rows, int col);    /* 0 for NULL */
double db_col_real(struct db_rows *rows, int col);
const char *db_col_text(struct db_rows *rows, int col, size_t *len); /* NULL for NULL; len may be NULL */
bool db_col_bool(struct db_rows *rows, int col);       /* SQLite: not 0; false for NULL */
bool db_col_null(struct db_rows *rows, int col);
int64_t db_changes(struct db_rows *rows);        /* rows changed by the statement, once read to its end */

/* A statement without parameters and results that is asked for in words: a whole
 * script (the schema). Runs every statement in it. */
int db_script(struct db *db, enum sql_id id);

/*
 * One statement for many tuples of parameters. CELLS holds NROWS times NCOLS values,
 * row after row. SQLite runs the statement (?1, ?2, ...) once a tuple; Postgres runs
 * it once with an array a column, so its text says unnest($1::bigint[], $2::text[], ...).
 * The rows of all runs come out of one db_next() sequence. Wants an open transaction.
 * SQLite runs on as the rows are read: CELLS and their text stay until the last one.
 */
int db_run_many(struct db *db, struct db_rows **rows, enum sql_id id,
	const struct db_value *cells, size_t ncols, size_t nrows);

/*
 * Bulk insert. ID is a "COPY ... FROM STDIN" in Postgres and an INSERT in SQLite.
 * Rows are taken from memory at once; errors of the server may show up only at
 * db_copy_end(), which waits for the server. Wants an open transaction.
 */
int db_copy_begin(struct db *db, enum sql_id id);
int db_copy_row(struct db *db, const struct db_value *values, size_t n);
int db_copy_end(struct db *db);

/*
 * Bells: how one process wakes another the moment a commit becomes visible.
 *
 *   the waiter: db_bell_open(name) once; then: db_bell_arm(name), read the state, and
 *               only if there was nothing to do sleep on db_fd(); then db_bell_check().
 *   the ringer: db_bell_ring(name) inside the writing transaction.
 *
 * Whoever commits a ring after db_bell_arm() has returned makes db_fd() readable;
 * whoever committed before is visible to the waiter's next read. In Postgres a
 * ring costs a NOTIFY only when somebody's bell is armed (see
 * share/sql/postgres/schema.sql); in SQLite every commit rings every bell.
 */
int db_bell_open(struct db *db, const char *name);
/* Outside a transaction. 1: not armed, because somebody's commit takes long; the caller looks
 * again in a moment. A bell stays armed, however often it rings, until it is disarmed. */
int db_bell_arm(struct db *db, const char *name);
int db_bell_disarm(struct db *db, const char *name);
int db_bell_ring(struct db *db, const char *name);
int db_fd(struct db *db);                  /* poll for EPOLLIN; -1 while not connected; the same one again after a reconnect */
int db_bell_check(struct db *db);          /* 1 something rang, 0 nothing, negative as above. Never blocks. */
/* Postgres: also listen on a channel as it stands, and take the next notification
 * that came on such a channel: 1 and the strings (valid until the next call), or 0. */
int db_listen(struct db *db, const char *channel);
int db_notification(struct db *db, const char **channel, const char **payload);

/* Postgres: false once it is known that a pooler between us and the server shares
 * its sessions between transactions: then session locks and bells do not work. */
bool db_session_works(struct db *db);

#endif
