/* This program brings statements of its own, in place of sql.h and of what is behind it. */
#define WP_SQL_H
enum sql_id {
	T_MAKE, T_ADD, T_ADD_WITH_ID, T_ALL, T_COUNT_ROWS, T_ECHO, T_RENAME, T_BUMP, T_SYNCHRONOUS, T_FOREIGN_KEYS,
	T_ORPHAN, T_BLOB, T_LIMIT_PAGES, T_BROKEN, T_PAIR,
	T_TAKE, T_TAKE_WRONGLY, T_COUNT
};
struct sql_text {
	const char *name, *sqlite, *postgres;
};
extern const struct sql_text sql_texts[];
extern const int sql_count;

#include "db.h"
#include "err.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

const int sql_count = T_COUNT;
const struct sql_text sql_texts[] = {
	[T_MAKE] = { "t.make",
		"CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT UNIQUE, n INTEGER NOT NULL DEFAULT 0);"
		"CREATE TABLE child (t INTEGER REFERENCES t);", "" },
	[T_ADD] = { "t.add", "INSERT INTO t (s) VALUES (?1) RETURNING id", "" },
	[T_ADD_WITH_ID] = { "t.add_with_id", "INSERT INTO t (id, s) VALUES (?1, ?2)", "" },
	[T_ALL] = { "t.all", "SELECT id, s, n FROM t ORDER BY id", "" },
	[T_COUNT_ROWS] = { "t.count_rows", "SELECT count(*) FROM t", "" },
	[T_ECHO] = { "t.echo", "SELECT ?1, ?2, ?3, ?4", "" },
	[T_RENAME] = { "t.rename", "UPDATE t SET s = ?2 WHERE id = ?1 RETURNING id, s", "" },
	[T_BUMP] = { "t.bump", "UPDATE t SET n = n + 1", "" },
	[T_SYNCHRONOUS] = { "t.synchronous", "PRAGMA synchronous", "" },
	[T_FOREIGN_KEYS] = { "t.foreign_keys", "PRAGMA foreign_keys", "" },
	[T_ORPHAN] = { "t.orphan", "INSERT INTO child VALUES (12345)", "" },
	[T_BLOB] = { "t.blob", "INSERT INTO t (s) VALUES (hex(randomblob(?1)))", "" },
	[T_LIMIT_PAGES] = { "t.limit_pages", "PRAGMA max_page_count = 20", "" },
	[T_BROKEN] = { "t.broken", "CREATE TABLE first (a); CREATE TABLE second (", "" },
	[T_TAKE] = { "t.take", "SELECT id FROM t WHERE n = 0 AND id <= ?1 ORDER BY id;\n"
		"UPDATE t SET n = ?2 WHERE n = 0 AND id <= ?1\n", "" },
	[T_TAKE_WRONGLY] = { "t.take_wrongly", "SELECT ?1; UPDATE t SET n = NULL WHERE id <= ?1", "" },
	[T_PAIR] = { "t.pair", "SELECT a.id, b.id FROM t a, t b ORDER BY 1, 2", "" },
};

static char directory[] = "/tmp/wp-unit-XXXXXX";
static char *path, *lock_path, *wal_path;

static char *in_directory(const char *name)
{
	char *s;

	if (asprintf(&s, "%s/%s", directory, name) < 0)
		bail_out("memory");
	return s;
}

static struct db *open_db(void)
{
	struct db *db;

	if (db_open(&db, NULL, path) < 0)
		bail_out(err_message());
	return db;
}

static int64_t one_int(struct db *db, enum sql_id id)
{
	struct db_rows *rows;

	if (db_run(db, &rows, id) < 0 || db_next(rows) != 1)
		bail_out(err_message());
	return db_col_int(rows, 0);
}

static struct db *fresh_db(void)
{
	struct db *db;

	if (unlink(path) < 0 && errno != ENOENT)
		bail_out("unlink");
	if (unlink(wal_path) < 0 && errno != ENOENT)
		bail_out("unlink");
	db = open_db();
	if (db_script(db, T_MAKE) < 0)
		bail_out(err_message());
	return db;
}

/* What another process would find: is the queue's lock taken? */
static bool queue_taken(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(lock_path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
		bail_out("lock file");
	close(fd);
	return lock.l_type != F_UNLCK;
}

/* Run FN in a process of its own, with its own connection. */
static void elsewhere(void (*fn)(struct db *db))
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct db *db = open_db();

		fn(db);
		db_close(db);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		bail_out("the other process");
}

static void add_elsewhere(struct db *db)
{
	if (db_run(db, NULL, T_ADD, db_null()) < 0)
		bail_out(err_message());
}

static void read_elsewhere(struct db *db)
{
	one_int(db, T_COUNT_ROWS);
}

static void test_files(void)
{
	struct db *db = fresh_db();
	struct stat st;

	is_int(db_kind(db), DB_SQLITE, "it is SQLite");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "the file is for its owner alone");
	ok(stat(wal_path, &st) == 0 && (st.st_mode & 0777) == 0600, "so is the log");
	ok(stat(lock_path, &st) == 0 && (st.st_mode & 0777) == 0600, "so is the lock file");
	is_int(one_int(db, T_FOREIGN_KEYS), 1, "foreign keys are looked after");
	db_close(db);
	ok(stat(wal_path, &st) == 0 && st.st_size > 0, "the log stays when the last one closes");
	db_close(NULL);
}

static void test_values(void)
{
	struct db *db = fresh_db();
	struct db_rows *rows;
	size_t len;
	int r = db_run(db, &rows, T_ECHO, db_int(INT64_MIN), db_real(0.1), db_textn("a'\"\\\0z!", 6), db_null());

	is_int(r, DB_OK, "values are bound");
	is_int(db_next(rows), 1, "there is a row");
	ok(db_col_int(rows, 0) == INT64_MIN, "an integer comes back");
	ok(db_col_real(rows, 1) == 0.1, "a real comes back");
	ok(!memcmp(db_col_text(rows, 2, &len), "a'\"\\\0z", 6) && len == 6, "text comes back, with its length");
	ok(db_col_null(rows, 3) && !db_col_null(rows, 0), "NULL is told from a value");
	ok(!db_col_text(rows, 3, &len) && len == 0 && db_col_int(rows, 3) == 0, "NULL has no text and counts 0");
	is_int(db_next(rows), 0, "there is one row only");
	is_int(db_next(rows), 0, "and the end stays the end");
	is_int(db_text(NULL).type, DB_NULL, "no text is NULL");
	db_close(db);
}

/* Rows are computed while they are read: what was bound must not be the caller's by then. */
static void test_bound_text_is_kept(void)
{
	struct db *db = fresh_db();
	struct db_rows *rows;
	char text[] = "before";

	is_int(db_run(db, &rows, T_ECHO, db_text(text), db_null(), db_null(), db_null()), DB_OK, "text is bound");
	memcpy(text, "after!", 6);
	db_next(rows);
	is_str(db_col_text(rows, 0, NULL), "before", "it is what it was");
	db_close(db);
}

static void test_changes(void)
{
	struct db *db = fresh_db();
	struct db_rows *rows;

	db_run(db, NULL, T_ADD, db_text("a"));
	db_run(db, NULL, T_ADD, db_text("b"));
	is_int(db_run(db, &rows, T_BUMP), DB_OK, "an update without rows");
	is_int(db_next(rows), 0, "gives none");
	is_int(db_changes(rows), 2, "and says how many it changed");
	db_run(db, &rows, T_COUNT_ROWS);
	while (db_next(rows) > 0)
		;
	is_int(db_changes(rows), 0, "a query changes none");
	db_close(db);
}

static int64_t taken(struct db *db)
{
	struct db_rows *rows;
	int64_t sum = 0;

	db_run(db, &rows, T_ALL);
	while (db_next(rows) > 0)
		sum += db_col_int(rows, 2);
	return sum;
}

static void test_two_statements(void)
{
	struct db *db = fresh_db();
	struct db_rows *rows;

	db_run(db, NULL, T_ADD, db_text("a"));
	db_run(db, NULL, T_ADD, db_text("b"));
	db_run(db, NULL, T_ADD, db_text("c"));
	is_int(db_run(db, &rows, T_TAKE, db_int(2), db_int(10)), DB_OK, "two statements in a block");
	ok(queue_taken(), "are one transaction");
	is_int(db_next(rows), 1, "the first one's rows");
	is_int(db_next(rows), 1, "come");
	is_int(db_next(rows), 0, "and end");
	ok(!queue_taken(), "and with them the transaction");
	is_int(db_changes(rows), 2, "the second one's changes are counted");
	is_int(taken(db), 20, "and are there");
	db_run(db, &rows, T_TAKE, db_int(3), db_int(5));
	is_int(taken(db), 25, "the second runs also when nobody reads the first one's rows");
	is_int(db_run(db, &rows, T_TAKE_WRONGLY, db_int(3)), DB_OK, "a second one that will fail");
	is_int(db_next(rows), 1, "after the first one's row");
	is_int(db_next(rows), DB_ERROR, "fails");
	ok(!queue_taken(), "and nothing is left open");
	is_int(taken(db), 25, "or changed");
	db_close(db);
}

static void test_many(void)
{
	const struct db_value cells[] = {
		db_int(1), db_text("one"), db_int(77), db_text("nobody"), db_int(3), db_null(), db_int(2), db_text("two")
	};
	struct db *db = fresh_db();
	struct db_rows *rows;
	int64_t ids = 0;
	int n = 0;

	for (int i = 0; i < 3; i++)
		db_run(db, NULL, T_ADD, db_null());
	db_begin(db, DB_DURABLE);
	is_int(db_run_many(db, &rows, T_RENAME, cells, 2, 4), DB_OK, "a statement for four tuples");
	for (; db_next(rows) > 0; n++)
		ids = ids * 10 + db_col_int(rows, 0);
	is_int(n, 3, "gives the rows of all runs");
	is_int(ids, 132, "in order");
	is_int(db_changes(rows), 3, "and counts the changes of all");
	is_int(db_run_many(db, &rows, T_RENAME, cells, 2, 0), DB_OK, "no tuples are fine");
	is_int(db_next(rows), 0, "and give no rows");
	is_int(db_run_many(db, NULL, T_RENAME, cells, 2, 4), DB_OK, "nobody has to read them");
	is_int(db_commit(db), DB_OK, "commit");
	db_close(db);
}

static void test_many_that_fails(void)
{
	const struct db_value cells[] = { db_int(1), db_text("x"), db_int(2), db_text("x") };
	struct db *db = fresh_db();
	struct db_rows *rows;

	db_begin(db, DB_RELAXED);
	is_int(db_run_many(db, NULL, T_ADD_WITH_ID, cells, 2, 2), DB_UNIQUE, "the second tuple is refused");
	db_rollback(db);
	is_int(one_int(db, T_COUNT_ROWS), 0, "the rollback undoes the first");
	db_begin(db, DB_RELAXED);
	is_int(db_run_many(db, &rows, T_ADD_WITH_ID, cells, 2, 2), DB_UNIQUE, "so it is when rows are wanted");
	ok(rows == NULL, "and then there are no rows");
	db_rollback(db);
	db_close(db);
}

static void test_copy(void)
{
	struct db *db = fresh_db();

	db_begin(db, DB_DURABLE);
	is_int(db_copy_begin(db, T_ADD_WITH_ID), DB_OK, "copy begins");
	for (int i = 1; i <= 100; i++) {
		const struct db_value row[] = { db_int(i), db_null() };

		if (db_copy_row(db, row, 2) < 0)
			bail_out(err_message());
	}
	is_int(db_copy_end(db), DB_OK, "copy ends");
	is_int(db_commit(db), DB_OK, "commit");
	is_int(one_int(db, T_COUNT_ROWS), 100, "all rows are there");
	db_close(db);
}

static void test_errors(void)
{
	struct db *db;

	unlink(path);
	unlink(wal_path);
	db = open_db();
	is_int(db_run(db, NULL, T_BUMP), DB_MISSING, "a table that is not there");
	ok(strstr(err_message(), "no such table: t"), "is named: %s", err_message());
	is_int(err_status(), WP_UNAVAILABLE, "its status");
	db_close(db);

	db = fresh_db();
	db_run(db, NULL, T_ADD, db_text("a"));
	is_int(db_run(db, NULL, T_ADD, db_text("a")), DB_UNIQUE, "the same again");
	ok(!queue_taken(), "a failed statement lets the queue go");
	is_int(db_run(db, NULL, T_ADD_WITH_ID, db_int(1), db_null()), DB_UNIQUE, "the same primary key again");
	is_int(db_run(db, NULL, T_ORPHAN), DB_ERROR, "a reference to nothing");
	is_int(err_status(), WP_DATA, "is bad data");
	is_int(db_script(db, T_BROKEN), DB_ERROR, "a broken script");
	is_int(db_run(db, NULL, T_ADD, db_text("b")), DB_OK, "none of these hurts what comes after");
	is_int(one_int(db, T_COUNT_ROWS), 2, "and none left anything behind");
	db_close(db);
}

static void test_script_is_one_transaction(void)
{
	struct db *db = fresh_db();

	db_script(db, T_BROKEN);
	is_int(db_script(db, T_BROKEN), DB_ERROR, "a broken script fails again");
	ok(!strstr(err_message(), "already exists"), "for the same reason: its first half was undone: %s",
		err_message());
	db_close(db);
}

static void test_not_a_database(void)
{
	struct db *db;
	FILE *file;

	unlink(path);
	unlink(wal_path);
	file = fopen(path, "w");
	for (int i = 0; file && i < 1000; i++)
		fputs("not a database ", file);
	if (!file || fclose(file) != 0)
		bail_out("fopen");
	is_int(db_open(&db, NULL, path), DB_ERROR, "a file of something else is refused");
	is_int(err_status(), WP_DATA, "as bad data");
	ok(strstr(err_message(), path), "by name: %s", err_message());
	unlink(path);
	is_int(db_open(&db, NULL, "/nonexistent/state.db"), DB_ERROR, "a directory that is not there");
	ok(err_status() != 0, "has a status");
}

static void test_full(void)
{
	struct db *db = fresh_db();

	one_int(db, T_LIMIT_PAGES);
	db_begin(db, DB_DURABLE);
	db_run(db, NULL, T_ADD, db_text("kept?"));
	is_int(db_run(db, NULL, T_BLOB, db_int(200000)), DB_ERROR, "no room");
	is_int(err_status(), WP_IO, "is an I/O error");
	ok(strstr(err_message(), "full"), "says so: %s", err_message());
	db_rollback(db);
	ok(strstr(err_message(), "full"), "the rollback keeps the reason");
	ok(!queue_taken(), "and lets the queue go");
	is_int(one_int(db, T_COUNT_ROWS), 0, "nothing of it stays");
	is_int(db_run(db, NULL, T_ADD, db_text("small")), DB_OK, "what has room is taken");
	db_close(db);
}

static void test_transactions(void)
{
	struct db *db = fresh_db();

	db_begin(db, DB_DURABLE);
	ok(queue_taken(), "a writer has the queue's lock");
	is_int(one_int(db, T_SYNCHRONOUS), 2, "durable is synchronous=FULL");
	db_run(db, NULL, T_ADD, db_text("a"));
	db_rollback(db);
	ok(!queue_taken(), "lets it go when it rolls back");
	is_int(one_int(db, T_COUNT_ROWS), 0, "which undoes its work");
	db_rollback(db);

	db_begin(db, DB_RELAXED);
	is_int(one_int(db, T_SYNCHRONOUS), 1, "relaxed is synchronous=NORMAL");
	db_run(db, NULL, T_ADD, db_text("b"));
	is_int(db_commit(db), DB_OK, "commit");
	ok(!queue_taken(), "lets it go as well");

	db_begin(db, DB_READ);
	is_int(one_int(db, T_COUNT_ROWS), 1, "a reader sees what was committed");
	ok(!queue_taken(), "and does not queue");
	elsewhere(add_elsewhere);
	is_int(one_int(db, T_COUNT_ROWS), 1, "and sees the same until its end");
	db_commit(db);
	is_int(one_int(db, T_COUNT_ROWS), 2, "and what is new afterwards");
	db_close(db);
}

/* A writing statement outside a transaction is one until its rows are read. */
static void test_own_transaction(void)
{
	struct db *db = fresh_db();
	struct db_rows *rows;

	db_run(db, &rows, T_ADD, db_text("a"));
	ok(queue_taken(), "a writing statement queues by itself");
	is_int(db_next(rows), 1, "gives its row");
	is_int(db_next(rows), 0, "and its end");
	ok(!queue_taken(), "and has committed then");

	db_run(db, &rows, T_ADD, db_text("b"));
	is_int(one_int(db, T_COUNT_ROWS), 2, "the next statement commits one whose rows nobody read");
	ok(!queue_taken(), "and lets the queue go");

	db_run(db, &rows, T_PAIR);
	db_next(rows);
	ok(!queue_taken(), "a query does not queue");
	db_close(db);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_bell(void)
{
	struct db *db = fresh_db();

	is_int(db_fd(db), -1, "no bell, no descriptor");
	is_int(db_bell_check(db), 0, "and nothing rings");
	is_int(db_bell_open(db, "a"), DB_OK, "a bell is opened");
	is_int(db_bell_open(db, "b"), DB_OK, "and another");
	is_int(db_bell_arm(db, "a"), DB_OK, "armed");
	ok(!readable(db_fd(db)), "silence at first");

	elsewhere(read_elsewhere);
	is_int(db_bell_check(db), 0, "a reader does not ring");
	elsewhere(add_elsewhere);
	ok(readable(db_fd(db)), "a commit of another process makes the descriptor readable");
	is_int(db_bell_check(db), 1, "and rings");
	ok(!readable(db_fd(db)), "it is readable no more");
	is_int(db_bell_check(db), 0, "and rings once");

	db_run(db, NULL, T_ADD, db_text("own"));
	is_int(db_bell_check(db), 0, "a commit of our own does not ring");
	db_run(db, NULL, T_ADD, db_text("own again"));
	elsewhere(add_elsewhere);
	is_int(db_bell_check(db), 1, "but does not drown another's");
	is_int(db_bell_ring(db, "a"), DB_OK, "ringing needs nothing");
	is_int(db_bell_disarm(db, "a"), DB_OK, "nor does disarming");
	is_int(db_listen(db, "channel"), DB_OK, "nor listening");
	ok(db_session_works(db), "a session is our own");
	db_close(db);
}

static void test_empty_commit_is_silent(void)
{
	struct db *db = fresh_db();
	struct db *other = open_db();

	db_bell_open(db, "a");
	db_begin(other, DB_DURABLE);
	is_int(db_commit(other), DB_OK, "a commit of nothing");
	ok(!readable(db_fd(db)), "wakes nobody");
	db_close(other);
	db_close(db);
}

/* Pipes, not time: the writer says when it is in the middle, then waits to be killed. */
static void test_killed_writer(void)
{
	struct db *db = fresh_db();
	char byte;
	int fds[2];
	pid_t pid;

	db_close(db);
	if (pipe(fds) < 0)
		bail_out("pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		db = open_db();
		if (db_begin(db, DB_DURABLE) < 0 || db_run(db, NULL, T_ADD, db_text("lost")) < 0 ||
				write(fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	if (read(fds[0], &byte, 1) != 1)
		bail_out("the writer");
	ok(queue_taken(), "the writer is in the middle");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ok(!queue_taken(), "its death lets the queue go");
	db = open_db();
	is_int(one_int(db, T_COUNT_ROWS), 0, "and undoes its work");
	is_int(db_run(db, NULL, T_ADD, db_text("next")), DB_OK, "the next writer gets on");
	close(fds[0]);
	close(fds[1]);
	db_close(db);
}

static void bump_often(struct db *db)
{
	for (int i = 0; i < 50; i++) {
		if (db_begin(db, i % 2 ? DB_DURABLE : DB_RELAXED) < 0 || db_run(db, NULL, T_BUMP) < 0 ||
				db_commit(db) < 0)
			_exit(1);
	}
}

static void test_many_writers(void)
{
	enum { WRITERS = 4 };
	struct db *db = fresh_db();
	struct db_rows *rows;
	int status, good = 0;

	db_run(db, NULL, T_ADD, db_text("counter"));
	fflush(stdout);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			db = open_db();
			bump_often(db);
			db_close(db);
			_exit(0);
		}
	for (int i = 0; i < WRITERS; i++)
		good += wait(&status) > 0 && status == 0;
	is_int(good, WRITERS, "all writers came through");
	db_run(db, &rows, T_ALL);
	db_next(rows);
	is_int(db_col_int(rows, 2), WRITERS * 50, "and no change was lost");
	db_close(db);
}

/* Nobody made the file before them: one of them switches it to a log, all can use it. */
static void test_all_at_once(void)
{
	enum { OPENERS = 8 };
	int fds[2], status, good = 0;
	char byte;

	unlink(path);
	unlink(wal_path);
	if (pipe(fds) < 0)
		bail_out("pipe");
	fflush(stdout);
	for (int i = 0; i < OPENERS; i++)
		if (fork() == 0) {
			struct db *db;

			close(fds[1]);
			if (read(fds[0], &byte, 1) != 0)
				_exit(1);
			db = open_db();
			one_int(db, T_SYNCHRONOUS);
			db_close(db);
			_exit(0);
		}
	close(fds[1]);
	for (int i = 0; i < OPENERS; i++)
		good += wait(&status) > 0 && status == 0;
	is_int(good, OPENERS, "a file that is not there is made for all who open it at once");
	close(fds[0]);
}

static void test_log_is_kept_short(void)
{
	struct db *db = fresh_db();
	struct stat st;

	/* 60 times some 50 pages: three times what the log may hold. */
	for (int i = 0; i < 60; i++)
		if (db_run(db, NULL, T_BLOB, db_int(100000)) < 0)
			bail_out(err_message());
	if (stat(wal_path, &st) < 0)
		bail_out("no log");
	ok(st.st_size < 1500 * 4120, "the log is begun anew: %lld bytes", (long long)st.st_size);
	db_close(db);
}

/* Whoever opens a file that nobody else has open cannot know what of its log was checkpointed. */
static void test_log_of_short_programs(void)
{
	struct stat st;

	db_close(fresh_db());
	for (int i = 0; i < 400; i++) {
		struct db *db = open_db();

		if (db_run(db, NULL, T_ADD, db_null()) < 0)
			bail_out(err_message());
		db_close(db);
	}
	if (stat(wal_path, &st) < 0)
		bail_out("no log");
	ok(st.st_size < 150 * 4120, "nor does it grow where nobody stays: %lld bytes", (long long)st.st_size);
}

static void clean_up(void)
{
	static const char *const names[] = { "t.db", "t.db-wal", "t.db-shm", "t.db-lock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *name = in_directory(names[i]);

		unlink(name);
		free(name);
	}
	rmdir(directory);
	free(path);
	free(lock_path);
	free(wal_path);
}

int main(void)
{
	err_program("test");
	if (!mkdtemp(directory))
		bail_out("mkdtemp");
	path = in_directory("t.db");
	lock_path = in_directory("t.db-lock");
	wal_path = in_directory("t.db-wal");
	test_files();
	test_values();
	test_bound_text_is_kept();
	test_changes();
	test_two_statements();
	test_many();
	test_many_that_fails();
	test_copy();
	test_errors();
	test_script_is_one_transaction();
	test_not_a_database();
	test_full();
	test_transactions();
	test_own_transaction();
	test_bell();
	test_empty_commit_is_silent();
	test_killed_writer();
	test_many_writers();
	test_all_at_once();
	test_log_is_kept_short();
	test_log_of_short_programs();
	clean_up();
	return done_testing();
}
