/* db_postgres_bell.c - LISTEN, bells, notifications. */
#include "db_postgres.h"

#include "alloc.h"
#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Notifications */

static bool is_bell(const struct postgres *pg, const char *channel)
{
	for (size_t i = 0; i < pg->nbells; i++)
		if (pg->bells[i].channel && !strcmp(pg->bells[i].channel, channel))
			return true;
	return false;
}

/* From libpq's memory to ours. Were there any? */
static bool sort_notifications(struct postgres *pg)
{
	PGnotify *notify;
	bool any = false;

	while ((notify = pq.PQnotifies(pg->conn))) {
		if (is_bell(pg, notify->relname)) {
			pg->rung = true;
		} else {
			strvec_push(&pg->pending, notify->relname);
			strvec_push(&pg->pending, notify->extra);
		}
		pq.PQfreemem(notify);
		any = true;
	}
	return any;
}

void pg_take_notifications(struct postgres *pg)
{
	const uint64_t one = 1;

	/* An eventfd that is full is readable as well. */
	if (sort_notifications(pg) && write(pg->wake, &one, sizeof(one)) < 0)
		return;
}

static void stop_waking(struct postgres *pg)
{
	uint64_t count;

	if (read(pg->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		err_bug("an eventfd cannot be read: %s", strerror(errno));
}

static bool has_pending(const struct postgres *pg)
{
	return pg->pending_read < pg->pending.nr;
}

int pg_bell_check(struct db *db)
{
	struct postgres *pg = pg_self(db);
	bool rung;

	if (!pg->conn)
		return pg_not_connected();
	if (!pq.PQconsumeInput(pg->conn))
		return pg_lost(pg, pq.PQerrorMessage(pg->conn));
	stop_waking(pg);
	sort_notifications(pg);
	rung = pg->rung || has_pending(pg);
	pg->rung = false;
	return rung;
}

int pg_notification(struct db *db, const char **channel, const char **payload)
{
	struct postgres *pg = pg_self(db);

	if (!has_pending(pg)) {
		strvec_clear(&pg->pending);
		pg->pending_read = 0;
		return 0;
	}
	*channel = pg->pending.v[pg->pending_read++];
	*payload = pg->pending.v[pg->pending_read++];
	return 1;
}

/* Listening */

/* The one statement that is put together: LISTEN takes no parameters. */
static int listen_on(struct postgres *pg, const char *channel)
{
	char *quoted = pq.PQescapeIdentifier(pg->conn, channel, strlen(channel));
	struct strbuf sql = STRBUF_INIT;
	int r;

	if (!quoted)
		return pg_lost(pg, pq.PQerrorMessage(pg->conn));
	strbuf_addf(&sql, "LISTEN %s", quoted);
	pq.PQfreemem(quoted);
	r = pg_query(pg, sql.buf, NULL);
	strbuf_release(&sql);
	return r;
}

static int find_channel(struct postgres *pg, struct pg_bell *bell)
{
	const struct db_value name = db_text(bell->name);
	int r;

	if (bell->channel)
		return DB_OK;
	r = pg_run(&pg->db, true, SQL_BELL_CHANNEL, &name, 1);
	if (r == DB_OK)
		bell->channel = xstrdup(pq.PQgetvalue(pg->result, 0, 0));
	return r;
}

static int listen_for_bell(struct postgres *pg, struct pg_bell *bell)
{
	int r = find_channel(pg, bell);

	return r < 0 ? r : listen_on(pg, bell->channel);
}

static bool over_network(const struct postgres *pg)
{
	const char *host = pq.PQhost(pg->conn);

	return host && *host && *host != '/' && *host != '@';
}

/* A session that listens is a worker's, and worth telling the server to look after. */
static int look_after(struct postgres *pg)
{
	int r;

	if (pg->looked_after || !over_network(pg))
		return DB_OK;
	r = pg_query(pg, sql_texts[SQL_SESSION_KEEPALIVE].postgres, NULL);
	pg->looked_after = r == DB_OK;
	return r;
}

int pg_listen_again(struct postgres *pg)
{
	int r;

	if (pg->nbells + pg->channels.nr == 0 || !pg_session_works(&pg->db))
		return DB_OK;
	r = look_after(pg);
	for (size_t i = 0; i < pg->nbells && r == DB_OK; i++)
		r = listen_for_bell(pg, &pg->bells[i]);
	for (size_t i = 0; i < pg->channels.nr && r == DB_OK; i++)
		r = listen_on(pg, pg->channels.v[i]);
	return r;
}

int pg_listen(struct db *db, const char *channel)
{
	struct postgres *pg = pg_self(db);
	int r;

	if (!pg->conn)
		return pg_not_connected();
	strvec_push(&pg->channels, channel);
	if (!pg_session_works(db))
		return DB_OK;
	r = look_after(pg);
	return r < 0 ? r : listen_on(pg, channel);
}

/* Bells */

static struct pg_bell *find_bell(struct postgres *pg, const char *name)
{
	for (size_t i = 0; i < pg->nbells; i++)
		if (!strcmp(pg->bells[i].name, name))
			return &pg->bells[i];
	return NULL;
}

static struct pg_bell *open_bell(struct postgres *pg, const char *name)
{
	struct pg_bell *bell = find_bell(pg, name);

	if (!bell)
		err_bug("the bell \"%s\" is not open", name);
	return bell;
}

static struct pg_bell *add_bell(struct postgres *pg, const char *name)
{
	grow_array(&pg->bells, &pg->bells_alloc, pg->nbells + 1, sizeof(*pg->bells));
	pg->bells[pg->nbells] = (struct pg_bell){ .name = xstrdup(name) };
	return &pg->bells[pg->nbells++];
}

void pg_release_bells(struct postgres *pg)
{
	for (size_t i = 0; i < pg->nbells; i++) {
		free(pg->bells[i].name);
		free(pg->bells[i].channel);
	}
	free(pg->bells);
	strvec_release(&pg->channels);
	strvec_release(&pg->pending);
}

int pg_bell_open(struct db *db, const char *name)
{
	struct postgres *pg = pg_self(db);
	struct pg_bell *bell;
	int r;

	if (!pg->conn)
		return pg_not_connected();
	if (find_bell(pg, name))
		return DB_OK;
	bell = add_bell(pg, name);
	if (!pg_session_works(db))
		return DB_OK;
	r = look_after(pg);
	return r < 0 ? r : listen_for_bell(pg, bell);
}

static int run_bell(struct postgres *pg, enum sql_id id, const char *name, bool *answer)
{
	const struct db_value value = db_text(name);
	int r = pg_run(&pg->db, true, id, &value, 1);

	if (r == DB_OK)
		*answer = *pq.PQgetvalue(pg->result, 0, 0) == 't';
	return r;
}

/* While it is armed every ringer sees it: to arm it once more says nothing new. */
int pg_bell_arm(struct db *db, const char *name)
{
	struct postgres *pg = pg_self(db);
	struct pg_bell *bell = open_bell(pg, name);
	int r;

	if (bell->armed || !pg_session_works(db))
		return pg->conn ? DB_OK : pg_not_connected();
	r = run_bell(pg, SQL_BELL_ARM, name, &bell->armed);
	if (r < 0)
		return r;
	return bell->armed ? DB_OK : 1;
}

int pg_bell_disarm(struct db *db, const char *name)
{
	struct postgres *pg = pg_self(db);
	struct pg_bell *bell = open_bell(pg, name);
	bool was_armed;

	if (!bell->armed)
		return pg->conn ? DB_OK : pg_not_connected();
	bell->armed = false;
	return run_bell(pg, SQL_BELL_DISARM, name, &was_armed);
}

int pg_bell_ring(struct db *db, const char *name)
{
	bool heard;

	return run_bell(pg_self(db), SQL_BELL_RING, name, &heard);
}
