/* bench_sqlite.h - a bare SQLite connection for the yardsticks. */
#ifndef BENCH_SQLITE_H
#define BENCH_SQLITE_H

#include "bench.h"

#include <sqlite3.h>

static inline sqlite3 *sqlite_open_empty(const char *path)
{
	sqlite3 *db;

	if (!access(path, F_OK))
		errx(64, "\"%s\" is there already", path);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		errx(73, "%s: %s", path, sqlite3_errmsg(db));
	return db;
}

static inline void sqlite_run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		errx(1, "%s: %s", sql, sqlite3_errmsg(db));
}

static inline sqlite3_stmt *sqlite_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		errx(1, "%s: %s", sql, sqlite3_errmsg(db));
	return statement;
}

/* For a statement that returns no rows: run it and make it ready for the next time. */
static inline void sqlite_do(sqlite3 *db, sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK)
		errx(1, "%s", sqlite3_errmsg(db));
}

#endif
