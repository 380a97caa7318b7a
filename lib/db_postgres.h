/*
 * db_postgres.h - the parts of the Postgres driver, for each other.
 *
 *   db_postgres.c          statements, transactions, rows, COPY
 *   db_postgres_connect.c  opening, reconnecting, finding out about poolers
 *   db_postgres_wire.c     sending and waiting with a deadline; what an error means
 *   db_postgres_bell.c     LISTEN, bells, notifications
 *
 * db_fd() is an epoll descriptor of ours around the connection's socket, an eventfd and a
 * timer. The eventfd is why: a notification that comes in with the answer to a
 * statement waits in libpq's memory, and no socket would ever tell of it.
 */
#ifndef WP_DB_POSTGRES_H
#define WP_DB_POSTGRES_H

#include "db_impl.h"
#include "pq.h"
#include "strbuf.h"
#include "strvec.h"

enum pg_session {
	PG_SESSION_OWN,        /* no pooler in between, or one that leaves us our session */
	PG_SESSION_UNKNOWN,    /* a pooler, kind not yet known */
	PG_SESSION_SHARED      /* another session for every transaction */
};

struct pg_bell {
	char *name, *channel;
	bool armed;
};

struct postgres {
	struct db db;
	char *where;
	PGconn *conn;              /* NULL: lost */
	enum pg_session session;
	bool *prepared;            /* by sql_id */

	int epoll, wake, timer;    /* timer: only while connecting, else -1 */

	bool quiet;                /* failures are not recorded: the record has what led to them */
	PGresult *result;          /* the open result set */
	int row;

	struct strbuf *params;     /* the values of a statement, and as libpq wants them */
	const char **param_texts;
	size_t params_alloc, param_texts_alloc;

	bool copying;
	struct strbuf copy;

	struct pg_bell *bells;
	size_t nbells, bells_alloc;
	bool rung;
	bool looked_after;         /* the server's keepalives are set */
	struct strvec channels;    /* of db_listen() */
	struct strvec pending;     /* their notifications: channel, payload, channel, ... */
	size_t pending_read;
};

static inline struct postgres *pg_self(const struct db *db)
{
	return (struct postgres *)db;
}

/* Wire. All return DB_OK or a failure that is recorded. */

/* A statement may take this long, and so may a connection attempt. */
#define PG_STATEMENT_DEADLINE (30 * USEC_SEC)
#define PG_CONNECT_DEADLINE (10 * USEC_SEC)

/* Record why the connection is gone and drop it. Returns DB_LOST. */
int pg_lost(struct postgres *pg, const char *reason);
/* Record that it is gone already. Returns DB_LOST. */
int pg_not_connected(void);
/* Give what was queued for sending to the kernel, all of it. */
int pg_flush(struct postgres *pg, usec_t deadline);
/* After something was sent (SENT: what libpq's PQsend... returned): wait for the last result;
 * the caller clears it. RESULT may be NULL. */
int pg_answer(struct postgres *pg, int sent, PGresult **result, usec_t deadline);
/* A simple query, that is also several statements at once. */
int pg_query(struct postgres *pg, const char *sql, PGresult **result);
/* The first line of libpq's message; the rest becomes the hint when HINT. */
int pg_record(int status, const char *what, const char *message, bool hint);

/* Connection */
void pg_drop(struct postgres *pg);
bool pg_session_works(struct db *db);
int pg_reconnect_start(struct db *db);
uint32_t pg_reconnect_events(const struct db *db);
int pg_reconnect_step(struct db *db);

/* Bells */
void pg_take_notifications(struct postgres *pg);
int pg_listen_again(struct postgres *pg);
void pg_release_bells(struct postgres *pg);
int pg_bell_open(struct db *db, const char *name);
int pg_bell_arm(struct db *db, const char *name);
int pg_bell_disarm(struct db *db, const char *name);
int pg_bell_ring(struct db *db, const char *name);
int pg_bell_check(struct db *db);
int pg_listen(struct db *db, const char *channel);
int pg_notification(struct db *db, const char **channel, const char **payload);

/* Statements, for the bells */
int pg_run(struct db *db, bool read, enum sql_id id, const struct db_value *values, size_t n);

extern const struct db_driver pg_driver;

#endif
