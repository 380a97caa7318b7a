#include "pool.h"

#include "alloc.h"
#include "err.h"

#define REFUSED_PAUSE (100 * USEC_MS)
#define REFUSALS_MAX 50
#define HALT_PERCENT_MIN 3

enum { ITEM_PENDING, ITEM_RUNNING, ITEM_REPORTED };
enum { SLOT_OPEN, SLOT_HELD, SLOT_ENDING };
enum { NO_SIGNAL, SEND_TERM, SEND_KILL };

/* Lists */

static void items_append(struct pool_items *list, struct pool_item *item)
{
	item->next = NULL;
	item->prev = list->last;
	*(list->last ? &list->last->next : &list->first) = item;
	list->last = item;
}

static void items_prepend(struct pool_items *list, struct pool_item *item)
{
	item->prev = NULL;
	item->next = list->first;
	*(list->first ? &list->first->prev : &list->last) = item;
	list->first = item;
}

static void items_remove(struct pool_items *list, struct pool_item *item)
{
	*(item->prev ? &item->prev->next : &list->first) = item->next;
	*(item->next ? &item->next->prev : &list->last) = item->prev;
	item->prev = item->next = NULL;
}

/* The slot used last comes first: its memory is warm. */
static void bucket_add(struct pool *pool, struct pool_slot *slot)
{
	struct pool_slots *bucket = &pool->bucket[slot->load];

	slot->prev = NULL;
	slot->next = bucket->first;
	*(bucket->first ? &bucket->first->prev : &bucket->last) = slot;
	bucket->first = slot;
	slot->listed = true;
	if (slot->load < pool->lowest)
		pool->lowest = slot->load;
}

static void bucket_remove(struct pool *pool, struct pool_slot *slot)
{
	struct pool_slots *bucket = &pool->bucket[slot->load];

	if (!slot->listed)
		return;
	*(slot->prev ? &slot->prev->next : &bucket->first) = slot->next;
	*(slot->next ? &slot->next->prev : &bucket->last) = slot->prev;
	slot->listed = false;
}

static void slot_list(struct pool *pool, struct pool_slot *slot)
{
	if (slot->state == SLOT_OPEN && !slot->alone && slot->load < pool->config.per_slot)
		bucket_add(pool, slot);
}

/* Deadlines. Every queue has one fixed delay, so appending keeps it sorted. */

static void due_clear(struct pool_slot *slot)
{
	struct pool_slots *queue = slot->due;

	if (!queue)
		return;
	*(slot->due_prev ? &slot->due_prev->due_next : &queue->first) = slot->due_next;
	*(slot->due_next ? &slot->due_next->due_prev : &queue->last) = slot->due_prev;
	slot->due = NULL;
}

static void due_set(struct pool_slots *queue, struct pool_slot *slot, usec_t deadline)
{
	due_clear(slot);
	slot->deadline = deadline;
	slot->due = queue;
	slot->due_next = NULL;
	slot->due_prev = queue->last;
	*(queue->last ? &queue->last->due_next : &queue->first) = slot;
	queue->last = slot;
}

void pool_init(struct pool *pool, const struct pool_config *config)
{
	*pool = (struct pool){ .config = *config, .grace_end = USEC_NEVER };
	pool->slot = xcalloc(config->slots, sizeof(*pool->slot));
	pool->bucket = xcalloc(config->per_slot, sizeof(*pool->bucket));
	/* Backwards, so that slot 0 is the first one taken. */
	for (size_t i = config->slots; i-- > 0;)
		slot_list(pool, &pool->slot[i]);
}

void pool_release(struct pool *pool)
{
	free(pool->slot);
	free(pool->bucket);
	*pool = (struct pool){ 0 };
}

struct pool_item *pool_head(const struct pool *pool, size_t slot)
{
	return pool->slot[slot].items.first;
}

/* Ending slots */

static bool slot_closing(const struct pool *pool, const struct pool_slot *slot)
{
	return slot->state == SLOT_ENDING && slot->signal == SEND_TERM && slot->due == &pool->kills;
}

bool pool_slot_termed(const struct pool *pool, size_t slot)
{
	return pool->slot[slot].state == SLOT_ENDING && pool->slot[slot].signal == SEND_KILL;
}

static void slot_ending(struct pool *pool, struct pool_slot *slot, struct pool_slots *queue, usec_t at)
{
	bucket_remove(pool, slot);
	slot->state = SLOT_ENDING;
	slot->signal = SEND_TERM;
	due_set(queue, slot, at);
}

static void slot_end(struct pool *pool, struct pool_slot *slot)
{
	if (slot->state != SLOT_ENDING || slot_closing(pool, slot))
		slot_ending(pool, slot, &pool->signals, 0);
}

void pool_slot_end(struct pool *pool, size_t slot)
{
	slot_end(pool, &pool->slot[slot]);
}

void pool_slot_close(struct pool *pool, size_t index, usec_t now)
{
	struct pool_slot *slot = &pool->slot[index];

	if (slot->state != SLOT_ENDING)
		slot_ending(pool, slot, &pool->kills, now + pool->config.kill_after);
}

void pool_slot_down(struct pool *pool, size_t index)
{
	struct pool_slot *slot = &pool->slot[index];

	due_clear(slot);
	bucket_remove(pool, slot);
	slot->state = SLOT_OPEN;
	slot->signal = NO_SIGNAL;
	slot_list(pool, slot);
}

void pool_slot_hold(struct pool *pool, size_t slot)
{
	bucket_remove(pool, &pool->slot[slot]);
	pool->slot[slot].state = SLOT_HELD;
}

void pool_slot_open(struct pool *pool, size_t slot)
{
	if (pool->slot[slot].state != SLOT_HELD)
		return;
	pool->slot[slot].state = SLOT_OPEN;
	slot_list(pool, &pool->slot[slot]);
}

static void slot_blame(struct pool_slot *slot, enum pool_cause cause)
{
	for (struct pool_item *item = slot->items.first; item; item = item->next)
		if (item->cause == POOL_NO_CAUSE)
			item->cause = cause;
}

/* Items on slots */

static void arm_timeout(struct pool *pool, struct pool_slot *slot, usec_t now)
{
	if (pool->config.timeout && slot->state == SLOT_OPEN && slot->items.first)
		due_set(&pool->timeouts, slot, now + pool->config.timeout);
}

static void slot_take(struct pool *pool, struct pool_slot *slot, struct pool_item *item)
{
	bucket_remove(pool, slot);
	items_append(&slot->items, item);
	slot->load++;
	slot->alone = item->alone;
	slot_list(pool, slot);
	item->slot = (size_t)(slot - pool->slot);
	item->state = ITEM_RUNNING;
	pool->running++;
}

static void slot_drop(struct pool *pool, struct pool_item *item, usec_t now)
{
	struct pool_slot *slot = &pool->slot[item->slot];
	bool head = slot->items.first == item;

	bucket_remove(pool, slot);
	items_remove(&slot->items, item);
	slot->load--;
	slot->alone = false;
	slot_list(pool, slot);
	pool->running--;
	if (!head)
		return;
	if (slot->due == &pool->timeouts)
		due_clear(slot);
	arm_timeout(pool, slot, now);
}

/* Verdicts */

static void count(struct pool *pool, enum pool_verdict verdict)
{
	if (verdict == POOL_PASSED)
		pool->passed++;
	else if (verdict == POOL_INTERRUPTED)
		pool->interrupted++;
	else
		pool->failed++;
}

static void report(struct pool *pool, struct pool_item *item, enum pool_verdict verdict)
{
	item->state = ITEM_REPORTED;
	item->verdict = verdict;
	count(pool, verdict);
	items_append(&pool->reports, item);
}

static void again(struct pool *pool, struct pool_item *item)
{
	item->state = ITEM_PENDING;
	item->cause = POOL_NO_CAUSE;
	items_prepend(&pool->pending, item);
}

static bool may_retry(const struct pool *pool, struct pool_item *item, enum pool_outcome outcome)
{
	if (pool->stage != POOL_RUNS)
		return false;
	if (outcome == POOL_UNBLAMED && item->cause == POOL_NO_CAUSE && !item->alone)
		return item->alone = true;
	return outcome != POOL_BAD && outcome != POOL_UNSTARTED && item->tries++ < pool->config.retries;
}

static enum pool_verdict judge(const struct pool *pool, const struct pool_item *item, enum pool_outcome outcome)
{
	if (item->cause == POOL_CANCEL)
		return POOL_CANCELLED;
	if (outcome == POOL_OK)
		return item->cause == POOL_TIMEOUT ? POOL_FAILURE : POOL_PASSED;
	if (item->cause == POOL_INTERRUPT || outcome == POOL_UNSTARTED)
		return POOL_INTERRUPTED;
	if (outcome == POOL_UNBLAMED && item->cause == POOL_NO_CAUSE && pool->stage != POOL_RUNS)
		return POOL_INTERRUPTED;
	return POOL_FAILURE;
}

static void halt_if_due(struct pool *pool)
{
	uint64_t ended = pool->passed + pool->failed;
	uint64_t limit = pool->config.halt_fail;
	bool due = pool->config.halt_percent
		? pool->failed >= HALT_PERCENT_MIN && pool->failed * 100 >= limit * ended
		: pool->failed >= limit;

	if (pool->config.halt == POOL_HALT_NEVER || !due || pool->halted)
		return;
	pool->halted = true;
	if (pool->config.halt == POOL_HALT_NOW)
		pool_stop(pool);
	else
		pool_halt(pool);
}

void pool_ended(struct pool *pool, struct pool_item *item, enum pool_outcome outcome, usec_t now)
{
	enum pool_verdict verdict = judge(pool, item, outcome);

	slot_drop(pool, item, now);
	pool->hold_end = 0;
	if (verdict == POOL_FAILURE && may_retry(pool, item, outcome)) {
		again(pool, item);
		return;
	}
	report(pool, item, verdict);
	halt_if_due(pool);
}

void pool_started(struct pool *pool, struct pool_item *item, usec_t now)
{
	pool->refusals = 0;
	if (pool->slot[item->slot].items.first == item)
		arm_timeout(pool, &pool->slot[item->slot], now);
}

bool pool_refused(struct pool *pool, struct pool_item *item, usec_t now)
{
	if (pool->running == 1 && ++pool->refusals > REFUSALS_MAX)
		return false;
	slot_drop(pool, item, now);
	again(pool, item);
	pool->hold_end = now + REFUSED_PAUSE;
	if (pool->stage != POOL_RUNS)
		pool_halt(pool);
	return true;
}

void pool_offer(struct pool *pool, struct pool_item *item)
{
	pool->offered++;
	pool->live++;
	item->state = ITEM_PENDING;
	item->tries = 0;
	item->alone = false;
	item->cause = POOL_NO_CAUSE;
	if (pool->stage == POOL_RUNS)
		items_append(&pool->pending, item);
	else
		report(pool, item, POOL_INTERRUPTED);
}

void pool_eof(struct pool *pool)
{
	pool->eof = true;
}

void pool_cancel(struct pool *pool, struct pool_item *item)
{
	if (item->state == ITEM_PENDING) {
		items_remove(&pool->pending, item);
		report(pool, item, POOL_CANCELLED);
	} else if (item->state == ITEM_RUNNING) {
		if (item->cause == POOL_NO_CAUSE)
			item->cause = POOL_CANCEL;
		slot_end(pool, &pool->slot[item->slot]);
	}
}

/* Stages */

static void go_to(struct pool *pool, enum pool_stage stage)
{
	struct pool_item *item;

	if (pool->stage < stage)
		pool->stage = stage;
	while ((item = pool->pending.first)) {
		items_remove(&pool->pending, item);
		report(pool, item, POOL_INTERRUPTED);
	}
}

void pool_halt(struct pool *pool)
{
	go_to(pool, POOL_ENDS);
}

void pool_drain(struct pool *pool, usec_t now)
{
	if (pool->stage >= POOL_DRAINS)
		return;
	pool->grace_end = now + pool->config.grace;
	go_to(pool, POOL_DRAINS);
}

void pool_stop(struct pool *pool)
{
	pool->grace_end = USEC_NEVER;
	go_to(pool, POOL_STOPS);
	for (size_t i = 0; i < pool->config.slots; i++) {
		struct pool_slot *slot = &pool->slot[i];

		if (slot->load)
			slot_blame(slot, POOL_INTERRUPT);
		if (slot->load || slot_closing(pool, slot))
			slot_end(pool, slot);
	}
}

/* What to do next */

static void tick(struct pool *pool, usec_t now)
{
	struct pool_slot *slot;

	if (pool->hold_end <= now)
		pool->hold_end = 0;
	if (pool->grace_end <= now)
		pool_stop(pool);
	while ((slot = pool->timeouts.first) && slot->deadline <= now) {
		if (slot->items.first->cause == POOL_NO_CAUSE)
			slot->items.first->cause = POOL_TIMEOUT;
		slot_end(pool, slot);
	}
	while ((slot = pool->kills.first) && slot->deadline <= now)
		due_set(&pool->signals, slot, 0);
}

static enum pool_do next_signal(struct pool *pool, usec_t now, size_t *index)
{
	struct pool_slot *slot = pool->signals.first;

	*index = (size_t)(slot - pool->slot);
	if (slot->signal == SEND_TERM) {
		slot->signal = SEND_KILL;
		due_set(&pool->kills, slot, now + pool->config.kill_after);
		return POOL_TERM;
	}
	slot->signal = NO_SIGNAL;
	due_clear(slot);
	return POOL_KILL;
}

static struct pool_slot *free_slot(struct pool *pool, const struct pool_item *item)
{
	if (item->alone)
		return pool->bucket[0].first;
	while (pool->lowest < pool->config.per_slot && !pool->bucket[pool->lowest].first)
		pool->lowest++;
	return pool->lowest < pool->config.per_slot ? pool->bucket[pool->lowest].first : NULL;
}

static struct pool_item *next_start(struct pool *pool)
{
	struct pool_item *item = pool->pending.first;
	struct pool_slot *slot;

	if (!item || pool->hold_end || pool->stage != POOL_RUNS)
		return NULL;
	slot = free_slot(pool, item);
	if (!slot)
		return NULL;
	items_remove(&pool->pending, item);
	slot_take(pool, slot, item);
	return item;
}

enum pool_do pool_next(struct pool *pool, usec_t now, struct pool_item **item, size_t *slot)
{
	tick(pool, now);
	if (pool->signals.first)
		return next_signal(pool, now, slot);
	*item = pool->reports.first;
	if (*item) {
		items_remove(&pool->reports, *item);
		pool->live--;
		return POOL_REPORT;
	}
	*item = next_start(pool);
	return *item ? POOL_START : POOL_WAIT;
}

static usec_t earlier(usec_t deadline, const struct pool_slots *queue)
{
	return queue->first && queue->first->deadline < deadline ? queue->first->deadline : deadline;
}

usec_t pool_deadline(const struct pool *pool)
{
	usec_t deadline = pool->grace_end;

	if (pool->hold_end && pool->pending.first && pool->hold_end < deadline)
		deadline = pool->hold_end;
	return earlier(earlier(deadline, &pool->timeouts), &pool->kills);
}

size_t pool_room(const struct pool *pool)
{
	size_t places = pool->config.slots * pool->config.per_slot;

	if (pool->stage != POOL_RUNS || pool->eof || pool->live >= places)
		return 0;
	return places - pool->live;
}

bool pool_finished(const struct pool *pool)
{
	return (pool->eof || pool->stage != POOL_RUNS) && !pool->live;
}
