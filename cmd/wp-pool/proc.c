#include "map.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* One process a line. Its stdout and stderr come through two pipes. Most calls
 * are over before they have filled them, so the pipes are read when the call has ended;
 * the loop is asked to watch only those of calls that have lived for a while. */
#define WATCH_AFTER (3 * USEC_MS)

struct stream {
	struct loop_fd handle;
	int fd;
};

struct call {
	struct map *map;
	struct line *line;               /* NULL: none runs on this slot */
	struct stream out, err;
	usec_t started;
	struct call *young_prev, *young_next;
};

struct proc {
	struct call *calls;              /* by slot */
	struct call *young_first, *young_last;   /* not watched yet, the oldest first */
	struct loop_timer timer;
	struct map *map;
};

int proc_init(struct map *map)
{
	struct proc *proc = xcalloc(1, sizeof(*proc));

	proc->map = map;
	proc->calls = xcalloc(map->pool.config.slots, sizeof(*proc->calls));
	for (size_t i = 0; i < map->pool.config.slots; i++) {
		proc->calls[i].map = map;
		proc->calls[i].out.fd = proc->calls[i].err.fd = -1;
	}
	map->proc = proc;
	return 0;
}

void proc_release(struct map *map)
{
	if (!map->proc)
		return;
	free(map->proc->calls);
	free(map->proc);
	map->proc = NULL;
}

/* Reading what a call says */

static void close_stream(struct call *call, struct stream *stream)
{
	if (stream->fd < 0)
		return;
	loop_remove(call->map->loop, &stream->handle);
	fd_close(&stream->fd);
}

static void keep(struct call *call, struct stream *stream, const char *data, size_t len)
{
	struct output *output = &call->map->output;
	int kept = stream == &call->out ? output_take(output, call->line, data, len)
		: capture_add(&call->line->err, data, len, output->limit_err);

	if (kept < 0 && !output->failed) {
		output->failed = true;
		map_complain(call->map, call->line);
	}
}

/* At most LEN bytes of what is there; the number of bytes, 0 at the end. */
static size_t read_stream(struct call *call, struct stream *stream, size_t len)
{
	static char buf[64 << 10];
	ssize_t n;

	do
		n = read(stream->fd, buf, len < sizeof(buf) ? len : sizeof(buf));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		keep(call, stream, buf, (size_t)n);
	return n > 0 ? (size_t)n : 0;
}

static void readable(struct call *call, struct stream *stream)
{
	if (!read_stream(call, stream, SIZE_MAX))
		close_stream(call, stream);
}

static void out_readable(struct loop_fd *handle, uint32_t events)
{
	struct call *call = (struct call *)((char *)handle - offsetof(struct call, out.handle));

	readable(call, &call->out);
}

static void err_readable(struct loop_fd *handle, uint32_t events)
{
	struct call *call = (struct call *)((char *)handle - offsetof(struct call, err.handle));

	readable(call, &call->err);
}

/* What is in the pipe now is the call's; what somebody in its background writes
 * later is not. */
static void drain(struct call *call, struct stream *stream)
{
	int left;

	if (stream->fd < 0)
		return;
	if (ioctl(stream->fd, FIONREAD, &left) < 0)
		left = 0;
	while (left > 0) {
		size_t n = read_stream(call, stream, (size_t)left);

		if (!n)
			break;
		left -= (int)n;
	}
	close_stream(call, stream);
}

/* Young calls */

static void watch_stream(struct call *call, struct stream *stream, void (*fn)(struct loop_fd *, uint32_t))
{
	if (stream->fd >= 0 && loop_add(call->map->loop, &stream->handle, stream->fd, EPOLLIN, fn) < 0)
		map_fail(call->map, err_status());
}

static void grow_up(struct proc *proc, struct call *call)
{
	if (!call->young_prev && call != proc->young_first)
		return;
	*(call->young_prev ? &call->young_prev->young_next : &proc->young_first) = call->young_next;
	*(call->young_next ? &call->young_next->young_prev : &proc->young_last) = call->young_prev;
	call->young_prev = call->young_next = NULL;
}

static void watch_due(struct loop_timer *timer);

/* A timer that is set stays set, though its call may have ended: most have by then. */
static void watch_later(struct proc *proc)
{
	if (proc->young_first && !proc->timer.due.index)
		loop_timer_set(proc->map->loop, &proc->timer, proc->young_first->started + WATCH_AFTER, watch_due);
}

static void watch_due(struct loop_timer *timer)
{
	struct proc *proc = (struct proc *)((char *)timer - offsetof(struct proc, timer));
	struct call *call;

	while ((call = proc->young_first) && call->started + WATCH_AFTER <= timer->due.at) {
		grow_up(proc, call);
		watch_stream(call, &call->out, out_readable);
		watch_stream(call, &call->err, err_readable);
	}
	watch_later(proc);
}

static void be_young(struct proc *proc, struct call *call)
{
	call->young_next = NULL;
	call->young_prev = proc->young_last;
	*(proc->young_last ? &proc->young_last->young_next : &proc->young_first) = call;
	proc->young_last = call;
	watch_later(proc);
}

/* Starting */

/* What the command finds on its stdin is a file, so that nothing has to be pumped and a
 * command that does not read it does not disturb us. */
static int stdin_of(const char *data, size_t len)
{
	const struct iovec parts[] = { { (void *)data, len }, { (void *)"\n", 1 } };
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	if (fd >= 0 && pwritev(fd, parts, 2, 0) != (ssize_t)len + 1)
		fd_close(&fd);
	return fd;
}

static int make_pipe(struct stream *stream, int *end)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	stream->fd = ends[0];
	*end = ends[1];
	return 0;
}

static int open_stdin(struct map *map, struct call_ends *ends, const struct line *line)
{
	const struct json_slice payload = line->job.payload;

	if (map->args->feed_stdin)
		ends->in = stdin_of(line->text.buf, line->text.len);
	else if (map->args->jobs && !map->template.placeholders)
		ends->in = stdin_of(payload.p, payload.len);
	else
		return 0;       /* /dev/null */
	return ends->in < 0 ? -1 : 0;
}

static int open_ends(struct map *map, struct call *call, struct call_ends *ends, const struct line *line)
{
	if (open_stdin(map, ends, line) < 0)
		return -1;
	if (map->args->ungroup) {
		ends->out = STDOUT_FILENO;
		ends->err = STDERR_FILENO;
		return 0;
	}
	if (make_pipe(&call->out, &ends->out) < 0)
		return -1;
	return make_pipe(&call->err, &ends->err);
}

static void close_ends(struct call_ends *ends, bool ungroup)
{
	fd_close(&ends->in);
	if (!ungroup) {
		fd_close(&ends->out);
		fd_close(&ends->err);
	}
}

static int run_here(struct map *map, char **argv, char **envp, size_t slot, const struct call_ends *ends)
{
	struct spawn spawn = SPAWN_INIT;
	pid_t pid;

	spawn.path = map->path;
	spawn.argv = argv;
	spawn.envp = envp;
	spawn.in = ends->in;
	spawn.out = ends->out;
	spawn.err = ends->err;
	spawn.guarded = slot + 1;
	pid = spawn_start(&spawn);
	if (pid > 0)
		groups_add(&map->groups, slot, pid);
	return pid < 0 ? -1 : 0;
}

/* -1 with err recorded, and errno. */
static int run(struct map *map, struct call *call, char **argv, struct line *line)
{
	struct call_ends ends = { -1, -1, -1 };
	size_t slot = line->item.slot;
	char **envp;
	int error, r = -1;

	if (open_ends(map, call, &ends, line) < 0) {
		error = errno;
		err_set(WP_FAILED, "cannot start \"%s\": %s", argv[0], strerror(error));
	} else {
		envp = environment_for(&map->environment, slot, map->args->jobs ? &line->job : NULL);
		r = map->far ? far_start(map, line, argv, envp, &ends) : run_here(map, argv, envp, slot, &ends);
		error = errno;
	}
	close_ends(&ends, map->args->ungroup);
	if (r < 0) {
		close_stream(call, &call->out);
		close_stream(call, &call->err);
	}
	errno = error;
	return r;
}

static char **command_for(struct map *map, const struct line *line)
{
	if (line->too_long) {
		err_set(WP_DATA, "longer than %zu bytes", STREAM_LINE_MAX);
		return NULL;
	}
	if (map->args->jobs)
		return template_fill(&map->template, line->job.payload.p, line->job.payload.len);
	return template_fill(&map->template, line->text.buf, line->text.len);
}

void proc_start(struct map *map, struct line *line)
{
	struct call *call = &map->proc->calls[line->item.slot];
	char **argv;

	line_begin(line);
	argv = command_for(map, line);
	if (!argv) {
		map_bad_line(map, line, WP_DATA);
		return;
	}
	line->started = call->started = clock_now();
	if (run(map, call, argv, line) < 0) {
		map_start_failed(map, line, errno);
		return;
	}
	line->ran = true;
	call->line = line;
	if (!map->args->ungroup)
		be_young(map->proc, call);
	if (!map->far)
		proc_begun(map, line);
}

void proc_begun(struct map *map, struct line *line)
{
	if (map->args->jobs)
		announcer_add(&map->announcer, line);
	pool_started(&map->pool, &line->item, line->started);
}

/* Ending */

static enum pool_outcome judge(const struct map *map, const struct line *line)
{
	if (line->exit == 0)
		return POOL_OK;
	if (map->args->jobs && line->exit == WP_TEMPFAIL)
		return POOL_OK;
	return POOL_FAILED;
}

void proc_ended(struct map *map, size_t slot, int exit, int signal)
{
	struct call *call = &map->proc->calls[slot];
	struct line *line = call->line;
	usec_t now = clock_now();

	grow_up(map->proc, call);
	drain(call, &call->out);
	drain(call, &call->err);
	call->line = NULL;
	line->duration = now - line->started;
	line->signal = signal;
	line->exit = line->item.cause == POOL_TIMEOUT ? WP_TIMEOUT : exit;
	announcer_remove(&map->announcer, line);
	pool_ended(&map->pool, &line->item, judge(map, line), now);
}
