#include "results.h"

#include "err.h"

#include <sys/types.h>

/* NDJSON */

/* A piece of UTF-8 without the first bytes of a character that goes on in the next piece. */
static size_t whole_characters(const char *s, size_t len)
{
	size_t start = len;

	while (start > 0 && len - start < 4 && ((unsigned char)s[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 1 && (unsigned char)s[start - 1] >= 0xc0)
		return start - 1;
	return len;
}

/* A piece at a time, so that a large capture needs no memory twice over. */
static void add_capture(struct strbuf *sb, struct capture *c)
{
	const char *data;
	size_t at = 0;
	ssize_t n;

	json_add_string(sb, "", 0);
	while ((n = capture_peek(c, at, SIZE_MAX, &data)) > 0) {
		size_t len = (size_t)n, seam = sb->len - 1;

		if (at + len < c->len)
			len = whole_characters(data, len);
		strbuf_setlen(sb, seam);
		json_add_string(sb, data, len);
		strbuf_remove(sb, seam, 1);
		at += len;
	}
	if (n < 0)
		err_report();
}

static void add_ndjson_stderr(struct strbuf *sb, struct line *line)
{
	if (line->err.len || !line->error.len)
		add_capture(sb, &line->err);
	else
		json_add_string(sb, line->error.buf, line->error.len);
}

void results_add_ndjson(struct strbuf *sb, struct line *line)
{
	if (!line->ran && line->item.verdict != POOL_FAILURE)
		return;
	strbuf_addstr(sb, "{\"seq\":");
	strbuf_addint(sb, (long long)line->item.seq);
	strbuf_addstr(sb, ",\"line\":");
	json_add_string(sb, line->text.buf, line->text.len);
	strbuf_addstr(sb, line->item.verdict == POOL_PASSED ? ",\"status\":\"ok\"" : ",\"status\":\"fail\"");
	strbuf_addstr(sb, ",\"exit\":");
	strbuf_addint(sb, line->exit);
	strbuf_addstr(sb, ",\"stdout\":");
	add_capture(sb, &line->out);
	strbuf_addstr(sb, ",\"stderr\":");
	add_ndjson_stderr(sb, line);
	if (line->out.cut || line->err.cut)
		strbuf_addstr(sb, ",\"truncated\":true");
	if (line->duration >= 0) {
		strbuf_addstr(sb, ",\"duration\":");
		clock_add_seconds(sb, line->duration);
	}
	strbuf_addstr(sb, "}\n");
}

/* Jobs */

void results_add_reason(struct strbuf *sb, const struct line *line, usec_t timeout)
{
	if (line->item.cause == POOL_TIMEOUT) {
		strbuf_addstr(sb, "timed out after ");
		clock_add_seconds(sb, timeout);
		strbuf_addch(sb, 's');
	} else if (line->signal) {
		strbuf_addstr(sb, "killed by signal ");
		strbuf_addint(sb, line->signal);
	} else {
		strbuf_addstr(sb, "exit status ");
		strbuf_addint(sb, line->exit);
	}
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **data, ssize_t *n)
{
	for (; *n > 0 && is_space(**data); (*n)--)
		(*data)++;
	while (*n > 0 && is_space((*data)[*n - 1]))
		(*n)--;
}

/* The end of what the command said, without white space around it. */
static bool add_tail(struct strbuf *sb, struct capture *c)
{
	size_t from = c->len > RESULTS_JOB_ERROR_MAX ? c->len - RESULTS_JOB_ERROR_MAX : 0;
	const char *data;
	ssize_t n = capture_peek(c, from, RESULTS_JOB_ERROR_MAX, &data);

	if (n <= 0)
		return false;
	/* Not from the middle of a character. */
	for (; from && n > 0 && ((unsigned char)*data & 0xc0) == 0x80; n--)
		data++;
	trim(&data, &n);
	if (n > 0)
		json_add_string(sb, data, (size_t)n);
	return n > 0;
}

static void add_error(struct strbuf *sb, struct line *line, usec_t timeout)
{
	if (!line->error.len && add_tail(sb, &line->err))
		return;
	if (!line->error.len)
		results_add_reason(&line->error, line, timeout);
	json_add_string(sb, line->error.buf, line->error.len);
}

/* As JSON when it is exactly one value, else as a string. */
static bool add_output(struct strbuf *sb, struct capture *c)
{
	const char *data;
	ssize_t n = capture_peek(c, 0, RESULTS_JOB_OUTPUT_MAX, &data);
	bool whole = n > 0 && (size_t)n == c->len;

	if (n <= 0)
		return false;
	if (whole && !json_check(data, (size_t)n)) {
		trim(&data, &n);
		json_add_one_line(sb, data, (size_t)n);
		return true;
	}
	err_clear();
	if (whole && data[n - 1] == '\n')
		n--;
	json_add_string(sb, data, (size_t)n);
	return true;
}

static struct json_slice slice_of(const struct strbuf *sb)
{
	return (struct json_slice){ sb->len ? sb->buf : NULL, sb->len };
}

static enum result_status job_status(const struct line *line)
{
	if (!line->ran)
		return line->status;
	if (line->signal || line->item.cause == POOL_TIMEOUT)
		return RESULT_RETRY;
	return result_from_exit(line->exit);
}

static void add_unfinished(struct strbuf *sb, struct result_line *result)
{
	static const char cancelled[] = "\"cancelled\"", interrupted[] = "\"interrupted\"";

	if (result->status == RESULT_FAIL) {
		result->error = (struct json_slice){ cancelled, sizeof(cancelled) - 1 };
	} else {
		result->error = (struct json_slice){ interrupted, sizeof(interrupted) - 1 };
		result->delay = 0;
	}
	result_line_add(sb, result);
}

static void add_finished(struct strbuf *sb, struct line *line, struct result_line *result, usec_t timeout)
{
	static struct strbuf error = STRBUF_INIT, output = STRBUF_INIT;

	strbuf_reset(&error);
	strbuf_reset(&output);
	result->status = job_status(line);
	if (result->status != RESULT_OK)
		add_error(&error, line, timeout);
	add_output(&output, &line->out);
	result->error = slice_of(&error);
	result->output = slice_of(&output);
	result->has_exit = true;
	result->exit = line->exit;
	result_line_add(sb, result);
	strbuf_shrink(&error, RESULTS_JOB_ERROR_MAX);
	strbuf_shrink(&output, RESULTS_JOB_ERROR_MAX);
}

void results_add_job(struct strbuf *sb, struct line *line, usec_t timeout)
{
	struct result_line result = {
		.id = line->job.id, .lease = line->job.lease,
		.duration = line->ran ? line->duration : -1, .delay = -1,
	};

	switch (line->item.verdict) {
	case POOL_CANCELLED:
		result.status = RESULT_FAIL;
		add_unfinished(sb, &result);
		break;
	case POOL_INTERRUPTED:
		result.status = RESULT_SNOOZE;
		add_unfinished(sb, &result);
		break;
	default:
		add_finished(sb, line, &result, timeout);
	}
}

bool results_add_answer(struct strbuf *sb, struct line *line, struct result_line *answer)
{
	answer->id = line->job.id;
	answer->lease = line->job.lease;
	answer->duration = line->duration;
	result_line_add(sb, answer);
	return answer->status == RESULT_OK || answer->status == RESULT_SNOOZE;
}

/* Announcements */

void announcer_init(struct announcer *a, struct loop *loop, struct strbuf *sb)
{
	*a = (struct announcer){ .loop = loop, .sb = sb };
}

static bool waits(const struct announcer *a, const struct line *line)
{
	return line->age_prev || line == a->first;
}

void announcer_remove(struct announcer *a, struct line *line)
{
	if (!waits(a, line))
		return;
	*(line->age_prev ? &line->age_prev->age_next : &a->first) = line->age_next;
	*(line->age_next ? &line->age_next->age_prev : &a->last) = line->age_prev;
	line->age_prev = line->age_next = NULL;
}

static void announce(struct announcer *a, struct line *line)
{
	struct result_line started = {
		.id = line->job.id, .lease = line->job.lease, .status = RESULT_STARTED,
		.duration = -1, .delay = -1,
	};

	result_line_add(a->sb, &started);
	line->announced = true;
	announcer_remove(a, line);
}

static void announce_due(struct loop_timer *timer);

/* The timer is left alone while it is set, even when the line it was set for is done:
 * most jobs are, long before it rings. */
static void arm(struct announcer *a)
{
	if (a->first && !a->timer.due.index)
		loop_timer_set(a->loop, &a->timer, a->first->started + STREAM_STARTED_AFTER, announce_due);
}

static void announce_due(struct loop_timer *timer)
{
	struct announcer *a = (struct announcer *)((char *)timer - offsetof(struct announcer, timer));

	while (a->first && a->first->started + STREAM_STARTED_AFTER <= timer->due.at)
		announce(a, a->first);
	arm(a);
}

void announcer_add(struct announcer *a, struct line *line)
{
	if (line->announced || waits(a, line))
		return;
	line->age_next = NULL;
	line->age_prev = a->last;
	*(a->last ? &a->last->age_next : &a->first) = line;
	a->last = line;
	arm(a);
}
