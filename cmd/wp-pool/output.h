/*
 * output.h - what the calls said, written whole and in order.
 *
 * A line joins the queue when it is offered (--keep-order) or when it ends; only the
 * head of the queue is written, its stdout whole, then its stderr whole. With
 * --keep-order the stdout of a head that still runs is passed on as it comes.
 */
#ifndef WP_POOL_OUTPUT_H
#define WP_POOL_OUTPUT_H

#include "line.h"
#include "sink.h"

/* Lines that wait to be written: no more input is taken beyond that. */
#define OUTPUT_HELD_MAX ((size_t)256)

struct output {
	struct sink out, err, extra;
	struct sink *calls_out;        /* where the calls' stdout goes; NULL: nowhere */
	size_t limit_out, limit_err;   /* how much of a call is kept */
	bool keep_order, stream;       /* stream: the head may go out while it runs */
	/* Instead of the raw output: appends what is to be written for a line. */
	void (*render)(struct strbuf *sb, struct line *line);
	struct line_list *lines;       /* where lines go that are written */
	struct line *first, *last;
	size_t held;                   /* lines in the queue that have ended */
	bool on_err;                   /* the head's stdout is done */
	size_t written;                /* of the part at hand */
	bool failed;                   /* a temporary file could not be read: output was lost */
};

void output_init(struct output *o, struct loop *loop, struct line_list *lines);
void output_release(struct output *o);

void output_offered(struct output *o, struct line *line);
/* From the call's stdout. -1 with err recorded. */
int output_take(struct output *o, struct line *line, const char *data, size_t len);
/* The line is done; it is put back when it is written. */
void output_ended(struct output *o, struct line *line);

/* Write what can be written now. */
void output_pump(struct output *o);
bool output_idle(const struct output *o);        /* nothing left to write */
bool output_full(const struct output *o);        /* offer no more lines for now */
/* Give up what is not written. */
void output_abandon(struct output *o);

#endif
