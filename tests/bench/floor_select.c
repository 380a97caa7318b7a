/*
 * usage: floor_select FILE [SQL]
 *
 * The floor under `wp-presence capacity`: opens the state file, prints one sum of it, and exits; with SQL, the number which that
 * selects. That nobody need look who lives, and the checks of the state directory, is what it saves.
 */
#include "bench_state.h"

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		errx(64, "usage: floor_select FILE [SQL]");
	sqlite3 *db = sqlite_open_state(argv[1]);
	sqlite3_stmt *sum = sqlite_prepare(db, argc > 2 ? argv[2] : "SELECT coalesce(sum(capacity), 0) FROM presence WHERE topic = 'workers'");

	if (sqlite3_step(sum) != SQLITE_ROW)
		errx(1, "%s", sqlite3_errmsg(db));
	printf("%lld\n", (long long)sqlite3_column_int64(sum, 0));
	sqlite3_finalize(sum);
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
