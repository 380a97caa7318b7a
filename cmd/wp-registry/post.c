#include "post.h"

#include "io.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (WIRE_MAX - sizeof(struct post))

static int send_file(int fd, const struct post *post, const char *text, size_t len)
{
	int file = memfd_create("workplane-message", MFD_CLOEXEC), r = -1;

	if (file < 0)
		return -1;
	if (write_full(file, text, len) == 0)
		r = wire_send(fd, post, sizeof(*post), &file, 1);
	fd_close(&file);
	return r;
}

int post_send(int fd, const struct post *post, const char *text, size_t len)
{
	return len > ROOM ? send_file(fd, post, text, len) : wire_send_parts(fd, post, sizeof(*post), text, len, NULL, 0);
}

/* The other side may still write to it: what is read is what it is worth. */
static int read_file(int file, struct strbuf *text)
{
	struct stat st;
	ssize_t n;

	if (fstat(file, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)POST_TEXT_MAX) {
		errno = EPROTO;
		return -1;
	}
	strbuf_grow(text, (size_t)st.st_size);
	n = pread(file, text->buf + text->len, (size_t)st.st_size, 0);
	if (n < 0)
		return -1;
	strbuf_setlen(text, text->len + (size_t)n);
	return 0;
}

int post_receive(int fd, struct post *post, struct strbuf *text)
{
	int fds[WIRE_FDS], r = 1;
	size_t fds_nr;
	ssize_t n;

	strbuf_grow(text, ROOM);
	n = wire_receive_parts(fd, post, sizeof(*post), text->buf + text->len, ROOM, fds, &fds_nr);
	if (n <= 0)
		return (int)n;
	if ((size_t)n < sizeof(*post) || post->version != POST_VERSION) {
		errno = EPROTO;
		r = -1;
	} else if (fds_nr) {
		r = read_file(fds[0], text) < 0 ? -1 : 1;
	} else {
		strbuf_setlen(text, text->len + (size_t)n - sizeof(*post));
	}
	wire_close_fds(fds);
	return r;
}
