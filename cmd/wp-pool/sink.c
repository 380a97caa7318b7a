#include "sink.h"

#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP ((size_t)64 << 10)

static int open_again(int fd)
{
	struct strbuf path = STRBUF_INIT;
	int again;

	strbuf_addf(&path, "/proc/self/fd/%d", fd);
	again = open(path.buf, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	strbuf_release(&path);
	return again;
}

void sink_init(struct sink *s, struct loop *loop, int fd)
{
	struct stat st;

	*s = (struct sink){ .loop = loop, .fd = fd, .own = -1, .buf = STRBUF_INIT };
	if (fstat(fd, &st) < 0)
		return;         /* writing will say what is wrong */
	s->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || isatty(fd))
		s->own = open_again(fd);
}

void sink_release(struct sink *s)
{
	loop_remove(s->loop, &s->handle);
	fd_close(&s->own);
	strbuf_release(&s->buf);
}

size_t sink_waiting(const struct sink *s)
{
	return s->buf.len - s->sent;
}

static void forget(struct sink *s)
{
	strbuf_reset(&s->buf);
	strbuf_shrink(&s->buf, KEEP);
	s->sent = 0;
}

static void wait_no_more(struct sink *s)
{
	if (!s->minds || s->error)
		loop_remove(s->loop, &s->handle);
	else if (loop_watch(s->loop, &s->handle, EPOLLERR) < 0)
		s->error = errno;
}

void sink_drop(struct sink *s)
{
	forget(s);
	wait_no_more(s);
}

static void ready(struct loop_fd *handle, uint32_t events)
{
	struct sink *s = (struct sink *)((char *)handle - offsetof(struct sink, handle));

	if (events & EPOLLERR && !sink_waiting(s))
		s->error = EPIPE;
	sink_flush(s);
}

int sink_mind(struct sink *s)
{
	s->minds = s->own >= 0;
	return s->minds ? loop_add(s->loop, &s->handle, s->own, EPOLLERR, ready) : 0;
}

static void wait_until_writable(struct sink *s)
{
	int fd = s->own >= 0 ? s->own : s->fd;

	/* A reader that is always a little behind must not make the buffer grow for ever. */
	if (s->sent > s->buf.len / 2) {
		strbuf_remove(&s->buf, 0, s->sent);
		s->sent = 0;
	}
	if ((s->handle.added ? loop_watch(s->loop, &s->handle, EPOLLOUT) : loop_add(s->loop, &s->handle, fd, EPOLLOUT, ready)) < 0)
		s->error = errno;
}

static ssize_t write_some(struct sink *s)
{
	const char *data = s->buf.buf + s->sent;
	size_t len = sink_waiting(s);

	if (s->socket)
		return send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(s->own >= 0 ? s->own : s->fd, data, len);
}

void sink_flush(struct sink *s)
{
	while (sink_waiting(s) && !s->error) {
		ssize_t n = write_some(s);

		if (n >= 0) {
			s->sent += (size_t)n;
		} else if (errno == EAGAIN) {
			wait_until_writable(s);
			return;
		} else if (errno != EINTR) {
			s->error = errno;
		}
	}
	forget(s);
	wait_no_more(s);
}
