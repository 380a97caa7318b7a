/*
 * db_impl.h - what a driver of db.h is. For db.c and the drivers alone.
 *
 * A driver's own struct starts with struct db, so that the two pointers are one. The
 * members after "Postgres only" may be NULL: db.c answers for a driver without them.
 */
#ifndef WP_DB_IMPL_H
#define WP_DB_IMPL_H

#include "db.h"

struct db_rows {
	struct db *db;
};

struct db {
	const struct db_driver *driver;
	struct db_rows rows;     /* the one result set that can be open */
};

struct db_driver {
	enum db_kind kind;
	void (*close)(struct db *db);

	int (*begin)(struct db *db, enum db_mode mode);
	int (*try_begin)(struct db *db, enum db_mode mode);    /* NULL: nobody waits for anybody in begin */
	int (*commit)(struct db *db);
	void (*rollback)(struct db *db);

	/* READ: the caller wants the rows; else the statement runs to its end at once. */
	int (*run)(struct db *db, bool read, enum sql_id id, const struct db_value *values, size_t n);
	int (*run_many)(struct db *db, bool read, enum sql_id id,
		const struct db_value *cells, size_t ncols, size_t nrows);
	int (*script)(struct db *db, enum sql_id id);
	int (*copy_begin)(struct db *db, enum sql_id id);
	int (*copy_row)(struct db *db, const struct db_value *values, size_t n);
	int (*copy_end)(struct db *db);

	int (*next)(struct db *db);
	bool (*col_null)(struct db *db, int col);
	int64_t (*col_int)(struct db *db, int col);
	double (*col_real)(struct db *db, int col);
	const char *(*col_text)(struct db *db, int col, size_t *len);
	int64_t (*changes)(struct db *db);

	int (*bell_open)(struct db *db, const char *name);
	int (*bell_check)(struct db *db);
	int (*fd)(struct db *db);

	bool (*replaced)(struct db *db);         /* NULL: it cannot be */

	/* Postgres only */
	int (*bell_arm)(struct db *db, const char *name);
	int (*bell_disarm)(struct db *db, const char *name);
	int (*bell_ring)(struct db *db, const char *name);
	int (*listen)(struct db *db, const char *channel);
	int (*notification)(struct db *db, const char **channel, const char **payload);
	bool (*session_works)(struct db *db);
	int (*reconnect_start)(struct db *db);
	uint32_t (*reconnect_events)(const struct db *db);
	int (*reconnect_step)(struct db *db);
};

int db_sqlite_open(struct db **db, const char *path);
int db_postgres_open(struct db **db, const char *where);

#endif
