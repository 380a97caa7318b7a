/* await: sleep until jobs have ended. */

#include "err.h"
#include "jobs.h"
#include "json.h"
#include "session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct await_args {
	usec_t timeout;
};

struct await {
	struct loop *loop;
	struct session session;
	struct loop_timer deadline;
	struct db_value *ids;        /* of the jobs that have not ended */
	size_t nr;
	bool look, unsuccessful;
	int status;
};

static const char *const waiting[] = { "scheduled", "available", "reserved", "in_progress", "retry" };

static bool has_ended(const char *state)
{
	for (size_t i = 0; state && i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		if (!strcmp(state, waiting[i]))
			return false;
	}
	return true;
}

/* A job that is not there any more was done and not kept. */
static void tell(struct await *a, int64_t id, const char *state, bool known)
{
	if (!known) {
		err_warn("no job %lld", (long long)id);
		a->unsuccessful = true;
		return;
	}
	if (!state)
		state = "completed";
	if (strcmp(state, "completed"))
		a->unsuccessful = true;
	printf("{\"id\":%lld,\"state\":\"%s\"}\n", (long long)id, state);
	fflush(stdout);
}

static int look(struct await *a)
{
	struct db_rows *rows;
	size_t left = 0;
	int r = db_begin(a->session.store.db, DB_READ);

	a->look = false;
	if (r >= 0)
		r = db_run_many(a->session.store.db, &rows, SQL_JOBS_OUTCOME, a->ids, 1, a->nr);
	while (r >= 0 && (r = db_next(rows)) > 0) {
		int64_t id = db_col_int(rows, 0);
		const char *state = db_col_text(rows, 1, NULL);
		if (has_ended(state))
			tell(a, id, state, db_col_bool(rows, 2));
		else
			a->ids[left++] = db_int(id);
	}
	if (r >= 0) {
		a->nr = left;
		r = db_commit(a->session.store.db);
	}
	return r;
}

static int arm(struct await *a)
{
	a->look = true;
	return session_arm(&a->session, BELL_SETTLED);
}

static void on_rang(struct session *session)
{
	((struct await *)session->ctx)->look = true;
}

static void on_connected(struct session *session)
{
	session_check(session, arm(session->ctx));
}

static void turn(void *ctx)
{
	struct await *a = ctx;

	if (a->look && a->session.ready)
		session_check(&a->session, look(a));
	if (a->nr == 0)
		loop_stop(a->loop);
}

static void on_deadline(struct loop_timer *timer)
{
	struct await *a = (struct await *)((char *)timer - offsetof(struct await, deadline));

	err_set(WP_TEMPFAIL, "timed out: %zu of the jobs have not ended", a->nr);
	a->status = err_report();
	loop_stop(a->loop);
}

static void on_signal(int signo, void *ctx)
{
	struct await *a = ctx;

	a->status = 128 + signo;
	loop_stop(a->loop);
}

static int set_up(struct await *a, const struct globals *globals, const struct await_args *args)
{
	if (loop_init(&a->loop) < 0)
		return -1;
	a->session = (struct session){ .connected = on_connected, .rang = on_rang, .ctx = a };
	if (session_open(&a->session, a->loop, globals, false, 0) < 0 || arm(a) < 0)
		return -1;
	if (args->timeout >= 0)
		loop_timer_set(a->loop, &a->deadline, clock_now() + args->timeout, on_deadline);
	loop_after(a->loop, turn, a);
	if (loop_stop_signals(a->loop, on_signal, a) < 0)
		return -1;
	turn(a);
	return 0;
}

static int await_run(void *globals, void *args, int n, char **operands)
{
	struct await a = { .nr = (size_t)n };
	int64_t *ids;

	if (ids_parse(&ids, n, operands) < 0)
		return err_report();
	a.ids = calloc((size_t)n, sizeof(*a.ids));
	for (int i = 0; a.ids && i < n; i++)
		a.ids[i] = db_int(ids[i]);
	free(ids);
	if (!a.ids) {
		err_errno("cannot hold %d ids", n);
		return err_report();
	}
	if (set_up(&a, globals, args) < 0 || (a.nr && !a.status && loop_run(a.loop) < 0))
		a.status = err_report();
	if (a.session.store.db)
		session_close(&a.session, false);
	loop_free(a.loop);
	free(a.ids);
	if (a.status || a.session.status)
		return a.status ? a.status : a.session.status;
	return a.unsuccessful ? WP_NO : WP_OK;
}

static const struct await_args defaults = { .timeout = -1 };

static const struct opt options[] = {
	OPT_DURATION(0, "timeout", "DURATION", struct await_args, timeout, NULL, "give up after so long, with status 75"),
	OPT_END
};

const struct verb verb_await = {
	.name = "await", .args = "ID...", .summary = "wait until jobs have ended",
	.options = options, .size = sizeof(struct await_args), .defaults = &defaults,
	.min_operands = 1, .max_operands = -1, .run = await_run,
};
