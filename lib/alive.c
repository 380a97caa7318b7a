/*
 * alive.c - see alive.h.
 *
 * Two bytes of a file are locked: byte 0 says that the holder lives; byte 1 is the door,
 * held for a moment by whoever comes (alive_hold) or clears away (alive_reap). So a file is
 * not unlinked under a holder that is just arriving, and neither of the two is ever
 * mistaken for a living holder.
 */
#include "alive.h"

#include "err.h"
#include "io.h"
#include "strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTE_ALIVE, BYTE_DOOR };

static int lock_byte(int fd, int command, off_t byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int r;

	do
		r = fcntl(fd, command, &lock);
	while (r < 0 && errno == EINTR);
	return r;
}

/* 1 when somebody has the byte locked, 0 when it is free, -1 with errno. */
static int byte_locked(int fd, off_t byte)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -1;
	return lock.l_type != F_UNLCK;
}

static char *path_of(const char *live_dir, const char *name)
{
	struct strbuf path = STRBUF_INIT;

	if (!*name || *name == '.' || strchr(name, '/')) {
		err_set(WP_USAGE, "not a name for a lock file: \"%s\"", name);
		return NULL;
	}
	strbuf_addf(&path, "%s/%s", live_dir, name);
	return strbuf_detach(&path, NULL);
}

/* Is what is open still what the path leads to? */
static bool same_file(int fd, const char *path)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0 &&
		open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static int open_through_door(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	if (fd >= 0 && lock_byte(fd, F_OFD_SETLKW, BYTE_DOOR, F_WRLCK) < 0)
		fd_close(&fd);
	return fd;
}

static int take_life(int fd, const char *path)
{
	if (lock_byte(fd, F_OFD_SETLK, BYTE_ALIVE, F_WRLCK) == 0 &&
			lock_byte(fd, F_OFD_SETLK, BYTE_DOOR, F_UNLCK) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(WP_TEMPFAIL, "somebody else holds \"%s\"", path);
	return err_errno("cannot lock \"%s\"", path);
}

static int hold_path(const char *path)
{
	int fd;

	for (;;) {
		fd = open_through_door(path, O_CREAT);
		if (fd < 0)
			return err_errno("cannot lock \"%s\"", path);
		if (same_file(fd, path))
			break;
		fd_close(&fd);
	}
	if (take_life(fd, path) == 0)
		return fd;
	fd_close(&fd);
	return -1;
}

int alive_hold(struct alive *alive, const char *live_dir, const char *name)
{
	*alive = (struct alive){ .fd = -1, .path = path_of(live_dir, name) };
	if (!alive->path)
		return -1;
	alive->fd = hold_path(alive->path);
	if (alive->fd >= 0)
		return 0;
	free(alive->path);
	alive->path = NULL;
	return -1;
}

void alive_release(struct alive *alive)
{
	if (alive->fd >= 0 && unlink(alive->path) < 0 && errno != ENOENT)
		err_warn("%s: cannot remove \"%s\"", strerror(errno), alive->path);
	fd_close(&alive->fd);
	free(alive->path);
	alive->path = NULL;
}

static int test_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno("cannot open \"%s\"", path);
	r = byte_locked(fd, BYTE_ALIVE);
	if (r < 0)
		err_errno("cannot test the lock on \"%s\"", path);
	fd_close(&fd);
	return r;
}

int alive_test(const char *live_dir, const char *name)
{
	char *path = path_of(live_dir, name);
	int r = path ? test_path(path) : -1;

	free(path);
	return r;
}

static int reap_path(const char *path)
{
	int fd = open_through_door(path, 0);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno("cannot lock \"%s\"", path);
	r = byte_locked(fd, BYTE_ALIVE);
	if (r < 0)
		err_errno("cannot test the lock on \"%s\"", path);
	/* Another reaper may have been first, and the name may be somebody else's by now. */
	if (r == 0 && same_file(fd, path) && unlink(path) < 0 && errno != ENOENT)
		r = err_errno("cannot remove \"%s\"", path);
	fd_close(&fd);
	return r;
}

int alive_reap(const char *live_dir, const char *name)
{
	char *path = path_of(live_dir, name);
	int r = path ? reap_path(path) : -1;

	free(path);
	return r;
}
