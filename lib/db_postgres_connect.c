/* db_postgres_connect.c - opening, reconnecting, finding out about poolers. */
#include "db_postgres.h"

#include "alloc.h"
#include "err.h"
#include "io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Rounds of asking two connections in turn for their sessions, to know a pooler's kind. */
#define PROBE_ROUNDS 4

enum { MAX_KEYWORDS = 10 };

struct keywords {
	const char *names[MAX_KEYWORDS + 1], *values[MAX_KEYWORDS + 1];
	size_t n;
};

static void add_keyword(struct keywords *list, const char *name, const char *value)
{
	if (list->n == MAX_KEYWORDS)
		err_bug("too many connection keywords");
	list->names[list->n] = name;
	list->values[list->n++] = value;
}

/* libpq takes the later of two: what stands before "dbname" is a default, what stands
 * behind it holds whatever the user says. */
static void fill_keywords(struct keywords *list, const char *where)
{
	*list = (struct keywords){ 0 };
	if (!getenv("PGCONNECT_TIMEOUT"))
		add_keyword(list, "connect_timeout", "10");
	add_keyword(list, "keepalives_idle", "10");
	add_keyword(list, "keepalives_interval", "5");
	add_keyword(list, "keepalives_count", "3");
	add_keyword(list, "tcp_user_timeout", "10000");
	add_keyword(list, "fallback_application_name", err_program_name());
	add_keyword(list, "dbname", where);
	add_keyword(list, "client_encoding", "UTF8");
}

/* libpq would repeat the words it stumbles over, of which one can be a password. */
static int check_conninfo(const char *where)
{
	PQconninfoOption *options;

	errno = 0;
	options = pq.PQconninfoParse(where, NULL);
	if (!options && errno == ENOMEM)
		return err_set(WP_SOFTWARE, "out of memory");
	if (!options) {
		err_set(WP_USAGE, "malformed database connection string");
		err_hint("say postgresql://host/database, \"host=... dbname=...\" or service=name");
		return -1;
	}
	pq.PQconninfoFree(options);
	return 0;
}

static int not_connected(const PGconn *conn)
{
	pg_record(WP_UNAVAILABLE, "cannot connect to the database",
		conn ? pq.PQerrorMessage(conn) : "out of memory", true);
	return DB_LOST;
}

static PGconn *connect_now(const char *where)
{
	struct keywords list;

	fill_keywords(&list, where);
	return pq.PQconnectdbParams(list.names, list.values, 1);
}

/* Notices ("relation exists, skipping") are talk for psql's user. */
static void ignore_notice(void *arg, const char *message)
{
}

void pg_drop(struct postgres *pg)
{
	if (pg->conn) {
		epoll_ctl(pg->epoll, EPOLL_CTL_DEL, pq.PQsocket(pg->conn), NULL);
		pq.PQfinish(pg->conn);
	}
	pg->conn = NULL;
	fd_close(&pg->timer);
	memset(pg->prepared, 0, (size_t)sql_count * sizeof(bool));
	for (size_t i = 0; i < pg->nbells; i++)
		pg->bells[i].armed = false;
	pg->looked_after = false;
	pg->copying = false;
	strbuf_reset(&pg->copy);
}

/* The socket may be a new one after every step of connecting. */
static int watch_socket(struct postgres *pg, uint32_t events)
{
	int fd = pq.PQsocket(pg->conn);
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(pg->epoll, EPOLL_CTL_MOD, fd, &event) < 0 &&
			epoll_ctl(pg->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_errno("cannot watch the database connection");
	return 0;
}

static int watch_own(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_errno("cannot watch the database connection");
	return 0;
}

/* Sessions and poolers */

static int ask_backend(struct postgres *pg, int *pid)
{
	PGresult *result;
	int r = pg_query(pg, sql_texts[SQL_SESSION_BACKEND].postgres, &result);

	if (r < 0)
		return r;
	*pid = (int)strtol(pq.PQgetvalue(result, 0, 0), NULL, 10);
	pq.PQclear(result);
	return DB_OK;
}

/* A pooler invents the process id that it tells at connection start. */
static int look_for_pooler(struct postgres *pg)
{
	int pid = 0;
	int r = ask_backend(pg, &pid);

	if (r < 0)
		return r;
	if (pid == pq.PQbackendPID(pg->conn))
		pg->session = PG_SESSION_OWN;
	else if (pg->session == PG_SESSION_OWN)
		pg->session = PG_SESSION_UNKNOWN;
	return DB_OK;
}

/* The other connection's, 0 when it has none to tell of. */
static int other_backend(PGconn *other)
{
	PGresult *result = pq.PQexec(other, sql_texts[SQL_SESSION_BACKEND].postgres);
	int pid = pq.PQresultStatus(result) == PGRES_TUPLES_OK ?
		(int)strtol(pq.PQgetvalue(result, 0, 0), NULL, 10) : 0;

	pq.PQclear(result);
	return pid;
}

/*
 * Two connections that ask in turn: where each has a session of its own, each has always
 * the same and never the other's. Any doubt (the other one cannot connect) counts as shared.
 */
static enum pg_session probe_pooler(struct postgres *pg, PGconn *other)
{
	int mine, first_mine = 0;
	int theirs, first_theirs = 0;

	for (int round = 0; round < PROBE_ROUNDS; round++) {
		if (ask_backend(pg, &mine) < 0)
			return PG_SESSION_UNKNOWN;
		theirs = other_backend(other);
		if (round == 0) {
			first_mine = mine;
			first_theirs = theirs;
		}
		if (theirs == 0 || mine == theirs || mine != first_mine || theirs != first_theirs)
			return PG_SESSION_SHARED;
	}
	return PG_SESSION_OWN;
}

bool pg_session_works(struct db *db)
{
	struct postgres *pg = pg_self(db);
	PGconn *other;

	if (pg->session == PG_SESSION_UNKNOWN && pg->conn && pq.PQtransactionStatus(pg->conn) == PQTRANS_IDLE) {
		other = connect_now(pg->where);
		pg->session = probe_pooler(pg, other);
		pq.PQfinish(other);
	}
	return pg->session == PG_SESSION_OWN;
}

/* Opening */

static int set_up(struct postgres *pg)
{
	int r;

	pq.PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
	if (pq.PQsetnonblocking(pg->conn, 1) < 0)
		return pg_lost(pg, pq.PQerrorMessage(pg->conn));
	if (watch_socket(pg, EPOLLIN) < 0)
		return DB_ERROR;
	r = look_for_pooler(pg);
	return r < 0 ? r : pg_listen_again(pg);
}

static int open_connection(struct postgres *pg)
{
	pg->epoll = epoll_create1(EPOLL_CLOEXEC);
	pg->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pg->epoll < 0)
		return err_errno("cannot watch the database connection");
	if (watch_own(pg->epoll, pg->wake) < 0)
		return DB_ERROR;
	pg->conn = connect_now(pg->where);
	if (pq.PQstatus(pg->conn) != CONNECTION_OK)
		return not_connected(pg->conn);
	return set_up(pg);
}

int db_postgres_open(struct db **out, const char *where)
{
	struct postgres *pg;
	int r;

	if (pq_load() < 0 || check_conninfo(where) < 0)
		return DB_ERROR;
	pg = xcalloc(1, sizeof(*pg));
	pg->db.driver = &pg_driver;
	pg->db.rows.db = &pg->db;
	pg->where = xstrdup(where);
	pg->prepared = xcalloc((size_t)sql_count, sizeof(bool));
	pg->epoll = pg->wake = pg->timer = -1;
	strbuf_init(&pg->copy);
	strvec_init(&pg->channels);
	strvec_init(&pg->pending);
	r = open_connection(pg);
	if (r < 0) {
		pg_driver.close(&pg->db);
		return r;
	}
	*out = &pg->db;
	return DB_OK;
}

/* Reconnecting */

static int start_timer(struct postgres *pg)
{
	struct itimerspec once = { .it_value.tv_sec = PG_CONNECT_DEADLINE / USEC_SEC };

	pg->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (pg->timer < 0 || timerfd_settime(pg->timer, 0, &once, NULL) < 0)
		return err_errno("cannot time the database connection");
	return watch_own(pg->epoll, pg->timer);
}

static bool timed_out(struct postgres *pg)
{
	uint64_t expirations;

	return read(pg->timer, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations);
}

static int give_up(struct postgres *pg, int result)
{
	pg_drop(pg);
	return result;
}

int pg_reconnect_start(struct db *db)
{
	struct postgres *pg = pg_self(db);
	struct keywords list;

	pg_drop(pg);
	fill_keywords(&list, pg->where);
	pg->conn = pq.PQconnectStartParams(list.names, list.values, 1);
	if (pq.PQstatus(pg->conn) == CONNECTION_BAD)
		return give_up(pg, not_connected(pg->conn));
	if (start_timer(pg) < 0 || watch_socket(pg, EPOLLOUT) < 0)
		return give_up(pg, DB_ERROR);
	return DB_OK;
}

/* Whatever the socket waits for, the descriptor around it becomes readable. */
uint32_t pg_reconnect_events(const struct db *db)
{
	return EPOLLIN;
}

static int connected_again(struct postgres *pg)
{
	int r;

	fd_close(&pg->timer);
	r = set_up(pg);
	return r < 0 ? give_up(pg, r) : 1;
}

int pg_reconnect_step(struct db *db)
{
	struct postgres *pg = pg_self(db);
	int r = DB_OK;

	if (!pg->conn)
		return pg_not_connected();
	if (timed_out(pg)) {
		err_set(WP_UNAVAILABLE, "cannot connect to the database: timed out");
		return give_up(pg, DB_LOST);
	}
	switch (pq.PQconnectPoll(pg->conn)) {
	case PGRES_POLLING_OK:
		return connected_again(pg);
	case PGRES_POLLING_FAILED:
		return give_up(pg, not_connected(pg->conn));
	case PGRES_POLLING_READING:
		r = watch_socket(pg, EPOLLIN);
		break;
	default:
		r = watch_socket(pg, EPOLLOUT);
	}
	return r < 0 ? give_up(pg, DB_ERROR) : 0;
}
