/*
 * pool_steps.h - what the tests of the pool share: one pool, its items, a clock of our own, and what the pool wants next,
 * as text. It brings the pool along; a test says in a config() of its own what kind of pool it is about.
 */
#ifndef WP_POOL_STEPS_H
#define WP_POOL_STEPS_H

#include "../../cmd/wp-pool/pool.c"

#include "tap.h"

#define ITEMS 32

static struct pool pool;
static struct pool_item items[ITEMS];
static struct pool_item *item;
static size_t slot;
static usec_t now;

static void begin(struct pool_config c)
{
	pool_release(&pool);
	memset(items, 0, sizeof(items));
	now = 1000;
	pool_init(&pool, &c);
}

static void offer(size_t from, size_t to)
{
	for (size_t i = from; i <= to; i++) {
		items[i].seq = i;
		pool_offer(&pool, &items[i]);
	}
}

static void ends(size_t i, enum pool_outcome outcome)
{
	pool_ended(&pool, &items[i], outcome, now);
}

/*
 * "start 3 on 0", "term 3", "kill 3", "abandon 3 on 0", "report 3 passed", "wait". Without OWN it is a slot that is sent TERM
 * and KILL, with it an item. What is to start has been STARTED, or not yet.
 */
static const char *next_but(bool started)
{
	static const char *const verdicts[] = { "passed", "failed", "cancelled", "interrupted" };
	static char text[64];
	bool own = pool.config.own;
	enum pool_do what;
	int n = 0;

	item = NULL;
	what = pool_next(&pool, now, &item, &slot);
	if (own && what != POOL_WAIT && !item)
		bail_out("with OWN there is always an item");
	switch (what) {
	case POOL_WAIT:
		n = snprintf(text, sizeof(text), "wait");
		break;
	case POOL_START:
		n = snprintf(text, sizeof(text), "start %d on %zu", (int)item->seq, item->slot);
		if (started)
			pool_started(&pool, item, now);
		break;
	case POOL_TERM:
		n = snprintf(text, sizeof(text), "term %zu", own ? (size_t)item->seq : slot);
		break;
	case POOL_KILL:
		n = snprintf(text, sizeof(text), "kill %zu", own ? (size_t)item->seq : slot);
		break;
	case POOL_ABANDON:
		if (!own)
			bail_out("abandon without OWN");
		n = snprintf(text, sizeof(text), "abandon %d on %zu", (int)item->seq, slot);
		break;
	case POOL_REPORT:
		n = snprintf(text, sizeof(text), "report %d %s", (int)item->seq, verdicts[item->verdict]);
		break;
	}
	if (n < 0 || (size_t)n >= sizeof(text))
		bail_out("text");
	return text;
}

static const char *next(void)
{
	return next_but(true);
}

#endif
