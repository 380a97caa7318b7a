#include "handover.h"

#include "err.h"
#include "io.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

bool handover_goes_on(const struct handover *h)
{
	return h->wire.fd >= 0;
}

void handover_close(struct handover *h)
{
	if (!h->loop)
		return;
	loop_timer_cancel(h->loop, &h->deadline);
	if (h->wire.added)
		loop_remove(h->loop, &h->wire);
	fd_close(&h->wire.fd);
	strbuf_release(&h->text);
}

/* The text stays until it has been looked at. */
static void end(struct handover *h, const char *error)
{
	loop_timer_cancel(h->loop, &h->deadline);
	loop_remove(h->loop, &h->wire);
	fd_close(&h->wire.fd);
	h->done(h, error);
}

static void out_of_time(struct loop_timer *timer)
{
	struct handover *h = (struct handover *)((char *)timer - offsetof(struct handover, deadline));

	end(h, h->sends ? "the successor did not take over in time" : "it did not hand over in time");
}

static int begin(struct handover *h, struct loop *loop, int fd, usec_t limit, uint32_t events, void (*fn)(struct loop_fd *, uint32_t))
{
	h->loop = loop;
	h->wire.fd = fd;
	if (fd_nonblock(fd, true) < 0 || loop_add(loop, &h->wire, fd, events, fn) < 0)
		return -1;
	loop_timer_set(loop, &h->deadline, clock_now() + limit, out_of_time);
	return 0;
}

/* From the one that goes */

static void readable(struct loop_fd *handle, uint32_t events)
{
	struct handover *h = (struct handover *)((char *)handle - offsetof(struct handover, wire));
	ssize_t n;

	do {
		strbuf_grow(&h->text, 65536);
		n = read(handle->fd, h->text.buf + h->text.len, 65536);
		if (n > 0)
			strbuf_setlen(&h->text, h->text.len + (size_t)n);
	} while (n > 0 && h->text.len <= HANDOVER_MAX_BYTES);
	if (h->text.len > HANDOVER_MAX_BYTES)
		end(h, "it hands over too much");
	else if (n == 0)
		end(h, NULL);
	else if (errno != EAGAIN && errno != EINTR)
		end(h, strerror(errno));
}

int handover_receive(struct handover *h, struct loop *loop, int fd, usec_t limit)
{
	h->sends = false;
	strbuf_reset(&h->text);
	return begin(h, loop, fd, limit, EPOLLIN, readable);
}

/* To the one that comes */

static void hear(struct handover *h)
{
	char buf[256];
	ssize_t n;

	while ((n = read(h->wire.fd, buf, sizeof(buf))) > 0) {
		if (memchr(buf, '\n', (size_t)n)) {
			end(h, NULL);
			return;
		}
	}
	if (n == 0)
		end(h, "the successor did not say that it has taken over");
	else if (errno != EAGAIN && errno != EINTR)
		end(h, strerror(errno));
}

static void speak(struct handover *h)
{
	while (h->sent < h->text.len) {
		ssize_t n = send(h->wire.fd, h->text.buf + h->sent, h->text.len - h->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			break;           /* it need not be read */
		h->sent += (size_t)n;
	}
	shutdown(h->wire.fd, SHUT_WR);
	loop_watch(h->loop, &h->wire, EPOLLIN);
}

static void ready(struct loop_fd *handle, uint32_t events)
{
	struct handover *h = (struct handover *)((char *)handle - offsetof(struct handover, wire));

	if (events & EPOLLOUT)
		speak(h);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		hear(h);
}

int handover_send(struct handover *h, struct loop *loop, int fd, struct strbuf *text, usec_t limit)
{
	h->sends = true;
	h->sent = 0;
	h->text = *text;
	*text = (struct strbuf)STRBUF_INIT;
	return begin(h, loop, fd, limit, EPOLLIN | EPOLLOUT, ready);
}
