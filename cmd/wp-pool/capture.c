#include "capture.h"

#include "err.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define EACH_MAX ((size_t)64 << 10)
#define TOTAL_MAX ((size_t)1 << 20)
#define KEPT_MAX ((size_t)4 << 10)    /* what an empty one keeps for its next use */

static size_t in_memory;

static const char *temporary_directory(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* For file systems that have no O_TMPFILE. */
static int open_and_unlink(const char *dir)
{
	struct strbuf path = STRBUF_INIT;
	int fd;

	strbuf_addf(&path, "%s/wp-pool-XXXXXX", dir);
	fd = mkostemp(path.buf, O_CLOEXEC);
	if (fd >= 0)
		unlink(path.buf);
	strbuf_release(&path);
	return fd;
}

int capture_file(void)
{
	const char *dir = temporary_directory();
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = open_and_unlink(dir);
	if (fd < 0)
		return err_errno("cannot make a temporary file in \"%s\"", dir);
	return fd;
}

static int append(struct capture *c, const char *data, size_t len)
{
	if (write_full(c->fd, data, len) < 0)
		return err_errno("cannot write to a temporary file in \"%s\"", temporary_directory());
	return 0;
}

static void forget_memory(struct capture *c)
{
	in_memory -= c->mem.len;
	strbuf_reset(&c->mem);
	strbuf_shrink(&c->mem, KEPT_MAX);
}

static int spill(struct capture *c)
{
	c->fd = capture_file();
	if (c->fd < 0 || append(c, c->mem.buf, c->mem.len) < 0)
		return -1;
	forget_memory(c);
	return 0;
}

static bool fits_memory(const struct capture *c, size_t len)
{
	return c->mem.len + len <= EACH_MAX && in_memory + len <= TOTAL_MAX;
}

int capture_add(struct capture *c, const char *data, size_t len, size_t limit)
{
	if (len > limit - c->len) {
		len = limit - c->len;
		c->cut = true;
	}
	if (!len)
		return 0;
	if (c->fd < 0 && !fits_memory(c, len) && spill(c) < 0)
		return -1;
	if (c->fd >= 0) {
		if (append(c, data, len) < 0)
			return -1;
	} else {
		strbuf_add(&c->mem, data, len);
		in_memory += len;
	}
	c->len += len;
	return 0;
}

ssize_t capture_peek(struct capture *c, size_t offset, size_t len, const char **data)
{
	static char buf[64 << 10];
	ssize_t n;

	if (offset >= c->len)
		return 0;
	if (len > c->len - offset)
		len = c->len - offset;
	if (c->fd < 0) {
		*data = c->mem.buf + offset;
		return (ssize_t)len;
	}
	n = pread(c->fd, buf, len < sizeof(buf) ? len : sizeof(buf), (off_t)offset);
	if (n < 0)
		return err_errno("cannot read a temporary file in \"%s\"", temporary_directory());
	*data = buf;
	return n;
}

void capture_reset(struct capture *c)
{
	forget_memory(c);
	fd_close(&c->fd);
	c->len = 0;
	c->cut = false;
}
