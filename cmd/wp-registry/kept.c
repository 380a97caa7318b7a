/* kept.c - messages that are in the state file until they have been dealt with. */
#include "host.h"

#include "alloc.h"
#include "err.h"
#include "results.h"

#include <stdlib.h>
#include <string.h>

/* So many are in memory at once, and as many may be dealt with again after a crash. */
enum { BATCH = 64 };

#define RETRY_FIRST (100 * USEC_MS)
#define RETRY_LAST (30 * USEC_SEC)

/* Whoever has stored a message may say so when it has been dealt with already: by one that was just started. */
struct kept_answer {
	int64_t offset;
	enum post_what what;
	int status;
	char *text;
	size_t len;
};

static void remember(struct host *host, int64_t offset, enum post_what what, int status, const char *text, size_t len)
{
	enum { REPLY_MAX = 4096 };
	struct kept_answer *a;

	if (!host->answers)
		host->answers = xcalloc(BATCH, sizeof(*host->answers));
	a = &host->answers[offset % BATCH];
	free(a->text);
	*a = (struct kept_answer){ .offset = offset, .what = what, .status = status };
	if (len <= REPLY_MAX) {
		a->text = xstrndup(text, len);
		a->len = len;
	}
}

static void forget_answers(struct host *host)
{
	for (int i = 0; host->answers && i < BATCH; i++)
		free(host->answers[i].text);
	free(host->answers);
	host->answers = NULL;
}

/* Claims */

static void tell_claim(struct host *host, struct claim *claim, enum post_what what, int status, const char *text, size_t len)
{
	struct post post = { .version = POST_VERSION, .what = what, .status = status, .number = claim->number, .offset = claim->offset };

	inbox_answer(host, claim->caller, &post, text, len);
	caller_let_go(claim->caller);
	free(claim);
}

void kept_claim(struct host *host, struct caller *caller, const struct post *post)
{
	struct claim *claim = xcalloc(1, sizeof(*claim));

	*claim = (struct claim){ .caller = caller, .number = post->number, .offset = post->offset };
	caller->letters++;
	if (post->offset <= host->dealt)
		kept_flush(host);    /* what is told as done is done for good */
	if (post->offset <= host->acknowledged) {
		const struct kept_answer *a = host->answers ? &host->answers[post->offset % BATCH] : NULL;

		if (a && a->offset == post->offset)
			tell_claim(host, claim, a->what, a->status, a->text, a->len);
		else
			tell_claim(host, claim, POST_DELIVERED, 0, NULL, 0);
		return;
	}
	claim->next = host->claims;
	host->claims = claim;
}

static bool tell_claims(struct host *host, int64_t offset, enum post_what what, int status, const char *text, size_t len)
{
	struct claim **at = &host->claims;
	bool told = false;

	while (*at) {
		struct claim *claim = *at;

		if (claim->offset != offset) {
			at = &claim->next;
			continue;
		}
		*at = claim->next;
		tell_claim(host, claim, what, status, text, len);
		told = true;
	}
	return told;
}

void kept_release(struct host *host)
{
	forget_answers(host);
	for (struct claim *claim; (claim = host->claims); ) {
		host->claims = claim->next;
		/* It is kept: whoever waits learns how we ended from the end of the connection, or was told. */
		tell_claim(host, claim, host->end == HOST_CRASHED ? POST_CRASHED : host->end == HOST_REMOVED ? POST_REMOVED : POST_ELSEWHERE,
			0, host->reason, host->reason ? strlen(host->reason) : 0);
	}
}

/* The queue of one that is durable holds stored messages alone. */

static void note_first(int64_t seq, const char *text, size_t len, void *ctx)
{
	*(int64_t *)ctx = seq;
}

/* What is before the first was acknowledged, by us or before us. */
void kept_open(struct host *host)
{
	int64_t first = host->self.stored + 1;

	if (!host->self.durable)
		return;
	if (registry_stored(&host->registry, host->self.id, 0, 1, note_first, &first) < 0)
		host_failed(host);
	host->fetched = host->dealt = host->acknowledged = first - 1;
}

static void put_stored(int64_t seq, const char *text, size_t len, void *ctx)
{
	struct host *host = ctx;
	struct strbuf line = STRBUF_INIT;
	struct letter *letter;

	/* A line has to carry its offset itself. */
	if (host->settings.warm)
		strbuf_addf(&line, "{\"offset\":%lld,\"event\":", (long long)seq);
	if (host->settings.warm)
		reply_add(&line, text, len);
	else
		strbuf_add(&line, text, len);
	if (host->settings.warm)
		strbuf_addch(&line, '}');
	letter = letter_new(line.buf, line.len);
	letter->offset = host->fetched = seq;
	inbox_put(host, letter);
	strbuf_release(&line);
}

void kept_flush(struct host *host)
{
	if (host->dealt <= host->acknowledged)
		return;
	if (registry_open_file(&host->registry) < 0 || registry_acknowledge(&host->registry, host->self.id, host->dealt) < 0)
		host_failed(host);
	else
		host->acknowledged = host->dealt;
}

static void try_again(struct loop_timer *timer)
{
	host_pump((struct host *)((char *)timer - offsetof(struct host, store_timer)));
}

void kept_fetch(struct host *host)
{
	if (!host->self.durable || host->first || host->in_hand)
		return;
	kept_flush(host);
	if (registry_open_file(&host->registry) < 0
	    || registry_stored(&host->registry, host->self.id, host->fetched, BATCH, put_stored, host) < 0) {
		host_failed(host);
		loop_timer_set(host->loop, &host->store_timer, clock_now() + RETRY_LAST, try_again);
	}
}

void kept_pause(struct host *host)
{
	loop_timer_set(host->loop, &host->store_timer, clock_now() + clock_backoff(RETRY_FIRST, RETRY_LAST, host->tries++), try_again);
}

bool kept_done(struct host *host, int status, bool broken, const char *text, size_t len)
{
	enum post_what what = status == WP_OK ? POST_DELIVERED : broken ? POST_BROKEN : POST_FAILED;
	struct letter *letter = host->in_hand;

	if (status != WP_OK && status != WP_DATA) {
		kept_pause(host);
		return false;
	}
	host->tries = 0;
	host->dealt = letter->offset;
	if (host->claims || host->dealt - host->acknowledged >= BATCH || !host->first)
		kept_flush(host);
	if (!tell_claims(host, letter->offset, what, status, text, len))
		remember(host, letter->offset, what, status, text, len);
	return true;
}
