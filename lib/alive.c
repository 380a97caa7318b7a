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

#include <ctype.h>
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

int alive_lock_inherited(int fd, const char *live_dir, const char *name)
{
	char *path = path_of(live_dir, name);
	int r = -1;

	if (!path)
		return -1;
	if (lock_byte(fd, F_OFD_SETLKW, BYTE_DOOR, F_WRLCK) < 0)
		err_errno("cannot lock \"%s\"", path);
	else if (!same_file(fd, path))
		err_set(WP_TEMPFAIL, "the lock file was removed: \"%s\"", path);
	else
		r = take_life(fd, path);
	free(path);
	return r;
}

void alive_release(struct alive *alive)
{
	/* Ours may have been removed, and another's be there. */
	if (alive->fd >= 0 && same_file(alive->fd, alive->path) && unlink(alive->path) < 0 && errno != ENOENT)
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

/* Numbered holders */

static void add_file_name(struct strbuf *name, const char *family, int64_t number)
{
	strbuf_addf(name, "%s.%llx", family, (unsigned long long)(number / ALIVE_SHARED));
}

static char *numbered_path(const char *live_dir, const char *family, int64_t number)
{
	struct strbuf path = STRBUF_INIT;

	strbuf_addf(&path, "%s/", live_dir);
	add_file_name(&path, family, number);
	return strbuf_detach(&path, NULL);
}

static int hold_byte(const char *path, off_t byte)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno("cannot lock \"%s\"", path);
	if (lock_byte(fd, F_OFD_SETLK, byte, F_WRLCK) == 0)
		return fd;
	if (errno == EAGAIN || errno == EACCES) {
		err_set(WP_TEMPFAIL, "somebody else holds byte %lld of \"%s\"", (long long)byte, path);
		errno = EAGAIN;
	} else {
		err_errno("cannot lock \"%s\"", path);
	}
	fd_close(&fd);
	return -1;
}

int alive_hold_number(struct alive *alive, const char *live_dir, const char *family, int64_t number)
{
	int error;

	*alive = (struct alive){ .fd = -1, .path = numbered_path(live_dir, family, number) };
	alive->fd = hold_byte(alive->path, number % ALIVE_SHARED);
	if (alive->fd >= 0)
		return 0;
	error = errno;
	free(alive->path);
	alive->path = NULL;
	errno = error;
	return -1;
}

void alive_let_go(struct alive *alive)
{
	fd_close(&alive->fd);
	free(alive->path);
	alive->path = NULL;
}

int alive_clear(const char *live_dir, const char *family, int64_t number)
{
	char *path = numbered_path(live_dir, family, number);
	int r = 0;

	if (unlink(path) < 0 && errno != ENOENT)
		r = err_errno("cannot remove \"%s\"", path);
	free(path);
	return r;
}

int64_t alive_first_number(const char *family, const char *name)
{
	size_t len = strlen(family);
	char *end;
	unsigned long long file;

	if (strncmp(name, family, len) || name[len] != '.' || !isxdigit((unsigned char)name[len + 1]))
		return -1;
	file = strtoull(name + len + 1, &end, 16);
	return *end || file > INT64_MAX / ALIVE_SHARED ? -1 : (int64_t)file * ALIVE_SHARED;
}

int alive_look_begin(struct alive_look *look, const char *live_dir, const char *family)
{
	*look = (struct alive_look){ .family = family, .fd = -1, .file = -1 };
	look->dir = open(live_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return look->dir < 0 ? err_errno("cannot open \"%s\"", live_dir) : 0;
}

static int look_into(struct alive_look *look, int64_t number)
{
	struct strbuf name = STRBUF_INIT;

	fd_close(&look->fd);
	add_file_name(&name, look->family, number);
	look->fd = openat(look->dir, name.buf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	look->file = number / ALIVE_SHARED;
	if (look->fd < 0 && errno != ENOENT) {
		err_errno("cannot open \"%s\"", name.buf);
		look->file = -1;
	}
	strbuf_release(&name);
	return look->file < 0 ? -1 : 0;
}

int alive_look_at(struct alive_look *look, int64_t number)
{
	int r;

	if (look->file != number / ALIVE_SHARED && look_into(look, number) < 0)
		return -1;
	if (look->fd < 0)
		return 0;
	r = byte_locked(look->fd, number % ALIVE_SHARED);
	return r < 0 ? err_errno("cannot test the lock of number %lld", (long long)number) : r;
}

void alive_look_end(struct alive_look *look)
{
	fd_close(&look->fd);
	fd_close(&look->dir);
}
