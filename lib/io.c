#include "io.h"

#include "alloc.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { CHUNK = 64 << 10, KEEP = 4 * CHUNK };

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

static int wait_for(int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };

	while (poll(&one, 1, -1) < 0)
		if (errno != EINTR)
			return -1;
	return 0;
}

/* After a failed read or write: 0 when it is worth another try. */
static int recover(int fd, short events)
{
	if (errno == EINTR)
		return 0;
	return would_block() ? wait_for(fd, events) : -1;
}

ssize_t read_full(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (recover(fd, POLLIN) < 0)
			return -1;
	}
	return (ssize_t)done;
}

int write_full(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (recover(fd, POLLOUT) < 0)
			return -1;
	}
	return 0;
}

int fd_wait_readable(int fd, usec_t deadline)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	for (;;) {
		usec_t left = deadline == USEC_NEVER ? 0 : deadline - clock_now();
		struct timespec ts = { left / USEC_SEC, left % USEC_SEC * 1000 };
		int r;

		if (left < 0)
			return 0;
		r = ppoll(&one, 1, deadline == USEC_NEVER ? NULL : &ts, NULL);
		if (r >= 0 || errno != EINTR)
			return r;
	}
}

int fd_inotify(const char *path, uint32_t events)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, path, events) < 0) {
		err_errno("cannot watch \"%s\"", path);
		fd_close(&fd);
	}
	return fd;
}

void fd_discard(int fd)
{
	char buf[1024];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

int fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int fd_reserve_standard(void)
{
	for (int wanted = 0; wanted <= 2; wanted++) {
		int fd;
		if (fcntl(wanted, F_GETFD) >= 0)
			continue;
		fd = open("/dev/null", wanted ? O_RDONLY : O_WRONLY);   /* stays open in what we start, too */
		if (fd != wanted)
			return -1;
	}
	return 0;
}

void fd_close(int *fd)
{
	int saved = errno;

	/* On Linux the descriptor is gone whatever close says. */
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

void lines_init(struct lines *in, int fd, char sep, size_t limit)
{
	*in = (struct lines){ .fd = fd, .sep = sep, .limit = limit, .buf = STRBUF_INIT };
}

void lines_release(struct lines *in)
{
	strbuf_release(&in->buf);
	lines_init(in, in->fd, in->sep, in->limit);
}

/* The bytes up to END (a separator, or the end of the input) are one line. */
static enum lines_result take(struct lines *in, size_t end, bool unterminated, char **line, size_t *len)
{
	bool too_long = in->skipping || end - in->start > in->limit;

	in->number++;
	in->unterminated = unterminated;
	in->skipping = false;
	*line = in->buf.buf + in->start;
	*len = end - in->start;
	if (!unterminated)
		in->buf.buf[end++] = '\0';
	in->start = in->scanned = end;
	return too_long ? LINES_TOO_LONG : LINES_OK;
}

/* Of a line that is over the limit already nothing is kept. */
static void skip(struct lines *in)
{
	in->skipping = true;
	in->start = in->scanned = 0;
	strbuf_reset(&in->buf);
}

enum lines_result lines_buffered(struct lines *in, char **line, size_t *len)
{
	const char *sep = memchr(in->buf.buf + in->scanned, in->sep, in->buf.len - in->scanned);

	if (sep)
		return take(in, (size_t)(sep - in->buf.buf), false, line, len);
	in->scanned = in->buf.len;
	if (in->eof)
		return in->skipping || in->start < in->buf.len ?
			take(in, in->buf.len, true, line, len) : LINES_EOF;
	if (in->skipping || in->buf.len - in->start > in->limit)
		skip(in);
	return LINES_AGAIN;
}

static void move_to_front(struct lines *in)
{
	if (in->start == 0)
		return;
	strbuf_remove(&in->buf, 0, in->start);
	in->scanned -= in->start;
	in->start = 0;
}

/* Room for another chunk, doubling, but never beyond what a line may need. */
static void make_room(struct lines *in)
{
	size_t most = in->limit < SIZE_MAX / 2 ? in->limit + 2 : SIZE_MAX / 2;
	size_t held = in->buf.len, want;

	if (in->buf.alloc > KEEP && held < CHUNK)
		strbuf_shrink(&in->buf, CHUNK + 1);
	if (in->buf.alloc > held + 1 && in->buf.alloc - held > CHUNK / 2)
		return;
	want = held + CHUNK + 1;
	if (want < 2 * in->buf.alloc)
		want = 2 * in->buf.alloc;
	if (want > most)
		want = most > CHUNK + 1 ? most : CHUNK + 1;
	if (want <= in->buf.alloc)
		return;
	in->buf.buf = xrealloc(in->buf.alloc ? in->buf.buf : NULL, want, 1);
	in->buf.alloc = want;
}

enum lines_result lines_fill(struct lines *in)
{
	ssize_t n;

	if (in->eof)
		return LINES_EOF;
	move_to_front(in);
	make_room(in);
	do
		n = read(in->fd, in->buf.buf + in->buf.len, in->buf.alloc - in->buf.len - 1);
	while (n < 0 && errno == EINTR);
	strbuf_setlen(&in->buf, in->buf.len + (size_t)(n > 0 ? n : 0));
	if (n > 0)
		return LINES_OK;
	if (n < 0)
		return would_block() ? LINES_AGAIN : LINES_ERROR;
	in->eof = true;
	return LINES_EOF;
}

enum lines_result lines_next(struct lines *in, char **line, size_t *len)
{
	enum lines_result result;

	while ((result = lines_buffered(in, line, len)) == LINES_AGAIN) {
		result = lines_fill(in);
		if (result == LINES_AGAIN || result == LINES_ERROR)
			return result;
	}
	return result;
}
