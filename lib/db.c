/* db.c - the part of the database that is the same for every driver. */
#include "db.h"

#include "db_impl.h"
#include "err.h"

#include <string.h>

static bool is_uri(const char *where)
{
	return !strncmp(where, "postgres://", 11) || !strncmp(where, "postgresql://", 13);
}

int db_open(struct db **db, const char *where, const char *path)
{
	*db = NULL;
	if (!where)
		return db_sqlite_open(db, path) < 0 ? DB_ERROR : DB_OK;
	if (is_uri(where) || (!strstr(where, "://") && strchr(where, '=')))
		return db_postgres_open(db, where);
	/* Not quoted in the message: a mistyped URI can hold a password. */
	err_set(WP_USAGE, "the database is neither a URI nor a conninfo string");
	err_hint("say postgresql://host/database, \"host=... dbname=...\" or service=name");
	return DB_ERROR;
}

void db_close(struct db *db)
{
	if (db)
		db->driver->close(db);
}

enum db_kind db_kind(const struct db *db)
{
	return db->driver->kind;
}

int db_reconnect_start(struct db *db)
{
	if (!db->driver->reconnect_start)
		err_bug("reconnecting to a database that is a file");
	return db->driver->reconnect_start(db);
}

uint32_t db_reconnect_events(const struct db *db)
{
	return db->driver->reconnect_events ? db->driver->reconnect_events(db) : 0;
}

int db_reconnect_step(struct db *db)
{
	return db->driver->reconnect_step ? db->driver->reconnect_step(db) : 1;
}

int db_begin(struct db *db, enum db_mode mode)
{
	return db->driver->begin(db, mode);
}

int db_try_begin(struct db *db, enum db_mode mode)
{
	int r;

	if (db->driver->try_begin)
		return db->driver->try_begin(db, mode);
	r = db_begin(db, mode);
	return r < 0 ? r : 1;
}

int db_commit(struct db *db)
{
	return db->driver->commit(db);
}

void db_rollback(struct db *db)
{
	db->driver->rollback(db);
}

struct db_value db_null(void)
{
	return (struct db_value){ .type = DB_NULL };
}

struct db_value db_int(int64_t i)
{
	return (struct db_value){ .type = DB_INT, .i = i };
}

struct db_value db_real(double r)
{
	return (struct db_value){ .type = DB_REAL, .r = r };
}

struct db_value db_text(const char *s)
{
	return s ? db_textn(s, strlen(s)) : db_null();
}

struct db_value db_textn(const char *s, size_t len)
{
	return (struct db_value){ .type = DB_TEXT, .s = s, .len = len };
}

struct db_value db_ints(const int64_t *ints, size_t n)
{
	return (struct db_value){ .type = DB_INTS, .ints = ints, .len = n };
}

static int hand_out_rows(struct db *db, struct db_rows **rows, int result)
{
	if (rows)
		*rows = result < 0 ? NULL : &db->rows;
	return result;
}

int db_run_(struct db *db, struct db_rows **rows, enum sql_id id, const struct db_value *values, size_t n)
{
	return hand_out_rows(db, rows, db->driver->run(db, rows != NULL, id, values, n));
}

int db_run_many(struct db *db, struct db_rows **rows, enum sql_id id,
	const struct db_value *cells, size_t ncols, size_t nrows)
{
	return hand_out_rows(db, rows, db->driver->run_many(db, rows != NULL, id, cells, ncols, nrows));
}

int db_next(struct db_rows *rows)
{
	return rows->db->driver->next(rows->db);
}

int64_t db_col_int(struct db_rows *rows, int col)
{
	return rows->db->driver->col_int(rows->db, col);
}

double db_col_real(struct db_rows *rows, int col)
{
	return rows->db->driver->col_real(rows->db, col);
}

const char *db_col_text(struct db_rows *rows, int col, size_t *len)
{
	size_t ignored;

	return rows->db->driver->col_text(rows->db, col, len ? len : &ignored);
}

bool db_col_bool(struct db_rows *rows, int col)
{
	const char *text = db_col_text(rows, col, NULL);

	return text && (*text == 't' || (*text >= '1' && *text <= '9'));
}

bool db_col_null(struct db_rows *rows, int col)
{
	return rows->db->driver->col_null(rows->db, col);
}

int64_t db_changes(struct db_rows *rows)
{
	return rows->db->driver->changes(rows->db);
}

int db_script(struct db *db, enum sql_id id)
{
	return db->driver->script(db, id);
}

int db_copy_begin(struct db *db, enum sql_id id)
{
	return db->driver->copy_begin(db, id);
}

int db_copy_row(struct db *db, const struct db_value *values, size_t n)
{
	return db->driver->copy_row(db, values, n);
}

int db_copy_end(struct db *db)
{
	return db->driver->copy_end(db);
}

bool db_replaced(struct db *db)
{
	return db->driver->replaced && db->driver->replaced(db);
}

int db_bell_open(struct db *db, const char *name)
{
	return db->driver->bell_open(db, name);
}

int db_bell_arm(struct db *db, const char *name)
{
	return db->driver->bell_arm ? db->driver->bell_arm(db, name) : DB_OK;
}

int db_bell_disarm(struct db *db, const char *name)
{
	return db->driver->bell_disarm ? db->driver->bell_disarm(db, name) : DB_OK;
}

int db_bell_ring(struct db *db, const char *name)
{
	return db->driver->bell_ring ? db->driver->bell_ring(db, name) : DB_OK;
}

int db_fd(struct db *db)
{
	return db->driver->fd(db);
}

int db_bell_check(struct db *db)
{
	return db->driver->bell_check(db);
}

int db_listen(struct db *db, const char *channel)
{
	return db->driver->listen ? db->driver->listen(db, channel) : DB_OK;
}

int db_notification(struct db *db, const char **channel, const char **payload)
{
	return db->driver->notification ? db->driver->notification(db, channel, payload) : 0;
}

bool db_session_works(struct db *db)
{
	return !db->driver->session_works || db->driver->session_works(db);
}
