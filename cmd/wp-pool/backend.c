#include "backend.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANDLE_MAX 4000

#define backend_of(pointer, member) ((struct backend *)((char *)(pointer) - offsetof(struct backend, member)))

/* Finding it */

static char *join(const char *dir, size_t dir_len, const char *middle, const char *name)
{
	struct strbuf path = STRBUF_INIT;

	strbuf_add(&path, dir, dir_len);
	strbuf_addf(&path, "%s/%s", middle, name);
	return strbuf_detach(&path, NULL);
}

static bool is_there(char **path)
{
	struct stat st;

	if (stat(*path, &st) == 0 && S_ISREG(st.st_mode) && access(*path, X_OK) == 0)
		return true;
	free(*path);
	*path = NULL;
	return false;
}

/* Beside the program: BINDIR/../share/workplane/backends when it was installed, ../share/backends in the source tree. */
static char *find_beside_program(const char *name)
{
	static const char *const places[] = { "/../share/workplane/backends", "/../share/backends", "/../../share/backends" };
	char *program = realpath("/proc/self/exe", NULL), *path = NULL;
	char *slash = program ? strrchr(program, '/') : NULL;

	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		path = join(program, (size_t)(slash - program), places[i], name);
		if (is_there(&path))
			break;
	}
	free(program);
	return path;
}

char *backend_find(const char *name)
{
	const char *dir = getenv("WP_BACKENDS");
	char *path = NULL;

	if (strchr(name, '/')) {
		path = realpath(name, NULL);
		if (path && !is_there(&path))
			errno = EACCES;
		if (!path)
			err_set(WP_USAGE, "cannot use the backend \"%s\": %s", name, strerror(errno));
		return path;
	}
	if (dir && *dir) {
		path = join(dir, strlen(dir), "", name);
		if (is_there(&path))
			return path;
	}
	path = find_beside_program(name);
	if (!path) {
		err_set(WP_USAGE, "there is no backend \"%s\"", name);
		err_hint("local, ssh, docker, kubectl, slurm, or the path of your own: see workplane-backend(7)");
	}
	return path;
}

/* Boot */

static void over(struct backend *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void over(struct backend *b, const char *fmt, ...)
{
	struct strbuf why = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&why, fmt, ap);
	va_end(ap);
	b->over(b, why.buf);
	strbuf_release(&why);
}

static pid_t start(struct backend *b, char **argv, int in, int out, size_t slot)
{
	struct spawn spawn = SPAWN_INIT;
	pid_t pid;

	spawn.path = b->path;
	spawn.argv = argv;
	spawn.in = in;
	spawn.out = out;
	spawn.err = STDERR_FILENO;
	spawn.guarded = slot + 1;
	/* At our sudden death it finds the end of file, and time to clean up is all that it needs; the guard comes next. */
	spawn.death_signal = 0;
	pid = spawn_start(&spawn);
	if (pid > 0)
		groups_add(b->groups, slot, pid);
	return pid;
}

static void out_readable(struct loop_fd *handle, uint32_t events);

static int start_boot(struct backend *b, int in, int out)
{
	struct strvec argv = STRVEC_INIT;

	strvec_push(&argv, b->path);
	strvec_push(&argv, "boot");
	strvec_push_all(&argv, (const char *const *)b->args);
	b->boot = start(b, argv.v, in, out, BACKEND_BOOT);
	strvec_release(&argv);
	return b->boot < 0 ? -1 : 0;
}

int backend_start(struct backend *b, struct loop *loop, struct groups *groups)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r = -1;

	b->loop = loop;
	b->groups = groups;
	b->in = b->out.fd = -1;
	if (!b->path) {
		b->ready(b);
		return 0;
	}
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || fd_nonblock(out[0], true) < 0)
		err_errno("cannot make a pipe");
	else
		r = start_boot(b, in[0], out[1]);
	fd_close(&in[0]);
	fd_close(&out[1]);
	b->in = in[1];
	if (r == 0)
		r = loop_add(loop, &b->out, out[0], EPOLLIN, out_readable);
	if (r < 0)
		fd_close(&out[0]);
	return r;
}

static void close_out(struct backend *b)
{
	if (b->out.fd < 0)
		return;
	loop_remove(b->loop, &b->out);
	fd_close(&b->out.fd);
}

/* sync */

static void start_sync(struct backend *b)
{
	struct strvec argv = STRVEC_INIT;

	if (b->sync.nr == 0) {
		b->ready(b);
		return;
	}
	strvec_push(&argv, b->path);
	strvec_push(&argv, "sync");
	strvec_push(&argv, b->handle.buf);
	strvec_push_all(&argv, (const char *const *)b->sync.v);
	b->helper = start(b, argv.v, -1, STDERR_FILENO, BACKEND_HELPER);
	strvec_release(&argv);
	if (b->helper < 0)
		over(b, "%s", err_message());
}

/* The handle */

static bool is_handle(const struct strbuf *line)
{
	for (size_t i = 0; i < line->len; i++)
		if ((unsigned char)line->buf[i] < ' ' || line->buf[i] == 0x7f)
			return false;
	return line->len > 0;
}

static void take_handle(struct backend *b, const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);

	strbuf_add(&b->handle, data, end ? (size_t)(end - data) : len);
	if (b->handle.len > HANDLE_MAX) {
		over(b, "the backend gave a handle that is longer than %d bytes", HANDLE_MAX);
		return;
	}
	if (!end)
		return;
	if (!is_handle(&b->handle)) {
		over(b, "the backend gave no handle but an empty line, or control characters");
		return;
	}
	b->has_handle = true;
	start_sync(b);
}

/* What it says after the handle is read, so that it does not wait for us, and passed over. */
static void out_readable(struct loop_fd *handle, uint32_t events)
{
	struct backend *b = backend_of(handle, out);
	char buf[1024];
	ssize_t n = read(handle->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		close_out(b);        /* its end says more */
	else if (!b->has_handle)
		take_handle(b, buf, (size_t)n);
}

/* Ends */

static void describe_end(struct strbuf *sb, int wait_status)
{
	if (WIFSIGNALED(wait_status))
		strbuf_addf(sb, "was killed by signal %d", WTERMSIG(wait_status));
	else
		strbuf_addf(sb, "ended with exit status %d", WEXITSTATUS(wait_status));
}

static void boot_ended(struct backend *b, int wait_status)
{
	struct strbuf end = STRBUF_INIT;

	b->boot = 0;
	close_out(b);        /* a handle that is still in there leads nowhere */
	groups_reaped(b->groups, BACKEND_BOOT, false);
	describe_end(&end, wait_status);
	if (b->shut)
		b->over(b, NULL);
	else
		over(b, "the backend's boot %s%s", end.buf, b->has_handle ? "" : " before it was ready");
	strbuf_release(&end);
}

static void helper_ended(struct backend *b, int wait_status)
{
	struct strbuf end = STRBUF_INIT;
	int status = spawn_exit_status(wait_status);

	b->helper = 0;
	groups_reaped(b->groups, BACKEND_HELPER, false);
	describe_end(&end, wait_status);
	if (!b->checking && status)
		over(b, "the backend's sync %s", end.buf);
	else if (!b->checking)
		b->ready(b);
	else if (status && status != WP_USAGE)      /* 64: it cannot say */
		over(b, "the backend's check %s", end.buf);
	strbuf_release(&end);
}

bool backend_reaped(struct backend *b, pid_t pid, int wait_status)
{
	if (pid == b->boot)
		boot_ended(b, wait_status);
	else if (pid == b->helper)
		helper_ended(b, wait_status);
	else
		return false;
	return true;
}

void backend_doubt(struct backend *b, int status)
{
	char *argv[] = { b->path, (char *)"check", b->handle.buf, NULL };

	/* 255 is what ssh says when it has no connection. */
	if (!b->path || b->helper || b->shut || (status != WP_FAILED && status != 255))
		return;
	b->checking = true;
	b->helper = start(b, argv, -1, STDERR_FILENO, BACKEND_HELPER);
	if (b->helper < 0) {
		b->helper = 0;
		err_clear();
	}
}

void backend_shut(struct backend *b)
{
	b->shut = true;
	fd_close(&b->in);
	if (!b->boot)
		b->over(b, NULL);
}

void backend_release(struct backend *b)
{
	if (b->loop)
		close_out(b);
	fd_close(&b->in);
	free(b->path);
	strvec_release(&b->sync);
	strbuf_release(&b->handle);
}

/* Running */

char **backend_command(const struct backend *b, char **argv)
{
	size_t n = 0, at = 0;
	char **command;

	while (argv[n])
		n++;
	command = xcalloc(n + 5, sizeof(*command));
	if (b->path) {
		command[at++] = b->path;
		command[at++] = (char *)"exec";
		command[at++] = b->handle.buf;
		command[at++] = (char *)"--";
	}
	memcpy(command + at, argv, n * sizeof(*argv));
	return command;
}
