#include "line.h"

#include "alloc.h"

#define KEEP ((size_t)4 << 10)

struct line *line_get(struct line_list *lines)
{
	struct line *line = lines->idle;

	if (line) {
		lines->idle = line->next;
	} else {
		line = xcalloc(1, sizeof(*line));
		strbuf_init(&line->text);
		strbuf_init(&line->error);
		line->out = line->err = (struct capture)CAPTURE_INIT;
	}
	line->prev = NULL;
	line->next = lines->first;
	if (line->next)
		line->next->prev = line;
	lines->first = line;
	return line;
}

void line_begin(struct line *line)
{
	capture_reset(&line->out);
	capture_reset(&line->err);
	strbuf_reset(&line->error);
	line->exit = line->signal = 0;
	line->ran = false;
	line->duration = -1;
}

void line_put(struct line_list *lines, struct line *line)
{
	*(line->prev ? &line->prev->next : &lines->first) = line->next;
	if (line->next)
		line->next->prev = line->prev;
	line_begin(line);
	strbuf_reset(&line->text);
	strbuf_shrink(&line->text, KEEP);
	line->too_long = line->answered = line->announced = line->ended = false;
	line->next = lines->idle;
	lines->idle = line;
}

static void line_free(struct line *line)
{
	capture_reset(&line->out);
	capture_reset(&line->err);
	strbuf_release(&line->out.mem);
	strbuf_release(&line->err.mem);
	strbuf_release(&line->text);
	strbuf_release(&line->error);
	free(line);
}

void line_list_free(struct line_list *lines)
{
	struct line *line;

	while ((line = lines->first)) {
		lines->first = line->next;
		line_free(line);
	}
	while ((line = lines->idle)) {
		lines->idle = line->next;
		line_free(line);
	}
}
