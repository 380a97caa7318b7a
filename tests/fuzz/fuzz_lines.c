/*
 * The line reader against a plain loop over the whole input. The first byte chooses the
 * separator and the limit, the second how many bytes come at a time.
 */
#include "fuzz.h"

#include "io.h"

#include <fcntl.h>
#include <unistd.h>

struct expected {
	const char *p, *end;
	char sep;
	size_t limit;
	unsigned long long number;
};

static void expect_line(struct expected *e, const struct lines *in, enum lines_result result,
	const char *line, size_t len)
{
	const char *sep = memchr(e->p, e->sep, (size_t)(e->end - e->p));
	size_t length = (size_t)((sep ? sep : e->end) - e->p);

	require(e->p < e->end);
	require(result == (length > e->limit ? LINES_TOO_LONG : LINES_OK));
	require(in->number == ++e->number);
	require(in->unterminated == !sep);
	require(in->buf.alloc <= 65537 || in->buf.alloc <= e->limit + 2);
	if (result == LINES_OK)
		require(len == length && memcmp(line, e->p, len) == 0 && line[len] == '\0');
	e->p = sep ? sep + 1 : e->end;
}

static enum lines_result drain(struct lines *in, struct expected *e)
{
	enum lines_result result;
	char *line;
	size_t len;

	while ((result = lines_next(in, &line, &len)) == LINES_OK || result == LINES_TOO_LONG)
		expect_line(e, in, result, line, len);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 2;
	struct expected e;
	struct lines in;
	size_t step;
	int ends[2];

	if (size < 2 || size > 4096)
		return 0;
	require(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	e = (struct expected){ .p = text, .end = text + size - 2, .sep = data[0] & 1 ? '\0' : '\n', .limit = data[0] >> 1 };
	lines_init(&in, ends[0], e.sep, e.limit);
	for (const char *p = text; p < e.end; p += step) {
		step = (size_t)data[1] + 1;
		if (step > (size_t)(e.end - p))
			step = (size_t)(e.end - p);
		require(write_full(ends[1], p, step) == 0);
		require(drain(&in, &e) == LINES_AGAIN);
	}
	fd_close(&ends[1]);
	require(drain(&in, &e) == LINES_EOF);
	require(e.p == e.end);
	lines_release(&in);
	fd_close(&ends[0]);
	return 0;
}
