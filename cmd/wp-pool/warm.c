#include "map.h"

#include "alloc.h"
#include "err.h"
#include "spawn.h"
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* One long-lived process a slot: a line in, a line out, in order. The lines that a
 * worker has and has not answered are the items of its slot, its head first.
 *
 * A worker that dies or breaks the order is given up: its head is to blame and fails, the
 * others are tried once more, each alone. Nothing it says afterwards counts. */
#define BACKOFF_MIN (50 * USEC_MS)
#define BACKOFF_MAX (5 * USEC_SEC)
#define KEEP ((size_t)64 << 10)

struct warm {
	struct worker *workers;          /* by slot */
	struct worker *dirty;            /* that have lines to be sent */
	bool closing;
};

int warm_init(struct map *map)
{
	struct warm *warm = xcalloc(1, sizeof(*warm));

	warm->workers = xcalloc(map->pool.config.slots, sizeof(*warm->workers));
	for (size_t i = 0; i < map->pool.config.slots; i++)
		worker_init(&warm->workers[i], map, i);
	map->warm = warm;
	return 0;
}

void warm_release(struct map *map)
{
	if (!map->warm)
		return;
	for (size_t i = 0; i < map->pool.config.slots; i++)
		worker_release(&map->warm->workers[i]);
	free(map->warm->workers);
	free(map->warm);
	map->warm = NULL;
}

static struct line *head_of(struct worker *w)
{
	struct pool_item *item = pool_head(&w->map->pool, w->slot);

	return item ? line_of(item) : NULL;
}

/* Lines in a worker's hands */

/* The clock of a line runs from the moment when it is its worker's oldest. */
static void head_begins(struct worker *w, usec_t now)
{
	struct line *line = head_of(w);

	if (!line)
		return;
	line->started = now;
	if (w->map->args->jobs)
		announcer_add(&w->map->announcer, line);
}

static void line_over(struct worker *w, struct line *line, enum pool_outcome outcome, usec_t now)
{
	announcer_remove(&w->map->announcer, line);
	pool_ended(&w->map->pool, &line->item, outcome, now);
}

static void explain(struct worker *w, struct line *line)
{
	struct strbuf *error = &line->error;

	strbuf_reset(error);
	if (line->item.cause == POOL_TIMEOUT) {
		results_add_reason(error, line, w->map->args->timeout);
		return;
	}
	/* Elsewhere people have seen its stderr pass by. */
	if (w->map->args->jobs)
		strbuf_add(error, w->tail.buf, w->tail.len);
	while (error->len && strchr(" \t\r\n", error->buf[error->len - 1]))
		strbuf_setlen(error, error->len - 1);
	if (!error->len) {
		strbuf_addstr(error, "worker ");
		strbuf_addstr(error, w->reason.buf);
	}
}

static void blame(struct worker *w, struct line *line, usec_t now)
{
	line->duration = now - line->started;
	if (line->item.cause == POOL_TIMEOUT)
		line->exit = WP_TIMEOUT;
	else if (!line->exit)
		line->exit = WP_FAILED;
	line->status = RESULT_RETRY;
	explain(w, line);
	line_over(w, line, POOL_FAILED, now);
}

/* From the last to the first, because each goes to the front of what waits. A line that
 * is to be cancelled or has no time left is its own reason. */
static void return_lines(struct worker *w)
{
	struct line *head = head_of(w), *line;
	usec_t now = clock_now();

	while ((line = head_of(w))) {
		while (line->item.next)
			line = line_of(line->item.next);
		if (line == head && w->reason.len)
			blame(w, line, now);
		else
			line_over(w, line, POOL_UNBLAMED, now);
	}
}

/* Why is what follows "worker". */
static void give_up(struct worker *w, const char *why)
{
	if (w->given_up)
		return;
	w->given_up = true;
	strbuf_reset(&w->reason);
	strbuf_addstr(&w->reason, why);
	worker_close_in(w);
	worker_close_out(w);
	pool_slot_end(&w->map->pool, w->slot);
	return_lines(w);
}

/* Answers */

static void good_answer(struct worker *w)
{
	w->good = true;
	w->failures = 0;
	strbuf_reset(&w->tail);
}

static bool take_job_answer(struct worker *w, struct line *line, const char *text, size_t len, usec_t now)
{
	struct result_line answer;

	if (result_line_parse(&answer, text, len, true) < 0 || answer.status == RESULT_STARTED) {
		err_clear();
		give_up(w, "answered with something that is no result");
		return false;
	}
	if (answer.id && answer.id != line->job.id) {
		give_up(w, "answered out of turn");
		return false;
	}
	line->duration = now - line->started;
	/* Who is told to end and says that it could not finish was interrupted, not wrong. */
	line->answered = line->item.cause == POOL_NO_CAUSE || answer.status == RESULT_OK;
	line->exit = answer.has_exit ? (int)answer.exit : answer.status == RESULT_OK ? 0 : WP_NO;
	if (!line->answered) {
		line_over(w, line, POOL_FAILED, now);
		return true;
	}
	line_over(w, line, results_add_answer(&w->map->output.out.buf, line, &answer) ? POOL_OK : POOL_BAD, now);
	return true;
}

static bool take_plain_answer(struct worker *w, struct line *line, const char *text, size_t len, usec_t now)
{
	struct output *output = &w->map->output;

	line->duration = now - line->started;
	if (output_take(output, line, text, len) < 0 || output_take(output, line, "\n", 1) < 0) {
		output->failed = true;
		err_report();
	}
	line_over(w, line, POOL_OK, now);
	return true;
}

/* False: the worker was given up. */
static bool take_answer(struct worker *w, const char *text, size_t len, usec_t now)
{
	struct line *line = head_of(w);
	bool good;

	if (!line) {
		give_up(w, "spoke without being asked");
		return false;
	}
	good = w->map->args->jobs ? take_job_answer(w, line, text, len, now)
		: take_plain_answer(w, line, text, len, now);
	if (!good)
		return false;
	good_answer(w);
	head_begins(w, now);
	return true;
}

/* The lines of DATA, the first of which may have begun in w->from. */
static void take_answers(struct worker *w, const char *data, size_t len)
{
	usec_t now = clock_now();
	const char *end;

	while (len && (end = memchr(data, '\n', len))) {
		size_t n = (size_t)(end - data);
		bool good;

		if (w->from.len) {
			strbuf_add(&w->from, data, n);
			good = take_answer(w, w->from.buf, w->from.len, now);
			strbuf_reset(&w->from);
			strbuf_shrink(&w->from, KEEP);
		} else {
			good = take_answer(w, data, n, now);
		}
		if (!good)
			return;
		data += n + 1;
		len -= n + 1;
	}
	strbuf_add(&w->from, data, len);
	if (w->from.len > STREAM_LINE_MAX)
		give_up(w, "gave an answer that is too long");
}

/* 1 something came, 0 nothing now, -1 the end. */
static int read_answers(struct worker *w)
{
	static char buf[64 << 10];
	ssize_t n = read(w->out.fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	take_answers(w, buf, (size_t)n);
	return 1;
}

/* A worker that ended has closed its stdout, too: its death is the better reason, and
 * will be known in a moment. If it lives it is told to end. */
static void out_readable(struct loop_fd *handle, uint32_t events)
{
	struct worker *w = (struct worker *)((char *)handle - offsetof(struct worker, out));

	if (read_answers(w) >= 0)
		return;
	worker_close_out(w);
	strbuf_reset(&w->reason);
	strbuf_addstr(&w->reason, "closed its output");
	pool_slot_end(&w->map->pool, w->slot);
}

/* Sending */

static void send_later(struct worker *w)
{
	if (w->dirty)
		return;
	w->dirty = true;
	w->next_dirty = w->map->warm->dirty;
	w->map->warm->dirty = w;
}

void warm_flush(struct map *map)
{
	struct worker *w;

	while ((w = map->warm->dirty)) {
		map->warm->dirty = w->next_dirty;
		w->dirty = false;
		worker_send(w);
	}
}

void warm_start(struct map *map, struct line *line)
{
	struct worker *w = &map->warm->workers[line->item.slot];

	line_begin(line);
	if (line->too_long) {
		err_set(WP_DATA, "longer than %zu bytes", STREAM_LINE_MAX);
		map_bad_line(map, line, WP_DATA);
		return;
	}
	if (!w->up && worker_start(w, out_readable) < 0) {
		map_start_failed(map, line, errno);
		return;
	}
	line->ran = true;
	line->started = map->now;
	worker_queue(w, line->text.buf, line->text.len);
	send_later(w);
	if (head_of(w) == line)
		head_begins(w, map->now);
	pool_started(&map->pool, &line->item, map->now);
}

/* Ending workers */

/* Out of time or cancelled: it will not come back to the line that this is about. When
 * we are to stop it may still answer until it is gone. */
void warm_signal(struct map *map, size_t slot)
{
	struct worker *w = &map->warm->workers[slot];
	struct pool_item *item = pool_head(&map->pool, slot);

	for (; item; item = item->next)
		if (item->cause == POOL_TIMEOUT || item->cause == POOL_CANCEL) {
			give_up(w, item->cause == POOL_TIMEOUT ? "timed out" : "");
			return;
		}
}

static void backoff_over(struct loop_timer *timer)
{
	struct worker *w = (struct worker *)((char *)timer - offsetof(struct worker, backoff));

	pool_slot_open(&w->map->pool, w->slot);
}

static void back_off(struct worker *w)
{
	if (w->good || w->map->pool.stage != POOL_RUNS)
		return;
	pool_slot_hold(&w->map->pool, w->slot);
	loop_timer_set(w->map->loop, &w->backoff, clock_now() + clock_backoff(BACKOFF_MIN, BACKOFF_MAX, w->failures++), backoff_over);
}

static void note_end(struct worker *w, int wait_status)
{
	struct line *head = head_of(w);
	int status = spawn_exit_status(wait_status);

	int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;

	/* SIGTERM was ours, for what it had done before: that is the reason. */
	if (!w->reason.len || signal != SIGTERM) {
		strbuf_reset(&w->reason);
		strbuf_addstr(&w->reason, signal ? "killed by signal " : "ended with exit status ");
		strbuf_addint(&w->reason, signal ? signal : status);
	}
	if (head) {
		head->exit = status;
		head->signal = signal;
	}
}

void warm_ended(struct map *map, size_t slot, int wait_status)
{
	struct worker *w = &map->warm->workers[slot];

	while (w->out.fd >= 0 && read_answers(w) > 0)
		;
	worker_gone(w);
	if (!w->given_up) {
		note_end(w, wait_status);
		return_lines(w);
	}
	w->given_up = false;
}

void warm_slot_free(struct map *map, size_t slot)
{
	back_off(&map->warm->workers[slot]);
}

void warm_close(struct map *map)
{
	if (map->warm->closing)
		return;
	map->warm->closing = true;
	for (size_t i = 0; i < map->pool.config.slots; i++)
		if (map->warm->workers[i].up) {
			worker_close_in(&map->warm->workers[i]);
			pool_slot_close(&map->pool, i, map->now);
		}
}
