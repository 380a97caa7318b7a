/* The bells of Postgres, with the schema as it is. What all drivers share is in test_db_*.c. */
#include "db.h"
#include "err.h"
#include "tap.h"

#include <poll.h>
#include <signal.h>

static char *where;

static struct db *open_db(void)
{
	struct db *db;

	if (db_open(&db, where, NULL) < 0)
		bail_out(err_message());
	return db;
}

static void psql(const char *sql)
{
	char *command;

	if (asprintf(&command, "psql -X -q -v ON_ERROR_STOP=1 -d \"$WP_TEST_PG\" -c '%s' 2>/dev/null", sql) < 0 ||
			system(command) != 0)
		bail_out("psql");
	free(command);
}

static void ring(struct db *db, const char *name)
{
	if (db_begin(db, DB_DURABLE) < 0 || db_bell_ring(db, name) < 0 || db_commit(db) < 0)
		bail_out(err_message());
}

/* The server tells a session of what was committed before it answers the session's next statement. */
static int rang(struct db *db)
{
	if (db_run(db, NULL, SQL_SESSION_BACKEND) < 0)
		bail_out(err_message());
	return db_bell_check(db);
}

static int wait_for_ring(struct db *db)
{
	int r = 0;

	while (r == 0) {
		struct pollfd p = { .fd = db_fd(db), .events = POLLIN };

		if (poll(&p, 1, 20000) != 1)
			bail_out("no bell");
		r = db_bell_check(db);
	}
	return r;
}

static void test_missing(struct db *db)
{
	is_int(db_bell_open(db, "x"), DB_MISSING, "there are no bells without the schema");
	is_int(err_status(), WP_UNAVAILABLE, "its status");
}

static void test_ring(struct db *waiter, struct db *ringer)
{
	is_int(db_bell_open(waiter, "one"), DB_OK, "a bell");
	is_int(db_bell_open(waiter, "it's \"two\""), DB_OK, "and another");
	ring(ringer, "one");
	is_int(rang(waiter), 0, "it does not ring before it is armed");
	is_int(db_bell_arm(waiter, "one"), DB_OK, "it is armed");
	is_int(rang(waiter), 0, "and silent");
	ring(ringer, "one");
	is_int(wait_for_ring(waiter), 1, "it wakes a waiter");
	is_int(rang(waiter), 0, "once");
	ring(ringer, "one");
	is_int(wait_for_ring(waiter), 1, "it stays armed");
	is_int(db_bell_arm(waiter, "one"), DB_OK, "to arm it again is no failure");
	ring(ringer, "it's \"two\"");
	is_int(rang(waiter), 0, "the other is not armed");
	db_bell_arm(waiter, "it's \"two\"");
	ring(ringer, "it's \"two\"");
	is_int(wait_for_ring(waiter), 1, "and rings when it is");
	is_int(db_bell_disarm(waiter, "one"), DB_OK, "disarmed");
	is_int(db_bell_disarm(waiter, "one"), DB_OK, "twice is no failure");
	ring(ringer, "one");
	is_int(rang(waiter), 0, "and silent");
}

static void test_rollback(struct db *waiter, struct db *ringer)
{
	db_bell_arm(waiter, "one");
	db_begin(ringer, DB_DURABLE);
	db_bell_ring(ringer, "one");
	is_int(rang(waiter), 0, "nothing rings before the commit");
	db_rollback(ringer);
	is_int(rang(waiter), 0, "nor after a rollback");
	db_bell_disarm(waiter, "one");
}

/* A ringer that saw nobody armed, and commits when somebody is, would wake nobody. */
static void test_ringer_in_between(struct db *waiter, struct db *ringer)
{
	db_begin(ringer, DB_DURABLE);
	db_bell_ring(ringer, "one");
	is_int(db_bell_arm(waiter, "one"), 1, "a bell is not armed while such a one is on its way");
	db_commit(ringer);
	is_int(db_bell_arm(waiter, "one"), DB_OK, "but afterwards");
	ring(ringer, "one");
	is_int(wait_for_ring(waiter), 1, "and rings then");
	db_bell_disarm(waiter, "one");
}

static void test_reconnect(struct db *waiter, struct db *ringer)
{
	int r = db_reconnect_start(waiter);

	while (r == 0) {
		struct pollfd p = { .fd = db_fd(waiter), .events = (short)db_reconnect_events(waiter) };

		if (poll(&p, 1, -1) < 0)
			bail_out("poll");
		r = db_reconnect_step(waiter);
	}
	is_int(r, 1, "a new connection");
	ring(ringer, "one");
	is_int(rang(waiter), 0, "has no bell armed");
	is_int(db_bell_arm(waiter, "one"), DB_OK, "until it arms one");
	ring(ringer, "one");
	is_int(wait_for_ring(waiter), 1, "which rings again");
}

enum { JOBS = 200 };

static const char *key(int i)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", i);
	return text;
}

/* Adds a job for every byte that it reads, at once. */
static void add_jobs(int fd)
{
	struct db *db = open_db();
	char byte;

	for (int i = 0; i < JOBS; i++)
		if (read(fd, &byte, 1) != 1 || db_begin(db, DB_RELAXED) < 0 ||
				db_run(db, NULL, SQL_JOBS_ADD, db_text("q"), db_text("{}"), db_int(0), db_null(), db_null(),
					db_int(1), db_text(key(i)), db_null()) < 0 || db_commit(db) < 0)
			_exit(1);
	db_close(db);
	_exit(0);
}

static bool sees_job(struct db *db, int i)
{
	struct db_rows *rows;

	if (db_run(db, &rows, SQL_JOBS_STANDING, db_text("q"), db_text(key(i))) < 0)
		bail_out(err_message());
	return db_next(rows) > 0;
}

/* Arm, look, and sleep only when there is nothing. */
static void wait_for_job(struct db *db, int i)
{
	for (;;) {
		int armed = db_bell_arm(db, "jobs q");

		if (armed < 0)
			bail_out(err_message());
		if (sees_job(db, i))
			return;
		if (armed == 0)
			wait_for_ring(db);
	}
}

/* The promise itself: whatever is committed, the waiter sees it or is woken. */
static void test_none_is_missed(struct db *waiter)
{
	int fds[2], status, i;
	pid_t pid;

	if (pipe(fds) < 0 || db_bell_open(waiter, "jobs q") < 0)
		bail_out("pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		add_jobs(fds[0]);
	for (i = 0; i < JOBS; i++) {
		/* Sometimes it is armed already, mostly both happen at once. */
		if (i % 3 && db_bell_disarm(waiter, "jobs q") < 0)
			bail_out(err_message());
		if (write(fds[1], "x", 1) != 1)
			bail_out("write");
		wait_for_job(waiter, i);
	}
	is_int(i, JOBS, "no job was missed");
	ok(waitpid(pid, &status, 0) == pid && status == 0, "all were added");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	struct db *waiter, *ringer;

	err_program("test");
	if (!getenv("WP_TEST_PG")) {
		puts("1..0 # SKIP WP_TEST_PG is not set");
		return 0;
	}
	if (asprintf(&where, "%s dbname=wp_unit_bell", getenv("WP_TEST_PG")) < 0)
		bail_out("memory");
	psql("DROP DATABASE IF EXISTS wp_unit_bell");
	psql("CREATE DATABASE wp_unit_bell");
	waiter = open_db();
	test_missing(waiter);
	db_close(waiter);
	ringer = open_db();
	is_int(db_script(ringer, SQL_SCHEMA_INIT), DB_OK, "the schema");
	is_int(db_script(ringer, SQL_SCHEMA_INIT), DB_OK, "again");
	waiter = open_db();
	test_ring(waiter, ringer);
	test_rollback(waiter, ringer);
	test_ringer_in_between(waiter, ringer);
	test_reconnect(waiter, ringer);
	test_none_is_missed(waiter);
	db_close(waiter);
	db_close(ringer);
	psql("DROP DATABASE wp_unit_bell");
	free(where);
	return done_testing();
}
