#include "host.h"

#include "alloc.h"
#include "counts.h"
#include "err.h"
#include "io.h"
#include "spawn.h"
#include "wire.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* What the state file says of us may be this old: a message must not wait for a disk. */
#define STATE_PAUSE (50 * USEC_MS)
/* When it could not be written. */
#define STATE_AGAIN (5 * USEC_SEC)
/* Between the starts of a handler that crashes: the first and the longest. */
#define RESTART_FIRST (100 * USEC_MS)
#define RESTART_LAST (30 * USEC_SEC)

#define host_of(pointer, member) ((struct host *)((char *)(pointer) - offsetof(struct host, member)))

void host_failed(struct host *host)
{
	err_warn("consumer \"%s\": %s", host->self.handle, err_message());
	err_clear();
}

static void show_counts(struct host *host)
{
	host->counts.pending = (int64_t)(host->queued + (host->in_hand != NULL));
	if (host->shown)
		*host->shown = host->counts;
}

/* What we are */

static void leave_file(struct host *host)
{
	registry_close_file(&host->registry);
	malloc_trim(0);
}

static enum consumer_state what_we_are(const struct host *host)
{
	return host->rest.stage == REST_HIBERNATED ? CONSUMER_HIBERNATED : CONSUMER_RUNNING;
}

static void state_due(struct loop_timer *timer);

static void state_failed(struct host *host)
{
	host_failed(host);
	loop_timer_set(host->loop, &host->state_timer, clock_now() + STATE_AGAIN, state_due);
}

static void tell_state(struct host *host)
{
	enum consumer_state state = what_we_are(host);
	int r;

	if (state == host->told)
		return;
	r = registry_open_file(&host->registry) < 0 ? -1 : registry_change(&host->registry, &host->self, state);
	if (r > 0)
		host->told = state;
	else if (r == 0)
		host_remove(host);           /* whoever did that could not tell us */
	else
		state_failed(host);
}

static void state_due(struct loop_timer *timer)
{
	tell_state(host_of(timer, state_timer));
}

static void tell_state_soon(struct host *host)
{
	if (what_we_are(host) != host->told)
		loop_timer_set(host->loop, &host->state_timer, clock_now() + STATE_PAUSE, state_due);
}

/* Going to the end */

/* While the handler ended, messages may have come: then it is not time to be suspended after all. */
static bool changes_its_mind(struct host *host)
{
	if (host->end != HOST_SUSPENDS || host->refused || !host->first)
		return false;
	host->end = HOST_STAYS;
	(void)rest_wake(&host->rest);
	host_pump(host);
	return true;
}

/* Nothing is given any more; what is in hand has its time, and then the handler's process. */
static void go_on_ending(struct host *host)
{
	if (host->in_hand)
		return;
	if (handler_runs(&host->handler)) {
		handler_stop(&host->handler);
		return;
	}
	if (!changes_its_mind(host))
		loop_stop(host->loop);
}

static void begin_end(struct host *host, enum host_end end)
{
	if (host->end != HOST_STAYS && host->end != HOST_SUSPENDS)
		return;
	host->end = end;
	go_on_ending(host);
}

/* Rest */

static void set_rest_timer(struct host *host);

static void hibernate(struct host *host)
{
	if (host->settings.hibernation == HIBERNATION_SIGNAL)
		handler_signal(&host->handler, SIGUSR1);
	else
		handler_stop(&host->handler);
	tell_state(host);
	leave_file(host);
}

static void rest_due(struct loop_timer *timer)
{
	struct host *host = host_of(timer, rest_timer);

	switch (rest_act(&host->rest, clock_now())) {
	case REST_HIBERNATE:
		hibernate(host);
		break;
	case REST_SUSPEND:
		begin_end(host, HOST_SUSPENDS);
		return;
	case REST_NOTHING:
		break;
	}
	set_rest_timer(host);
}

static void set_rest_timer(struct host *host)
{
	if (host->rest.due == USEC_NEVER)
		loop_timer_cancel(host->loop, &host->rest_timer);
	else
		loop_timer_set(host->loop, &host->rest_timer, host->rest.due, rest_due);
}

static void idle(struct host *host)
{
	if (host->rest.stage != REST_AWAKE)
		return;
	rest_idle(&host->rest, clock_now());
	set_rest_timer(host);
	if (host->registry.db && what_we_are(host) == host->told)
		leave_file(host);
}

void host_told(struct host *host)
{
	struct consumer now = CONSUMER_INIT;
	int r = registry_open_file(&host->registry) < 0 ? -1 : registry_self(&host->registry, host->self.id, host->self.life, &now);

	if (r < 0)
		host_failed(host);
	if (r > 0)
		(void)rest_told(&host->rest, &now.rest, clock_now());
	consumer_release(&now);
	if (r == 0) {
		host_remove(host);
		return;
	}
	set_rest_timer(host);
	tell_state(host);
	leave_file(host);
}

/* What becomes of a message */

/* "Not by me": a fresh one is to have it. */
static void refuse(struct host *host)
{
	if (!host->self.defined || host->end != HOST_STAYS)
		return;
	host->refused = true;
	begin_end(host, HOST_SUSPENDS);
}

static void answered(void *ctx, int status, bool broken, const char *text, size_t len)
{
	struct host *host = ctx;
	struct letter *letter = host->in_hand;

	if (!letter)
		return;
	host->crashes = 0;
	if (letter->offset && !kept_done(host, status, broken, text, len)) {
		host->in_hand = NULL;
		inbox_put_back(host, letter);
		return;
	}
	host->in_hand = NULL;
	host->counts.delivered += status == WP_OK;
	show_counts(host);           /* before somebody hears of it */
	if (status == WP_OK)
		letter_done(host, letter, POST_DELIVERED, 0, text, len);
	else if (status == WP_TEMPFAIL)
		letter_done(host, letter, POST_SUSPENDED, !host->self.defined, NULL, 0);
	else
		letter_done(host, letter, broken ? POST_BROKEN : POST_FAILED, status, text, len);
	if (status == WP_TEMPFAIL)
		refuse(host);
}

/* Before the first message is given the state file says that we run: of one that dies while it is starting nobody knows that it had begun. */
static void start_due(struct loop_timer *timer)
{
	struct host *host = host_of(timer, start_timer);

	if (host->told == CONSUMER_STARTING)
		tell_state(host);
	host_pump(host);
}

static void say_why(struct host *host, int status, const char *reason)
{
	struct strbuf text = STRBUF_INIT;

	if (reason)
		strbuf_addstr(&text, reason);
	else if (status > 128)
		strbuf_addf(&text, "killed by signal %d", status - 128);
	else
		strbuf_addf(&text, "exit status %d", status);
	free(host->reason);
	host->reason = strbuf_detach(&text, NULL);
}

static void crashed(struct host *host, int status, const char *reason)
{
	struct letter *letter = host->in_hand;

	say_why(host, status, reason);
	host->in_hand = NULL;
	if (letter && letter->offset)
		inbox_put_back(host, letter);    /* it is kept, and comes again */
	else if (letter)
		letter_done(host, letter, POST_CRASHED, 0, host->reason, strlen(host->reason));
	if (!host->self.restart) {
		/* One that had been told to end is ended, by force as well. */
		if (host->end == HOST_STAYS || host->end == HOST_SUSPENDS)
			host->status = status ? status : WP_FAILED;
		begin_end(host, HOST_CRASHED);
		return;
	}
	err_warn("consumer \"%s\": its handler has crashed: %s", host->self.handle, host->reason);
	loop_timer_set(host->loop, &host->start_timer, clock_now() + clock_backoff(RESTART_FIRST, RESTART_LAST, host->crashes++), start_due);
}

static void bounce_in_hand(struct host *host)
{
	struct letter *letter = host->in_hand;

	host->in_hand = NULL;
	if (letter && letter->offset)
		inbox_put_back(host, letter);
	else if (letter)
		letter_done(host, letter, POST_SUSPENDED, !host->self.defined, NULL, 0);
}

/* An end that it chose itself: with nothing to do it has just ended, and with 75 somebody else is to have what it was given. */
static void ended(void *ctx, bool asked, bool unread, int status, const char *reason)
{
	struct host *host = ctx;
	bool suspends = !reason && status == WP_TEMPFAIL;

	/* It had ended before it was given this. */
	if (host->in_hand && unread && !reason && status == 0) {
		inbox_put_back(host, host->in_hand);
		host->in_hand = NULL;
	}
	if (asked && !host->in_hand)
		return;
	if (suspends)
		bounce_in_hand(host);
	else if (asked || reason || status || host->in_hand)
		crashed(host, status, reason);
	if (!asked && suspends)
		refuse(host);
	else if (!asked && !reason && status == 0 && host->end == HOST_STAYS && host->self.defined)
		begin_end(host, HOST_SUSPENDS);
	else if (!asked && !reason && status == 0 && host->end == HOST_STAYS && !host->self.restart)
		begin_end(host, HOST_LEAVES);
}

static void ready(void *ctx)
{
	struct host *host = ctx;

	if (host->end == HOST_STAYS)
		host_pump(host);
	else
		go_on_ending(host);
}

/* Giving */

static bool is_set(const struct loop_timer *timer)
{
	return timer->due.index != 0;
}

/* A message that cannot be given is its sender's mistake; a process that cannot be started is the consumer's. */
static void no_handler(struct host *host)
{
	int status = err_status();

	if (status == WP_DATA || !host->settings.warm)
		answered(host, status, true, err_message(), strlen(err_message()));
	else
		crashed(host, status, err_message());
	err_clear();
}

static void give(struct host *host, struct letter *letter)
{
	host->in_hand = letter;
	letter->begun = clock_now();
	if (rest_wake(&host->rest))
		tell_state_soon(host);
	if (handler_give(&host->handler, letter->text, letter->len, letter->offset) < 0)
		no_handler(host);
}

/* A handler that is just being stopped ends first; a crashed one, or a message that failed, has its pause. */
static bool can_give(const struct host *host)
{
	return host->end == HOST_STAYS && !host->in_hand && handler_takes(&host->handler) && !is_set(&host->store_timer)
		&& !is_set(&host->start_timer);
}

void host_pump(struct host *host)
{
	struct letter *letter;

	/* Those who get in now may be the only ones: nothing else may happen that would have us look again. */
	do {
		if (can_give(host))
			kept_fetch(host);
		while (can_give(host) && (letter = inbox_take(host)))
			give(host, letter);
		inbox_go_on(host);
	} while (can_give(host) && host->first);
	show_counts(host);
	if (host->end == HOST_STAYS && !host->in_hand && !host->first)
		idle(host);
}

/* The end */

static void grace_over(struct loop_timer *timer)
{
	handler_terminate(&host_of(timer, grace_timer)->handler);
}

/* What is in hand has a while, and no more. */
static void leave(struct host *host, enum host_end end)
{
	if (host->in_hand && !is_set(&host->grace_timer))
		loop_timer_set(host->loop, &host->grace_timer, clock_now() + host->settings.shutdown_timeout, grace_over);
	if (host->end != HOST_CRASHED)
		host->end = HOST_STAYS;
	begin_end(host, end);
}

void host_remove(struct host *host)
{
	leave(host, HOST_REMOVED);
}

/* The second signal is for the handler. */
static void told_to_end(int signo, void *ctx)
{
	struct host *host = ctx;

	host->status = 0;
	if (host->asked_twice)
		handler_terminate(&host->handler);
	host->asked_twice = true;
	leave(host, host->end == HOST_REMOVED ? HOST_REMOVED : HOST_LEAVES);
}

static void child_ended(pid_t pid, int status, void *ctx)
{
	struct host *host = ctx;

	if (!handler_child(&host->handler, pid, status) && pid == guard_pid() && guard_start(1, host->life.lock.fd) == 0)
		guard_set(0, host->handler.pid);
}

/* From the loop, which can be stopped only when it runs. */
static void pump_soon(struct host *host)
{
	loop_timer_set(host->loop, &host->start_timer, clock_now(), start_due);
}

/* One that is durable is not suspended as long as there are messages: nobody else may know of them. */
static bool has_work(struct host *host)
{
	int r;

	if (host->end != HOST_SUSPENDS || !host->self.durable)
		return false;
	kept_flush(host);
	r = registry_open_file(&host->registry) < 0 ? -1 : registry_suspend(&host->registry, &host->self, host->dealt, host->counts.delivered);
	if (r < 0)
		host_failed(host);
	if (r != 0)
		return false;
	if (host->refused)
		kept_pause(host);
	host->refused = false;
	host->end = HOST_STAYS;
	(void)rest_wake(&host->rest);
	pump_soon(host);
	return true;
}

/* Messages that come while this is written are told to go elsewhere. */
static void end_life(struct host *host)
{
	static const enum consumer_end ends[] = {
		[HOST_STAYS] = END_LEFT, [HOST_SUSPENDS] = END_SUSPENDED, [HOST_LEAVES] = END_LEFT, [HOST_REMOVED] = END_LEFT, [HOST_CRASHED] = END_CRASHED };
	static const enum post_what answers[] = {
		[HOST_STAYS] = POST_ELSEWHERE, [HOST_SUSPENDS] = POST_ELSEWHERE, [HOST_LEAVES] = POST_ELSEWHERE, [HOST_REMOVED] = POST_REMOVED,
		[HOST_CRASHED] = POST_CRASHED };

	kept_flush(host);
	if (registry_open_file(&host->registry) < 0
	    || registry_end(&host->registry, &host->self, ends[host->end], host->end == HOST_CRASHED ? host->reason : NULL, host->counts.delivered) < 0)
		host_failed(host);
	kept_release(host);
	inbox_close(host, answers[host->end], host->reason);
}

int host_prepare(struct host *host)
{
	(void)spawn_raise_files();   /* a connection a publisher */
	return loop_init(&host->loop) < 0 ? -1 : loop_stop_signals(host->loop, told_to_end, host);
}

static int set_up(struct host *host, int err)
{
	char *socket = registry_socket(host->self.life);

	host->socket_path = wire_path(&host->registry.state, socket);
	free(socket);
	guard_unlinks(host->socket_path);    /* should we be killed, nobody may come by who does */
	if (guard_start(1, host->life.lock.fd) < 0 || loop_children(host->loop, child_ended, host) < 0)
		return -1;
	handler_init(&host->handler, host->loop, &host->settings, err);
	host->handler.answered = answered;
	host->handler.ended = ended;
	host->handler.ready = ready;
	host->handler.ctx = host;
	rest_init(&host->rest, &host->self.rest, host->self.defined, (uint64_t)clock_wall() * 2654435761u + (uint64_t)host->self.life);
	host->told = host->self.state;
	host->shown = counts_map(host->life.lock.fd, host->self.life);
	setenv("WP_REGISTRY_HANDLE", host->self.handle, 1);
	setenv("WP_REGISTRY_STACK", host->self.stack, 1);
	return inbox_open(host);
}

static void release(struct host *host)
{
	guard_stop();
	counts_unmap(host->shown);
	fd_close(&host->life.listener);
	alive_let_go(&host->life.lock);
	handler_release(&host->handler);
	loop_free(host->loop);
	registry_close(&host->registry);
	consumer_release(&host->self);
	settings_release(&host->settings);
	strbuf_release(&host->text);
	free(host->socket_path);
	free(host->reason);
}

int host_run(struct host *host, int err, void (*ready_fn)(struct host *host))
{
	int status;

	if (set_up(host, err) < 0) {
		status = err_report();
		if (registry_end(&host->registry, &host->self, END_SUSPENDED, NULL, 0) < 0)
			err_clear();
		release(host);
		return status;
	}
	kept_open(host);
	if (ready_fn)
		ready_fn(host);
	pump_soon(host);
	do {
		if (loop_run(host->loop) < 0) {
			host_failed(host);
			host->status = WP_FAILED;
			break;
		}
	} while (has_work(host));
	end_life(host);
	status = host->status;
	if (host->end == HOST_CRASHED)
		err_warn("consumer \"%s\" has crashed: %s", host->self.handle, host->reason);
	release(host);
	return status;
}

void host_refuse(struct host *host, enum post_what what, const char *reason)
{
	int status = err_status();
	bool crashed_on_start = what == POST_CRASHED;
	char *text = xstrdup(reason);

	if (host->registry.db && host->self.life
	    && registry_end(&host->registry, &host->self, crashed_on_start ? END_CRASHED : END_LEFT, crashed_on_start ? text : NULL, 0) < 0)
		err_clear();
	if (host->loop && inbox_open(host) == 0)
		inbox_close(host, what, crashed_on_start ? text : NULL);
	handler_init(&host->handler, host->loop, &host->settings, -1);
	release(host);
	err_set(status, "%s", text);
	free(text);
}
