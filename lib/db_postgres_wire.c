/* db_postgres_wire.c - sending and waiting with a deadline; what an error means. */
#include "db_postgres.h"

#include "alloc.h"
#include "err.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A server that does not answer a cancel request either is not waited for longer. */
#define CANCEL_SECONDS 5

/* Errors */

/* What the server's error classes mean for a script. */
static const struct {
	const char *prefix;
	int status;
} statuses[] = {
	{ "22", WP_DATA },            /* data exception */
	{ "23", WP_DATA },            /* constraint */
	{ "25006", WP_UNAVAILABLE },  /* read-only: a standby */
	{ "28", WP_NOPERM },
	{ "3D", WP_UNAVAILABLE },     /* no such database */
	{ "40", WP_TEMPFAIL },        /* deadlock, serialization */
	{ "42501", WP_NOPERM },
	{ "53100", WP_IO },           /* disk full */
	{ "53", WP_UNAVAILABLE },
	{ "55P03", WP_TEMPFAIL },     /* lock not available */
	{ "57014", WP_TEMPFAIL },     /* cancelled, statement_timeout */
	{ "57", WP_UNAVAILABLE },
	{ "58", WP_IO },
};

static int status_of(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (!strncmp(sqlstate, statuses[i].prefix, strlen(statuses[i].prefix)))
			return statuses[i].status;
	return WP_SOFTWARE;
}

static bool is_missing(const char *sqlstate)
{
	/* schema, table, function */
	return !strcmp(sqlstate, "3F000") || !strcmp(sqlstate, "42P01") || !strcmp(sqlstate, "42883");
}

/* The rest of libpq's message is advice ("Is the server running ...?"), a line each. */
static void hint_lines(const char *lines)
{
	struct strbuf hint = STRBUF_INIT;

	for (; *lines; lines++)
		if (*lines != '\n' && *lines != '\t')
			strbuf_addch(&hint, *lines);
		else if (hint.len > 0 && hint.buf[hint.len - 1] != ' ')
			strbuf_addch(&hint, ' ');
	while (hint.len > 0 && hint.buf[hint.len - 1] == ' ')
		strbuf_setlen(&hint, hint.len - 1);
	if (hint.len > 0)
		err_hint("%s", hint.buf);
	strbuf_release(&hint);
}

int pg_record(int status, const char *what, const char *message, bool hint)
{
	int len = (int)strcspn(message, "\n");

	err_set(status, "%s%s%.*s", what, len > 0 ? ": " : "", len, message);
	if (hint)
		hint_lines(message + len);
	return -1;
}

int pg_lost(struct postgres *pg, const char *reason)
{
	if (!pg->quiet)
		pg_record(WP_UNAVAILABLE, "the database connection is lost", reason, false);
	pg_drop(pg);
	return DB_LOST;
}

int pg_not_connected(void)
{
	err_set(WP_UNAVAILABLE, "the database connection is lost");
	return DB_LOST;
}

static const char *field(const PGresult *result, int code)
{
	const char *text = pq.PQresultErrorField(result, code);

	return text ? text : "";
}

static void hint_from(const PGresult *result)
{
	const char *detail = field(result, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = field(result, PG_DIAG_MESSAGE_HINT);
	const char *context = field(result, PG_DIAG_CONTEXT);

	if (*detail && *hint)
		err_hint("%s; %s", detail, hint);
	else if (*detail || *hint)
		err_hint("%s", *detail ? detail : hint);
	else if (!strncmp(context, "COPY", 4))
		err_hint("%s", context);
}

/* FATAL: the server closes the connection. Class 08 comes from poolers whose server went away. */
static bool ends_connection(const PGresult *result, const char *sqlstate)
{
	const char *severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return !strcmp(severity, "FATAL") || !strcmp(severity, "PANIC") || !strncmp(sqlstate, "08", 2);
}

static int classify(struct postgres *pg, const PGresult *result)
{
	const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
	const char *message = field(result, PG_DIAG_MESSAGE_PRIMARY);

	/* Without a code it comes from libpq itself: nothing was answered. */
	if (!*sqlstate || ends_connection(result, sqlstate))
		return pg_lost(pg, *message ? message : pq.PQerrorMessage(pg->conn));
	if (pg->quiet)
		return DB_ERROR;
	err_set(is_missing(sqlstate) ? WP_UNAVAILABLE : status_of(sqlstate), "%s: database \"%s\"", message,
		pq.PQdb(pg->conn));
	if (is_missing(sqlstate)) {
		err_hint("run 'wp-jobs init'");
		return DB_MISSING;
	}
	hint_from(result);
	return strcmp(sqlstate, "23505") ? DB_ERROR : DB_UNIQUE;
}

/* Waiting */

/* 1 ready, 0 the deadline has passed, -1 errno. */
static int wait_socket(struct postgres *pg, short events, usec_t deadline)
{
	struct pollfd fd = { .fd = pq.PQsocket(pg->conn), .events = events };
	struct timespec left;
	usec_t now;
	int r;

	do {
		now = clock_now();
		if (now >= deadline)
			return 0;
		left.tv_sec = (deadline - now) / USEC_SEC;
		left.tv_nsec = (deadline - now) % USEC_SEC * 1000;
		r = ppoll(&fd, 1, deadline == USEC_NEVER ? NULL : &left, NULL);
	} while (r < 0 && errno == EINTR);
	return r;
}

/*
 * PQcancel() connects and waits without a deadline. It is safe to call from a signal handler,
 * so also in a forked child, where an alarm ends it.
 */
static void cancel(struct postgres *pg)
{
	PGcancel *request = pq.PQgetCancel(pg->conn);
	sigset_t alarm_only;
	char ignored[256];
	pid_t pid;

	if (!request)
		return;
	pid = fork();
	if (pid == 0) {
		sigemptyset(&alarm_only);
		sigaddset(&alarm_only, SIGALRM);
		signal(SIGALRM, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
		alarm(CANCEL_SECONDS);
		pq.PQcancel(request, ignored, sizeof(ignored));
		_exit(0);
	}
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	pq.PQfreeCancel(request);
}

static int wait_or_lose(struct postgres *pg, short events, usec_t deadline)
{
	int r = wait_socket(pg, events, deadline);

	if (r > 0)
		return DB_OK;
	if (r < 0)
		return pg_lost(pg, strerror(errno));
	cancel(pg);
	return pg_lost(pg, "the server does not answer");
}

static int consume(struct postgres *pg)
{
	return pq.PQconsumeInput(pg->conn) ? DB_OK : pg_lost(pg, pq.PQerrorMessage(pg->conn));
}

int pg_flush(struct postgres *pg, usec_t deadline)
{
	int r, left;

	while ((left = pq.PQflush(pg->conn)) > 0) {
		/* The server may be stuck itself until we take what it says. */
		r = wait_or_lose(pg, POLLIN | POLLOUT, deadline);
		if (r == DB_OK)
			r = consume(pg);
		if (r < 0)
			return r;
	}
	return left < 0 ? pg_lost(pg, pq.PQerrorMessage(pg->conn)) : DB_OK;
}

static int next_result(struct postgres *pg, PGresult **result, usec_t deadline)
{
	int r;

	while (pq.PQisBusy(pg->conn)) {
		r = wait_or_lose(pg, POLLIN, deadline);
		if (r == DB_OK)
			r = consume(pg);
		if (r < 0)
			return r;
	}
	*result = pq.PQgetResult(pg->conn);
	return DB_OK;
}

static bool is_failure(const PGresult *result)
{
	ExecStatusType status = pq.PQresultStatus(result);

	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

/* The last result, or the first that failed; COPY has no end before its data has. */
static int collect(struct postgres *pg, PGresult **last, usec_t deadline)
{
	PGresult *next;
	int r;

	*last = NULL;
	for (;;) {
		r = next_result(pg, &next, deadline);
		if (r < 0 || !next)
			return r;
		if (*last && is_failure(*last)) {
			pq.PQclear(next);
			continue;
		}
		pq.PQclear(*last);
		*last = next;
		if (pq.PQresultStatus(next) == PGRES_COPY_IN)
			return DB_OK;
	}
}

int pg_answer(struct postgres *pg, int sent, PGresult **result, usec_t deadline)
{
	PGresult *last = NULL;
	int r;

	if (!sent)
		return pg_lost(pg, pq.PQerrorMessage(pg->conn));
	r = pg_flush(pg, deadline);
	if (r == DB_OK)
		r = collect(pg, &last, deadline);
	if (r == DB_OK && !last)
		r = pg_lost(pg, "the server gave no answer");
	if (r == DB_OK && is_failure(last))
		r = classify(pg, last);
	if (r == DB_OK)
		pg_take_notifications(pg);
	if (r == DB_OK && result)
		*result = last;
	else
		pq.PQclear(last);
	return r;
}

int pg_query(struct postgres *pg, const char *sql, PGresult **result)
{
	if (!pg->conn)
		return pg_not_connected();
	return pg_answer(pg, pq.PQsendQuery(pg->conn, sql), result, clock_now() + PG_STATEMENT_DEADLINE);
}
