/* settle: result lines from stdin into the database. */

#include "backoff.h"
#include "err.h"
#include "io.h"
#include "jobs.h"
#include "session.h"
#include "settler.h"
#include "stream.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SETTLE_BATCH = 500 };

struct settle_args {
	const char *backoff;
	usec_t keep;
};

struct settle {
	struct loop *loop;
	struct session session;
	struct settler settler;
	struct lines in;
	struct loop_fd handle;
	bool eof;
	int64_t bad, stale;
	int status;
};

static void on_stale(int64_t id, const char *lease, void *ctx)
{
	struct settle *s = ctx;

	s->stale++;
	err_warn("job %lld: lease \"%s\" is stale, its result changes nothing", (long long)id, lease);
}

static void bad_line(struct settle *s)
{
	s->bad++;
	err_prefix("line %llu", s->in.number);
	err_warn("%s: skipped", err_message());
	err_clear();
}

static void take_line(struct settle *s, const char *line, size_t len)
{
	struct result_line result;

	if (result_line_parse(&result, line, len, false) < 0)
		bad_line(s);
	else
		settler_add(&s->settler, &result);
}

static void input_ends(struct settle *s, enum lines_result why)
{
	if (why == LINES_ERROR) {
		err_errno("cannot read standard input");
		s->status = err_report();
	}
	s->eof = true;
	if (s->handle.added)
		loop_remove(s->loop, &s->handle);
}

/* The lines that are in memory, up to a batch. */
static void take_lines(struct settle *s)
{
	enum lines_result r = LINES_OK;
	char *line;
	size_t len;

	while (settler_pending(&s->settler) < SETTLE_BATCH) {
		r = lines_buffered(&s->in, &line, &len);
		if (r == LINES_OK) {
			take_line(s, line, len);
		} else if (r == LINES_TOO_LONG) {
			err_set(WP_DATA, "longer than %zu bytes", STREAM_LINE_MAX);
			bad_line(s);
		} else {
			break;
		}
	}
	if (r == LINES_EOF)
		input_ends(s, r);
}

static void on_input(struct loop_fd *handle, uint32_t events)
{
	struct settle *s = (struct settle *)((char *)handle - offsetof(struct settle, handle));

	(void)events;
	if (lines_fill(&s->in) == LINES_ERROR)
		input_ends(s, LINES_ERROR);
}

/* What came together is settled together. While the connection is away nothing more is read. */
static void turn(void *ctx)
{
	struct settle *s = ctx;

	do {
		if (!s->eof)
			take_lines(s);
	} while (settler_pending(&s->settler) && s->session.ready
		&& session_check(&s->session, settler_flush(&s->settler)) >= 0);
	if (s->handle.added)
		loop_watch(s->loop, &s->handle, s->session.ready ? EPOLLIN : 0);
	if (s->eof && settler_pending(&s->settler) == 0)
		loop_stop(s->loop);
}

static void on_signal(int signo, void *ctx)
{
	struct settle *s = ctx;

	(void)signo;
	if (s->handle.added)
		loop_remove(s->loop, &s->handle);
	s->eof = true;
}

static int set_up(struct settle *s, const struct globals *globals, const struct settle_args *a)
{
	struct backoff backoff;

	if (backoff_parse(&backoff, a->backoff) < 0 || loop_init(&s->loop) < 0)
		return -1;
	if (session_open(&s->session, s->loop, globals, false, 0) < 0)
		return -1;
	settler_init(&s->settler, s->session.store.db, &backoff, a->keep);
	s->settler.stale = on_stale;
	s->settler.ctx = s;
	lines_init(&s->in, STDIN_FILENO, '\n', STREAM_LINE_MAX);
	loop_after(s->loop, turn, s);
	if (loop_stop_signals(s->loop, on_signal, s) < 0)
		return -1;
	return loop_add(s->loop, &s->handle, STDIN_FILENO, EPOLLIN, on_input);
}

static int finish(struct settle *s)
{
	bool unsure = s->bad || s->stale || s->settler.refused;

	if (s->session.store.db)
		session_close(&s->session, false);
	settler_release(&s->settler);
	lines_release(&s->in);
	loop_free(s->loop);
	if (s->status || s->session.status)
		return s->status ? s->status : s->session.status;
	return unsure ? WP_NO : WP_OK;
}

static int settle_run(void *globals, void *args, int n, char **operands)
{
	struct settle s = { .eof = false };

	(void)n;
	(void)operands;
	if (set_up(&s, globals, args) < 0 || loop_run(s.loop) < 0)
		s.status = err_report();
	return finish(&s);
}

static const struct settle_args defaults = { .backoff = BACKOFF_DEFAULT, .keep = -1 };

static const struct opt options[] = {
	OPT_STRING(0, "backoff", "SPEC", struct settle_args, backoff, "WP_JOBS_BACKOFF", "how long a failed job waits: [constant|linear|exponential:]BASE[,MAX] (default: " BACKOFF_DEFAULT ")"),
	OPT_DURATION(0, "keep", "DURATION", struct settle_args, keep, "WP_JOBS_KEEP", "keep done jobs for so long (default: deleted at once)"),
	OPT_END
};

const struct verb verb_settle = {
	.name = "settle", .args = "", .summary = "read result lines and end the jobs they are about",
	.options = options, .size = sizeof(struct settle_args), .defaults = &defaults, .run = settle_run,
};
