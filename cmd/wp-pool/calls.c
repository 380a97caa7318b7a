#include "host.h"

#include "alloc.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct call *call_of(struct pool_item *item)
{
	return (struct call *)((char *)item - offsetof(struct call, item));
}

static void close_fds(struct call *call)
{
	wire_close_fds(call->fds);
}

void call_free(struct host *host, struct call *call)
{
	*(call->prev ? &call->prev->next : &host->calls) = call->next;
	if (call->next)
		call->next->prev = call->prev;
	close_fds(call);
	free(call->why);
	free(call);
}

/* Coming */

static bool holds_slot(const struct host *host, const struct request *request)
{
	return request->track || (host->args->track_resources && !request->no_track);
}

static int32_t priority(const struct request *request)
{
	if (request->priority < INT32_MIN)
		return INT32_MIN;
	return request->priority > INT32_MAX ? INT32_MAX : (int32_t)request->priority;
}

static usec_t timeout(const struct host *host, const struct request *request)
{
	if (request->timeout == TALK_NONE || request->timeout < 0)
		return host->limits.timeout;
	return request->timeout < LONGEST_TIME ? request->timeout : 0;
}

static unsigned retries(const struct request *request)
{
	if (request->retries < 0)
		return 0;
	return request->retries < RETRIES_MAX ? (unsigned)request->retries : RETRIES_MAX;
}

static struct call *make(struct host *host, struct caller *caller, const struct request *request, int fds[WIRE_FDS])
{
	struct call *call = xcalloc(1, sizeof(*call));

	*call = (struct call){
		.caller = request->detach ? NULL : caller, .id = ++host->call_nr,
		.no_link = request->no_link, .forever = request->forever, .until_started = request->until_started,
		.hold = holds_slot(host, request),
		.timeout = timeout(host, request),
		.offered = host->now, .wall = clock_wall(), .next = host->calls,
	};
	for (size_t i = 0; i < WIRE_FDS; i++) {
		call->fds[i] = fds[i];
		fds[i] = -1;
	}
	memcpy(call->what, request->what, sizeof(call->what));
	call->item.priority = priority(request);
	call->item.retries = retries(request);
	if (call->next)
		call->next->prev = call;
	host->calls = call;
	return call;
}

static void tell(const struct call *call, enum tell what)
{
	struct answer answer = ANSWER_INIT;

	if (!call->caller)
		return;
	answer.tell = what;
	answer.id = (int64_t)call->id;
	if (what == TELL_STARTED) {
		answer.pid = call->pid;
		answer.slot = (int64_t)call->number;
		answer.runner = (int64_t)place_number(call->caller->host, call->item.slot);
	}
	caller_tell(call->caller, &answer);
}

/* Of a call whose caller does not wait: what it says goes where we speak. Not before it runs, for thousands may wait. */
static void set_standard_fds(int fds[WIRE_FDS])
{
	if (fds[1] < 0)
		fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (size_t i = 2; i < WIRE_FDS; i++)
		if (fds[i] < 0)
			fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

static bool has_all(const int fds[WIRE_FDS])
{
	for (size_t i = 0; i < WIRE_FDS; i++)
		if (fds[i] < 0)
			return false;
	return true;
}

void call_new(struct host *host, struct caller *caller, const struct request *request, int fds[WIRE_FDS])
{
	struct answer answer = ANSWER_INIT;
	struct call *call;

	call = make(host, caller, request, fds);
	answer.tell = TELL_ACCEPTED;
	answer.id = (int64_t)call->id;
	if (call->timeout)
		pool_set_deadline(&host->pool, &call->item, host->now + call->timeout);
	pool_offer(&host->pool, &call->item);
	host->changed = true;
	if (call->caller) {
		call->caller->call = call;
		return;
	}
	caller_tell(caller, &answer);
	caller_done(caller);
}

/* Running */

static void gone(struct host *host, struct call *call);

/* Nobody has heard of it: again, a little later. */
static void not_sent(struct host *host, struct call *call)
{
	struct strbuf why = STRBUF_INIT;

	strbuf_addf(&why, "cannot hand the call to its runner: %s", strerror(errno));
	call->unstarted = call->ended = true;
	call->status = WP_FAILED;
	free(call->why);
	call->why = strbuf_detach(&why, NULL);
	gone(host, call);
}

void call_start(struct host *host, struct call *call)
{
	struct order order = { .what = ORDER_RUN, .call = call->id, .hold = call->hold };

	call->number = numbers_take(&host->numbers);
	call->ended = call->unstarted = false;
	call->pid = 0;
	call->may_retry = call->item.tries < call->item.retries;
	order.slot = call->number;
	host->changed = true;
	set_standard_fds(call->fds);
	if (!has_all(call->fds) || !place_order(&host->places[call->item.slot], &order, call->fds, WIRE_FDS))
		not_sent(host, call);
}

void call_signal(struct host *host, struct call *call, int signo)
{
	struct order order = { .what = ORDER_SIGNAL, .call = call->id, .signo = signo };

	if (call->number)
		place_order(&host->places[call->item.slot], &order, NULL, 0);
}

/* Its caller needs to hear nothing more. */
static void dismiss(struct call *call)
{
	caller_done(call->caller);
	call->caller->call = NULL;
	call->caller = NULL;
}

static void started(struct host *host, struct call *call, const struct news *news)
{
	if (!call->started)
		waits_add(&host->waits, host->now - call->offered);
	call->started = host->now;
	call->pid = news->pid;
	pool_started(&host->pool, &call->item, host->now);
	if (call->forever)
		pool_set_deadline(&host->pool, &call->item, USEC_NEVER);
	/* The command has them now: its reader is to see the end when the command closes them. */
	if (!call->may_retry)
		close_fds(call);
	tell(call, TELL_STARTED);
	if (call->until_started && call->caller)
		dismiss(call);
	host_log(host, LOG_DEBUG, "call %llu started as process %ld on runner %llu", (unsigned long long)call->id,
		(long)call->pid, (unsigned long long)place_number(host, call->item.slot));
}

/* Ending */

static void answer(struct call *call, enum tell what, int status, const char *text)
{
	struct answer answer = { .tell = what, .id = (int64_t)call->id, .runner = TALK_NONE, .slot = TALK_NONE, .pid = TALK_NONE,
		.status = status };
	size_t len = strlen(text) < sizeof(answer.text) ? strlen(text) : sizeof(answer.text) - 1;

	if (!call->caller)
		return;
	memcpy(answer.text, text, len);
	caller_tell(call->caller, &answer);
	dismiss(call);
}

/* How it ended by itself. */
static void answer_end(struct call *call)
{
	if (call->why)
		answer(call, TELL_FAILED, call->status, call->why);
	else
		answer(call, TELL_ENDED, call->status, "");
}

static void ended(struct host *host, struct call *call, const struct news *news)
{
	call->ended = true;
	call->unstarted = news->unstarted;
	call->status = news->status;
	free(call->why);
	call->why = *news->text ? xstrdup(news->text) : NULL;
	if (news->status)
		host->places[call->item.slot].failed++;
	host_log(host, LOG_DEBUG, "call %llu ended with status %d%s%s", (unsigned long long)call->id, call->status,
		call->why ? ": " : "", call->why ? call->why : "");
	/* With its slot held it may be long until nothing is left of it. Else that is the next that we hear, and who asks for the
	 * status after the answer does not find the call there any more. */
	if (call->hold && !call->unstarted && call->item.cause == POOL_NO_CAUSE && (!call->status || !call->may_retry))
		answer_end(call);
}

static void give_number(struct host *host, struct call *call)
{
	if (call->number)
		numbers_give(&host->numbers, call->number);
	call->number = 0;
	host->changed = true;
}

static enum pool_outcome outcome(const struct call *call)
{
	if (call->unstarted)
		return POOL_UNSTARTED;
	if (!call->status)
		return POOL_OK;
	/* There is no such command: there will be none the next time either. */
	return call->why ? POOL_BAD : POOL_FAILED;
}

static void gone(struct host *host, struct call *call)
{
	give_number(host, call);
	if (call->unstarted && pool_refused(&host->pool, &call->item, host->now))
		return;
	pool_ended(&host->pool, &call->item, outcome(call), host->now);
}

void call_news(struct host *host, struct call *call, const struct news *news)
{
	if (news->what == NEWS_STARTED)
		started(host, call, news);
	else if (news->what == NEWS_ENDED)
		ended(host, call, news);
	else
		gone(host, call);
}

void call_lost(struct host *host, struct call *call, const char *why)
{
	if (!call->ended) {
		call->status = WP_FAILED;
		free(call->why);
		call->why = xstrdup(why);
	}
	give_number(host, call);
	/* One that had ended by itself is not run again because of what it left behind. */
	pool_ended(&host->pool, &call->item, call->ended && !call->unstarted ? outcome(call) : POOL_FAILED, host->now);
}

void call_abandoned(struct host *host, struct call *call)
{
	usec_t end = host->now + host->elastic.config.shutdown_timeout;

	call->caller = NULL;
	if (!call->no_link || !call->started)
		pool_cancel(&host->pool, &call->item);
	else if (!call->timeout || call->forever || end < call->offered + call->timeout)
		pool_set_deadline(&host->pool, &call->item, end);
}

static void answer_timeout(struct call *call)
{
	struct strbuf text = STRBUF_INIT;

	if (call->started)
		strbuf_addstr(&text, "timed out: the call took longer than ");
	else
		strbuf_addstr(&text, "timed out: no runner was free within ");
	clock_add_seconds(&text, call->timeout);
	strbuf_addstr(&text, " seconds");
	answer(call, TELL_FAILED, WP_TIMEOUT, text.buf);
	strbuf_release(&text);
}

void call_report(struct host *host, struct call *call)
{
	enum pool_verdict verdict = call->item.verdict;

	host->changed = true;
	if (verdict == POOL_PASSED)
		answer(call, TELL_ENDED, 0, "");
	else if (call->item.cause == POOL_TIMEOUT)
		answer_timeout(call);
	else if (verdict == POOL_FAILURE)
		answer_end(call);
	else if (call->unstarted)
		answer(call, TELL_FAILED, WP_FAILED, call->why);
	else if (!call->started)
		answer(call, TELL_FAILED, WP_TEMPFAIL, "the pool is being stopped");
	else
		answer(call, TELL_FAILED, WP_FAILED, "the pool was stopped");
	call_free(host, call);
}
