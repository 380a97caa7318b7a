#include "joblog.h"

#include "err.h"
#include "io.h"
#include "map.h"
#include "parse.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"
#define RECORD_MAX (4 * STREAM_LINE_MAX)
#define SEQ_MAX ((int64_t)1 << 40)

enum { FIELD_SEQ = 0, FIELD_EXIT = 6, FIELD_SIGNAL = 7, FIELD_COMMAND = 8 };

static int fail(struct map *map, const char *what)
{
	return err_errno("cannot %s joblog \"%s\"", what, map->args->joblog);
}

/* Reading the log of an earlier run */

struct record {
	int64_t seq, exit, signal;
	size_t command;          /* where it begins */
};

/* Cuts the fields of LINE apart. False: half a record, or none. */
static bool read_record(struct record *r, char *line)
{
	char *field[FIELD_COMMAND + 1] = { line };

	for (int i = 1; i <= FIELD_COMMAND; i++) {
		char *tab = strchr(field[i - 1], '\t');

		if (!tab)
			return false;
		*tab = '\0';
		field[i] = tab + 1;
	}
	r->command = (size_t)(field[FIELD_COMMAND] - line);
	if (!parse_int(&r->seq, field[FIELD_SEQ], "number", 1, SEQ_MAX)
	    && !parse_int(&r->exit, field[FIELD_EXIT], "status", 0, 255)
	    && !parse_int(&r->signal, field[FIELD_SIGNAL], "signal", 0, 255))
		return true;
	err_clear();
	return false;
}

/* The index has for each line that succeeded where its command stands in the log. */
static int index_record(struct map *map, const struct record *r, uint64_t offset)
{
	uint64_t place = r->exit || r->signal ? 0 : offset + r->command;

	if (pwrite(map->joblog.index, &place, sizeof(place), r->seq * (off_t)sizeof(place)) != sizeof(place))
		return err_errno("cannot write the index of joblog \"%s\"", map->args->joblog);
	return 0;
}

static int index_records(struct map *map, struct lines *in)
{
	enum lines_result got;
	struct record record;
	uint64_t offset = 0;
	char *line;
	size_t len;

	while ((got = lines_next(in, &line, &len)) == LINES_OK) {
		if (in->number == 1 && strcmp(line, HEADER) != 0)
			break;
		if (in->number > 1 && !in->unterminated && read_record(&record, line)
		    && index_record(map, &record, offset) < 0)
			return -1;
		if (!in->unterminated)
			offset += len + 1;
	}
	if (got == LINES_ERROR)
		return fail(map, "read");
	if (got != LINES_EOF)
		return err_set(WP_DATA, "\"%s\" is no joblog", map->args->joblog);
	/* Half a record must not be taken for a whole one later. */
	if (in->unterminated && ftruncate(map->joblog.fd, (off_t)offset) < 0)
		return fail(map, "repair");
	return 0;
}

static int read_log(struct map *map)
{
	struct lines in;
	int result;

	map->joblog.index = capture_file();
	if (map->joblog.index < 0)
		return -1;
	lines_init(&in, map->joblog.fd, '\n', RECORD_MAX);
	result = index_records(map, &in);
	lines_release(&in);
	return result;
}

int joblog_init(struct map *map)
{
	struct joblog *log = &map->joblog;
	struct stat st;

	*log = (struct joblog){ .fd = -1, .index = -1, .pending = STRBUF_INIT, .scratch = STRBUF_INIT };
	if (!map->args->joblog)
		return 0;
	log->on = true;
	log->fd = open(map->args->joblog,
		O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (map->args->resume ? 0 : O_TRUNC), 0666);
	if (log->fd < 0)
		return fail(map, "open");
	if (map->args->resume && read_log(map) < 0)
		return -1;
	if (fstat(log->fd, &st) < 0)
		return fail(map, "look at");
	if (!st.st_size)
		strbuf_addstr(&log->pending, HEADER "\n");
	return 0;
}

void joblog_release(struct map *map)
{
	fd_close(&map->joblog.fd);
	fd_close(&map->joblog.index);
	strbuf_release(&map->joblog.pending);
	strbuf_release(&map->joblog.scratch);
}

/* Writing */

static void add_stdin(struct strbuf *sb, const struct line *line)
{
	char *const argv[] = { line->text.buf, NULL };

	strbuf_addstr(sb, " <<< ");
	template_add_quoted(sb, argv);
}

/* The command as it was run; what it was fed shows as a here-string. -1: it cannot be made. */
static int add_command(struct map *map, struct strbuf *sb, const struct line *line)
{
	char **argv = template_fill(&map->template, line->text.buf, line->text.len);

	if (!argv)
		return -1;
	template_add_quoted(sb, argv);
	if (map->args->feed_stdin || map->args->warm)
		add_stdin(sb, line);
	return 0;
}

void joblog_add(struct map *map, const struct line *line)
{
	struct strbuf *sb = &map->joblog.pending;
	usec_t duration = line->duration < 0 ? 0 : line->duration;
	usec_t wall = clock_wall() - (clock_now() - line->started);

	if (!map->joblog.on)
		return;
	strbuf_addf(sb, "%llu\t:\t%lld.%03d\t%10.3f\t0\t%zu\t%d\t%d\t", (unsigned long long)line->item.seq,
		(long long)(wall / USEC_SEC), (int)(wall % USEC_SEC / USEC_MS), (double)duration / USEC_SEC,
		line->out.len, line->signal ? 0 : line->exit, line->signal);
	if (add_command(map, sb, line) < 0)
		err_clear();
	strbuf_addch(sb, '\n');
}

void joblog_flush(struct map *map)
{
	struct joblog *log = &map->joblog;

	if (!log->pending.len)
		return;
	if (!log->failed && write_full(log->fd, log->pending.buf, log->pending.len) < 0) {
		log->failed = true;
		fail(map, "write");
		map_fail(map, WP_IO);
	}
	strbuf_reset(&log->pending);
	strbuf_shrink(&log->pending, 64 << 10);
}

/* Resuming */

static bool stands_at(struct joblog *log, uint64_t place, const struct strbuf *text)
{
	static char buf[4 << 10];

	for (size_t done = 0; done < text->len;) {
		size_t left = text->len - done;
		ssize_t n = pread(log->fd, buf, left < sizeof(buf) ? left : sizeof(buf), (off_t)(place + done));

		if (n <= 0 || memcmp(buf, text->buf + done, (size_t)n) != 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

int joblog_done(struct map *map, struct line *line)
{
	struct joblog *log = &map->joblog;
	uint64_t place = 0;
	ssize_t n = pread(log->index, &place, sizeof(place), (off_t)(line->item.seq * sizeof(place)));

	if (n < 0)
		return err_errno("cannot read the index of joblog \"%s\"", map->args->joblog);
	if (n < (ssize_t)sizeof(place) || !place)
		return 0;
	strbuf_reset(&log->scratch);
	if (line->too_long || add_command(map, &log->scratch, line) < 0) {
		err_clear();
	} else {
		strbuf_addch(&log->scratch, '\n');
		if (stands_at(log, place, &log->scratch))
			return 1;
	}
	return err_set(WP_DATA, "line %llu: joblog \"%s\" is of another input",
		(unsigned long long)line->item.seq, map->args->joblog);
}
