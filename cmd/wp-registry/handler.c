#include "handler.h"

#include "err.h"
#include "post.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define handler_of(pointer, member) ((struct handler *)((char *)(pointer) - offsetof(struct handler, member)))

void handler_init(struct handler *h, struct loop *loop, const struct settings *settings, int err)
{
	h->loop = loop;
	h->settings = settings;
	h->err = err;
	h->in.fd = h->out.fd = h->rest = -1;
	strbuf_init(&h->unwritten);
	strbuf_init(&h->said);
}

bool handler_runs(const struct handler *h)
{
	return h->pid > 0;
}

bool handler_takes(const struct handler *h)
{
	return !h->busy && !h->stopping && !(handler_runs(h) && h->fault);
}

static void close_end(struct handler *h, struct loop_fd *end)
{
	if (end->fd < 0)
		return;
	loop_remove(h->loop, end);
	fd_close(&end->fd);
}

static void kill_group(struct handler *h, int signo)
{
	if (h->pid > 0) {
		kill(-h->pid, signo);
		kill(-h->pid, SIGCONT);
	}
}

static void blame(struct handler *h, int status, const char *fault)
{
	if (h->fault)
		return;
	h->fault = fault;
	h->fault_status = status;
}

/* Its group goes by signal, first the gentle one. */
static void out_of_time(struct loop_timer *timer)
{
	struct handler *h = handler_of(timer, deadline);

	if (!h->stopping)
		blame(h, WP_TIMEOUT, "it took too long");
	kill_group(h, h->deadlines++ ? SIGKILL : SIGTERM);
	loop_timer_set(h->loop, timer, clock_now() + h->settings->shutdown_timeout, out_of_time);
}

static void set_deadline(struct handler *h, usec_t limit)
{
	h->deadlines = 0;
	loop_timer_set(h->loop, &h->deadline, clock_now() + limit, out_of_time);
}

static void kill_for(struct handler *h, int status, const char *fault)
{
	blame(h, status, fault);
	close_end(h, &h->in);
	kill_group(h, SIGKILL);
}

/* What it says */

static void take_answers(struct handler *h)
{
	enum lines_result r;
	char *line;
	size_t len;

	while ((r = lines_buffered(&h->lines, &line, &len)) == LINES_OK && h->busy) {
		h->busy = false;
		/* Whoever is being ended has not done so by answering. */
		if (!h->stopping && !h->fault)
			loop_timer_cancel(h->loop, &h->deadline);
		h->answered(h->ctx, 0, false, line, len);
	}
	if (r == LINES_OK)
		kill_for(h, WP_DATA, "it answered without being asked");
	else if (r == LINES_TOO_LONG || h->lines.skipping)
		kill_for(h, WP_DATA, "its answer was too long");
	else if (!h->busy && !h->fault)
		h->ready(h->ctx);
}

static void warm_readable(struct handler *h)
{
	enum lines_result r = lines_fill(&h->lines);

	if (r == LINES_OK) {
		take_answers(h);
		return;
	}
	if (r == LINES_AGAIN)
		return;
	/* Without a way to answer it is of no use; mostly it is just ending. */
	close_end(h, &h->out);
	close_end(h, &h->in);
	if (!h->stopping)
		set_deadline(h, h->settings->shutdown_timeout);
}

static void read_said(struct handler *h)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(h->out.fd, buf, sizeof(buf))) > 0) {
		if (h->said.len + (size_t)n > POST_TEXT_MAX) {
			kill_for(h, WP_DATA, "its answer was too long");
			return;
		}
		strbuf_add(&h->said, buf, (size_t)n);
	}
	if (n == 0)
		close_end(h, &h->out);
}

static void out_readable(struct loop_fd *handle, uint32_t events)
{
	struct handler *h = handler_of(handle, out);

	if (h->settings->warm)
		warm_readable(h);
	else
		read_said(h);
}

/* What it is told */

static void write_some(struct handler *h)
{
	while (h->written < h->unwritten.len) {
		ssize_t n = write(h->in.fd, h->unwritten.buf + h->written, h->unwritten.len - h->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_watch(h->loop, &h->in, EPOLLOUT);
			return;
		}
		if (n < 0)
			break;       /* it does not read any more: its end, or its answer, follows */
		h->written += (size_t)n;
	}
	strbuf_reset(&h->unwritten);
	strbuf_shrink(&h->unwritten, 1 << 16);
	h->written = 0;
	loop_watch(h->loop, &h->in, 0);
}

static void in_writable(struct loop_fd *handle, uint32_t events)
{
	write_some(handler_of(handle, in));
}

/* Starting */

static int open_out(struct handler *h, int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno("cannot make a pipe");
	if (fd_nonblock(ends[0], true) == 0 && loop_add(h->loop, &h->out, ends[0], EPOLLIN, out_readable) == 0)
		return 0;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	h->out.fd = -1;
	return -1;
}

static int spawn(struct handler *h, int in, int out)
{
	struct spawn spawn = SPAWN_INIT;

	spawn.argv = h->settings->command.v;
	spawn.in = in;
	spawn.out = out;
	spawn.err = h->err;
	spawn.guarded = 1;
	h->stopping = h->busy = false;
	h->fault = NULL;
	h->pid = spawn_start(&spawn);
	return h->pid > 0 ? 0 : -1;
}

static int start_warm(struct handler *h)
{
	int in[2], out[2], r = -1;

	if (pipe2(in, O_CLOEXEC) < 0)
		return err_errno("cannot make a pipe");
	if (open_out(h, out) == 0) {
		r = spawn(h, in[0], out[1]);
		fd_close(&out[1]);
		if (r == 0 && fd_nonblock(in[1], true) == 0)
			r = loop_add(h->loop, &h->in, in[1], 0, in_writable);
	}
	if (r < 0) {
		fd_close(&in[0]);
		fd_close(&in[1]);
		h->in.fd = -1;
		close_end(h, &h->out);
		return -1;
	}
	h->rest = in[0];
	lines_init(&h->lines, h->out.fd, '\n', POST_TEXT_MAX);
	return 0;
}

static int give_line(struct handler *h, const char *text, size_t len)
{
	if (memchr(text, '\n', len))
		return err_set(WP_DATA, "a message of several lines cannot be given to a warm consumer");
	if (!handler_runs(h) && start_warm(h) < 0)
		return -1;
	strbuf_add(&h->unwritten, text, len);
	strbuf_addch(&h->unwritten, '\n');
	h->line_len = len + 1;
	write_some(h);
	return 0;
}

/* The message as a file: it can be of any size, and nobody has to be there to write it. */
static int message_file(const char *text, size_t len)
{
	int file = memfd_create("workplane-message", MFD_CLOEXEC);

	if (file >= 0 && write_full(file, text, len) == 0 && write_full(file, "\n", 1) == 0 && lseek(file, 0, SEEK_SET) == 0)
		return file;
	err_errno("cannot hand over the message");
	fd_close(&file);
	return -1;
}

static int start_command(struct handler *h, const char *text, size_t len)
{
	int file = message_file(text, len), out[2], r = -1;

	if (file < 0)
		return -1;
	if (open_out(h, out) == 0) {
		r = spawn(h, file, out[1]);
		fd_close(&out[1]);
	}
	fd_close(&file);
	if (r < 0)
		close_end(h, &h->out);
	return r;
}

static void tell_offset(int64_t offset)
{
	char number[24];

	snprintf(number, sizeof(number), "%lld", (long long)offset);
	setenv("WP_REGISTRY_OFFSET", number, 1);
}

int handler_give(struct handler *h, const char *text, size_t len, int64_t offset)
{
	if (!h->settings->warm && offset)
		tell_offset(offset);
	if ((h->settings->warm ? give_line(h, text, len) : start_command(h, text, len)) < 0)
		return -1;
	h->busy = true;
	if (h->settings->timeout > 0)
		set_deadline(h, h->settings->timeout);
	return 0;
}

/* Ending */

void handler_stop(struct handler *h)
{
	if (!handler_runs(h) || h->stopping)
		return;
	h->stopping = true;
	close_end(h, &h->in);
	set_deadline(h, h->settings->shutdown_timeout);
}

void handler_terminate(struct handler *h)
{
	if (!handler_runs(h))
		return;
	h->stopping = true;
	close_end(h, &h->in);
	kill_group(h, SIGTERM);
	set_deadline(h, h->settings->shutdown_timeout);
	h->deadlines = 1;
}

void handler_signal(struct handler *h, int signo)
{
	if (handler_runs(h))
		kill(-h->pid, signo);
}

static void forget(struct handler *h)
{
	guard_set(0, 0);
	h->pid = 0;
	h->busy = h->stopping = false;
	loop_timer_cancel(h->loop, &h->deadline);
	close_end(h, &h->in);
	close_end(h, &h->out);
	fd_close(&h->rest);
	strbuf_reset(&h->unwritten);
	h->written = 0;
}

static size_t without_newline(const struct strbuf *said)
{
	return said->len && said->buf[said->len - 1] == '\n' ? said->len - 1 : said->len;
}

static void command_ended(struct handler *h, int status)
{
	/* What it left running has no part in the answer. */
	if (h->out.fd >= 0)
		read_said(h);
	forget(h);
	if (h->fault)
		h->answered(h->ctx, h->fault_status, true, h->fault, strlen(h->fault));
	else
		h->answered(h->ctx, status, false, h->said.buf, without_newline(&h->said));
	strbuf_reset(&h->said);
	strbuf_shrink(&h->said, 1 << 16);
	h->ready(h->ctx);
}

/* One that ends when it has nothing to do may do so at the moment at which it is given something. */
static bool has_read_nothing(const struct handler *h)
{
	int n = 0;

	return h->busy && ioctl(h->rest, FIONREAD, &n) == 0 && (size_t)n + h->unwritten.len - h->written >= h->line_len;
}

static void warm_ended(struct handler *h, int status)
{
	bool asked = h->stopping, unread;

	/* It may have answered with its last breath. */
	while (h->out.fd >= 0 && lines_fill(&h->lines) == LINES_OK && !h->fault)
		take_answers(h);
	kill(-h->pid, SIGKILL);      /* whom it left behind: the number is theirs as long as there is one */
	unread = has_read_nothing(h);
	lines_release(&h->lines);
	forget(h);
	h->ended(h->ctx, asked, unread, status, h->fault);
	h->ready(h->ctx);
}

bool handler_child(struct handler *h, pid_t pid, int wait_status)
{
	if (pid != h->pid || pid <= 0)
		return false;
	if (h->settings->warm)
		warm_ended(h, spawn_exit_status(wait_status));
	else
		command_ended(h, spawn_exit_status(wait_status));
	return true;
}

void handler_release(struct handler *h)
{
	if (handler_runs(h))
		kill_group(h, SIGKILL);
	if (h->settings && h->settings->warm && handler_runs(h))
		lines_release(&h->lines);
	if (h->loop)
		forget(h);
	strbuf_release(&h->unwritten);
	strbuf_release(&h->said);
}
