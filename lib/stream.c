#include "stream.h"

#include "err.h"

#include <math.h>

static bool is_null(struct json_slice value)
{
	return json_slice_is(value, "null");
}

static int wrong(const char *member, const char *what)
{
	return err_set(WP_DATA, "member \"%s\" is not %s", member, what);
}

static int take_int(int64_t *out, struct json_slice value, const char *member)
{
	return json_int(value, out) < 0 ? wrong(member, "a whole number") : 0;
}

static int take_id(int64_t *out, struct json_slice value)
{
	if (json_int(value, out) < 0 || *out < 1)
		return wrong("id", "a whole number of at least 1");
	return 0;
}

static int take_string(struct json_slice *out, struct json_slice value, const char *member)
{
	if (!json_is_string(value))
		return wrong(member, "a string");
	*out = value;
	return 0;
}

static int take_seconds(usec_t *out, struct json_slice value, const char *member)
{
	static const double most = 36525.0 * 86400;      /* as parse_duration() */
	double seconds;

	if (json_double(value, &seconds) < 0 || !(seconds >= 0 && seconds <= most))
		return wrong(member, "a number of seconds");
	*out = (usec_t)llrint(seconds * USEC_SEC);
	return 0;
}

static int take_bool(bool *out, struct json_slice value, const char *member)
{
	*out = json_slice_is(value, "true");
	return *out || json_slice_is(value, "false") ? 0 : wrong(member, "true or false");
}

/* Walk the members of a line and give each to TAKE. */
static int each_member(void *into, const char *line, size_t len,
	int (*take)(void *into, struct json_slice key, struct json_slice value))
{
	struct json_slice key, value;
	struct json_scan scan;
	int more;

	if (json_object_begin(&scan, line, len) < 0)
		return err_set(WP_DATA, "not a JSON object");
	while ((more = json_object_next(&scan, &key, &value)) == 1)
		if (take(into, key, value) < 0)
			return -1;
	return more < 0 ? err_set(WP_DATA, "not a well-formed JSON object") : 0;
}

/* Job lines */

static int take_job_member(void *into, struct json_slice key, struct json_slice value)
{
	struct job_line *job = into;

	if (json_slice_is(key, "id"))
		return take_id(&job->id, value);
	if (json_slice_is(key, "queue"))
		return take_string(&job->queue, value, "queue");
	if (json_slice_is(key, "attempt"))
		return take_int(&job->attempt, value, "attempt");
	if (json_slice_is(key, "max_attempts"))
		return take_int(&job->max_attempts, value, "max_attempts");
	if (json_slice_is(key, "priority"))
		return take_int(&job->priority, value, "priority");
	if (json_slice_is(key, "lease"))
		return take_string(&job->lease, value, "lease");
	if (json_slice_is(key, "cancel"))
		return take_bool(&job->cancel, value, "cancel");
	if (json_slice_is(key, "payload"))
		job->payload = value;
	return 0;
}

static int missing(const char *member)
{
	return err_set(WP_DATA, "no member \"%s\"", member);
}

int job_line_parse(struct job_line *job, const char *line, size_t len)
{
	*job = (struct job_line){ .attempt = 1, .max_attempts = 1, .queue = { "\"\"", 2 } };
	if (each_member(job, line, len, take_job_member) < 0)
		return -1;
	if (!job->id)
		return missing("id");
	if (!job->lease.p)
		return missing("lease");
	if (!job->payload.p && !job->cancel)
		return missing("payload");
	return 0;
}

/* Result lines */

static const char *const status_names[] = {
	[RESULT_OK] = "ok",
	[RESULT_RETRY] = "retry",
	[RESULT_FAIL] = "fail",
	[RESULT_SNOOZE] = "snooze",
	[RESULT_STARTED] = "started",
};

enum { STATUS_COUNT = sizeof(status_names) / sizeof(status_names[0]) };

const char *result_status_name(enum result_status status)
{
	return status_names[status];
}

/* A result while it is read: "status" has no value that could stand for "not given". */
struct reading {
	struct result_line *result;
	bool has_status;
};

static int take_status(struct reading *reading, struct json_slice value)
{
	struct json_slice word = { value.p + 1, value.len - 2 };

	for (int i = 0; json_is_string(value) && i < STATUS_COUNT; i++)
		if (json_slice_is(word, status_names[i])) {
			reading->result->status = (enum result_status)i;
			reading->has_status = true;
			return 0;
		}
	return wrong("status", "ok, retry, fail, snooze or started");
}

static int take_exit(struct result_line *result, struct json_slice value)
{
	result->has_exit = true;
	return take_int(&result->exit, value, "exit");
}

static int take_result_member(void *into, struct json_slice key, struct json_slice value)
{
	struct reading *reading = into;
	struct result_line *result = reading->result;

	if (json_slice_is(key, "status"))
		return take_status(reading, value);
	if (json_slice_is(key, "output")) {
		result->output = value;
		return 0;
	}
	/* Many writers say null where they have nothing to say. */
	if (is_null(value))
		return 0;
	if (json_slice_is(key, "id"))
		return take_id(&result->id, value);
	if (json_slice_is(key, "lease"))
		return take_string(&result->lease, value, "lease");
	if (json_slice_is(key, "exit"))
		return take_exit(result, value);
	if (json_slice_is(key, "error"))
		return take_string(&result->error, value, "error");
	if (json_slice_is(key, "duration"))
		return take_seconds(&result->duration, value, "duration");
	if (json_slice_is(key, "delay"))
		return take_seconds(&result->delay, value, "delay");
	return 0;
}

int result_line_parse(struct result_line *result, const char *line, size_t len, bool answer)
{
	struct reading reading = { .result = result };

	*result = (struct result_line){ .duration = -1, .delay = -1 };
	if (each_member(&reading, line, len, take_result_member) < 0)
		return -1;
	if (!reading.has_status)
		return missing("status");
	if (!answer && !result->id)
		return missing("id");
	if (!answer && !result->lease.p)
		return missing("lease");
	return 0;
}

/* All members but the first bring their comma with them; "status" is always there. */
static void add_leading(struct strbuf *sb, const struct result_line *result)
{
	strbuf_addch(sb, '{');
	if (result->id) {
		strbuf_addstr(sb, "\"id\":");
		strbuf_addint(sb, result->id);
		strbuf_addch(sb, ',');
	}
	if (result->lease.p) {
		strbuf_addstr(sb, "\"lease\":");
		strbuf_add(sb, result->lease.p, result->lease.len);
		strbuf_addch(sb, ',');
	}
	strbuf_addstr(sb, "\"status\":\"");
	strbuf_addstr(sb, result_status_name(result->status));
	strbuf_addch(sb, '"');
}

static void add_seconds(struct strbuf *sb, const char *name, usec_t duration)
{
	if (duration < 0)
		return;
	strbuf_addstr(sb, name);
	clock_add_seconds(sb, duration);
}

void result_line_add(struct strbuf *sb, const struct result_line *result)
{
	add_leading(sb, result);
	if (result->has_exit) {
		strbuf_addstr(sb, ",\"exit\":");
		strbuf_addint(sb, result->exit);
	}
	if (result->error.p) {
		strbuf_addstr(sb, ",\"error\":");
		strbuf_add(sb, result->error.p, result->error.len);
	}
	if (result->output.p) {
		strbuf_addstr(sb, ",\"output\":");
		json_add_one_line(sb, result->output.p, result->output.len);
	}
	add_seconds(sb, ",\"duration\":", result->duration);
	add_seconds(sb, ",\"delay\":", result->delay);
	strbuf_addstr(sb, "}\n");
}

enum result_status result_from_exit(int status)
{
	switch (status) {
	case WP_OK:
		return RESULT_OK;
	case WP_TEMPFAIL:
		return RESULT_SNOOZE;
	case WP_DATA:
		return RESULT_FAIL;
	default:
		return RESULT_RETRY;
	}
}
