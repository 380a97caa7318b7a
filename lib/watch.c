#include "watch.h"

#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define watch_of(pointer, member) ((struct watch *)((char *)(pointer) - offsetof(struct watch, member)))

static int write_failed(void)
{
	if (errno == EPIPE)
		return WP_IO;
	err_errno("write error");
	clearerr(stdout);            /* told once is enough */
	return err_report();
}

int lines_print(struct strbuf *lines)
{
	int status = 0;

	if (lines->len && (fwrite(lines->buf, 1, lines->len, stdout) != lines->len || fflush(stdout) == EOF))
		status = write_failed();
	strbuf_reset(lines);
	strbuf_shrink(lines, 1 << 16);
	return status;
}

void watch_stop(struct watch *w, int status)
{
	w->status = status;
	loop_stop(w->loop);
}

void watch_fail(struct watch *w)
{
	watch_stop(w, err_report());
}

void watch_print(struct watch *w)
{
	int status = lines_print(&w->lines);

	if (status)
		watch_stop(w, status);
}

static void on_signal(int signo, void *ctx)
{
	watch_stop(ctx, 128 + signo);
}

static void on_deadline(struct loop_timer *timer)
{
	watch_stop(watch_of(timer, deadline), WP_TEMPFAIL);
}

static void reader_gone(struct loop_fd *handle, uint32_t events)
{
	watch_stop(watch_of(handle, reader), WP_IO);
}

/* One that reads no more must not have us wait for the next event to find out. */
static int watch_reader(struct watch *w)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	return loop_add(w->loop, &w->reader, STDOUT_FILENO, EPOLLERR, reader_gone);
}

int watch_open(struct watch *w)
{
	*w = (struct watch){ .lines = STRBUF_INIT };
	return loop_init(&w->loop);
}

int watch_run(struct watch *w, usec_t timeout)
{
	if (timeout >= 0)
		loop_timer_set(w->loop, &w->deadline, clock_now() + timeout, on_deadline);
	if (watch_reader(w) < 0 || loop_stop_signals(w->loop, on_signal, w) < 0)
		return err_report();
	watch_print(w);
	if (!w->status && loop_run(w->loop) < 0)
		return err_report();
	return w->status;
}

void watch_close(struct watch *w)
{
	loop_free(w->loop);
	strbuf_release(&w->lines);
}
