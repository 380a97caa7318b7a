/*
 * usage: floor_max_wait FILE WRITERS SECONDS
 *
 * The floor under waiting one's turn: the same as max_wait, with a lock on FILE-queue in front of each transaction and
 * nothing else beside SQLite.
 */
#include "bench_state.h"
#include "bench_wait.h"

#include <fcntl.h>

static const char change[] = "UPDATE presence SET in_use = ?2, updated_at = ?2 WHERE id = ?1";

static sqlite3 *db;
static sqlite3_stmt *changing, *beginning, *committing;
static int queue;

static void lock(int command, short type)
{
	struct flock flock = { .l_type = type, .l_whence = SEEK_SET };

	if (fcntl(queue, command, &flock) < 0)
		err(71, "fcntl");
}

static void open_state(const char *file)
{
	char *path;

	if (asprintf(&path, "%s-queue", file) < 0)
		err(71, "asprintf");
	queue = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (queue < 0)
		err(73, "%s", path);
	free(path);
	db = sqlite_open_state(file);
	sqlite_run(db, "PRAGMA synchronous = FULL");
	changing = sqlite_prepare(db, change);
	beginning = sqlite_prepare(db, "BEGIN IMMEDIATE");
	committing = sqlite_prepare(db, "COMMIT");
}

static void begin(void)
{
	lock(F_OFD_SETLKW, F_WRLCK);
	sqlite_do(db, beginning);
}

static void write_row(long n)
{
	sqlite3_bind_int64(changing, 1, n + 1);
	sqlite3_bind_int64(changing, 2, now_us(CLOCK_REALTIME));
	sqlite_do(db, changing);
	sqlite_do(db, committing);
	lock(F_OFD_SETLK, F_UNLCK);
}

int main(int argc, char **argv)
{
	static const struct writer writer = { open_state, begin, write_row };

	return run_writers(&writer, argc, argv);
}
