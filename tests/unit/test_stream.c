#include "stream.h"

#include "err.h"
#include "tap.h"

static void is_slice(struct json_slice s, const char *expected, const char *name)
{
	char *copy = s.p ? strndup(s.p, s.len) : NULL;

	is_str(copy, expected, "%s", name);
	free(copy);
}

static void refused(int result, const char *line, const char *message)
{
	is_int(result, -1, "refused: %s", line);
	is_str(err_message(), message, "because: %s", message);
	is_int(err_status(), WP_DATA, "as bad data");
	err_clear();
}

static void bad_job(const char *line, const char *message)
{
	struct job_line job;

	refused(job_line_parse(&job, line, strlen(line)), line, message);
}

static void reads_jobs(void)
{
	static const char line[] = "{\"lease\":\"7.1\",\"id\":7,\"queue\":\"mail\",\"attempt\":2,\"max_attempts\":5,"
		"\"priority\":-3,\"new\":[1],\"payload\":{\"a\": 1}}";
	static const char least[] = "{\"id\":1,\"lease\":\"l\",\"payload\":null}";
	static const char cancel[] = "{\"id\":7,\"lease\":\"7.1\",\"cancel\":true}";
	struct job_line job;

	is_int(job_line_parse(&job, line, strlen(line)), 0, "a whole job line, in any order, with unknown members");
	is_int(job.id, 7, "id");
	is_int(job.attempt, 2, "attempt");
	is_int(job.max_attempts, 5, "max_attempts");
	is_int(job.priority, -3, "priority");
	is_slice(job.queue, "\"mail\"", "queue");
	is_slice(job.lease, "\"7.1\"", "lease");
	is_slice(job.payload, "{\"a\": 1}", "payload");
	ok(!job.cancel, "no cancel");
	is_int(job_line_parse(&job, least, strlen(least)), 0, "the least there can be");
	ok(job.attempt == 1 && job.max_attempts == 1 && job.priority == 0, "numbers have defaults");
	is_slice(job.queue, "\"\"", "the queue too");
	is_slice(job.payload, "null", "null is a payload");
	is_int(job_line_parse(&job, cancel, strlen(cancel)), 0, "a cancel line has no payload");
	ok(job.cancel && !job.payload.p, "and says so");
}

static void refuses_jobs(void)
{
	bad_job("", "not a JSON object");
	bad_job("[]", "not a JSON object");
	bad_job("{\"id\":7", "not a well-formed JSON object");
	bad_job("{}", "no member \"id\"");
	bad_job("{\"id\":0,\"lease\":\"l\",\"payload\":1}", "member \"id\" is not a whole number of at least 1");
	bad_job("{\"id\":1.5,\"lease\":\"l\",\"payload\":1}", "member \"id\" is not a whole number of at least 1");
	bad_job("{\"id\":\"7\",\"lease\":\"l\",\"payload\":1}", "member \"id\" is not a whole number of at least 1");
	bad_job("{\"id\":7,\"payload\":1}", "no member \"lease\"");
	bad_job("{\"id\":7,\"lease\":5,\"payload\":1}", "member \"lease\" is not a string");
	bad_job("{\"id\":7,\"lease\":\"l\"}", "no member \"payload\"");
	bad_job("{\"id\":7,\"lease\":\"l\",\"cancel\":false}", "no member \"payload\"");
	bad_job("{\"id\":7,\"lease\":\"l\",\"cancel\":1}", "member \"cancel\" is not true or false");
	bad_job("{\"id\":7,\"lease\":\"l\",\"payload\":1,\"attempt\":\"x\"}", "member \"attempt\" is not a whole number");
	bad_job("{\"id\":7,\"lease\":\"l\",\"payload\":1,\"queue\":null}", "member \"queue\" is not a string");
}

static void bad_result(const char *line, bool answer, const char *message)
{
	struct result_line result;

	refused(result_line_parse(&result, line, strlen(line), answer), line, message);
}

static void reads_results(void)
{
	static const char line[] = "{\"id\":7,\"lease\":\"7.1\",\"status\":\"retry\",\"exit\":3,\"error\":\"no\","
		"\"output\":{\"a\":null},\"duration\":0.012,\"delay\":1.5,\"host\":\"x\"}";
	static const char nulls[] = "{\"id\":null,\"lease\":null,\"status\":\"ok\",\"exit\":null,\"error\":null,"
		"\"output\":null,\"duration\":null,\"delay\":null}";
	struct result_line result;

	is_int(result_line_parse(&result, line, strlen(line), false), 0, "a whole result line");
	is_int(result.id, 7, "id");
	is_slice(result.lease, "\"7.1\"", "lease");
	is_int(result.status, RESULT_RETRY, "status");
	ok(result.has_exit, "there is an exit status");
	is_int(result.exit, 3, "exit");
	is_slice(result.error, "\"no\"", "error");
	is_slice(result.output, "{\"a\":null}", "output");
	is_int(result.duration, 12000, "duration");
	is_int(result.delay, 1500000, "delay");
	is_int(result_line_parse(&result, "{\"status\":\"ok\"}", 15, true), 0, "the shortest answer");
	ok(!result.id && !result.lease.p && !result.has_exit && !result.error.p && !result.output.p, "the rest is not given");
	ok(result.duration == -1 && result.delay == -1, "times neither");
	is_int(result_line_parse(&result, nulls, strlen(nulls), true), 0, "null is taken for not given");
	ok(!result.id && !result.lease.p && !result.has_exit && !result.error.p, "everywhere");
	is_slice(result.output, "null", "but in the output, which may be any JSON");
}

static void refuses_results(void)
{
	bad_result("ok", true, "not a JSON object");
	bad_result("{\"status\":\"ok\"", true, "not a well-formed JSON object");
	bad_result("{}", true, "no member \"status\"");
	bad_result("{\"status\":\"OK\"}", true, "member \"status\" is not ok, retry, fail, snooze or started");
	bad_result("{\"status\":1}", true, "member \"status\" is not ok, retry, fail, snooze or started");
	bad_result("{\"status\":null}", true, "member \"status\" is not ok, retry, fail, snooze or started");
	bad_result("{\"status\":\"ok\"}", false, "no member \"id\"");
	bad_result("{\"status\":\"ok\",\"id\":7}", false, "no member \"lease\"");
	bad_result("{\"status\":\"ok\",\"id\":-7}", true, "member \"id\" is not a whole number of at least 1");
	bad_result("{\"status\":\"ok\",\"exit\":\"0\"}", true, "member \"exit\" is not a whole number");
	bad_result("{\"status\":\"ok\",\"error\":[]}", true, "member \"error\" is not a string");
	bad_result("{\"status\":\"ok\",\"duration\":-1}", true, "member \"duration\" is not a number of seconds");
	bad_result("{\"status\":\"ok\",\"delay\":1e300}", true, "member \"delay\" is not a number of seconds");
	bad_result("{\"status\":\"ok\",\"delay\":\"5s\"}", true, "member \"delay\" is not a number of seconds");
}

static void is_line(const struct result_line *result, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	result_line_add(&sb, result);
	is_str(sb.buf, expected, "written: %s", expected);
	strbuf_release(&sb);
}

static void writes_results(void)
{
	struct result_line result = { .status = RESULT_OK, .duration = -1, .delay = -1 };

	is_line(&result, "{\"status\":\"ok\"}\n");
	result = (struct result_line){
		.id = 7, .lease = { "\"7.1\"", 5 }, .status = RESULT_SNOOZE, .has_exit = true, .exit = 75,
		.error = { "\"busy\"", 6 }, .output = { "{\n\"a\":1}", 8 }, .duration = 12000, .delay = 0,
	};
	is_line(&result, "{\"id\":7,\"lease\":\"7.1\",\"status\":\"snooze\",\"exit\":75,\"error\":\"busy\","
		"\"output\":{ \"a\":1},\"duration\":0.012,\"delay\":0}\n");
}

static void rereads_what_it_writes(void)
{
	struct result_line result = { .id = INT64_MAX, .lease = { "\"x\"", 3 }, .duration = 1, .delay = 86400 * USEC_SEC }, back;
	struct strbuf sb = STRBUF_INIT;

	for (int status = RESULT_OK; status <= RESULT_STARTED; status++) {
		strbuf_reset(&sb);
		result.status = (enum result_status)status;
		result_line_add(&sb, &result);
		is_int(result_line_parse(&back, sb.buf, sb.len, false), 0, "%s can be read back", result_status_name(result.status));
		ok(back.id == result.id && back.status == result.status, "as it was");
		ok(back.duration == 1 && back.delay == result.delay, "to the microsecond");
	}
	strbuf_release(&sb);
}

static void knows_exits(void)
{
	is_int(result_from_exit(0), RESULT_OK, "0 is ok");
	is_int(result_from_exit(75), RESULT_SNOOZE, "75 is snooze");
	is_int(result_from_exit(65), RESULT_FAIL, "65 is fail");
	is_int(result_from_exit(1), RESULT_RETRY, "1 is retry");
	is_int(result_from_exit(137), RESULT_RETRY, "137 is retry");
}

int main(void)
{
	reads_jobs();
	refuses_jobs();
	reads_results();
	refuses_results();
	writes_results();
	rereads_what_it_writes();
	knows_exits();
	return done_testing();
}
