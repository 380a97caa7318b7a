#include "input.h"

#include "err.h"
#include "map.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

static void readable(struct loop_fd *handle, uint32_t events)
{
	struct input *in = (struct input *)((char *)handle - offsetof(struct input, handle));

	if (lines_fill(&in->lines) == LINES_ERROR) {
		err_errno("cannot read stdin");
		pool_eof(&in->map->pool);
		map_fail(in->map, WP_IO);
	}
	in->dry = false;
}

static long long size_of_stdin(void)
{
	struct stat st;

	return !fstat(STDIN_FILENO, &st) && S_ISREG(st.st_mode) ? (long long)st.st_size : -1;
}

int input_init(struct map *map)
{
	struct input *in = &map->input;

	*in = (struct input){ .map = map, .size = size_of_stdin(), .dry = true };
	lines_init(&in->lines, STDIN_FILENO, map->args->null ? '\0' : '\n', STREAM_LINE_MAX);
	return loop_add(map->loop, &in->handle, STDIN_FILENO, 0, readable);
}

void input_release(struct map *map)
{
	loop_remove(map->loop, &map->input.handle);
	lines_release(&map->input.lines);
}

/* Jobs */

static void cancel(struct map *map, const struct job_line *wanted)
{
	for (struct line *line = map->lines.first; line; line = line->next)
		if (line->job.id == wanted->id && line->job.lease.len == wanted->lease.len && line->job.payload.p
		    && !memcmp(line->job.lease.p, wanted->lease.p, wanted->lease.len)) {
			pool_cancel(&map->pool, &line->item);
			return;
		}
}

/* False: it is no job, or says something about another one. */
static bool read_job(struct map *map, struct line *line)
{
	if (line->too_long)
		err_set(WP_DATA, "longer than %zu bytes", STREAM_LINE_MAX);
	else if (!job_line_parse(&line->job, line->text.buf, line->text.len)) {
		if (!line->job.cancel)
			return true;
		line->job.payload.p = NULL;     /* or it would find itself */
		cancel(map, &line->job);
		return false;
	}
	map->bad_lines++;
	map_complain(map, line);
	return false;
}

/* Lines */

/* Where it matters how it went before: only lines that did not succeed then. */
static bool done_before(struct map *map, struct line *line)
{
	int done = joblog_done(map, line);

	if (done < 0)
		map_fail(map, err_status());
	if (done <= 0)
		return false;
	map->skipped++;
	return true;
}

static void take(struct map *map, const char *text, size_t len, bool too_long)
{
	struct input *in = &map->input;
	struct line *line = line_get(&map->lines);

	line->item.seq = in->lines.number;
	line->too_long = too_long;
	in->bytes += len + 1;
	if (!too_long)
		strbuf_add(&line->text, text, len);
	if (map->args->jobs && !read_job(map, line)) {
		line_put(&map->lines, line);
		return;
	}
	if (map->args->resume && done_before(map, line)) {
		line_put(&map->lines, line);
		return;
	}
	in->ahead += line_size(line);
	output_offered(&map->output, line);
	pool_offer(&map->pool, &line->item);
}

static bool wanted(struct map *map)
{
	/* Whoever sent jobs hears of each one that was read, also when we are to stop. */
	if (map->args->jobs && map->pool.stage != POOL_RUNS)
		return true;
	if (output_full(&map->output))
		return false;
	return map->args->jobs ? map->input.ahead < INPUT_AHEAD_MAX : pool_room(&map->pool) > 0;
}

bool input_feed(struct map *map)
{
	struct input *in = &map->input;
	bool fed = false;
	char *text;
	size_t len;

	while (!map->pool.eof && wanted(map)) {
		switch (lines_buffered(&in->lines, &text, &len)) {
		case LINES_OK:
			take(map, text, len, false);
			break;
		case LINES_TOO_LONG:
			take(map, NULL, 0, true);
			break;
		case LINES_EOF:
			pool_eof(&map->pool);
			return true;
		default:
			in->dry = true;
			return fed;
		}
		fed = true;
	}
	return fed;
}

void input_watch(struct map *map)
{
	struct input *in = &map->input;
	bool read = in->dry && !map->pool.eof && map->pool.stage == POOL_RUNS && wanted(map);

	if (loop_watch(map->loop, &in->handle, read ? EPOLLIN : 0) < 0) {
		pool_eof(&map->pool);
		map_fail(map, WP_IO);
	}
}
