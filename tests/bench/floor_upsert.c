/*
 * usage: floor_upsert FILE KEY
 *
 * The floor under `wp-presence track KEY --pid PID`: opens a state file, puts the row in or brings it up to date, and
 * exits. No event of it is recorded, and nothing is printed. SQLite's busy handler does the waiting.
 */
#include "bench_state.h"

static const char upsert[] =
	"INSERT INTO presence (topic, key, ref, capacity, in_use, pid, process, lock, boot, meta, joined_at, updated_at)"
	" VALUES ('workers', ?1, ?1, 1, 0, ?2, 1, '', 1, '{}', 1, 1)"
	" ON CONFLICT (ref) DO UPDATE SET capacity = excluded.capacity, updated_at = excluded.updated_at";

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(64, "usage: floor_upsert FILE KEY");
	sqlite3 *db = sqlite_open_state(argv[1]);

	sqlite_run(db, "PRAGMA synchronous = NORMAL");
	sqlite3_stmt *statement = sqlite_prepare(db, upsert);
	sqlite3_bind_text(statement, 1, argv[2], -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, getpid());
	sqlite_do(db, statement);
	sqlite3_finalize(statement);
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
