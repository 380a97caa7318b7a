#include "host.h"

#include "alloc.h"
#include "err.h"
#include "io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPT_PAUSE (100 * USEC_MS)

#define caller_of(pointer, member) ((struct caller *)((char *)(pointer) - offsetof(struct caller, member)))

/* Saying */

static void forget_messages(struct caller *caller)
{
	for (struct message *m = caller->first, *next; m; m = next) {
		next = m->next;
		free(m);
	}
	caller->first = NULL;
	caller->last = &caller->first;
}

static void caller_free(struct caller *caller)
{
	struct host *host = caller->host;

	if (caller->wire.fd >= 0)
		loop_remove(host->loop, &caller->wire);
	fd_close(&caller->wire.fd);
	forget_messages(caller);
	*(caller->prev ? &caller->prev->next : &host->callers) = caller->next;
	if (caller->next)
		caller->next->prev = caller->prev;
	free(caller);
}

static void queue(struct caller *caller, const char *text, size_t len)
{
	struct message *m = xmalloc(sizeof(*m) + len);

	m->next = NULL;
	m->len = len;
	memcpy(m->text, text, len);
	*caller->last = m;
	caller->last = &m->next;
	loop_watch(caller->host->loop, &caller->wire, EPOLLIN | EPOLLOUT);
}

void caller_say(struct caller *caller, const char *text, size_t len)
{
	if (caller->first || wire_send(caller->wire.fd, text, len, NULL, 0) == 0)
		queue(caller, text, len);
	/* One that cannot be told any more is gone, which shows as the end of the connection. */
}

void caller_tell(struct caller *caller, const struct answer *answer)
{
	struct strbuf text = STRBUF_INIT;

	answer_add(&text, answer);
	caller_say(caller, text.buf, text.len);
	strbuf_release(&text);
}

static void caller_fail(struct caller *caller, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void caller_fail(struct caller *caller, int status, const char *fmt, ...)
{
	struct answer answer = ANSWER_INIT;
	struct strbuf text = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	if (text.len >= sizeof(answer.text))
		strbuf_setlen(&text, sizeof(answer.text) - 1);
	memcpy(answer.text, text.buf, text.len + 1);
	answer.tell = TELL_FAILED;
	answer.status = status;
	caller_tell(caller, &answer);
	caller_done(caller);
	strbuf_release(&text);
}

/* It is closed when the turn comes back to it: whoever calls this may still use it. */
void caller_done(struct caller *caller)
{
	caller->over = true;
	loop_watch(caller->host->loop, &caller->wire, EPOLLIN | EPOLLOUT);
}

void callers_report(struct host *host)
{
	host->asked = false;
	for (struct caller *c = host->callers; c; c = c->next) {
		if (!c->due)
			continue;
		c->due = false;
		report_to(host, c);
		if (c->wants != WANTS_STATUS)
			caller_done(c);
	}
}

void callers_done(struct host *host, enum caller_wants wants)
{
	struct answer answer = ANSWER_INIT;

	answer.tell = TELL_DONE;
	for (struct caller *c = host->callers; c; c = c->next)
		if (c->wants == wants && !c->over) {
			caller_tell(c, &answer);
			caller_done(c);
		}
}

/* Requests */

static void ask_call(struct caller *caller, const struct request *request, int fds[WIRE_FDS], size_t fds_nr)
{
	struct host *host = caller->host;

	if (host->refusing)
		caller_fail(caller, WP_TEMPFAIL, "the pool \"%s\" %s", host->name,
			host->stopping ? "is being stopped" : "takes no calls: it is being drained");
	else if (fds_nr != (request->detach || request->until_started ? 1 : WIRE_FDS) && fds_nr != WIRE_FDS)
		caller_fail(caller, WP_DATA, "a call comes with its descriptors");
	else
		call_new(host, caller, request, fds);
}

static void ask_set(struct caller *caller, const struct request *request)
{
	struct answer answer = ANSWER_INIT;

	if (host_set(caller->host, request) < 0) {
		caller_fail(caller, err_status(), "%s", err_message());
		err_clear();
		return;
	}
	answer.tell = TELL_DONE;
	caller_tell(caller, &answer);
	caller_done(caller);
}

static void ask_status(struct caller *caller, const struct request *request)
{
	caller->calls = request->calls;
	caller->wants = request->watch ? WANTS_STATUS : WANTS_NOTHING;
	caller->due = caller->host->asked = true;
}

static void wait_for(struct caller *caller, enum caller_wants wants, bool so)
{
	struct answer answer = ANSWER_INIT;

	caller->wants = wants;
	if (!so)
		return;
	answer.tell = TELL_DONE;
	caller_tell(caller, &answer);
	caller_done(caller);
}

/* There will be no end of the drain for those who wait for it. */
static void undo_drain(struct host *host)
{
	for (struct caller *c = host->callers; c; c = c->next)
		if (c->wants == WANTS_DRAINED && !c->over)
			caller_fail(c, WP_TEMPFAIL, "the pool \"%s\" takes calls again", host->name);
}

static void ask_drain(struct caller *caller, const struct request *request)
{
	struct host *host = caller->host;

	if (host->stopping) {
		caller_fail(caller, WP_TEMPFAIL, "the pool \"%s\" is being stopped", host->name);
		return;
	}
	host->refusing = !request->undo;
	host->changed = true;
	host_log(host, LOG_INFO, request->undo ? "takes calls again" : "is being drained");
	if (request->undo)
		undo_drain(host);
	wait_for(caller, WANTS_DRAINED, request->undo || !host->pool.live);
}

static void obey(struct caller *caller, const struct request *request, int fds[WIRE_FDS], size_t fds_nr)
{
	struct host *host = caller->host;

	caller->asked = true;
	switch (request->ask) {
	case ASK_CALL:
		ask_call(caller, request, fds, fds_nr);
		break;
	case ASK_STATUS:
		ask_status(caller, request);
		break;
	case ASK_SET:
		ask_set(caller, request);
		break;
	case ASK_DRAIN:
		ask_drain(caller, request);
		break;
	case ASK_STOP:
		caller->wants = WANTS_END;      /* which it sees as the end of the connection */
		host_stop(host, request->now);
		break;
	case ASK_WAIT:
		wait_for(caller, WANTS_READY, host->ready && !host->stopping);
		break;
	default:
		caller_fail(caller, WP_DATA, "the pool does not know what is asked of it: it may be of an older version");
	}
}

static void hear(struct caller *caller, const char *text, size_t len, int fds[WIRE_FDS], size_t fds_nr)
{
	struct passed_signal passed;
	struct request request;

	if (caller->call) {
		if (signal_parse(&passed, text, len) == 0 && passed.signo > 0 && passed.signo < 65)
			call_signal(caller->host, caller->call, (int)passed.signo);
		err_clear();
	} else if (caller->asked) {
		caller_fail(caller, WP_DATA, "one request a connection");
	} else if (request_parse(&request, text, len) < 0) {
		caller_fail(caller, WP_DATA, "%s", err_message());
		err_clear();
	} else {
		obey(caller, &request, fds, fds_nr);
	}
	wire_close_fds(fds);
}

static void gone(struct caller *caller)
{
	if (caller->call)
		call_abandoned(caller->host, caller->call);
	caller_free(caller);
}

/* False: it is gone. */
static bool listen_to(struct caller *caller)
{
	char text[WIRE_MAX];
	int fds[WIRE_FDS];
	size_t fds_nr;
	ssize_t n = wire_receive(caller->wire.fd, text, fds, &fds_nr);

	if (n > 0) {
		caller->host->now = clock_now();
		if (!caller->over)
			hear(caller, text, (size_t)n, fds, fds_nr);
		else
			wire_close_fds(fds);
		return true;
	}
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n < 0 && (errno == EMFILE || errno == EMSGSIZE)) {
		caller_fail(caller, WP_TEMPFAIL, errno == EMFILE ? "the pool has no descriptors left for this call" :
			"the request is too long");
		return true;
	}
	gone(caller);
	return false;
}

static bool flush(struct caller *caller)
{
	struct message *m;

	while ((m = caller->first)) {
		int r = wire_send(caller->wire.fd, m->text, m->len, NULL, 0);

		if (r == 0)
			return false;
		caller->first = m->next;
		if (!caller->first)
			caller->last = &caller->first;
		free(m);
	}
	return true;
}

static void wire_ready(struct loop_fd *handle, uint32_t events)
{
	struct caller *caller = caller_of(handle, wire);

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !listen_to(caller))
		return;
	if (!flush(caller))
		return;
	if (caller->over)
		gone(caller);        /* one that was told off may have a call that runs */
	else
		loop_watch(caller->host->loop, &caller->wire, EPOLLIN);
}

/* Coming */

static void caller_new(struct host *host, int fd)
{
	struct caller *caller = xcalloc(1, sizeof(*caller));

	*caller = (struct caller){ .host = host, .next = host->callers };
	caller->last = &caller->first;
	if (loop_add(host->loop, &caller->wire, fd, EPOLLIN, wire_ready) < 0) {
		err_clear();
		close(fd);
		free(caller);
		return;
	}
	if (caller->next)
		caller->next->prev = caller;
	host->callers = caller;
	/* Most have said already what they want. */
	wire_ready(&caller->wire, EPOLLIN);
}

static void listen_again(struct loop_timer *timer)
{
	struct host *host = (struct host *)((char *)timer - offsetof(struct host, listen_again));

	loop_watch(host->loop, &host->listener, EPOLLIN);
}

/* Without descriptors they wait in the queue of the socket, until somebody may have gone. */
static void listener_readable(struct loop_fd *handle, uint32_t events)
{
	struct host *host = (struct host *)((char *)handle - offsetof(struct host, listener));
	int fd;

	while ((fd = wire_accept(handle->fd)) >= 0)
		caller_new(host, fd);
	if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
		return;
	loop_watch(host->loop, handle, 0);
	loop_timer_set(host->loop, &host->listen_again, clock_now() + ACCEPT_PAUSE, listen_again);
}

int callers_open(struct host *host)
{
	int fd = wire_listen(&host->state, host->address);

	host->listener.fd = -1;
	if (fd < 0)
		return -1;
	if (loop_add(host->loop, &host->listener, fd, EPOLLIN, listener_readable) == 0)
		return 0;
	close(fd);
	host->listener.fd = -1;
	return -1;
}

void callers_close(struct host *host)
{
	for (struct caller *caller; (caller = host->callers); caller_free(caller)) {
		if (caller->call)
			caller->call->caller = NULL;
		/* Who waits for our end sees it when it has come. */
		if (caller->wants == WANTS_END) {
			loop_remove(host->loop, &caller->wire);
			caller->wire.fd = -1;
		}
	}
	if (host->listener.fd < 0)
		return;
	loop_timer_cancel(host->loop, &host->listen_again);
	loop_remove(host->loop, &host->listener);
	fd_close(&host->listener.fd);
	wire_unlink(&host->state, host->address);
}
