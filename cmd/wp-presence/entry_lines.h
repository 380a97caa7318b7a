/*
 * entry_lines.h - walk over text that is lines.
 */
#ifndef WP_PRESENCE_ENTRY_LINES_H
#define WP_PRESENCE_ENTRY_LINES_H

#include "strbuf.h"

#include <stdbool.h>
#include <string.h>

/* The line at *AT, which moves on behind it; false at the end. The last line need not end with a newline. */
static inline bool next_line(const struct strbuf *text, size_t *at, const char **line, size_t *len)
{
	const char *newline;

	if (*at >= text->len)
		return false;
	*line = text->buf + *at;
	newline = memchr(*line, '\n', text->len - *at);
	*len = newline ? (size_t)(newline - *line) : text->len - *at;
	*at += *len + 1;
	return true;
}

#endif
