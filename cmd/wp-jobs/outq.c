#include "outq.h"

#include "err.h"
#include "io.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEEP_BYTES = 256 << 10 };

static void outq_break(struct outq *q, int error)
{
	if (q->broken)
		return;
	q->broken = true;
	q->error = error;
	if (q->handle.added)
		loop_remove(q->loop, &q->handle);
	q->on_broken(q);
}

static void outq_event(struct loop_fd *handle, uint32_t events)
{
	struct outq *q = (struct outq *)((char *)handle - offsetof(struct outq, handle));

	if (events & (EPOLLERR | EPOLLHUP))
		outq_break(q, EPIPE);
	else
		outq_flush(q);
}

/* A terminal is shared with the shell, which would find it non-blocking afterwards. */
static bool may_not_block(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int outq_init(struct outq *q, struct loop *loop, int fd, void (*on_broken)(struct outq *))
{
	*q = (struct outq){ .loop = loop, .fd = fd, .on_broken = on_broken };
	strbuf_init(&q->buf);
	if (may_not_block(fd)) {
		if (fd_nonblock(fd, true) < 0)
			return err_errno("cannot use descriptor %d", fd);
		q->idle_events = EPOLLERR;
	}
	return loop_add(loop, &q->handle, fd, q->idle_events, outq_event);
}

size_t outq_waiting(const struct outq *q)
{
	return q->buf.len - q->start;
}

static void outq_compact(struct outq *q)
{
	if (q->start == q->buf.len) {
		strbuf_reset(&q->buf);
		strbuf_shrink(&q->buf, KEEP_BYTES);
		q->start = 0;
	} else if (q->start > q->buf.len / 2) {
		strbuf_remove(&q->buf, 0, q->start);
		q->start = 0;
	}
}

void outq_flush(struct outq *q)
{
	while (!q->broken && q->start < q->buf.len) {
		ssize_t n = write(q->fd, q->buf.buf + q->start, q->buf.len - q->start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			outq_break(q, errno);
			return;
		}
		q->start += (size_t)n;
		q->written += (uint64_t)n;
	}
	outq_compact(q);
	if (q->handle.added)
		loop_watch(q->loop, &q->handle, outq_waiting(q) ? EPOLLOUT : q->idle_events);
}

void outq_release(struct outq *q)
{
	if (q->handle.added)
		loop_remove(q->loop, &q->handle);
	strbuf_release(&q->buf);
}
