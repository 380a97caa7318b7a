#include "db.h"
#include "err.h"
#include "tap.h"

#include <poll.h>

/* This program brings statements of its own, in place of what is compiled from share/sql. */
#define T(n) ((enum sql_id)(SQL_COUNT + (n)))
#define T_MAKE T(0)
#define T_ADD T(1)
#define T_COUNT_ROWS T(2)
#define T_ECHO T(3)
#define T_UNNEST T(4)
#define T_SYNCHRONOUS T(5)
#define T_COPY T(6)
#define T_ALL T(7)
#define T_NOT_THERE T(8)
#define T_NUMBER T(9)
#define T_KILL T(10)
#define T_NOTIFY T(11)
#define T_DETAIL T(12)
#define T_DROP T(13)
#define T_NO_FUNCTION T(14)
#define T_TRUTH T(15)
const int sql_count = SQL_COUNT + 16;
const struct sql_text sql_texts[] = {
	[SQL_SESSION_BACKEND] = { "session.backend", "", "SELECT pg_backend_pid()" },
	[T_MAKE] = { "t.make", "",
		"DROP TABLE IF EXISTS wp_unit; CREATE TABLE wp_unit (id bigint PRIMARY KEY, s text, n integer CHECK (n > 0))" },
	[T_ADD] = { "t.add", "", "INSERT INTO wp_unit (id, s) VALUES ($1, $2)" },
	[T_COUNT_ROWS] = { "t.count_rows", "", "SELECT count(*) FROM wp_unit" },
	[T_ECHO] = { "t.echo", "", "SELECT $1::bigint, $2::float8, $3::text, $4::text, $3::text IS NULL" },
	[T_UNNEST] = { "t.unnest", "",
		"SELECT i, r, s FROM unnest($1::bigint[], $2::float8[], $3::text[]) WITH ORDINALITY AS t (i, r, s, o) ORDER BY o" },
	[T_SYNCHRONOUS] = { "t.synchronous", "", "SHOW synchronous_commit" },
	[T_COPY] = { "t.copy", "", "COPY wp_unit (id, s, n) FROM STDIN" },
	[T_ALL] = { "t.all", "", "SELECT id, s FROM wp_unit ORDER BY id" },
	[T_NOT_THERE] = { "t.not_there", "", "SELECT * FROM wp_unit_not_there" },
	[T_NUMBER] = { "t.number", "", "SELECT $1::text::integer" },
	[T_KILL] = { "t.kill", "", "SELECT pg_terminate_backend($1::integer, 10000)" },
	[T_NOTIFY] = { "t.notify", "", "SELECT pg_notify($1, $2)" },
	[T_DETAIL] = { "t.detail", "", "INSERT INTO wp_unit (id, n) VALUES (1, $1)" },
	[T_DROP] = { "t.drop", "", "DROP TABLE wp_unit" },
	[T_NO_FUNCTION] = { "t.no_function", "", "SELECT wp_unit_no_function(1)" },
	[T_TRUTH] = { "t.truth", "", "SELECT true, false" },
};

static struct db *open_db(void)
{
	struct db *db;

	if (db_open(&db, getenv("WP_TEST_PG"), NULL) < 0)
		bail_out(err_message());
	return db;
}

static struct db *fresh_db(void)
{
	struct db *db = open_db();

	if (db_script(db, T_MAKE) < 0)
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

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* As a program's loop does. Ends by itself: the driver has a timer of its own. */
static int reconnect(struct db *db)
{
	int r = db_reconnect_start(db);

	while (r == 0) {
		struct pollfd p = { .fd = db_fd(db), .events = (short)db_reconnect_events(db) };

		if (poll(&p, 1, -1) < 0)
			bail_out("poll");
		r = db_reconnect_step(db);
	}
	return r;
}

static void kill_session_of(struct db *db)
{
	struct db *other = open_db();

	if (db_run(other, NULL, T_KILL, db_int(one_int(db, SQL_SESSION_BACKEND))) < 0)
		bail_out(err_message());
	db_close(other);
}

static void test_values(struct db *db)
{
	struct db_rows *rows;
	size_t len;

	is_int(db_kind(db), DB_POSTGRES, "it is Postgres");
	ok(db_fd(db) >= 0, "it has a descriptor");
	ok(db_session_works(db), "and a session of its own");
	is_int(db_run(db, &rows, T_ECHO, db_int(INT64_MIN), db_real(0.1), db_textn("a'\"\\\tü!", 7), db_null()),
		DB_OK, "values are bound");
	is_int(db_next(rows), 1, "there is a row");
	ok(db_col_int(rows, 0) == INT64_MIN, "an integer comes back");
	ok(db_col_real(rows, 1) == 0.1, "a real comes back");
	is_str(db_col_text(rows, 2, &len), "a'\"\\\tü", "text comes back");
	is_int((long long)len, 7, "with its length");
	ok(db_col_null(rows, 3) && !db_col_null(rows, 2), "NULL is told from a value");
	ok(!db_col_text(rows, 3, &len) && len == 0 && db_col_int(rows, 3) == 0, "NULL has no text and counts 0");
	is_int(db_next(rows), 0, "there is one row only");
	is_int(db_next(rows), 0, "and the end stays the end");
	db_run(db, &rows, T_ECHO, db_null(), db_null(), db_text(""), db_null());
	db_next(rows);
	is_str(db_col_text(rows, 2, NULL), "", "empty text is not NULL");
	is_int(db_run(db, NULL, T_ECHO, db_null(), db_null(), db_textn("a\0b", 3), db_null()), DB_ERROR,
		"a NUL is refused");
	is_int(err_status(), WP_DATA, "as bad data");
	db_run(db, &rows, T_TRUTH);
	db_next(rows);
	ok(db_col_int(rows, 0) == 1 && db_col_int(rows, 1) == 0, "truth is a number");
}

static const char *const hostile[] = {
	"", "NULL", "null", "a,b", "{}", "}", "\"", "\\", "\\\"", " lead and trail ", "line\nline\r\t", "\\N", "\\.",
	"'; drop table wp_unit --", "ü€😀", "\x7f\x01",
};
enum { HOSTILE = sizeof(hostile) / sizeof(hostile[0]) };

static void test_many(struct db *db)
{
	struct db_value cells[(HOSTILE + 1) * 3];
	struct db_rows *rows;
	int i;

	for (i = 0; i < HOSTILE; i++) {
		cells[i * 3] = db_int(-i);
		cells[i * 3 + 1] = i % 2 ? db_real(i / 3.0) : db_null();
		cells[i * 3 + 2] = db_text(hostile[i]);
	}
	cells[i * 3] = cells[i * 3 + 1] = cells[i * 3 + 2] = db_null();
	db_begin(db, DB_DURABLE);
	is_int(db_run_many(db, &rows, T_UNNEST, cells, 3, HOSTILE + 1), DB_OK, "arrays of values");
	for (i = 0; i < HOSTILE && db_next(rows) == 1; i++) {
		is_int(db_col_int(rows, 0), -i, "row %d: the integer", i);
		ok(i % 2 ? db_col_real(rows, 1) == i / 3.0 : db_col_null(rows, 1), "row %d: the real", i);
		is_str(db_col_text(rows, 2, NULL), hostile[i], "row %d: the text", i);
	}
	is_int(db_next(rows), 1, "and one more row");
	ok(db_col_null(rows, 0) && db_col_null(rows, 1) && db_col_null(rows, 2), "of NULLs");
	is_int(db_run_many(db, &rows, T_UNNEST, cells, 3, 0), DB_OK, "no tuples are fine");
	is_int(db_next(rows), 0, "and give no rows");
	db_commit(db);
}

static void test_copy(struct db *db)
{
	struct db_rows *rows;
	char *large = calloc(1, 300001);
	int i;

	memset(large, '\t', 300000);
	db_begin(db, DB_DURABLE);
	is_int(db_copy_begin(db, T_COPY), DB_OK, "copy begins");
	for (i = 0; i < HOSTILE; i++) {
		const struct db_value row[] = { db_int(i), db_text(hostile[i]), db_null() };

		if (db_copy_row(db, row, 3) < 0)
			bail_out(err_message());
	}
	for (; i < 100; i++) {
		const struct db_value row[] = { db_int(i), db_text(large), db_int(1) };

		if (db_copy_row(db, row, 3) < 0)
			bail_out(err_message());
	}
	is_int(db_copy_end(db), DB_OK, "copy ends");
	is_int(db_commit(db), DB_OK, "commit");
	db_run(db, &rows, T_ALL);
	for (i = 0; i < HOSTILE && db_next(rows) == 1; i++)
		is_str(db_col_text(rows, 1, NULL), hostile[i], "copied text %d", i);
	for (; db_next(rows) == 1; i++)
		if (strcmp(db_col_text(rows, 1, NULL), large) != 0)
			break;
	is_int(i, 100, "large rows come whole");
	free(large);
}

static void copy_three(struct db *db, int64_t bad)
{
	if (db_begin(db, DB_DURABLE) < 0 || db_copy_begin(db, T_COPY) < 0)
		bail_out(err_message());
	for (int i = 1000; i < 1003; i++) {
		const struct db_value row[] = { db_int(i), db_text("x"), db_int(i == 1001 ? bad : 1) };

		if (db_copy_row(db, row, 3) < 0)
			bail_out(err_message());
	}
}

static void test_copy_that_fails(struct db *db)
{
	int64_t before = one_int(db, T_COUNT_ROWS);
	const struct db_value nul[] = { db_int(1), db_textn("a\0", 2), db_null() };

	copy_three(db, -1);
	is_int(db_copy_end(db), DB_ERROR, "the server refuses a row");
	is_int(err_status(), WP_DATA, "as bad data");
	ok(strstr(err_message(), "check constraint"), "and says why: %s", err_message());
	db_rollback(db);
	copy_three(db, 1);
	db_rollback(db);
	is_int(one_int(db, T_COUNT_ROWS), before, "a copy that is given up leaves nothing");
	copy_three(db, 1);
	is_int(db_copy_row(db, nul, 3), DB_ERROR, "a NUL is refused");
	db_rollback(db);
	is_int(one_int(db, T_COUNT_ROWS), before, "and leaves nothing");
}

static void test_errors(struct db *db)
{
	struct db_rows *rows;

	is_int(db_run(db, NULL, T_NOT_THERE), DB_MISSING, "a table that is not there");
	is_int(err_status(), WP_UNAVAILABLE, "its status");
	is_int(db_run(db, NULL, T_NO_FUNCTION), DB_MISSING, "a function that is not there");
	is_int(db_run(db, NULL, T_ADD, db_int(1), db_null()), DB_UNIQUE, "the same key again");
	is_int(db_run(db, NULL, T_NUMBER, db_text("x")), DB_ERROR, "no number");
	is_int(err_status(), WP_DATA, "is bad data");
	ok(strstr(err_message(), "invalid input syntax"), "in the server's words: %s", err_message());
	is_int(db_run(db, &rows, T_NUMBER, db_text("x")), DB_ERROR, "and again, prepared");
	ok(!rows, "there are no rows then");
	is_int(db_run(db, &rows, T_NUMBER, db_text("17")), DB_OK, "what is right goes on");
	db_next(rows);
	is_int(db_col_int(rows, 0), 17, "as before");
}

static const char *synchronous(struct db *db)
{
	static char copy[16];
	struct db_rows *rows;

	if (db_run(db, &rows, T_SYNCHRONOUS) < 0 || db_next(rows) != 1)
		bail_out(err_message());
	snprintf(copy, sizeof(copy), "%s", db_col_text(rows, 0, NULL));
	return copy;
}

static void test_transactions(struct db *db)
{
	struct db *other = open_db();
	struct db_rows *rows;
	int64_t n = one_int(db, T_COUNT_ROWS);

	db_begin(db, DB_DURABLE);
	is_str(synchronous(db), "on", "durable waits for the disk");
	db_run(db, &rows, T_ADD, db_int(5001), db_null());
	is_int(db_changes(rows), 1, "a row is added");
	db_rollback(db);
	is_int(one_int(db, T_COUNT_ROWS), n, "and gone with the rollback");
	db_rollback(db);

	db_begin(db, DB_RELAXED);
	is_str(synchronous(db), "off", "relaxed does not");
	db_run(db, NULL, T_ADD, db_int(5002), db_null());
	is_int(db_commit(db), DB_OK, "commit");
	is_str(synchronous(db), "on", "only for its length");

	db_begin(db, DB_READ);
	n = one_int(db, T_COUNT_ROWS);
	db_run(other, NULL, T_ADD, db_int(5003), db_null());
	is_int(one_int(db, T_COUNT_ROWS), n, "a reader sees one state");
	is_int(db_run(db, NULL, T_ADD, db_int(5004), db_null()), DB_ERROR, "and may not write");
	db_rollback(db);
	is_int(one_int(db, T_COUNT_ROWS), n + 1, "and sees the next afterwards");

	db_begin(db, DB_DURABLE);
	is_int(db_run(db, NULL, T_ADD, db_int(5003), db_null()), DB_UNIQUE, "an error in a transaction");
	is_int(db_commit(db), DB_ERROR, "is not committed");
	ok(strstr(err_message(), "rolled back"), "and said: %s", err_message());
	db_begin(db, DB_DURABLE);
	db_run(db, NULL, T_NUMBER, db_text("x"));
	db_rollback(db);
	ok(strstr(err_message(), "invalid input"), "a rollback keeps the reason");
	db_close(other);
}

static void test_notifications(struct db *db)
{
	struct db *other = open_db();
	const char *channel, *payload;

	is_int(db_listen(db, "wp unit.\"x\""), DB_OK, "a channel is listened to");
	is_int(db_notification(db, &channel, &payload), 0, "nothing came");
	is_int(db_bell_check(db), 0, "and nothing rang");
	db_run(other, NULL, T_NOTIFY, db_text("wp unit.\"x\""), db_text("one"));
	db_run(other, NULL, T_NOTIFY, db_text("wp unit.\"x\""), db_text("two"));
	/* The server tells us on its own time: the descriptor is what to wait on. */
	for (int n = 0; n < 2;) {
		struct pollfd p = { .fd = db_fd(db), .events = POLLIN };

		if (poll(&p, 1, 10000) != 1 || db_bell_check(db) < 0)
			bail_out("no notification");
		for (; db_notification(db, &channel, &payload) > 0; n++) {
			is_str(channel, "wp unit.\"x\"", "a notification's channel");
			is_str(payload, n == 0 ? "one" : "two", "a notification's text");
		}
	}
	is_int(db_bell_check(db), 0, "then silence");
	ok(!readable(db_fd(db)), "and nothing to read");
	db_close(other);
}

/* It is in libpq's memory then, and the socket has nothing more to say. */
static void test_notification_within_an_answer(struct db *db)
{
	const char *channel, *payload;

	db_run(db, NULL, T_NOTIFY, db_text("wp unit.\"x\""), db_text("own"));
	one_int(db, T_COUNT_ROWS);
	ok(readable(db_fd(db)), "a notification that came with an answer makes the descriptor readable");
	is_int(db_bell_check(db), 1, "and rings");
	is_int(db_notification(db, &channel, &payload), 1, "and is there");
	is_str(payload, "own", "as it was sent");
	is_int(db_notification(db, &channel, &payload), 0, "once");
	ok(!readable(db_fd(db)), "then the descriptor is quiet");
}

static void test_lost(struct db *db)
{
	const char *channel, *payload;
	struct db_rows *rows;

	db_begin(db, DB_DURABLE);
	db_run(db, NULL, T_ADD, db_int(6001), db_null());
	kill_session_of(db);
	is_int(db_run(db, NULL, T_ADD, db_int(6002), db_null()), DB_LOST, "the connection is lost");
	is_int(err_status(), WP_UNAVAILABLE, "its status");
	ok(strstr(err_message(), "lost"), "it is said: %s", err_message());
	is_int(db_fd(db), -1, "there is no descriptor");
	db_rollback(db);
	is_int(db_begin(db, DB_READ), DB_LOST, "nor a transaction");
	is_int(db_run(db, &rows, T_COUNT_ROWS), DB_LOST, "nor an answer");
	is_int(db_bell_check(db), DB_LOST, "nor a bell");
	is_int(db_commit(db), DB_LOST, "nor a commit");

	is_int(reconnect(db), 1, "it is back");
	is_int(db_run(db, NULL, T_ADD, db_int(6001), db_null()), DB_OK, "the transaction was undone");
	db_run(db, NULL, T_NOTIFY, db_text("wp unit.\"x\""), db_text("after"));
	is_int(db_bell_check(db), 1, "channels are listened to again");
	db_notification(db, &channel, &payload);
	is_str(payload, "after", "and told of");
}

static void test_lost_while_idle(struct db *db)
{
	int r = 0;

	kill_session_of(db);
	/* First comes the server's farewell, then the end. */
	while (r == 0) {
		struct pollfd p = { .fd = db_fd(db), .events = POLLIN };

		if (poll(&p, 1, 10000) != 1)
			bail_out("the descriptor does not tell of the loss");
		r = db_bell_check(db);
	}
	is_int(r, DB_LOST, "the check says that the connection is lost");
	is_int(reconnect(db), 1, "it is back");
	is_int(reconnect(db), 1, "even when it was not away");
	one_int(db, T_COUNT_ROWS);
}

static void test_lost_in_copy(struct db *db)
{
	const struct db_value row[] = { db_int(7001), db_null(), db_int(1) };
	struct db *other = open_db();
	int64_t backend = one_int(db, SQL_SESSION_BACKEND);

	db_begin(db, DB_DURABLE);
	db_copy_begin(db, T_COPY);
	db_run(other, NULL, T_KILL, db_int(backend));
	db_copy_row(db, row, 3);
	is_int(db_copy_end(db), DB_LOST, "lost in the middle of a copy");
	db_rollback(db);
	is_int(reconnect(db), 1, "it is back");
	db_begin(db, DB_DURABLE);
	is_int(db_copy_begin(db, T_COPY), DB_OK, "and copies");
	is_int(db_copy_row(db, row, 3), DB_OK, "as if");
	is_int(db_copy_end(db), DB_OK, "nothing");
	is_int(db_commit(db), DB_OK, "had been");
	db_close(other);
}

static void refused(const char *where, int result, int status, const char *name)
{
	struct db *db;

	is_int(db_open(&db, where, NULL), result, "%s", name);
	is_int(err_status(), status, "its status");
	ok(!strstr(err_message(), "secret"), "no password is repeated: %s", err_message());
	ok(!db, "nothing is open");
}

static void test_refusals(void)
{
	refused("", DB_ERROR, WP_USAGE, "nothing");
	refused("secret", DB_ERROR, WP_USAGE, "a word");
	refused("mysql://u:secret@h/d?a=b", DB_ERROR, WP_USAGE, "somebody else's URI");
	refused("host=x password=a secret", DB_ERROR, WP_USAGE, "a conninfo that is none");
	refused("postgresql://u:secret@/d?nonsense=1", DB_ERROR, WP_USAGE, "a URI that is none");
	refused("host=/nonexistent user=u password=secret dbname=d", DB_LOST, WP_UNAVAILABLE, "a server that is not there");
	refused("host=127.0.0.1 port=1 user=u password=secret dbname=d", DB_LOST, WP_UNAVAILABLE, "a closed port");
}

int main(void)
{
	struct db *db;

	err_program("test");
	if (!getenv("WP_TEST_PG")) {
		puts("1..0 # SKIP WP_TEST_PG is not set");
		return 0;
	}
	db = fresh_db();
	test_values(db);
	test_many(db);
	test_copy(db);
	test_copy_that_fails(db);
	test_errors(db);
	test_transactions(db);
	test_notifications(db);
	test_notification_within_an_answer(db);
	test_lost(db);
	test_lost_while_idle(db);
	test_lost_in_copy(db);
	test_refusals();
	db_run(db, NULL, T_DROP);
	db_close(db);
	return done_testing();
}
