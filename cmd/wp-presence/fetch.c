#include "fetch.h"

#include "entry_lines.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "loop.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

struct fetch {
	struct loop *loop;
	const struct strbuf *in;
	struct strbuf out;
	size_t written;
	struct loop_fd to, from;
	pid_t pid;
	int status;              /* its wait status */
	bool ended, failed;
};

static void close_handle(struct fetch *f, struct loop_fd *handle)
{
	int fd = handle->fd;

	if (!handle->added)
		return;
	loop_remove(f->loop, handle);
	fd_close(&fd);
}

/* Over when it has ended and everything it said was read. */
static void stop_when_done(struct fetch *f)
{
	if (f->ended && !f->from.added)
		loop_stop(f->loop);
}

static void broken(struct fetch *f, const char *what)
{
	err_errno("cannot %s the fetch command", what);
	f->failed = true;
	loop_stop(f->loop);
}

static void feed(struct loop_fd *handle, uint32_t events)
{
	struct fetch *f = (struct fetch *)((char *)handle - offsetof(struct fetch, to));
	ssize_t n = write(handle->fd, f->in->buf + f->written, f->in->len - f->written);

	(void)events;
	if (n > 0)
		f->written += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE)
		broken(f, "write to");
	/* Who does not read on knows enough. */
	if (f->written == f->in->len || (n < 0 && errno == EPIPE))
		close_handle(f, handle);
}

static void collect(struct loop_fd *handle, uint32_t events)
{
	struct fetch *f = (struct fetch *)((char *)handle - offsetof(struct fetch, from));
	ssize_t n;

	(void)events;
	strbuf_grow(&f->out, 65536);
	n = read(handle->fd, f->out.buf + f->out.len, 65536);
	if (n > 0) {
		strbuf_setlen(&f->out, f->out.len + (size_t)n);
	} else if (n == 0) {
		close_handle(f, handle);
		stop_when_done(f);
	} else if (errno != EAGAIN && errno != EINTR) {
		broken(f, "read from");
	}
}

static void on_child(pid_t pid, int status, void *ctx)
{
	struct fetch *f = ctx;

	if (pid != f->pid)
		return;
	f->ended = true;
	f->status = status;
	stop_when_done(f);
}

static int start(struct fetch *f, const char *command, int in, int out)
{
	const char *argv[] = { "sh", "-c", command, NULL };
	struct spawn spawn = SPAWN_INIT;

	spawn.path = "/bin/sh";
	spawn.argv = (char *const *)argv;
	spawn.in = in;
	spawn.out = out;
	spawn.err = STDERR_FILENO;
	spawn.same_group = true;
	f->pid = spawn_start(&spawn);
	return f->pid < 0 ? -1 : 0;
}

static int connect_both(struct fetch *f, const char *command)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	int r = -1;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || fd_nonblock(in[1], true) < 0)
		err_errno("cannot make a pipe");
	else
		r = start(f, command, in[0], out[1]);
	fd_close(&in[0]);
	fd_close(&out[1]);
	if (r == 0 && loop_add(f->loop, &f->to, in[1], EPOLLOUT, feed) == 0 &&
			loop_add(f->loop, &f->from, out[0], EPOLLIN, collect) == 0)
		return 0;
	if (!f->to.added)
		fd_close(&in[1]);
	fd_close(&out[0]);
	return -1;
}

static int check_status(int status)
{
	if (WIFSIGNALED(status))
		return err_set(WP_UNAVAILABLE, "the fetch command was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(WP_UNAVAILABLE, "the fetch command ended with exit status %d", WEXITSTATUS(status));
	return 0;
}

static int check_line(const char *line, size_t len, size_t number)
{
	struct json_scan scan;

	if (json_check(line, len) < 0 || json_object_begin(&scan, line, len) < 0) {
		err_set(WP_DATA, "the fetch command printed what is no JSON object: line %zu", number);
		return -1;
	}
	return 0;
}

static int check_lines(const struct strbuf *out)
{
	size_t at = 0, number = 0, len;
	const char *line;

	while (next_line(out, &at, &line, &len)) {
		if (check_line(line, len, ++number) < 0)
			return -1;
	}
	return 0;
}

static int run(struct fetch *f, const char *command)
{
	if (loop_init(&f->loop) < 0 || loop_children(f->loop, on_child, f) < 0 || connect_both(f, command) < 0)
		return -1;
	if (loop_run(f->loop) < 0 || f->failed)
		return -1;
	return check_status(f->status) < 0 ? -1 : check_lines(&f->out);
}

int fetch(const char *command, struct strbuf *lines)
{
	struct fetch f = { .in = lines, .out = STRBUF_INIT };
	int r = run(&f, command);

	close_handle(&f, &f.to);
	close_handle(&f, &f.from);
	loop_free(f.loop);
	if (r == 0) {
		strbuf_release(lines);
		*lines = f.out;
		return 0;
	}
	strbuf_release(&f.out);
	return -1;
}
