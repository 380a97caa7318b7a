#include "delivery.h"

#include "err.h"
#include "name.h"
#include "results.h"
#include "watch.h"

#include <sys/epoll.h>
#include <unistd.h>

static void stop(struct delivery *d, int status)
{
	if (!d->status)
		d->status = status;
	loop_stop(d->loop);
}

static void on_signal(int signo, void *ctx)
{
	stop(ctx, 128 + signo);
}

static void on_done(void *ctx, const struct parcel *parcel, const struct result *result)
{
	struct delivery *d = ctx;

	d->missed |= !outcome_good(result->outcome);
	if (d->done)
		d->done(d, parcel, result);
	else if (!d->failures_only || !outcome_good(result->outcome))
		result_add(&d->out, parcel, result);
}

static void bad_line(struct delivery *d)
{
	err_prefix("line %llu", d->lines.number);
	err_report();
	d->bad = true;
}

/* Lines that are in memory already, as long as there is room. */
static void take_lines(struct delivery *d)
{
	enum lines_result r = LINES_AGAIN;
	char *line;
	size_t len;

	while (d->reading && !courier_full(&d->courier) && (r = lines_buffered(&d->lines, &line, &len)) != LINES_AGAIN) {
		if (r == LINES_EOF)
			d->reading = false;
		else if (r == LINES_TOO_LONG)
			err_set(WP_DATA, "longer than %zu bytes", d->lines.limit);
		if (r == LINES_TOO_LONG || (r == LINES_OK && d->line(d, line, len) < 0))
			bad_line(d);
	}
}

static void in_readable(struct loop_fd *handle, uint32_t events)
{
	struct delivery *d = (struct delivery *)((char *)handle - offsetof(struct delivery, in));

	if (lines_fill(&d->lines) == LINES_ERROR) {
		err_errno("cannot read stdin");
		stop(d, err_report());
	}
}

static void after_turn(void *ctx)
{
	struct delivery *d = ctx;
	int status;

	if (d->reading)
		take_lines(d);
	courier_send(&d->courier);
	if (d->in.added)
		loop_watch(d->loop, &d->in, d->reading && !courier_full(&d->courier) ? EPOLLIN : 0);
	status = lines_print(&d->out);
	if (status)
		stop(d, status);
	if (!d->reading && courier_idle(&d->courier))
		loop_stop(d->loop);
}

int delivery_open(struct delivery *d, const struct globals *globals, const struct delivery_args *args)
{
	d->stack = args->stack ? args->stack : REGISTRY_STACK;
	d->registry.state.fd = -1;
	strbuf_init(&d->out);
	if (name_check("stack", d->stack) < 0 || loop_init(&d->loop) < 0 || registry_open(&d->registry, globals->state) < 0)
		return -1;
	d->courier = (struct courier){ .registry = &d->registry, .loop = d->loop, .timeout = args->timeout, .hasty = args->no_wait,
		.done = on_done, .ctx = d };
	loop_after(d->loop, after_turn, d);
	if (courier_init(&d->courier) < 0)
		return -1;
	return loop_stop_signals(d->loop, on_signal, d);
}

int delivery_read(struct delivery *d)
{
	lines_init(&d->lines, STDIN_FILENO, '\n', POST_TEXT_MAX);
	d->reading = true;
	return loop_add(d->loop, &d->in, STDIN_FILENO, EPOLLIN, in_readable);
}

int delivery_run(struct delivery *d)
{
	after_turn(d);
	if (!d->status && (d->reading || !courier_idle(&d->courier)) && loop_run(d->loop) < 0)
		d->status = err_report();
	if (d->status)
		return d->status;
	return d->bad ? WP_DATA : d->missed ? WP_NO : WP_OK;
}

void delivery_close(struct delivery *d)
{
	courier_release(&d->courier);
	if (d->in.added)
		loop_remove(d->loop, &d->in);
	if (d->lines.buf.buf)
		lines_release(&d->lines);
	strbuf_release(&d->out);
	loop_free(d->loop);
	registry_close(&d->registry);
}
