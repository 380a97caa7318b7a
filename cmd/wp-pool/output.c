#include "output.h"

#include "err.h"

#include <unistd.h>

void output_init(struct output *o, struct loop *loop, struct line_list *lines)
{
	*o = (struct output){ .lines = lines, .limit_out = SIZE_MAX, .limit_err = SIZE_MAX };
	sink_init(&o->out, loop, STDOUT_FILENO);
	sink_init(&o->err, loop, STDERR_FILENO);
	sink_init(&o->extra, loop, -1);
	o->calls_out = &o->out;
}

void output_release(struct output *o)
{
	sink_release(&o->out);
	sink_release(&o->err);
	sink_release(&o->extra);
}

static void enqueue(struct output *o, struct line *line)
{
	line->out_next = NULL;
	*(o->last ? &o->last->out_next : &o->first) = line;
	o->last = line;
}

void output_offered(struct output *o, struct line *line)
{
	if (o->keep_order)
		enqueue(o, line);
}

void output_ended(struct output *o, struct line *line)
{
	line->ended = true;
	o->held++;
	if (!o->keep_order)
		enqueue(o, line);
}

/* Is it this line's turn, and has all that was captured of it gone out? */
static bool passes_through(const struct output *o, const struct line *line)
{
	return o->stream && line == o->first && o->written == line->out.len
		&& !sink_waiting(&o->err) && sink_waiting(o->calls_out) < SINK_FULL;
}

int output_take(struct output *o, struct line *line, const char *data, size_t len)
{
	if (passes_through(o, line)) {
		strbuf_add(&o->calls_out->buf, data, len);
		return 0;
	}
	return capture_add(&line->out, data, len, o->limit_out);
}

static void output_lost(struct output *o)
{
	if (!o->failed)
		err_report();
	err_clear();
	o->failed = true;
}

/* True: all of the capture has been handed to the sink. */
static bool copy(struct output *o, struct capture *from, struct sink *to)
{
	const char *data;
	ssize_t n;

	while (o->written < from->len) {
		if (sink_waiting(to) >= SINK_FULL) {
			sink_flush(to);
			if (sink_waiting(to) >= SINK_FULL)
				return false;
		}
		n = capture_peek(from, o->written, SINK_FULL, &data);
		if (n <= 0) {
			output_lost(o);
			break;
		}
		strbuf_add(&to->buf, data, (size_t)n);
		o->written += (size_t)n;
	}
	return true;
}

/* stdout and stderr may be the same pipe: what went to one must have left us
 * before anything goes to the other, or calls would mix. */
static bool may_switch(struct sink *from)
{
	sink_flush(from);
	return !sink_waiting(from);
}

static bool write_stdout(struct output *o, struct line *line)
{
	if (!o->calls_out || !line->out.len)
		return true;
	if (!may_switch(&o->err))
		return false;
	return copy(o, &line->out, o->calls_out);
}

static bool write_stderr(struct output *o, struct line *line)
{
	if (!line->err.len)
		return true;
	if (o->calls_out && !may_switch(o->calls_out))
		return false;
	return copy(o, &line->err, &o->err);
}

static bool write_rendered(struct output *o, struct line *line)
{
	if (sink_waiting(&o->out) >= SINK_FULL)
		sink_flush(&o->out);
	if (sink_waiting(&o->out) >= SINK_FULL)
		return false;
	o->render(&o->out.buf, line);
	return true;
}

static bool write_line(struct output *o, struct line *line)
{
	if (o->render)
		return write_rendered(o, line);
	if (!o->on_err) {
		if (!write_stdout(o, line))
			return false;
		o->on_err = true;
		o->written = 0;
	}
	return write_stderr(o, line);
}

static void dequeue(struct output *o)
{
	struct line *line = o->first;

	o->first = line->out_next;
	if (!o->first)
		o->last = NULL;
	o->on_err = false;
	o->written = 0;
	o->held--;
	line_put(o->lines, line);
}

/* False: a sink is full. */
static bool write_lines(struct output *o)
{
	while (o->first && o->first->ended) {
		if (!write_line(o, o->first))
			return false;
		dequeue(o);
	}
	return !o->first || !o->stream || write_stdout(o, o->first);
}

static bool all_sent(const struct output *o)
{
	return !sink_waiting(&o->out) && !sink_waiting(&o->err) && !sink_waiting(&o->extra);
}

/* A sink that was full can be empty after the flush: then nobody would call us for the rest. */
void output_pump(struct output *o)
{
	bool all;

	do {
		all = write_lines(o);
		sink_flush(&o->out);
		sink_flush(&o->err);
		sink_flush(&o->extra);
	} while (!all && all_sent(o));
}

bool output_idle(const struct output *o)
{
	return !o->first && all_sent(o);
}

bool output_full(const struct output *o)
{
	return o->held >= OUTPUT_HELD_MAX || sink_waiting(&o->out) >= SINK_FULL;
}

void output_abandon(struct output *o)
{
	sink_drop(&o->out);
	sink_drop(&o->err);
	sink_drop(&o->extra);
	while (o->first && o->first->ended)
		dequeue(o);
}
