#include "held_fd.h"

#include "alloc.h"
#include "err.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char family[] = "fd.";

/* A shell takes less than this from opening its file to locking it. */
enum { ABANDONED_AFTER = 60 };

/* Is what FD has open the file NAME in live/? The way there does not matter: it may lead through symbolic links. */
static bool is_lock_file(const struct presence *p, int fd, const char *name)
{
	struct strbuf path = STRBUF_INIT;
	struct stat open_one, named;
	bool same;

	strbuf_addf(&path, "live/%s", name);
	same = fstat(fd, &open_one) == 0 && fstatat(p->state.fd, path.buf, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
	strbuf_release(&path);
	return same;
}

/* The name of the lock file that FD has open, malloc'd; NULL when it is none of ours. */
static char *lock_name(const struct presence *p, int fd)
{
	struct strbuf link = STRBUF_INIT;
	char *path, *slash, *name = NULL;

	strbuf_addf(&link, "/proc/self/fd/%d", fd);
	path = realpath(link.buf, NULL);
	slash = path ? strrchr(path, '/') : NULL;
	if (slash && !strncmp(slash + 1, family, strlen(family)) && is_lock_file(p, fd, slash + 1))
		name = xstrdup(slash + 1);
	free(path);
	strbuf_release(&link);
	return name;
}

int held_fd_lock(struct presence *p, int fd, struct strbuf *lock)
{
	char *name = lock_name(p, fd);
	int r;

	if (!name)
		return 0;
	r = alive_test(p->state.live_dir, name);
	if (r > 0)
		r = err_set(WP_NO, "descriptor %d is tracked already", fd);
	else if (r == 0)
		r = alive_lock_inherited(fd, p->state.live_dir, name);
	if (r >= 0)
		strbuf_addstr(lock, name);
	free(name);
	return r < 0 ? -1 : 1;
}

static void remove_if_abandoned(struct presence *p, const char *name)
{
	struct stat st;

	if (fstatat(p->state.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime + ABANDONED_AFTER >= time(NULL))
		return;
	if (alive_reap(p->state.live_dir, strrchr(name, '/') + 1) < 0)
		err_clear();
}

/* Shells that were killed, or did not evaluate what they were told to, leave files that no entry names. */
static void remove_abandoned(struct presence *p)
{
	DIR *dir = opendir(p->state.live_dir);
	struct strbuf name = STRBUF_INIT;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, family, strlen(family)))
			continue;
		strbuf_reset(&name);
		strbuf_addf(&name, "live/%s", entry->d_name);
		remove_if_abandoned(p, name.buf);
	}
	if (dir)
		closedir(dir);
	strbuf_release(&name);
}

/* S as one word of a shell. */
static void add_quoted(struct strbuf *sb, const char *s)
{
	strbuf_addch(sb, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			strbuf_addstr(sb, "'\\''");
		else
			strbuf_addch(sb, *s);
	}
	strbuf_addstr(sb, "' ");
}

static void add_option(struct strbuf *sb, const char *name, const char *value)
{
	strbuf_addstr(sb, name);
	strbuf_addch(sb, ' ');
	add_quoted(sb, value);
}

static void add_us(struct strbuf *sb)
{
	char *self = realpath("/proc/self/exe", NULL);

	add_quoted(sb, self ? self : "wp-presence");
	free(self);
}

void held_fd_print(struct presence *p, const struct presence_entry *e, int fd)
{
	struct strbuf code = STRBUF_INIT, path = STRBUF_INIT;

	remove_abandoned(p);
	strbuf_addf(&path, "%s/%s%ld.%llx", p->state.live_dir, family, (long)getpid(), (unsigned long long)clock_wall());
	strbuf_addf(&code, "exec %d>>", fd);
	add_quoted(&code, path.buf);
	strbuf_addstr(&code, "&& WP_PRESENCE_REF=$(");
	add_us(&code);
	add_option(&code, "--state", p->state.dir);
	strbuf_addstr(&code, "track ");
	add_option(&code, "--topic", e->topic);
	strbuf_addf(&code, "--capacity %lld --in-use %lld ", (long long)e->capacity, (long long)e->in_use);
	add_option(&code, "--meta", e->meta);
	if (e->ref)
		add_option(&code, "--ref", e->ref);
	/* What the shell starts inherits the descriptor, and may outlive it: the lock alone would show a ghost. */
	strbuf_addf(&code, "--pid $$ --fd %d -- ", fd);
	add_quoted(&code, e->key);
	strbuf_addf(&code, ") || { exec %d>&-; rm -f ", fd);
	add_quoted(&code, path.buf);
	strbuf_addstr(&code, "; false; }");
	puts(code.buf);
	strbuf_release(&path);
	strbuf_release(&code);
}
