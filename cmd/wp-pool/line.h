/*
 * line.h - one line of input, from the moment it is read until its output is written.
 */
#ifndef WP_POOL_LINE_H
#define WP_POOL_LINE_H

#include "capture.h"
#include "pool.h"
#include "stream.h"

struct line {
	struct pool_item item;         /* first: a line is found from its item */
	struct strbuf text;            /* without its separator */
	bool too_long;                 /* and therefore not kept */
	struct job_line job;           /* --jobs: points into text */

	/* Its call, the last one when there were several. */
	bool ran;
	usec_t started, duration;
	int exit;                      /* in the shell's language */
	int signal;                    /* that ended it, or 0 */
	struct capture out, err;       /* a warm worker's answer is in out */
	struct strbuf error;           /* what is wrong, when the call itself cannot say */

	/* --jobs */
	enum result_status status;
	bool answered;                 /* its result line is written */
	bool announced;                /* its "started" line is */
	struct line *age_prev, *age_next;

	struct line *out_next;         /* waiting to be written */
	bool ended;
	struct line *prev, *next;      /* of all lines */
};

/* All lines that live; those that are done are used again. */
struct line_list {
	struct line *first, *idle;
};

struct line *line_get(struct line_list *lines);
void line_put(struct line_list *lines, struct line *line);
void line_list_free(struct line_list *lines);

/* Ready for another call. */
void line_begin(struct line *line);

/* What a line that waits for its turn costs, in bytes. */
static inline size_t line_size(const struct line *line)
{
	return sizeof(*line) + line->text.len;
}

static inline struct line *line_of(struct pool_item *item)
{
	return (struct line *)item;
}

#endif
