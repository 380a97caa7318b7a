/* db_sqlite.c - the SQLite driver of db.h. */
#include "alloc.h"
#include "clock.h"
#include "db_impl.h"
#include "db_queue.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pages in the WAL before it is checkpointed beside the other writers (4 MiB), and before
 * they must wait for it: a WAL that is always being written to is never begun anew. */
#define CHECKPOINT_PAGES 1000
#define CHECKPOINT_PAGES_MAX 4000
/* The first to open the file reads the whole WAL, 4 us a page, and cannot know what of it was checkpointed: where only
 * short programs come by, a WAL that they did not cut off would grow for ever. The last to leave it so long does. */
#define CUT_OFF_PAGES 128

/* The queue lock orders our own programs; this is for those that do not know it. */
#define BUSY_TIMEOUT_MS 5000

enum txn { TXN_NONE, TXN_READ, TXN_WRITE };
enum rows_state { ROWS_CLOSED, ROWS_FIRST, ROWS_OPEN, ROWS_END };

/* A block of SQL: mostly one statement, at most two. */
struct block {
	sqlite3_stmt *first, *second;
};

struct sqlite_rows {
	enum rows_state state;       /* FIRST: stepped to, not yet asked for */
	sqlite3_stmt *stmt;
	sqlite3_stmt *then;          /* runs when STMT has ended: bound already */
	bool own_txn;                /* ends with the rows */
	const struct db_value *cells;  /* what is left of db_run_many() */
	size_t ncols, nrows;
	int64_t changes;
};

struct sqlite {
	struct db db;
	sqlite3 *handle;
	char *path;
	struct db_queue queue;
	struct block *blocks;        /* by sql_id, prepared on first use */
	sqlite3_stmt *begin_read, *begin_write, *commit, *data_version;
	enum txn txn;
	enum db_mode synchronous;    /* DB_DURABLE or DB_RELAXED, as the connection is set */
	int wal_pages;               /* after the commit that was last; -1: it wrote nothing */
	int log_pages;               /* when we last wrote */
	int checkpoint_at;
	int64_t version_seen;
	enum sql_id copying;
	struct sqlite_rows rows;
};

static struct sqlite *self(const struct db *db)
{
	return (struct sqlite *)db;
}

/* Errors */

static int status_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return WP_TEMPFAIL;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CORRUPT:
	case SQLITE_READONLY:
		return WP_IO;
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return WP_DATA;
	case SQLITE_CANTOPEN:
		return WP_CANTCREAT;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return WP_NOPERM;
	default:
		return WP_SOFTWARE;
	}
}

static enum db_result result_of(int code, const char *message)
{
	if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
		return DB_UNIQUE;
	if (!strncmp(message, "no such table", 13))
		return DB_MISSING;
	return DB_ERROR;
}

static int failed(const struct sqlite *db)
{
	int code = sqlite3_extended_errcode(db->handle);
	const char *message = sqlite3_errmsg(db->handle);
	enum db_result result = result_of(code, message);

	if (result == DB_MISSING) {
		err_set(WP_UNAVAILABLE, "%s: database \"%s\"", message, db->path);
		err_hint("run 'wp-jobs init'");
	} else {
		err_set(status_of(code), "%s: database \"%s\"", message, db->path);
	}
	if ((code & 0xff) == SQLITE_CORRUPT)
		err_hint("move the file away and restore it, or try sqlite3's .recover");
	return result;
}

/* Statements */

/* REST, when not NULL, becomes what stands behind the statement. */
static sqlite3_stmt *prepare_first(struct sqlite *db, const char *sql, const char **rest)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, rest) != SQLITE_OK)
		return NULL;
	return stmt;
}

static sqlite3_stmt *prepare(struct sqlite *db, const char *sql)
{
	return prepare_first(db, sql, NULL);
}

static struct block *prepared(struct sqlite *db, enum sql_id id)
{
	struct block *block = &db->blocks[id];
	const char *rest;

	if (block->first)
		return block;
	block->first = prepare_first(db, sql_texts[id].sqlite, &rest);
	if (!block->first)
		return NULL;
	while (*rest == '\n')
		rest++;
	if (*rest && !(block->second = prepare(db, rest))) {
		sqlite3_finalize(block->first);
		block->first = NULL;
		return NULL;
	}
	return block;
}

/* For statements of our own that give no rows. */
static int execute(struct sqlite *db, sqlite3_stmt **stmt, const char *sql)
{
	int r;

	if (!*stmt && !(*stmt = prepare(db, sql)))
		return failed(db);
	r = sqlite3_step(*stmt) == SQLITE_DONE ? DB_OK : failed(db);
	sqlite3_reset(*stmt);
	return r;
}

static int bind_ints(sqlite3_stmt *stmt, int index, const struct db_value *value)
{
	struct strbuf json = STRBUF_INIT;
	size_t len;

	strbuf_addch(&json, '[');
	for (size_t i = 0; i < value->len; i++) {
		if (i)
			strbuf_addch(&json, ',');
		strbuf_addint(&json, value->ints[i]);
	}
	strbuf_addch(&json, ']');
	len = json.len;
	return sqlite3_bind_text64(stmt, index, strbuf_detach(&json, NULL), len, free, SQLITE_UTF8);
}

static int bind_value(sqlite3_stmt *stmt, int index, const struct db_value *value, sqlite3_destructor_type keep)
{
	switch (value->type) {
	case DB_INT:
		return sqlite3_bind_int64(stmt, index, value->i);
	case DB_REAL:
		return sqlite3_bind_double(stmt, index, value->r);
	case DB_TEXT:
		return sqlite3_bind_text64(stmt, index, value->s, value->len, keep, SQLITE_UTF8);
	case DB_INTS:
		return bind_ints(stmt, index, value);
	case DB_NULL:
		break;
	}
	return sqlite3_bind_null(stmt, index);
}

/* STMT takes the first so many of the values, as many as it knows of: a block's other statement may know more. */
static int bind(struct sqlite *db, sqlite3_stmt *stmt, const struct db_value *values, sqlite3_destructor_type keep)
{
	int n = sqlite3_bind_parameter_count(stmt);

	for (int i = 0; i < n; i++)
		if (bind_value(stmt, i + 1, &values[i], keep) != SQLITE_OK)
			return failed(db);
	return DB_OK;
}

static size_t parameters(sqlite3_stmt *first, sqlite3_stmt *second)
{
	int n = sqlite3_bind_parameter_count(first), m = sqlite3_bind_parameter_count(second);

	return (size_t)(n > m ? n : m);
}

static int bind_block(struct sqlite *db, const struct db_value *values, size_t n, sqlite3_destructor_type keep)
{
	struct sqlite_rows *rows = &db->rows;
	int r;

	if (parameters(rows->stmt, rows->then) != n)
		err_bug("%zu values for a statement with %zu: %s", n, parameters(rows->stmt, rows->then),
			sqlite3_sql(rows->stmt));
	r = bind(db, rows->stmt, values, keep);
	return r < 0 ? r : bind(db, rows->then, values, keep);
}

/* Transactions */

static int set_synchronous(struct sqlite *db, enum db_mode mode)
{
	const char *sql = mode == DB_DURABLE ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";

	if (db->synchronous == mode)
		return DB_OK;
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return failed(db);
	db->synchronous = mode;
	return DB_OK;
}

static int start_read(struct sqlite *db)
{
	int r = execute(db, &db->begin_read, "BEGIN");

	if (r == DB_OK)
		db->txn = TXN_READ;
	return r;
}

/* In the queue; what is left is to begin. */
static int begin_write(struct sqlite *db)
{
	int r = execute(db, &db->begin_write, "BEGIN IMMEDIATE");
	if (r < 0)
		db_queue_leave(&db->queue, false);
	else
		db->txn = TXN_WRITE;
	return r;
}

static int start_write(struct sqlite *db, enum db_mode mode)
{
	int r = set_synchronous(db, mode);

	if (r < 0)
		return r;
	return db_queue_enter(&db->queue) < 0 ? DB_ERROR : begin_write(db);
}

/* A checkpoint that fails is made up for by a later one. */
static void checkpoint(struct sqlite *db)
{
	int pages = 0;

	sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
	db->checkpoint_at = pages + CHECKPOINT_PAGES;
}

static int on_wal(void *arg, sqlite3 *handle, const char *schema, int pages)
{
	struct sqlite *db = arg;

	db->wal_pages = db->log_pages = pages;
	return SQLITE_OK;
}

static void leave_queue(struct sqlite *db)
{
	bool due;

	if (db->wal_pages < 0) {
		db_queue_leave(&db->queue, false);
		return;
	}
	if (db->wal_pages < CHECKPOINT_PAGES)
		db->checkpoint_at = CHECKPOINT_PAGES;
	if (db->wal_pages >= CHECKPOINT_PAGES_MAX)
		checkpoint(db);
	due = db->wal_pages >= db->checkpoint_at;
	db_queue_leave(&db->queue, true);
	if (due)
		checkpoint(db);
}

static void undo(struct sqlite *db)
{
	/* SQLite itself rolls back after some errors, a full disk for one. Should this fail,
	 * the record keeps the reason why it was wanted, and the next BEGIN says the rest. */
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	if (db->txn == TXN_WRITE)
		db_queue_leave(&db->queue, false);
	db->txn = TXN_NONE;
}

static int finish(struct sqlite *db)
{
	bool writing = db->txn == TXN_WRITE;
	int r;

	db->wal_pages = -1;
	r = execute(db, &db->commit, "COMMIT");
	if (r < 0) {
		undo(db);
		return r;
	}
	db->txn = TXN_NONE;
	if (writing)
		leave_queue(db);
	return DB_OK;
}

/* Rows */

static void release_statement(sqlite3_stmt **stmt)
{
	sqlite3_reset(*stmt);
	if (*stmt)
		sqlite3_clear_bindings(*stmt);
	*stmt = NULL;
}

static void reset_rows(struct sqlite *db)
{
	release_statement(&db->rows.stmt);
	release_statement(&db->rows.then);
	db->rows.cells = NULL;
	db->rows.nrows = 0;
	db->rows.state = ROWS_CLOSED;
}

static int fail_rows(struct sqlite *db, int result)
{
	reset_rows(db);
	if (db->rows.own_txn)
		undo(db);
	db->rows.own_txn = false;
	return result;
}

static void go_to_second(struct sqlite_rows *rows)
{
	release_statement(&rows->stmt);
	rows->stmt = rows->then;
	rows->then = NULL;
}

static int end_rows(struct sqlite *db)
{
	bool own_txn = db->rows.own_txn;
	int r = SQLITE_DONE;

	/* Whoever stopped reading the first statement's rows wants the second run nevertheless. */
	if (db->rows.then) {
		go_to_second(&db->rows);
		while ((r = sqlite3_step(db->rows.stmt)) == SQLITE_ROW)
			;
	}
	if (r != SQLITE_DONE)
		return fail_rows(db, failed(db));
	reset_rows(db);
	db->rows.own_txn = false;
	return own_txn ? finish(db) : DB_OK;
}

static int bind_next_tuple(struct sqlite *db)
{
	struct sqlite_rows *rows = &db->rows;
	int r;

	sqlite3_reset(rows->stmt);
	r = bind_block(db, rows->cells, rows->ncols, SQLITE_STATIC);
	rows->cells += rows->ncols;
	rows->nrows--;
	return r;
}

/* On to the next row of the statement, or of the same with the next tuple: 1, 0 or a failure. */
static int step(struct sqlite *db)
{
	struct sqlite_rows *rows = &db->rows;
	int r;

	for (;;) {
		r = sqlite3_step(rows->stmt);
		if (r == SQLITE_ROW)
			return 1;
		if (r != SQLITE_DONE)
			return fail_rows(db, failed(db));
		if (!sqlite3_stmt_readonly(rows->stmt))
			rows->changes += sqlite3_changes64(db->handle);
		if (rows->then) {
			go_to_second(rows);
			continue;
		}
		if (rows->nrows == 0)
			break;
		r = bind_next_tuple(db);
		if (r < 0)
			return fail_rows(db, r);
	}
	r = end_rows(db);
	rows->state = ROWS_END;
	return r;
}

/* The first row is fetched at once, so that what a statement fails by is known to who runs it. */
static int begin_rows(struct sqlite *db, bool read)
{
	int r = step(db);

	if (r < 0)
		return r;
	if (read) {
		db->rows.state = r > 0 ? ROWS_FIRST : ROWS_END;
		return DB_OK;
	}
	while (r > 0)
		r = step(db);
	return r;
}

static int sqlite_next(struct db *base)
{
	struct sqlite *db = self(base);

	switch (db->rows.state) {
	case ROWS_FIRST:
		db->rows.state = ROWS_OPEN;
		return 1;
	case ROWS_OPEN:
		return step(db);
	case ROWS_END:
		return 0;
	case ROWS_CLOSED:
		break;
	}
	err_bug("reading from a result set that is closed");
}

static bool block_readonly(const struct block *block)
{
	return sqlite3_stmt_readonly(block->first) && (!block->second || sqlite3_stmt_readonly(block->second));
}

/* What every run begins with: the statement, and a transaction where it wants its own. */
static int open_rows(struct sqlite *db, enum sql_id id)
{
	struct block *block;
	int r = end_rows(db);

	if (r < 0)
		return r;
	if (db->txn != TXN_NONE && sqlite3_get_autocommit(db->handle))
		err_bug("\"%s\" runs after its transaction was undone", sql_texts[id].name);
	block = prepared(db, id);
	if (!block)
		return failed(db);
	if (db->txn == TXN_NONE && !block_readonly(block)) {
		r = start_write(db, DB_RELAXED);
		if (r < 0)
			return r;
		db->rows.own_txn = true;
	}
	db->rows.stmt = block->first;
	db->rows.then = block->second;
	db->rows.changes = 0;
	return DB_OK;
}

static int sqlite_run(struct db *base, bool read, enum sql_id id, const struct db_value *values, size_t n)
{
	struct sqlite *db = self(base);
	int r = open_rows(db, id);

	if (r < 0)
		return r;
	/* Rows are computed while they are read, when the caller's memory may be gone. */
	r = bind_block(db, values, n, read ? SQLITE_TRANSIENT : SQLITE_STATIC);
	return r < 0 ? fail_rows(db, r) : begin_rows(db, read);
}

static int sqlite_run_many(struct db *base, bool read, enum sql_id id,
	const struct db_value *cells, size_t ncols, size_t nrows)
{
	struct sqlite *db = self(base);
	int r = open_rows(db, id);

	if (r < 0)
		return r;
	if (nrows == 0) {
		r = end_rows(db);
		db->rows.state = ROWS_END;
		return r;
	}
	if (db->rows.then)
		err_bug("\"%s\" is two statements, and is run with many tuples", sql_texts[id].name);
	db->rows.cells = cells;
	db->rows.ncols = ncols;
	db->rows.nrows = nrows;
	r = bind_next_tuple(db);
	return r < 0 ? fail_rows(db, r) : begin_rows(db, read);
}

static bool sqlite_col_null(struct db *db, int col)
{
	return sqlite3_column_type(self(db)->rows.stmt, col) == SQLITE_NULL;
}

static int64_t sqlite_col_int(struct db *db, int col)
{
	return sqlite3_column_int64(self(db)->rows.stmt, col);
}

static double sqlite_col_real(struct db *db, int col)
{
	return sqlite3_column_double(self(db)->rows.stmt, col);
}

static const char *sqlite_col_text(struct db *db, int col, size_t *len)
{
	sqlite3_stmt *stmt = self(db)->rows.stmt;
	const char *text = (const char *)sqlite3_column_text(stmt, col);

	*len = text ? (size_t)sqlite3_column_bytes(stmt, col) : 0;
	return text;
}

static int64_t sqlite_changes(struct db *db)
{
	return self(db)->rows.changes;
}

/* The calls that are made of these */

static int end_other(struct sqlite *db)
{
	int r = end_rows(db);

	if (r >= 0 && db->txn != TXN_NONE)
		err_bug("a transaction within a transaction");
	return r;
}

static int sqlite_begin(struct db *base, enum db_mode mode)
{
	struct sqlite *db = self(base);
	int r = end_other(db);

	if (r < 0)
		return r;
	return mode == DB_READ ? start_read(db) : start_write(db, mode);
}

static int sqlite_try_begin(struct db *base, enum db_mode mode)
{
	struct sqlite *db = self(base);
	int r = end_other(db);

	if (r >= 0)
		r = set_synchronous(db, mode);
	if (r < 0)
		return r;
	r = db_queue_try(&db->queue);
	if (r <= 0)
		return r < 0 ? DB_ERROR : 0;
	r = begin_write(db);
	return r < 0 ? r : 1;
}

static int sqlite_commit(struct db *base)
{
	struct sqlite *db = self(base);
	int r = end_rows(db);

	return r < 0 ? r : finish(db);
}

static void sqlite_rollback(struct db *base)
{
	struct sqlite *db = self(base);

	reset_rows(db);
	db->rows.own_txn = false;
	undo(db);
}

static int sqlite_script(struct db *base, enum sql_id id)
{
	struct sqlite *db = self(base);
	bool own_txn;
	int r = end_rows(db);

	own_txn = db->txn == TXN_NONE;
	if (r == DB_OK && own_txn)
		r = start_write(db, DB_DURABLE);
	if (r < 0)
		return r;
	if (sqlite3_exec(db->handle, sql_texts[id].sqlite, NULL, NULL, NULL) != SQLITE_OK) {
		r = failed(db);
		if (own_txn)
			undo(db);
		return r;
	}
	return own_txn ? finish(db) : DB_OK;
}

static int sqlite_copy_begin(struct db *base, enum sql_id id)
{
	struct sqlite *db = self(base);

	if (db->txn != TXN_WRITE)
		err_bug("\"%s\" wants an open transaction", sql_texts[id].name);
	db->copying = id;
	return end_rows(db);
}

static int sqlite_copy_row(struct db *base, const struct db_value *values, size_t n)
{
	return sqlite_run(base, false, self(base)->copying, values, n);
}

static int sqlite_copy_end(struct db *base)
{
	return DB_OK;
}

/* Bells: every commit of another process rings, whatever its name. */

static int read_version(struct sqlite *db, int64_t *version)
{
	int r = DB_OK;

	if (!db->data_version && !(db->data_version = prepare(db, "PRAGMA data_version")))
		return failed(db);
	if (sqlite3_step(db->data_version) == SQLITE_ROW)
		*version = sqlite3_column_int64(db->data_version, 0);
	else
		r = failed(db);
	sqlite3_reset(db->data_version);
	return r;
}

static int sqlite_bell_open(struct db *base, const char *name)
{
	struct sqlite *db = self(base);

	if (db->queue.inotify >= 0)
		return DB_OK;
	if (db_queue_listen(&db->queue) < 0)
		return DB_ERROR;
	return read_version(db, &db->version_seen);
}

static int sqlite_bell_check(struct db *base)
{
	struct sqlite *db = self(base);
	int64_t version;
	int r = db_queue_heard(&db->queue);

	if (r <= 0)
		return r < 0 ? DB_ERROR : 0;
	r = read_version(db, &version);
	if (r < 0)
		return r;
	/* Our own commits ring as well, but they do not change the version. */
	r = version != db->version_seen;
	db->version_seen = version;
	return r;
}

static int sqlite_fd(struct db *base)
{
	return self(base)->queue.inotify;
}

/* Opening and closing */

static bool sqlite_replaced(struct db *base)
{
	int moved = 0;

	return sqlite3_file_control(self(base)->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

/* Let SQLite do it on closing, which it does only when nobody else has the file open. */
static void cut_off_log(struct sqlite *db)
{
	if (db->log_pages < CUT_OFF_PAGES)
		return;
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	sqlite3_exec(db->handle, "PRAGMA journal_size_limit = 0", NULL, NULL, NULL);
}

static void sqlite_close_(struct db *base)
{
	struct sqlite *db = self(base);

	if (db->handle) {
		sqlite_rollback(base);
		cut_off_log(db);
	}
	for (int i = 0; i < sql_count; i++) {
		sqlite3_finalize(db->blocks[i].first);
		sqlite3_finalize(db->blocks[i].second);
	}
	sqlite3_finalize(db->begin_read);
	sqlite3_finalize(db->begin_write);
	sqlite3_finalize(db->commit);
	sqlite3_finalize(db->data_version);
	sqlite3_close(db->handle);
	db_queue_close(&db->queue);
	free(db->blocks);
	free(db->path);
	free(db);
}

/*
 * SQLite would make the file readable for all; the WAL and its index take their mode from
 * the file. Only a file that is not there is opened: closing a descriptor of one that
 * is would drop the POSIX locks of every connection in this process.
 */
static int make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : err_errno("cannot make \"%s\"", path);
	if (close(fd) < 0)
		return err_errno("cannot make \"%s\"", path);
	return 0;
}

/* What is called NAME beside the file. */
static int remove_beside(const struct sqlite *db, const char *suffix)
{
	struct strbuf name = STRBUF_INIT;
	int r = 0;

	strbuf_addf(&name, "%s%s", db->path, suffix);
	if (unlink(name.buf) < 0 && errno != ENOENT)
		r = err_errno("cannot remove \"%s\"", name.buf);
	strbuf_release(&name);
	return r;
}

/* Where the file was removed, and its log was not, the log must not be taken for the new one's. Others wait
 * until that is done, because they come here as well while there is no file. */
static int make_file(struct sqlite *db)
{
	int r;

	if (access(db->path, F_OK) == 0 || errno != ENOENT)
		return 0;
	if (db_queue_enter(&db->queue) < 0)
		return -1;
	r = access(db->path, F_OK) == 0 ? 0 : remove_beside(db, "-wal");
	if (r == 0 && access(db->path, F_OK) < 0)
		r = remove_beside(db, "-shm");
	if (r == 0)
		r = make_private(db->path);
	db_queue_leave(&db->queue, false);
	return r;
}

/* 1 when the file is in WAL mode (SWITCH: after the attempt to switch it), 0 when not. */
static int in_wal_mode(struct sqlite *db, bool switch_it)
{
	sqlite3_stmt *stmt = prepare(db, switch_it ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode");
	int r;

	if (!stmt)
		return failed(db);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		r = !strcmp((const char *)sqlite3_column_text(stmt, 0), "wal");
	else
		r = failed(db);
	sqlite3_finalize(stmt);
	return r;
}

static int switch_to_wal(struct sqlite *db)
{
	int r = in_wal_mode(db, false);

	if (r != 0)
		return r < 0 ? r : DB_OK;
	/* Two that switch at once get SQLITE_BUSY, and the busy handler is not asked. */
	if (db_queue_enter(&db->queue) < 0)
		return DB_ERROR;
	r = in_wal_mode(db, true);
	db_queue_leave(&db->queue, false);
	if (r == 0)
		return err_set(WP_IO, "cannot use a write-ahead log: database \"%s\"", db->path);
	return r < 0 ? r : DB_OK;
}

/* now_us(): the wall clock in microseconds, finer than SQLite's own. One value a statement
 * would be nicer, but nothing here compares two. */
static void now_us(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	sqlite3_result_int64(context, clock_wall());
}

static int configure(struct sqlite *db)
{
	int on = 1;

	sqlite3_extended_result_codes(db->handle, 1);
	if (sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS) != SQLITE_OK ||
			sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) != SQLITE_OK ||
			sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
			sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &on) != SQLITE_OK ||
			sqlite3_create_function(db->handle, "now_us", 0, SQLITE_UTF8, NULL, now_us, NULL, NULL) != SQLITE_OK)
		return failed(db);
	sqlite3_wal_hook(db->handle, on_wal, db);
	return switch_to_wal(db);
}

static int connect_file(struct sqlite *db)
{
	if (db_queue_open(&db->queue, db->path) < 0 || make_file(db) < 0)
		return DB_ERROR;
	if (sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK)
		return configure(db);
	if (!db->handle)
		return err_set(WP_SOFTWARE, "out of memory: database \"%s\"", db->path);
	return failed(db);
}

static const struct db_driver sqlite_driver = {
	.kind = DB_SQLITE,
	.close = sqlite_close_,
	.begin = sqlite_begin,
	.try_begin = sqlite_try_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.run = sqlite_run,
	.run_many = sqlite_run_many,
	.script = sqlite_script,
	.copy_begin = sqlite_copy_begin,
	.copy_row = sqlite_copy_row,
	.copy_end = sqlite_copy_end,
	.next = sqlite_next,
	.col_null = sqlite_col_null,
	.col_int = sqlite_col_int,
	.col_real = sqlite_col_real,
	.col_text = sqlite_col_text,
	.changes = sqlite_changes,
	.bell_open = sqlite_bell_open,
	.bell_check = sqlite_bell_check,
	.fd = sqlite_fd,
	.replaced = sqlite_replaced,
};

/* One thread, and nobody asks how much memory it uses: the locks and counts are a tenth of the
 * cost of a small statement. Too late once a connection was made, and then of no matter. */
static void configure_library(void)
{
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_sqlite_open(struct db **out, const char *path)
{
	struct sqlite *db = xcalloc(1, sizeof(*db));
	int r;

	configure_library();
	db->db.driver = &sqlite_driver;
	db->db.rows.db = &db->db;
	db->path = xstrdup(path);
	db->queue = (struct db_queue){ .fd = -1, .inotify = -1 };
	db->blocks = xcalloc((size_t)sql_count, sizeof(*db->blocks));
	db->synchronous = DB_READ;    /* neither of the two: set before the first write */
	db->checkpoint_at = CHECKPOINT_PAGES;
	r = connect_file(db);
	if (r < 0) {
		sqlite_close_(&db->db);
		return r;
	}
	*out = &db->db;
	return DB_OK;
}
