/*
 * usage: floor_sqlite_add FILE COUNT
 *
 * The floor under bulk adding to SQLite: COUNT inserts of queue and JSON payload in one
 * transaction that is on disk when it ends. Prints rows a second. FILE must not be there before.
 */
#include "bench_sqlite.h"

static void add_all(sqlite3 *db, sqlite3_stmt *insert, long count)
{
	char payload[64];

	sqlite_run(db, "BEGIN IMMEDIATE");
	for (long i = 1; i <= count; i++) {
		int len = snprintf(payload, sizeof(payload), "{\"n\":%ld}", i);

		if (len < 0 || (size_t)len >= sizeof(payload))
			errx(70, "payload too long");
		sqlite3_bind_text(insert, 1, payload, len, SQLITE_STATIC);
		sqlite_do(db, insert);
	}
	sqlite_run(db, "COMMIT");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(64, "usage: floor_sqlite_add FILE COUNT");
	long count = number(argv[2], 1, 100000000);
	sqlite3 *db = sqlite_open_empty(argv[1]);

	sqlite_run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"CREATE TABLE floor_add (id INTEGER PRIMARY KEY, queue TEXT NOT NULL, payload TEXT NOT NULL)");
	sqlite3_stmt *insert = sqlite_prepare(db, "INSERT INTO floor_add (queue, payload) VALUES ('bench', ?1)");
	int64_t began = now_us(CLOCK_MONOTONIC);
	add_all(db, insert, count);
	printf("%.0f\n", per_second(count, began));
	sqlite3_finalize(insert);
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
