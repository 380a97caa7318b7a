/* A job line that is taken has sound parts, all of them inside the line. */
#include "fuzz.h"

#include "err.h"
#include "parse.h"
#include "stream.h"

static void inside(struct json_slice s, const char *line, size_t size)
{
	require(s.p >= line && s.len > 0 && s.p + s.len <= line + size);
	require(json_check(s.p, s.len) == 0 || !utf8_valid(s.p, s.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	struct job_line job;

	if (job_line_parse(&job, line, size) < 0) {
		require(err_status() == WP_DATA && *err_message());
		return 0;
	}
	require(job.id >= 1);
	inside(job.lease, line, size);
	require(json_is_string(job.lease) && json_is_string(job.queue));
	require(job.payload.p || job.cancel);
	if (job.payload.p)
		inside(job.payload, line, size);
	return 0;
}
