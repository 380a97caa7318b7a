/*
 * usage: max_wait FILE WRITERS SECONDS
 *
 * WRITERS processes that never stop change a row each of the state file, durably, through the queue of ours.
 * Prints the longest that one of them waited to begin, in milliseconds, and transactions a second.
 */
#include "bench_wait.h"

#include "db.h"
#include "err.h"
#include "schema.h"

static struct db *db;

static void check(int r)
{
	if (r < 0)
		_exit(err_report());
}

static void open_state(const char *file)
{
	check(db_open(&db, NULL, file));
	check(schema_check(db));
}

static void begin(void)
{
	check(db_begin(db, DB_DURABLE));
}

static void write_row(long n)
{
	check(db_run(db, NULL, SQL_PRESENCE_CHANGE, db_int(n + 1), db_null(), db_int(now_us(CLOCK_REALTIME)), db_null()));
	check(db_commit(db));
}

int main(int argc, char **argv)
{
	static const struct writer writer = { open_state, begin, write_row };

	return run_writers(&writer, argc, argv);
}
