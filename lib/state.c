/* state.c - see state.h. */
#include "state.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The longest name that is made below the directory: "live/" and a file name. */
#define ROOM_BELOW (sizeof("live/") + NAME_MAX)

/* File systems whose locks, memory maps or change events do not hold between hosts. */
static const unsigned network_file_systems[] = {
	0x6969,        /* nfs */
	0x517b,        /* smb */
	0xff534d42,    /* cifs */
	0xfe534d42,    /* smb2 */
	0x5346414f,    /* afs (openafs) */
	0x6b414653,    /* afs (kernel) */
	0x73757245,    /* coda */
	0x01021997,    /* 9p */
	0x564c,        /* ncp */
	0x00c36400,    /* ceph */
	0x0bd00bd0,    /* lustre */
	0x47504653,    /* gpfs */
	0x01161970,    /* gfs2 */
	0x7461636f,    /* ocfs2 */
};

static const char *set_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int add_default_dir(struct strbuf *dir)
{
	const char *xdg = set_variable("XDG_STATE_HOME");
	const char *home = set_variable("HOME");

	if (geteuid() == 0) {
		strbuf_addstr(dir, "/var/lib/workplane");
	} else if (xdg && *xdg == '/') {
		strbuf_addf(dir, "%s/workplane", xdg);
	} else if (home) {
		strbuf_addf(dir, "%s/.local/state/workplane", home);
	} else {
		err_set(WP_USAGE, "no place for the state directory: HOME is not set");
		err_hint("set WP_STATE or say --state DIR");
		return -1;
	}
	return 0;
}

static int add_cwd(struct strbuf *dir)
{
	char *cwd = getcwd(NULL, 0);

	if (!cwd)
		return err_errno("cannot find the current directory");
	strbuf_addf(dir, "%s/", cwd);
	free(cwd);
	return 0;
}

static int add_dir(struct strbuf *dir, const char *asked)
{
	if (asked && !*asked)
		return err_set(WP_USAGE, "the name of the state directory is empty");
	if (!asked)
		asked = set_variable("WP_STATE");
	if (!asked)
		return add_default_dir(dir);
	if (*asked != '/' && add_cwd(dir) < 0)
		return -1;
	strbuf_addstr(dir, asked);
	return 0;
}

static int check_name(struct strbuf *dir)
{
	/* Behind a '/' the kernel would follow a symbolic link in spite of O_NOFOLLOW. */
	while (dir->len > 1 && dir->buf[dir->len - 1] == '/')
		strbuf_setlen(dir, dir->len - 1);
	if (dir->len + ROOM_BELOW >= PATH_MAX)
		return err_set(WP_USAGE, "state directory name too long: %zu bytes", dir->len);
	return 0;
}

static int make_one(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return err_set(WP_NOPERM, "permission denied: cannot make directory \"%s\"", path);
	return err_set(WP_CANTCREAT, "%s: cannot make directory \"%s\"", strerror(errno), path);
}

/* Made from the top, and only when the whole is not there: an existing parent that may
 * not be written to is no failure. */
static int make_dirs(char *path)
{
	struct stat st;
	int r = 0;

	if (lstat(path, &st) == 0)
		return 0;
	for (char *slash = strchr(path + 1, '/'); slash && r == 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (lstat(path, &st) < 0)
			r = make_one(path);
		*slash = '/';
	}
	return r < 0 ? r : make_one(path);
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		err_set(WP_NOPERM, "state directory \"%s\" is a symbolic link", path);
		err_hint("name the directory it points to");
		return -1;
	}
	if (errno == ENOTDIR)
		return err_set(WP_CANTCREAT, "state directory \"%s\" is not a directory", path);
	return err_errno("cannot open state directory \"%s\"", path);
}

static int check_owner(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno("cannot check state directory \"%s\"", path);
	if (st.st_uid != geteuid())
		return err_set(WP_NOPERM, "state directory \"%s\" belongs to another user (uid %lu)", path,
			(unsigned long)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		err_set(WP_NOPERM, "state directory \"%s\" can be written to by others", path);
		err_hint("chmod go-w it, or name another directory");
		return -1;
	}
	return 0;
}

static bool is_network(unsigned magic)
{
	for (size_t i = 0; i < sizeof(network_file_systems) / sizeof(network_file_systems[0]); i++)
		if (network_file_systems[i] == magic)
			return true;
	return false;
}

static int check_file_system(int fd, const char *path)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_errno("cannot check state directory \"%s\"", path);
	if (!is_network((unsigned)fs.f_type))
		return 0;
	err_set(WP_CANTCREAT, "state directory \"%s\" is on a network file system", path);
	err_hint("name one on a local disk: WP_STATE or --state DIR");
	return -1;
}

static int make_live_dir(int fd, const char *path)
{
	if (mkdirat(fd, "live", 0700) == 0 || errno == EEXIST)
		return 0;
	return err_set(errno == EACCES ? WP_NOPERM : WP_CANTCREAT, "%s: cannot make directory \"%s/live\"",
		strerror(errno), path);
}

static char *below(const struct strbuf *dir, const char *name)
{
	struct strbuf path = STRBUF_INIT;

	strbuf_addf(&path, "%s/%s", dir->buf, name);
	return strbuf_detach(&path, NULL);
}

static int open_checked(int *fd, const char *path)
{
	*fd = open_dir(path);
	if (*fd < 0)
		return -1;
	if (check_owner(*fd, path) == 0 && check_file_system(*fd, path) == 0 && make_live_dir(*fd, path) == 0)
		return 0;
	fd_close(fd);
	return -1;
}

int state_open(struct state *state, const char *asked)
{
	struct strbuf dir = STRBUF_INIT;

	*state = (struct state){ .fd = -1 };
	if (add_dir(&dir, asked) < 0 || check_name(&dir) < 0 || make_dirs(dir.buf) < 0 ||
			open_checked(&state->fd, dir.buf) < 0) {
		strbuf_release(&dir);
		return -1;
	}
	state->db_path = below(&dir, "state.db");
	state->live_dir = below(&dir, "live");
	state->dir = strbuf_detach(&dir, NULL);
	return 0;
}

int state_exists(const char *asked)
{
	struct strbuf dir = STRBUF_INIT;
	struct stat st;
	int r = add_dir(&dir, asked);

	if (r == 0)
		r = lstat(dir.buf, &st) == 0;
	strbuf_release(&dir);
	return r;
}

void state_release(struct state *state)
{
	fd_close(&state->fd);
	free(state->dir);
	free(state->db_path);
	free(state->live_dir);
	*state = (struct state){ .fd = -1 };
}
