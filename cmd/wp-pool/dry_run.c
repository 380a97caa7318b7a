#include "map.h"

#include "err.h"
#include "io.h"

#include <unistd.h>

static int print_command(struct map *map, struct strbuf *sb, const char *line, size_t len)
{
	char **argv = template_fill(&map->template, line, len);

	if (!argv)
		return -1;
	strbuf_reset(sb);
	template_add_quoted(sb, argv);
	strbuf_addch(sb, '\n');
	/* Whether it could be written is seen when stdout is closed. */
	fwrite(sb->buf, 1, sb->len, stdout);
	return 0;
}

static int print_commands(struct map *map, struct lines *in, struct strbuf *sb)
{
	enum lines_result got;
	int status = WP_OK;
	char *line;
	size_t len;

	while ((got = lines_next(in, &line, &len)) == LINES_OK || got == LINES_TOO_LONG) {
		if (got == LINES_TOO_LONG)
			err_set(WP_DATA, "longer than %zu bytes", STREAM_LINE_MAX);
		else if (!print_command(map, sb, line, len))
			continue;
		err_prefix("line %llu", in->number);
		err_report();
		status = WP_NO;
	}
	if (got == LINES_ERROR) {
		err_errno("cannot read stdin");
		return err_report();
	}
	return status;
}

int dry_run(struct map *map)
{
	struct strbuf sb = STRBUF_INIT;
	struct lines in;
	int status;

	lines_init(&in, STDIN_FILENO, map->args->null ? '\0' : '\n', STREAM_LINE_MAX);
	status = print_commands(map, &in, &sb);
	lines_release(&in);
	strbuf_release(&sb);
	return status;
}
