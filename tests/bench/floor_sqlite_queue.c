/*
 * usage: floor_sqlite_queue FILE COUNT BATCH [WORKERS]
 *
 * The floor under draining a queue in SQLite: COUNT rows in a table with a primary key and one
 * index to fetch by; batches are reserved by one UPDATE ... RETURNING, then deleted in
 * a transaction that is on disk when it ends; the reservation does not wait for that.
 * With WORKERS, each row is also a line that one of so many processes sends back (another process passes
 * them on) before it is deleted; meanwhile the next batch is reserved.
 * Prints rows a second. FILE must not be there before.
 */
#include "bench_sqlite.h"
#include "bench_workers.h"

static const char setup[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE floor_job (id INTEGER PRIMARY KEY, queue TEXT NOT NULL,"
	" state TEXT NOT NULL DEFAULT 'available', payload TEXT NOT NULL);"
	"CREATE INDEX floor_fetch ON floor_job (queue, id) WHERE state = 'available';";
static const char fill[] =
	"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?1)"
	" INSERT INTO floor_job (queue, payload) SELECT 'q', json_object('n', n) FROM s";
static const char reserve[] =
	"UPDATE floor_job SET state = 'reserved' WHERE id IN (SELECT id FROM floor_job"
	" WHERE queue = 'q' AND state = 'available' ORDER BY id LIMIT ?1) RETURNING id, payload";

static sqlite3 *db;
static sqlite3_stmt *reserving, *deleting;

static long reserve_batch(sqlite3_int64 *ids)
{
	long n = 0;
	int result;

	sqlite_run(db, "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE");
	while ((result = sqlite3_step(reserving)) == SQLITE_ROW)
		ids[n++] = sqlite3_column_int64(reserving, 0);
	if (result != SQLITE_DONE || sqlite3_reset(reserving) != SQLITE_OK)
		errx(1, "%s", sqlite3_errmsg(db));
	sqlite_run(db, "COMMIT");
	return n;
}

static void delete_batch(const sqlite3_int64 *ids, long n)
{
	sqlite_run(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
	for (long i = 0; i < n; i++) {
		sqlite3_bind_int64(deleting, 1, ids[i]);
		sqlite_do(db, deleting);
	}
	sqlite_run(db, "COMMIT");
}

static void prepare(long count, long batch)
{
	sqlite_run(db, setup);
	sqlite3_stmt *filling = sqlite_prepare(db, fill);
	sqlite3_bind_int64(filling, 1, count);
	sqlite_do(db, filling);
	sqlite3_finalize(filling);
	sqlite_run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	reserving = sqlite_prepare(db, reserve);
	sqlite3_bind_int64(reserving, 1, batch);
	deleting = sqlite_prepare(db, "DELETE FROM floor_job WHERE id = ?1");
}

static int to_pool = -1, from_pool = -1;

/* Numbers come in, that many lines go round, and the number goes back. */
static void serve_pool(int in, int out, long workers)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct worker *w = start_workers(epoll, workers);
	long n;

	while (read(in, &n, sizeof(n)) == sizeof(n)) {
		pass_lines(epoll, w, workers, 1, n);
		write_all(out, (char *)&n, sizeof(n));
	}
	_exit(0);
}

static void start_pool(long workers)
{
	int in, out;

	if (!fork_with_pipes(&in, &out))
		serve_pool(in, out, workers);
	from_pool = in;
	to_pool = out;
}

static void hand_out(long n)
{
	if (to_pool >= 0 && n)
		write_all(to_pool, (char *)&n, sizeof(n));
}

static void wait_for_answers(void)
{
	long n;

	if (from_pool >= 0 && read(from_pool, &n, sizeof(n)) != sizeof(n))
		err(1, "pool");
}

static long drain(sqlite3_int64 *ids, sqlite3_int64 *next_ids)
{
	long n = reserve_batch(ids), done = 0;

	hand_out(n);
	while (n) {
		long next = reserve_batch(next_ids);
		sqlite3_int64 *swap = ids;

		hand_out(next);
		wait_for_answers();
		delete_batch(ids, n);
		done += n;
		n = next;
		ids = next_ids;
		next_ids = swap;
	}
	return done;
}

int main(int argc, char **argv)
{
	if (argc < 4 || argc > 5)
		errx(64, "usage: floor_sqlite_queue FILE COUNT BATCH [WORKERS]");
	long count = number(argv[2], 1, 100000000), batch = number(argv[3], 1, 100000);
	sqlite3_int64 *ids = calloc(2 * (size_t)batch, sizeof(*ids));

	if (!ids)
		err(71, "calloc");
	if (argc > 4)
		start_pool(number(argv[4], 1, 500));
	db = sqlite_open_empty(argv[1]);
	prepare(count, batch);
	int64_t began = now_us(CLOCK_MONOTONIC);
	long done = drain(ids, ids + batch);
	double rate = per_second(done, began);

	if (done != count)
		errx(1, "%ld rows came out of %ld", done, count);
	printf("%.0f\n", rate);
	sqlite3_finalize(reserving);
	sqlite3_finalize(deleting);
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
