#include "pool.h"

#include "alloc.h"
#include "err.h"

#define REFUSED_PAUSE (100 * USEC_MS)
#define REFUSALS_MAX 50
#define HALT_PERCENT_MIN 3
/* From KILL to giving a runner up, however short kill_after is: it has to hear of the end first, and has others' items. */
#define ABANDON_AFTER (5 * USEC_SEC)

enum { ITEM_NEW, ITEM_PENDING, ITEM_RUNNING, ITEM_REPORTED };
enum { SLOT_OPEN, SLOT_HELD, SLOT_ENDING, SLOT_ABSENT };
enum { NO_SIGNAL, SEND_TERM, SEND_KILL, ABANDON };

#define owner_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

/* Lists */

static void items_append(struct pool_items *list, struct pool_item *item)
{
	item->next = NULL;
	item->prev = list->last;
	*(list->last ? &list->last->next : &list->first) = item;
	list->last = item;
}

static void items_remove(struct pool_items *list, struct pool_item *item)
{
	*(item->prev ? &item->prev->next : &list->first) = item->next;
	*(item->next ? &item->next->prev : &list->last) = item->prev;
	item->prev = item->next = NULL;
}

/* Those of one priority in the order in which they came. */
static void pending_append(struct pool *pool, struct pool_item *item)
{
	struct pool_items *list = &pool->pending;
	struct pool_item *before = list->last;

	while (before && before->priority > item->priority)
		before = before->prev;
	item->prev = before;
	item->next = before ? before->next : list->first;
	*(item->prev ? &item->prev->next : &list->first) = item;
	*(item->next ? &item->next->prev : &list->last) = item;
	pool->waiting++;
}

/* Before all others of its priority. */
static void pending_prepend(struct pool *pool, struct pool_item *item)
{
	struct pool_items *list = &pool->pending;
	struct pool_item *after = list->first;

	while (after && after->priority < item->priority)
		after = after->next;
	item->next = after;
	item->prev = after ? after->prev : list->last;
	*(item->prev ? &item->prev->next : &list->first) = item;
	*(item->next ? &item->next->prev : &list->last) = item;
	pool->waiting++;
}

static void pending_remove(struct pool *pool, struct pool_item *item)
{
	items_remove(&pool->pending, item);
	pool->waiting--;
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

/* Deadlines. A queue has one delay most of the time, so that what is set comes last, or near it. */

static void due_clear(struct pool_end *end)
{
	struct pool_ends *queue = end->queue;

	if (!queue)
		return;
	*(end->prev ? &end->prev->next : &queue->first) = end->next;
	*(end->next ? &end->next->prev : &queue->last) = end->prev;
	end->queue = NULL;
}

static void due_set(struct pool_ends *queue, struct pool_end *end, usec_t deadline)
{
	struct pool_end *before;

	due_clear(end);
	before = queue->last;
	while (before && before->deadline > deadline)
		before = before->prev;
	end->deadline = deadline;
	end->queue = queue;
	end->prev = before;
	end->next = before ? before->next : queue->first;
	*(end->prev ? &end->prev->next : &queue->first) = end;
	*(end->next ? &end->next->prev : &queue->last) = end;
}

void pool_init(struct pool *pool, const struct pool_config *config)
{
	*pool = (struct pool){ .config = *config, .grace_end = USEC_NEVER };
	pool->slot = xcalloc(config->slots, sizeof(*pool->slot));
	pool->bucket = xcalloc(config->own ? config->per_slot_max : config->per_slot, sizeof(*pool->bucket));
	/* Backwards, so that slot 0 is the first one taken. */
	for (size_t i = config->slots; i-- > 0;) {
		if (config->own)
			pool->slot[i].state = SLOT_ABSENT;
		slot_list(pool, &pool->slot[i]);
	}
}

void pool_release(struct pool *pool)
{
	free(pool->slot);
	free(pool->bucket);
	heap_release(&pool->deadlines);
	*pool = (struct pool){ 0 };
}

struct pool_item *pool_head(const struct pool *pool, size_t slot)
{
	return pool->slot[slot].items.first;
}

/* Ending slots */

static bool slot_closing(const struct pool *pool, const struct pool_slot *slot)
{
	return slot->state == SLOT_ENDING && slot->end.signal == SEND_TERM && slot->end.queue == &pool->kills;
}

bool pool_slot_termed(const struct pool *pool, size_t slot)
{
	return pool->slot[slot].state == SLOT_ENDING && pool->slot[slot].end.signal == SEND_KILL;
}

static void slot_ending(struct pool *pool, struct pool_slot *slot, struct pool_ends *queue, usec_t at)
{
	bucket_remove(pool, slot);
	slot->state = SLOT_ENDING;
	slot->end.signal = SEND_TERM;
	due_set(queue, &slot->end, at);
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

	due_clear(&slot->end);
	bucket_remove(pool, slot);
	slot->state = SLOT_OPEN;
	slot->end.signal = NO_SIGNAL;
	slot_list(pool, slot);
}

void pool_slot_up(struct pool *pool, size_t index)
{
	pool->slot[index].taken = 0;
	pool_slot_down(pool, index);
}

void pool_slot_gone(struct pool *pool, size_t index)
{
	struct pool_slot *slot = &pool->slot[index];

	due_clear(&slot->end);
	bucket_remove(pool, slot);
	slot->state = SLOT_ABSENT;
}

bool pool_slot_held(const struct pool *pool, size_t slot)
{
	return pool->slot[slot].state == SLOT_HELD;
}

void pool_set_per_slot(struct pool *pool, size_t per_slot)
{
	for (size_t i = 0; i < pool->config.slots; i++)
		bucket_remove(pool, &pool->slot[i]);
	pool->config.per_slot = per_slot;
	for (size_t i = pool->config.slots; i-- > 0;)
		slot_list(pool, &pool->slot[i]);
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

static void item_end(struct pool *pool, struct pool_item *item)
{
	if (item->end.signal != NO_SIGNAL)
		return;
	item->end.is_item = true;
	item->end.signal = SEND_TERM;
	due_set(&pool->signals, &item->end, 0);
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
		due_set(&pool->timeouts, &slot->end, now + pool->config.timeout);
}

static void slot_take(struct pool *pool, struct pool_slot *slot, struct pool_item *item)
{
	bucket_remove(pool, slot);
	items_append(&slot->items, item);
	slot->load++;
	slot->taken++;
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
	due_clear(&item->end);
	item->end.signal = NO_SIGNAL;
	pool->running--;
	if (!head)
		return;
	if (slot->end.queue == &pool->timeouts)
		due_clear(&slot->end);
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
	heap_remove(&pool->deadlines, &item->due);
	items_append(&pool->reports, item);
}

static void again(struct pool *pool, struct pool_item *item)
{
	item->state = ITEM_PENDING;
	item->cause = POOL_NO_CAUSE;
	pending_prepend(pool, item);
}

static bool may_retry(const struct pool *pool, struct pool_item *item, enum pool_outcome outcome)
{
	if (pool->stage != POOL_RUNS)
		return false;
	/* Its deadline was for all tries together. */
	if (pool->config.own && item->cause == POOL_TIMEOUT)
		return false;
	if (outcome == POOL_UNBLAMED && item->cause == POOL_NO_CAUSE && !item->alone)
		return item->alone = true;
	return outcome != POOL_BAD && outcome != POOL_UNSTARTED && item->tries++ < pool->config.retries + item->retries;
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

	if (pool->config.single_use && pool->slot[item->slot].state == SLOT_OPEN)
		pool_slot_hold(pool, item->slot);
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
	pool->slot[item->slot].taken--;
	pool->hold_end = now + REFUSED_PAUSE;
	/* It was to be ended in the meantime. */
	if (item->cause != POOL_NO_CAUSE) {
		report(pool, item, judge(pool, item, POOL_FAILED));
		halt_if_due(pool);
		return true;
	}
	again(pool, item);
	if (pool->stage != POOL_RUNS)
		pool_halt(pool);
	return true;
}

/* Only what was offered and not yet reported is in the heap. */
void pool_set_deadline(struct pool *pool, struct pool_item *item, usec_t deadline)
{
	heap_remove(&pool->deadlines, &item->due);
	item->due.at = deadline == USEC_NEVER ? 0 : deadline;
	if (item->due.at && (item->state == ITEM_PENDING || item->state == ITEM_RUNNING))
		heap_set(&pool->deadlines, &item->due, deadline);
}

void pool_offer(struct pool *pool, struct pool_item *item)
{
	pool->offered++;
	pool->live++;
	item->state = ITEM_PENDING;
	item->tries = 0;
	item->alone = false;
	item->cause = POOL_NO_CAUSE;
	if (item->due.at)
		heap_set(&pool->deadlines, &item->due, item->due.at);
	if (pool->stage == POOL_RUNS)
		pending_append(pool, item);
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
		pending_remove(pool, item);
		report(pool, item, POOL_CANCELLED);
	} else if (item->state == ITEM_RUNNING) {
		if (item->cause == POOL_NO_CAUSE)
			item->cause = POOL_CANCEL;
		if (pool->config.own)
			item_end(pool, item);
		else
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
		pending_remove(pool, item);
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

static void end_items(struct pool *pool, struct pool_slot *slot)
{
	for (struct pool_item *item = slot->items.first; item; item = item->next)
		item_end(pool, item);
}

void pool_stop(struct pool *pool)
{
	pool->grace_end = USEC_NEVER;
	go_to(pool, POOL_STOPS);
	for (size_t i = 0; i < pool->config.slots; i++) {
		struct pool_slot *slot = &pool->slot[i];

		if (slot->load)
			slot_blame(slot, POOL_INTERRUPT);
		if (pool->config.own)
			end_items(pool, slot);
		else if (slot->load || slot_closing(pool, slot))
			slot_end(pool, slot);
	}
}

/* What to do next */

static void item_timed_out(struct pool *pool, struct pool_item *item)
{
	heap_remove(&pool->deadlines, &item->due);
	if (item->cause == POOL_NO_CAUSE)
		item->cause = POOL_TIMEOUT;
	if (item->state == ITEM_RUNNING) {
		item_end(pool, item);
	} else {
		pending_remove(pool, item);
		report(pool, item, POOL_FAILURE);
		halt_if_due(pool);
	}
}

static void tick(struct pool *pool, usec_t now)
{
	struct heap_node *first;
	struct pool_end *end;

	if (pool->hold_end <= now)
		pool->hold_end = 0;
	if (pool->grace_end <= now)
		pool_stop(pool);
	while ((first = heap_first(&pool->deadlines)) && first->at <= now)
		item_timed_out(pool, owner_of(first, struct pool_item, due));
	while ((end = pool->timeouts.first) && end->deadline <= now) {
		struct pool_slot *slot = owner_of(end, struct pool_slot, end);

		if (slot->items.first->cause == POOL_NO_CAUSE)
			slot->items.first->cause = POOL_TIMEOUT;
		slot_end(pool, slot);
	}
	while ((end = pool->kills.first) && end->deadline <= now)
		due_set(&pool->signals, end, 0);
}

/* From this signal to the next. */
static usec_t patience(const struct pool *pool, const struct pool_end *end)
{
	if (end->signal == SEND_KILL && pool->config.kill_after < ABANDON_AFTER)
		return ABANDON_AFTER;
	return pool->config.kill_after;
}

static enum pool_do next_signal(struct pool *pool, usec_t now, struct pool_item **item, size_t *index)
{
	struct pool_end *end = pool->signals.first;

	*item = end->is_item ? owner_of(end, struct pool_item, end) : NULL;
	*index = *item ? (*item)->slot : (size_t)(owner_of(end, struct pool_slot, end) - pool->slot);
	due_clear(end);
	if (end->signal == SEND_TERM || (end->signal == SEND_KILL && *item))
		due_set(&pool->kills, end, now + patience(pool, end));
	switch (end->signal) {
	case SEND_TERM:
		end->signal = SEND_KILL;
		return POOL_TERM;
	case SEND_KILL:
		end->signal = *item ? ABANDON : NO_SIGNAL;
		return POOL_KILL;
	default:
		return POOL_ABANDON;     /* the signal stays: an item that ends so slowly is not told again */
	}
}

static struct pool_slot *fullest_slot(const struct pool *pool)
{
	for (size_t load = pool->config.per_slot; load-- > 0;)
		if (pool->bucket[load].first)
			return pool->bucket[load].first;
	return NULL;
}

static struct pool_slot *free_slot(struct pool *pool, const struct pool_item *item)
{
	if (item->alone)
		return pool->bucket[0].first;
	if (pool->config.pack)
		return fullest_slot(pool);
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
	pending_remove(pool, item);
	slot_take(pool, slot, item);
	return item;
}

enum pool_do pool_next(struct pool *pool, usec_t now, struct pool_item **item, size_t *slot)
{
	tick(pool, now);
	if (pool->signals.first)
		return next_signal(pool, now, item, slot);
	*item = pool->reports.first;
	if (*item) {
		items_remove(&pool->reports, *item);
		(*item)->state = ITEM_NEW;
		(*item)->due.at = 0;
		pool->live--;
		return POOL_REPORT;
	}
	*item = next_start(pool);
	return *item ? POOL_START : POOL_WAIT;
}

static usec_t earlier(usec_t deadline, const struct pool_ends *queue)
{
	return queue->first && queue->first->deadline < deadline ? queue->first->deadline : deadline;
}

usec_t pool_deadline(const struct pool *pool)
{
	const struct heap_node *first = heap_first(&pool->deadlines);
	usec_t deadline = pool->grace_end;

	if (first && first->at < deadline)
		deadline = first->at;
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
