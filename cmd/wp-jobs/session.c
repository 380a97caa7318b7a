#include "session.h"

#include "err.h"
#include "io.h"
#include "sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define BACKOFF_MIN (25 * USEC_MS)
#define BACKOFF_MAX (1 * USEC_SEC)
/* An outage shorter than this is nobody's business. */
#define OUTAGE_WORTH_TELLING (2 * USEC_SEC)
#define ARM_AGAIN (200 * USEC_MS)

static void session_events(struct loop_fd *handle, uint32_t events);
static void session_reconnect(struct loop_timer *timer);
static void session_again(struct loop_timer *timer);
static int session_listen(struct session *s);

#define session_of(pointer, member) ((struct session *)((char *)(pointer) - offsetof(struct session, member)))

void session_fail(struct session *s)
{
	if (s->failed) {
		err_clear();
		return;
	}
	s->status = err_report();
	s->failed = true;
	s->ready = false;
	if (s->broke)
		s->broke(s);
	else
		loop_stop(s->loop);
}

static int arm(struct session *s, const char *bell)
{
	int r = db_bell_arm(s->store.db, bell);

	if (r <= 0)
		return r;
	strvec_push(&s->unarmed, bell);
	loop_timer_set(s->loop, &s->again, clock_now() + ARM_AGAIN, session_again);
	return 0;
}

/* Where no bell rings, a worker looks after each of its sweeps; everybody else needs a time of their own. */
static void look_again_later(struct session *s)
{
	if (!s->is_worker && !db_session_works(s->store.db))
		loop_timer_set(s->loop, &s->again, clock_now() + SWEEP_EVERY, session_again);
}

int session_arm(struct session *s, const char *bell)
{
	int r = db_bell_open(s->store.db, bell);

	/* the state file has nothing to listen to before the first bell */
	if (r >= 0 && !s->fd.added && session_listen(s) < 0)
		r = DB_ERROR;
	if (r >= 0)
		r = arm(s, bell);
	if (r >= 0)
		look_again_later(s);
	return r;
}

static void session_again(struct loop_timer *timer)
{
	struct session *s = session_of(timer, again);
	struct strvec bells = s->unarmed;
	int r = 0;

	strvec_init(&s->unarmed);
	for (size_t i = 0; i < bells.nr && s->ready && r >= 0; i++)
		r = session_check(s, arm(s, bells.v[i]));
	strvec_release(&bells);
	if (!s->ready)
		return;
	look_again_later(s);
	if (s->rang)
		s->rang(s);
}

static void session_lost(struct session *s)
{
	if (s->fd.added)
		loop_remove(s->loop, &s->fd);
	if (s->failed)
		return;
	if (s->ready)
		s->lost_at = clock_now();
	s->ready = false;
	strvec_clear(&s->unarmed);
	loop_timer_cancel(s->loop, &s->again);
	if (!s->warned && clock_now() - s->lost_at > OUTAGE_WORTH_TELLING) {
		err_warn("connection lost, trying again: %s", err_message());
		s->warned = true;
	}
	err_clear();
	/* jitter: those who lost the same server do not all come back at once */
	loop_timer_set(s->loop, &s->pause, clock_now() + s->backoff / 2 + random() % (s->backoff / 2 + 1), session_reconnect);
	s->backoff = s->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : s->backoff * 2;
}

/* The server undid a statement for a reason that passes: a deadlock, an administrator's cancel. Nothing
 * of it is left on a new connection, and whoever comes back on one looks at everything again. */
static bool passes(const struct session *s, int r)
{
	return r == DB_ERROR && db_kind(s->store.db) == DB_POSTGRES && err_status() == WP_TEMPFAIL;
}

int session_check(struct session *s, int r)
{
	if (passes(s, r)) {
		err_warn("%s: trying again", err_message());
		session_lost(s);
	} else if (r == DB_LOST) {
		session_lost(s);
	} else if (r < 0) {
		session_fail(s);
	}
	return r;
}

static void tell_pooled(struct session *s)
{
	if (s->said_pooled || db_session_works(s->store.db))
		return;
	err_warn("a connection pooler shares sessions between transactions: "
		"polling every %d ms, and jobs of a dead worker wait for its lease",
		(int)(SWEEP_EVERY / USEC_MS));
	s->said_pooled = true;
}

/* What a fresh connection needs before it can be worked with. */
static int session_set_up(struct session *s)
{
	int r = 0;

	if (db_session_works(s->store.db))
		r = db_run(s->store.db, NULL, SQL_JOBS_SESSION);
	if (r >= 0 && s->is_worker && s->worker.id)
		r = worker_rejoin(&s->worker, &s->store);
	return r;
}

static int session_listen(struct session *s)
{
	if (db_fd(s->store.db) < 0)
		return 0;
	return loop_add(s->loop, &s->fd, db_fd(s->store.db), EPOLLIN, session_events);
}

static void session_return(struct session *s)
{
	if (session_check(s, session_set_up(s)) < 0)
		return;
	if (session_listen(s) < 0) {
		session_fail(s);
		return;
	}
	if (s->warned)
		err_say("connected again");
	s->ready = true;
	s->warned = false;
	s->backoff = BACKOFF_MIN;
	if (s->connected)
		s->connected(s);
}

static void session_step(struct session *s)
{
	int r = db_reconnect_step(s->store.db);

	if (s->fd.added)
		loop_remove(s->loop, &s->fd);   /* libpq may use another descriptor for the next address */
	if (r < 0)
		session_lost(s);
	else if (r > 0)
		session_return(s);
	else if (loop_add(s->loop, &s->fd, db_fd(s->store.db), db_reconnect_events(s->store.db), session_events) < 0)
		session_fail(s);
}

static void session_reconnect(struct loop_timer *timer)
{
	struct session *s = session_of(timer, pause);

	if (db_reconnect_start(s->store.db) < 0)
		session_lost(s);
	else
		session_step(s);
}

static void session_events(struct loop_fd *handle, uint32_t events)
{
	struct session *s = session_of(handle, fd);
	int rung;

	(void)events;
	if (!s->ready) {
		session_step(s);
		return;
	}
	rung = session_check(s, db_bell_check(s->store.db));
	if (rung > 0 && s->rang)
		s->rang(s);
}

static void session_sweep(struct loop_timer *timer)
{
	struct session *s = session_of(timer, sweep);
	struct swept swept;

	loop_timer_set(s->loop, timer, clock_now() + SWEEP_EVERY, session_sweep);
	if (!s->ready || session_check(s, sweep_pass(&s->store, s->worker.id, SWEEP_GRACE, false, &swept)) < 0)
		return;
	tell_pooled(s);
	if ((swept.reclaimed || swept.activated) && s->rang)
		s->rang(s);     /* what we commit ourselves need not ring our own bell */
	if (s->swept)
		s->swept(s);
}

static void session_renew(struct loop_timer *timer)
{
	struct session *s = session_of(timer, renew);
	int64_t *ids = NULL;
	size_t nr = 0;

	loop_timer_set(s->loop, timer, clock_now() + (s->worker.ttl ? s->worker.ttl : WORKER_TTL) / 3, session_renew);
	if (!s->ready || s->worker.ttl == 0)
		return;
	if (s->in_hand)
		nr = s->in_hand(s, &ids);
	if (s->ready)
		session_check(s, worker_renew(&s->worker, &s->store, ids, nr));
	free(ids);
}

/* A lock file was closed: perhaps a worker died. */
static void session_death(struct loop_fd *handle, uint32_t events)
{
	struct session *s = session_of(handle, deaths);
	char events_read[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct swept swept;

	(void)events;
	while (read(handle->fd, events_read, sizeof(events_read)) > 0)
		;
	if (session_check(s, sweep_pass(&s->store, s->worker.id, 0, false, &swept)) >= 0 && s->rang)
		s->rang(s);
}

static int session_watch_deaths(struct session *s)
{
	int fd;

	if (db_kind(s->store.db) != DB_SQLITE)
		return 0;
	fd = fd_inotify(s->store.state.live_dir, IN_CLOSE_WRITE);
	return fd < 0 ? -1 : loop_add(s->loop, &s->deaths, fd, EPOLLIN, session_death);
}

static int session_join(struct session *s, usec_t ttl)
{
	s->is_worker = true;
	if (worker_join(&s->worker, &s->store, ttl) < 0 || session_watch_deaths(s) < 0)
		return -1;
	tell_pooled(s);
	loop_timer_set(s->loop, &s->sweep, clock_now(), session_sweep);
	loop_timer_set(s->loop, &s->renew, clock_now() + (s->worker.ttl ? s->worker.ttl : WORKER_TTL) / 3, session_renew);
	return 0;
}

int session_open(struct session *s, struct loop *loop, const struct globals *globals, bool as_worker, usec_t ttl)
{
	s->loop = loop;
	s->backoff = BACKOFF_MIN;
	s->deaths.fd = -1;
	strvec_init(&s->unarmed);
	srandom((unsigned)clock_wall() ^ (unsigned)getpid());
	if (store_open(&s->store, globals) < 0)
		return -1;
	if (session_set_up(s) < 0 || (as_worker && session_join(s, ttl) < 0) || session_listen(s) < 0) {
		session_close(s, false);
		return -1;
	}
	s->ready = true;
	return 0;
}

void session_close(struct session *s, bool keep_row)
{
	loop_timer_cancel(s->loop, &s->sweep);
	loop_timer_cancel(s->loop, &s->renew);
	loop_timer_cancel(s->loop, &s->pause);
	loop_timer_cancel(s->loop, &s->again);
	strvec_release(&s->unarmed);
	if (s->fd.added)
		loop_remove(s->loop, &s->fd);
	if (s->deaths.added) {
		loop_remove(s->loop, &s->deaths);
		close(s->deaths.fd);
	}
	if (s->is_worker && worker_leave(&s->worker, &s->store, keep_row || !s->ready) < 0)
		err_clear();   /* who cannot say goodbye is swept away */
	store_close(&s->store);
}
