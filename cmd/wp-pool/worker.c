#include "worker.h"

#include "err.h"
#include "io.h"
#include "map.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TAIL_MAX RESULTS_JOB_ERROR_MAX
#define TALK_MAX ((size_t)64 << 10)    /* a line of stderr longer than that goes out in parts */
#define KEEP ((size_t)64 << 10)

void worker_init(struct worker *w, struct map *map, size_t slot)
{
	*w = (struct worker){ .map = map, .slot = slot, .in = -1, .out.fd = -1, .err.fd = -1,
		.to = STRBUF_INIT, .from = STRBUF_INIT, .talk = STRBUF_INIT,
		.tail = STRBUF_INIT, .reason = STRBUF_INIT };
}

void worker_release(struct worker *w)
{
	loop_timer_cancel(w->map->loop, &w->backoff);
	strbuf_release(&w->to);
	strbuf_release(&w->from);
	strbuf_release(&w->talk);
	strbuf_release(&w->tail);
	strbuf_release(&w->reason);
}

static void close_handle(struct worker *w, struct loop_fd *handle)
{
	loop_remove(w->map->loop, handle);
	fd_close(&handle->fd);
}

void worker_close_in(struct worker *w)
{
	loop_remove(w->map->loop, &w->in_handle);
	fd_close(&w->in);
	strbuf_reset(&w->to);
	w->sent = 0;
}

void worker_close_out(struct worker *w)
{
	close_handle(w, &w->out);
}

/* stderr: whole lines go to ours, so that workers do not mix within a line. */

static void pass_on(struct worker *w)
{
	struct strbuf *to = &w->map->output.err.buf;
	size_t len = w->talk.len;

	if (!len)
		return;
	progress_hide(w->map);
	/* A reader that does not read must not make us large. */
	if (sink_waiting(&w->map->output.err) < SINK_FULL)
		strbuf_add(to, w->talk.buf, len);
	strbuf_reset(&w->talk);
	strbuf_shrink(&w->talk, KEEP);
}

static void remember(struct worker *w, const char *data, size_t len)
{
	strbuf_add(&w->tail, data, len);
	if (w->tail.len > TAIL_MAX)
		strbuf_remove(&w->tail, 0, w->tail.len - TAIL_MAX);
}

static bool hear(struct worker *w)
{
	char data[4 << 10];
	ssize_t n = read(w->err.fd, data, sizeof(data));
	const char *end;
	size_t whole;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close_handle(w, &w->err);
		return false;
	}
	remember(w, data, (size_t)n);
	end = memrchr(data, '\n', (size_t)n);
	whole = end ? (size_t)(end - data) + 1 : 0;
	strbuf_add(&w->talk, data, whole);
	if (whole)
		pass_on(w);
	strbuf_add(&w->talk, data + whole, (size_t)n - whole);
	if (w->talk.len > TALK_MAX)
		pass_on(w);
	return true;
}

static void err_readable(struct loop_fd *handle, uint32_t events)
{
	hear((struct worker *)((char *)handle - offsetof(struct worker, err)));
}

/* Sending */

static void in_writable(struct loop_fd *handle, uint32_t events);

void worker_send(struct worker *w)
{
	while (w->sent < w->to.len && w->in >= 0) {
		ssize_t n = write(w->in, w->to.buf + w->sent, w->to.len - w->sent);

		if (n >= 0) {
			w->sent += (size_t)n;
		} else if (errno == EAGAIN) {
			strbuf_remove(&w->to, 0, w->sent);
			w->sent = 0;
			if (!w->in_handle.added
			    && loop_add(w->map->loop, &w->in_handle, w->in, EPOLLOUT, in_writable) < 0)
				map_fail(w->map, err_status());
			return;
		} else if (errno != EINTR) {
			/* It may have answered before it stopped listening: its end will be seen. */
			worker_close_in(w);
			pool_slot_end(&w->map->pool, w->slot);
			return;
		}
	}
	loop_remove(w->map->loop, &w->in_handle);
	strbuf_reset(&w->to);
	strbuf_shrink(&w->to, KEEP);
	w->sent = 0;
}

static void in_writable(struct loop_fd *handle, uint32_t events)
{
	worker_send((struct worker *)((char *)handle - offsetof(struct worker, in_handle)));
}

void worker_queue(struct worker *w, const char *line, size_t len)
{
	strbuf_add(&w->to, line, len);
	strbuf_addch(&w->to, '\n');
}

/* Starting a worker */

static int worker_pipe(int ends[2], int ours)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	return fd_nonblock(ends[ours], true);
}

static int open_worker(struct worker *w, struct spawn *spawn)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int result = -1;

	if (worker_pipe(in, 1) == 0 && worker_pipe(out, 0) == 0 && worker_pipe(err, 0) == 0)
		result = 0;
	spawn->in = in[0];
	w->in = in[1];
	w->out.fd = out[0];
	spawn->out = out[1];
	w->err.fd = err[0];
	spawn->err = err[1];
	return result;
}

static pid_t run_command(struct worker *w)
{
	struct spawn spawn = SPAWN_INIT;
	pid_t pid = -1;
	int error;

	if (open_worker(w, &spawn) < 0) {
		error = errno;
		err_set(WP_FAILED, "cannot start \"%s\": %s", w->map->command[0], strerror(error));
	} else {
		spawn.path = w->map->path;
		spawn.argv = w->map->command;
		spawn.envp = environment_for(&w->map->environment, w->slot, NULL);
		spawn.guarded = w->slot + 1;
		pid = spawn_start(&spawn);
		error = errno;
	}
	fd_close(&spawn.in);
	fd_close(&spawn.out);
	fd_close(&spawn.err);
	if (pid < 0) {
		worker_close_in(w);
		fd_close(&w->out.fd);
		fd_close(&w->err.fd);
	}
	errno = error;
	return pid;
}

int worker_start(struct worker *w, void (*answered)(struct loop_fd *, uint32_t))
{
	struct loop *loop = w->map->loop;
	pid_t pid = run_command(w);

	if (pid < 0)
		return -1;
	groups_add(&w->map->groups, w->slot, pid);
	w->up = true;
	w->good = w->given_up = false;
	strbuf_reset(&w->reason);
	strbuf_reset(&w->tail);
	strbuf_reset(&w->from);
	if (loop_add(loop, &w->out, w->out.fd, EPOLLIN, answered) < 0
	    || loop_add(loop, &w->err, w->err.fd, EPOLLIN, err_readable) < 0)
		map_fail(w->map, err_status());
	return 0;
}

void worker_gone(struct worker *w)
{
	/* At most what a pipe holds: somebody else may go on writing to it. */
	for (int i = 0; i < 16 && w->err.fd >= 0 && hear(w); i++)
		;
	pass_on(w);
	worker_close_in(w);
	close_handle(w, &w->out);
	close_handle(w, &w->err);
	w->up = false;
}
