/* inbox.c - callers and their letters. */
#include "host.h"

#include "alloc.h"
#include "err.h"
#include "io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* When there is no descriptor for another connection. */
#define ACCEPT_PAUSE (20 * USEC_MS)
/* When there are too many descriptors, here or on their way, for an answer that needs one. */
#define ANSWER_PAUSE (20 * USEC_MS)
/* For callers that are slow to hear how it ended. */
#define LAST_WORDS_LIMIT (5 * USEC_SEC)

/* An answer that waits for room. */
struct answer {
	struct answer *next;
	struct post post;
	size_t len;
	char text[];
};

struct letter *letter_new(const char *text, size_t len)
{
	struct letter *letter = xcalloc(1, sizeof(*letter) + len + 1);

	letter->len = len;
	memcpy(letter->text, text, len);
	return letter;
}

/* Callers */

static bool listens(const struct caller *caller)
{
	return !caller->held && !caller->first;
}

static void watch(struct caller *caller)
{
	if (!caller->gone)
		loop_watch(caller->host->loop, &caller->wire, (listens(caller) ? EPOLLIN : 0) | (caller->first && !caller->stuck ? EPOLLOUT : 0));
}

static void forget_answers(struct caller *caller)
{
	for (struct answer *a = caller->first, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	caller->first = NULL;
	caller->last = &caller->first;
}

static void caller_free(struct caller *caller)
{
	struct host *host = caller->host;

	if (caller->prev)
		caller->prev->next = caller->next;
	else
		host->callers = caller->next;
	if (caller->next)
		caller->next->prev = caller->prev;
	free(caller);
}

static void hold(struct caller *caller, struct letter *letter)
{
	struct host *host = caller->host;

	caller->held = letter;
	caller->next_held = NULL;
	*host->last_held = caller;
	host->last_held = &caller->next_held;
}

static struct letter *take_held(struct caller *caller)
{
	struct host *host = caller->host;
	struct letter *held = caller->held;
	struct caller **at = &host->held;

	if (!held)
		return NULL;
	while (*at != caller)
		at = &(*at)->next_held;
	*at = caller->next_held;
	if (!*at)
		host->last_held = at;
	caller->held = NULL;
	return held;
}

/* Its letters stay, and are dealt with: one that had come is not taken back. */
static void caller_gone(struct caller *caller)
{
	struct letter *held;

	if (caller->gone)
		return;
	caller->gone = true;
	loop_remove(caller->host->loop, &caller->wire);
	fd_close(&caller->wire.fd);
	forget_answers(caller);
	held = take_held(caller);
	if (held)
		inbox_put(caller->host, held);
	if (!caller->letters)
		caller_free(caller);
}

void caller_let_go(struct caller *caller)
{
	if (--caller->letters == 0 && caller->gone)
		caller_free(caller);
}

/* Answers */

/* The end of the connection is the caller's end, which we hear of; anything else passes. */
static bool is_lost(void)
{
	return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
}

static void send_kept(struct caller *caller);

static void answer_again(struct loop_timer *timer)
{
	struct host *host = (struct host *)((char *)timer - offsetof(struct host, answer_timer));

	for (struct caller *caller = host->callers; caller; caller = caller->next)
		if (caller->stuck)
			send_kept(caller);
}

static void answer_later(struct caller *caller)
{
	caller->stuck = true;
	loop_timer_set(caller->host->loop, &caller->host->answer_timer, clock_now() + ANSWER_PAUSE, answer_again);
}

static void keep_answer(struct caller *caller, const struct post *post, const char *text, size_t len)
{
	struct answer *a = xcalloc(1, sizeof(*a) + len + 1);

	a->post = *post;
	a->len = len;
	if (len)
		memcpy(a->text, text, len);
	*caller->last = a;
	caller->last = &a->next;
	watch(caller);
}

void inbox_answer(struct host *host, struct caller *caller, const struct post *post, const char *text, size_t len)
{
	int r;

	if (!caller || caller->gone)
		return;
	r = caller->first ? 0 : post_send(caller->wire.fd, post, text, len);
	if (r < 0 && is_lost())
		return;
	if (r < 0)
		answer_later(caller);
	if (r <= 0)
		keep_answer(caller, post, text, len);
}

static void send_kept(struct caller *caller)
{
	struct answer *a;
	int r;

	caller->stuck = false;
	while ((a = caller->first)) {
		r = post_send(caller->wire.fd, &a->post, a->text, a->len);
		if (r < 0 && !is_lost())
			answer_later(caller);
		if (r == 0 || caller->stuck)
			break;
		caller->first = a->next;
		if (!caller->first)
			caller->last = &caller->first;
		free(a);
	}
	watch(caller);
}

void letter_done(struct host *host, struct letter *letter, enum post_what what, int status, const char *text, size_t len)
{
	struct post post = { .version = POST_VERSION, .what = what, .status = status, .number = letter->number, .offset = letter->offset };

	if (letter->caller) {
		post.time = letter->begun ? clock_now() - letter->begun : 0;
		if (!letter->hasty)
			inbox_answer(host, letter->caller, &post, text, len);
		caller_let_go(letter->caller);
	}
	free(letter);
}

/* The queue */

void inbox_put(struct host *host, struct letter *letter)
{
	*host->last = letter;
	host->last = &letter->next;
	host->queued++;
}

void inbox_put_back(struct host *host, struct letter *letter)
{
	letter->next = host->first;
	host->first = letter;
	if (!letter->next)
		host->last = &letter->next;
	host->queued++;
}

static struct letter *take_first(struct host *host)
{
	struct letter *letter = host->first;

	if (!letter)
		return NULL;
	host->first = letter->next;
	if (!host->first)
		host->last = &host->first;
	letter->next = NULL;
	host->queued--;
	return letter;
}

struct letter *inbox_take(struct host *host)
{
	struct letter *letter;

	while ((letter = take_first(host)) && letter->deadline && clock_now() > letter->deadline) {
		letter->hasty = true;        /* its sender has given up, and said so */
		letter_done(host, letter, POST_ELSEWHERE, 0, NULL, 0);
	}
	return letter;
}

static bool is_full(const struct host *host)
{
	return host->queued + (host->in_hand != NULL) >= (size_t)host->settings.max_pending;
}

static void take_letter(struct caller *caller, const struct post *post, const struct strbuf *text)
{
	struct host *host = caller->host;
	struct letter *letter = letter_new(text->buf, text->len);
	bool full = is_full(host);

	letter->caller = caller;
	letter->number = post->number;
	letter->deadline = post->time;
	caller->letters++;
	if (post->hasty) {
		struct post answer = { .version = POST_VERSION, .what = full ? POST_FULL : POST_ACCEPTED, .number = post->number };

		inbox_answer(host, caller, &answer, NULL, 0);
		letter->hasty = true;
		letter->deadline = 0;
	}
	if (full && post->hasty) {
		letter_done(host, letter, POST_FULL, 0, NULL, 0);
	} else if (full) {
		hold(caller, letter);
		watch(caller);
	} else {
		inbox_put(host, letter);
	}
}

void inbox_go_on(struct host *host)
{
	struct caller *caller;

	while ((caller = host->held) && !is_full(host)) {
		inbox_put(host, take_held(caller));
		watch(caller);
	}
}

/* What comes */

static void take_post(struct caller *caller, const struct post *post, const struct strbuf *text)
{
	struct post done = { .version = POST_VERSION, .what = POST_DONE, .number = post->number };

	switch (post->what) {
	case POST_LETTER:
		take_letter(caller, post, text);
		break;
	case POST_STORED:
		kept_claim(caller->host, caller, post);
		break;
	case POST_REST:
		host_told(caller->host);
		inbox_answer(caller->host, caller, &done, NULL, 0);
		break;
	case POST_LEAVE:
		host_remove(caller->host);
		break;
	default:
		break;               /* of a later version's */
	}
}

/* All that is there, but only so much at a time that the handler does not wait for its next message: a single one, when it has
 * nothing to do, for mostly there is no more, and to look costs as much as to come back. */
static int read_caller(struct caller *caller, int most)
{
	struct strbuf *text = &caller->host->text;
	struct post post;
	int r = 1;

	if (!caller->host->in_hand && !caller->host->queued)
		most = 1;
	while (most-- > 0 && listens(caller) && (r = post_receive(caller->wire.fd, &post, text)) > 0) {
		take_post(caller, &post, text);
		strbuf_reset(text);
	}
	strbuf_shrink(text, 1 << 16);
	return r;
}

static void caller_readable(struct loop_fd *handle, uint32_t events)
{
	enum { AT_ONCE = 64 };
	struct caller *caller = (struct caller *)((char *)handle - offsetof(struct caller, wire));
	struct host *host = caller->host;
	int r = 1;

	if (events & EPOLLOUT)
		send_kept(caller);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = listens(caller) ? read_caller(caller, AT_ONCE) : events & (EPOLLHUP | EPOLLERR) ? 0 : 1;
	if (r == 0 || (r < 0 && errno != EAGAIN))
		caller_gone(caller);
	host_pump(host);
}

static struct caller *add_caller(struct host *host, int fd)
{
	struct caller *caller = xcalloc(1, sizeof(*caller));

	caller->host = host;
	caller->last = &caller->first;
	if (loop_add(host->loop, &caller->wire, fd, EPOLLIN, caller_readable) < 0) {
		err_clear();
		close(fd);
		free(caller);
		return NULL;
	}
	caller->next = host->callers;
	if (caller->next)
		caller->next->prev = caller;
	host->callers = caller;
	return caller;
}

static void listen_again(struct loop_timer *timer)
{
	struct host *host = (struct host *)((char *)timer - offsetof(struct host, listen_again));

	if (host->listener.fd >= 0)
		loop_watch(host->loop, &host->listener, EPOLLIN);
}

/* A caller has mostly said what it wants when it has connected. */
static void listener_readable(struct loop_fd *handle, uint32_t events)
{
	struct host *host = (struct host *)((char *)handle - offsetof(struct host, listener));
	int fd = wire_accept(handle->fd);
	struct caller *caller = fd < 0 ? NULL : add_caller(host, fd);

	if (caller) {
		caller_readable(&caller->wire, EPOLLIN);
	} else if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		loop_watch(host->loop, handle, 0);
		loop_timer_set(host->loop, &host->listen_again, clock_now() + ACCEPT_PAUSE, listen_again);
	}
}

int inbox_open(struct host *host)
{
	host->last = &host->first;
	host->last_held = &host->held;
	strbuf_init(&host->text);
	return loop_add(host->loop, &host->listener, host->life.listener, EPOLLIN, listener_readable);
}

/* The end: whoever connects or sends from now on is told by the kernel that there is nobody; all others are told by us. */

static void refuse_post(struct caller *caller, const struct post *post, enum post_what what, const char *text)
{
	struct post answer = { .version = POST_VERSION, .what = what, .number = post->number, .offset = post->offset };

	if (post->what == POST_REST || post->what == POST_LEAVE)
		answer.what = POST_DONE;
	inbox_answer(caller->host, caller, &answer, text, text ? strlen(text) : 0);
}

static void refuse_rest(struct caller *caller, enum post_what what, const char *reason)
{
	struct strbuf text = STRBUF_INIT;
	struct post post;

	shutdown(caller->wire.fd, SHUT_RD);
	while (post_receive(caller->wire.fd, &post, &text) > 0)
		refuse_post(caller, &post, what, reason);
	strbuf_release(&text);
}

static void say_last_words(struct caller *caller, usec_t until)
{
	while (caller->first) {
		struct pollfd out = { .fd = caller->wire.fd, .events = POLLOUT };
		usec_t left = until - clock_now();

		if (left <= 0 || poll(&out, 1, (int)(left / USEC_MS) + 1) <= 0 || (out.revents & (POLLERR | POLLHUP)))
			return;
		send_kept(caller);
		if (caller->stuck)
			poll(NULL, 0, ANSWER_PAUSE / USEC_MS);
	}
}

static void accept_rest(struct host *host)
{
	int fd;

	shutdown(host->listener.fd, SHUT_RD);
	while ((fd = wire_accept(host->listener.fd)) >= 0)
		(void)add_caller(host, fd);
	loop_timer_cancel(host->loop, &host->listen_again);
	loop_remove(host->loop, &host->listener);
	host->listener.fd = -1;
	fd_close(&host->life.listener);
}

void inbox_close(struct host *host, enum post_what what, const char *text)
{
	usec_t until = clock_now() + LAST_WORDS_LIMIT;
	struct letter *letter;

	accept_rest(host);
	while (host->held)
		inbox_put(host, take_held(host->held));
	while ((letter = take_first(host)))
		letter_done(host, letter, what, 0, text, text ? strlen(text) : 0);
	for (struct caller *caller = host->callers; caller; caller = caller->next)
		if (!caller->gone)
			refuse_rest(caller, what, text);
	for (struct caller *caller = host->callers, *next; caller; caller = next) {
		next = caller->next;
		if (caller->gone)
			continue;
		say_last_words(caller, until);
		caller_gone(caller);
	}
}
