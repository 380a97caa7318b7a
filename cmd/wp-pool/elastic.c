#include "elastic.h"

#include "alloc.h"

#include <stdlib.h>

/* What there is, counted anew each time: some runners, a few nanoseconds each. */
struct census {
	size_t all, booting, usable, idle;      /* usable: booting, or ready and open for work */
};

static struct pool_slot *slot_of(const struct elastic *e, size_t i)
{
	return &e->pool->slot[i];
}

void elastic_init(struct elastic *e, struct pool *pool, const struct elastic_config *config)
{
	*e = (struct elastic){ .config = *config, .pool = pool };
	e->runner = xcalloc(pool->config.slots, sizeof(*e->runner));
}

void elastic_release(struct elastic *e)
{
	free(e->runner);
	*e = (struct elastic){ 0 };
}

void elastic_set(struct elastic *e, const struct elastic_config *config)
{
	e->config = *config;
	e->rested = e->spare_rested = 0;
}

void elastic_stop(struct elastic *e)
{
	e->stopping = true;
}

size_t elastic_count(const struct elastic *e, enum runner_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < e->top; i++)
		n += e->runner[i].state == state;
	return n;
}

size_t elastic_staying(const struct elastic *e)
{
	return elastic_count(e, RUNNER_BOOTING) + elastic_count(e, RUNNER_READY);
}

size_t elastic_all(const struct elastic *e)
{
	return e->top - elastic_count(e, RUNNER_ABSENT);
}

static bool is_usable(const struct elastic *e, size_t i)
{
	return e->runner[i].state == RUNNER_BOOTING ||
		(e->runner[i].state == RUNNER_READY && !pool_slot_held(e->pool, i));
}

static bool is_idle(const struct elastic *e, size_t i)
{
	return e->runner[i].state == RUNNER_READY && slot_of(e, i)->load == 0;
}

static struct census count(const struct elastic *e)
{
	struct census c = { 0 };

	for (size_t i = 0; i < e->top; i++) {
		c.all += e->runner[i].state != RUNNER_ABSENT;
		c.booting += e->runner[i].state == RUNNER_BOOTING;
		c.usable += is_usable(e, i);
		c.idle += is_usable(e, i) && is_idle(e, i);
	}
	return c;
}

static size_t beyond(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

static size_t floor_now(const struct elastic *e)
{
	return beyond(e->config.min, e->rested);
}

static size_t spare_now(const struct elastic *e)
{
	return beyond(e->config.spare, e->spare_rested);
}

/* Growing */

/* Runners for what waits. Where there is none at all, one call is reason enough. */
static size_t demand(const struct elastic *e, const struct census *c)
{
	size_t waiting = e->pool->waiting, per = e->pool->config.per_slot;

	if (waiting < (c->usable ? e->config.grow_when : 1) || e->pool->hold_end)
		return 0;
	return (waiting + per - 1) / per;
}

static size_t missing(const struct elastic *e, const struct census *c)
{
	size_t wanted = beyond(floor_now(e), c->usable);
	size_t more = beyond(demand(e, c) + spare_now(e), c->booting + c->idle);

	if (e->stopping)
		return 0;
	if (more > wanted)
		wanted = more;
	/* After a failure one tries, and the others wait for what comes of it. */
	if (e->failures)
		wanted = wanted && !c->booting;
	return wanted < beyond(e->config.max, c->all) ? wanted : beyond(e->config.max, c->all);
}

static size_t absent_slot(const struct elastic *e)
{
	size_t i = 0;

	while (i < e->top && e->runner[i].state != RUNNER_ABSENT)
		i++;
	return i;
}

static size_t boot(struct elastic *e, usec_t now)
{
	size_t i = absent_slot(e);

	if (i == e->top)
		e->top++;
	e->runner[i] = (struct runner){ .state = RUNNER_BOOTING, .number = ++e->boots, .since = now };
	return i;
}

void elastic_booted(struct elastic *e, size_t i, usec_t now)
{
	struct runner *r = &e->runner[i];

	/* Too late: it is on its way out. */
	if (r->state != RUNNER_BOOTING || r->killed)
		return;
	r->state = RUNNER_READY;
	r->since = r->idle_since = now;
	r->seen = 0;
	pool_slot_up(e->pool, i);
}

/* What goes wrong */

static void pause_boots(struct elastic *e, usec_t now)
{
	e->failed_at = now;
	/* Those that were begun together fail together. */
	if (now < e->hold_until)
		return;
	e->hold_until = now + clock_backoff(ELASTIC_PAUSE_MIN, ELASTIC_PAUSE_MAX, e->failures++);
}

void elastic_gone(struct elastic *e, size_t i, usec_t now)
{
	struct runner *r = &e->runner[i];

	if (r->state == RUNNER_BOOTING)
		e->failed++;
	if (r->state == RUNNER_READY)
		e->lost++;
	if (r->state == RUNNER_BOOTING || (r->state == RUNNER_READY && now < r->since + ELASTIC_STABLE_AFTER))
		pause_boots(e, now);
	pool_slot_gone(e->pool, i);
	r->state = RUNNER_ABSENT;
	while (e->top && e->runner[e->top - 1].state == RUNNER_ABSENT)
		e->top--;
}

/* It came up since, and lives or has ended an item: what failed before was something else. */
static void trust(struct elastic *e, size_t i, usec_t now)
{
	const struct runner *r = &e->runner[i];

	if (r->state == RUNNER_READY && r->since >= e->failed_at
	    && (slot_of(e, i)->taken > slot_of(e, i)->load || now >= r->since + ELASTIC_STABLE_AFTER))
		e->failures = 0;
}

/* Shrinking */

static void note_idleness(struct elastic *e, size_t i, usec_t now)
{
	struct runner *r = &e->runner[i];

	if (r->state != RUNNER_READY || (r->seen == slot_of(e, i)->taken && slot_of(e, i)->load == 0))
		return;
	r->seen = slot_of(e, i)->load ? UINT64_MAX : slot_of(e, i)->taken;
	r->idle_since = now;
	r->checked = false;
}

/* Whether those that are kept for min or as spare would be touched if one more went. */
static bool is_needed(const struct elastic *e, const struct census *c)
{
	return c->usable <= floor_now(e) || c->idle <= spare_now(e);
}

static usec_t idle_limit(const struct elastic *e, const struct census *c)
{
	return is_needed(e, c) ? e->config.min_idle_after : e->config.idle_after;
}

static usec_t add(usec_t at, usec_t delay)
{
	return delay == USEC_NEVER ? USEC_NEVER : at + delay;
}

/* The usable one that has been idle longest, or SIZE_MAX. */
static size_t longest_idle(const struct elastic *e)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < e->top; i++)
		if (is_idle(e, i) && is_usable(e, i) && !e->runner[i].checking
		    && (found == SIZE_MAX || e->runner[i].idle_since < e->runner[found].idle_since))
			found = i;
	return found;
}

static enum elastic_do shut(struct elastic *e, size_t i, usec_t now)
{
	pool_slot_hold(e->pool, i);
	e->runner[i].state = RUNNER_LEAVING;
	e->runner[i].since = now;
	return ELASTIC_SHUT;
}

static usec_t goes_at(const struct elastic *e, const struct census *c, const struct runner *r)
{
	usec_t at = add(r->idle_since, idle_limit(e, c));

	return at > r->ask_after ? at : r->ask_after;
}

/* One that is needed goes: what is left is enough until work comes. */
static void rest(struct elastic *e, const struct census *c)
{
	if (c->usable <= floor_now(e))
		e->rested = e->config.min - (c->usable - 1);
	if (c->idle <= spare_now(e))
		e->spare_rested = e->config.spare - (c->idle - 1);
}

static enum elastic_do shut_idle(struct elastic *e, const struct census *c, usec_t now, size_t *slot)
{
	struct runner *r;

	*slot = longest_idle(e);
	if (*slot == SIZE_MAX)
		return ELASTIC_WAIT;
	r = &e->runner[*slot];
	if (now < goes_at(e, c, r))
		return ELASTIC_WAIT;
	if (e->config.check && !r->checked) {
		r->checking = true;
		r->asked = r->seen;
		return ELASTIC_CHECK;
	}
	rest(e, c);
	return shut(e, *slot, now);
}

void elastic_checked(struct elastic *e, size_t i, bool may_go, usec_t now)
{
	struct runner *r = &e->runner[i];

	r->checking = false;
	/* If it has worked in the meantime, the question is open again. */
	r->checked = may_go && r->asked == slot_of(e, i)->taken;
	if (may_go)
		return;
	r->idle_since = now;
	r->ask_after = now + ELASTIC_ASK_AGAIN;
}

/* Of those that take work, or SIZE_MAX. */
static size_t emptiest(const struct elastic *e)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < e->top; i++)
		if (e->runner[i].state == RUNNER_READY && is_usable(e, i)
		    && (found == SIZE_MAX || slot_of(e, i)->load < slot_of(e, found)->load))
			found = i;
	return found;
}

/* What to do next */

static bool overdue(const struct elastic *e, size_t i, usec_t now)
{
	const struct runner *r = &e->runner[i];

	if (r->killed)
		return false;
	return (r->state == RUNNER_BOOTING && now >= add(r->since, e->config.boot_timeout)) ||
		(r->state == RUNNER_LEAVING && now >= add(r->since, e->config.shutdown_timeout));
}

static bool has_nothing_more_to_do(const struct elastic *e, size_t i)
{
	return is_idle(e, i) && (pool_slot_held(e->pool, i) || e->stopping);
}

/* What one runner by itself calls for. */
static enum elastic_do next_of(struct elastic *e, size_t i, usec_t now)
{
	struct runner *r = &e->runner[i];

	note_idleness(e, i, now);
	trust(e, i, now);
	if (overdue(e, i, now) || (e->stopping && r->state == RUNNER_BOOTING && !r->killed)) {
		r->killed = true;
		return ELASTIC_KILL;
	}
	return has_nothing_more_to_do(e, i) ? shut(e, i, now) : ELASTIC_WAIT;
}

enum elastic_do elastic_next(struct elastic *e, usec_t now, size_t *slot)
{
	struct census c;

	if (e->offered != e->pool->offered)
		e->rested = e->spare_rested = 0;
	e->offered = e->pool->offered;
	for (size_t i = 0; i < e->top; i++) {
		enum elastic_do next = next_of(e, i, now);

		*slot = i;
		if (next != ELASTIC_WAIT)
			return next;
	}
	c = count(e);
	if (now >= e->hold_until && missing(e, &c)) {
		*slot = boot(e, now);
		return ELASTIC_BOOT;
	}
	/* Too many: the emptiest take nothing more, and go when they are idle. */
	for (; c.usable - c.booting > e->config.max; c = count(e)) {
		*slot = emptiest(e);
		if (is_idle(e, *slot))
			return shut(e, *slot, now);
		pool_slot_hold(e->pool, *slot);
	}
	return shut_idle(e, &c, now, slot);
}

usec_t elastic_deadline(const struct elastic *e)
{
	struct census c = count(e);
	usec_t deadline = missing(e, &c) ? e->hold_until : USEC_NEVER;
	size_t idle = longest_idle(e);

	for (size_t i = 0; i < e->top; i++) {
		const struct runner *r = &e->runner[i];

		if (r->state == RUNNER_BOOTING && !r->killed)
			deadline = clock_earlier(deadline, add(r->since, e->config.boot_timeout));
		if (r->state == RUNNER_LEAVING && !r->killed)
			deadline = clock_earlier(deadline, add(r->since, e->config.shutdown_timeout));
	}
	return idle == SIZE_MAX ? deadline : clock_earlier(deadline, goes_at(e, &c, &e->runner[idle]));
}
