/* bench_state.h - the state file as a bare program opens it. */
#ifndef BENCH_STATE_H
#define BENCH_STATE_H

#include "bench_sqlite.h"

/* In WAL mode already, with the tables in it. As in the programs measured, the last who closes it does not check the log in: that
 * would be another kind of work, and far more of it. */
static inline sqlite3 *sqlite_open_state(const char *path)
{
	sqlite3 *db;
	int on = 1;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		errx(66, "%s: %s", path, sqlite3_errmsg(db));
	if (sqlite3_busy_timeout(db, 60000) != SQLITE_OK ||
			sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
			sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on) != SQLITE_OK)
		errx(1, "%s: %s", path, sqlite3_errmsg(db));
	return db;
}

#endif
