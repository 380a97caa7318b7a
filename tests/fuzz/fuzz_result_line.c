/* A result line that is taken can be written, and what is written is taken as the same result. */
#include "fuzz.h"

#include "err.h"
#include "stream.h"

static int same_slice(struct json_slice a, struct json_slice b)
{
	return !a.p == !b.p && a.len == b.len;
}

/* Beyond 2^50 us a double of seconds no longer tells every microsecond from the next. */
static int same_time(usec_t a, usec_t b)
{
	usec_t slack = a > (usec_t)1 << 50 ? 1 : 0;

	return a - b <= slack && b - a <= slack;
}

static void reread(const struct result_line *result, int answer)
{
	struct strbuf sb = STRBUF_INIT;
	struct result_line back;

	result_line_add(&sb, result);
	require(memchr(sb.buf, '\n', sb.len) == sb.buf + sb.len - 1);
	require(result_line_parse(&back, sb.buf, sb.len, answer) == 0);
	require(back.id == result->id && back.status == result->status);
	require(back.has_exit == result->has_exit && back.exit == result->exit);
	require(same_slice(back.lease, result->lease) && same_slice(back.error, result->error));
	require(same_slice(back.output, result->output));
	require(same_time(back.duration, result->duration) && same_time(back.delay, result->delay));
	strbuf_release(&sb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result_line result;
	const char *line = (const char *)data;

	for (int answer = 0; answer <= 1; answer++) {
		if (result_line_parse(&result, line, size, answer) == 0) {
			require(answer || (result.id >= 1 && result.lease.p));
			reread(&result, answer);
		} else {
			require(err_status() == WP_DATA && *err_message());
		}
	}
	return 0;
}
