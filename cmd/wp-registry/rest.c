#include "rest.h"

void rest_init(struct rest *rest, const struct rest_times *times, bool may_suspend, uint64_t seed)
{
	*rest = (struct rest){ .times = *times, .may_suspend = may_suspend, .stage = REST_AWAKE, .due = USEC_NEVER, .seed = seed | 1 };
}

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t draw(struct rest *rest)
{
	rest->seed ^= rest->seed << 13;
	rest->seed ^= rest->seed >> 7;
	rest->seed ^= rest->seed << 17;
	return rest->seed;
}

static usec_t later(usec_t now, usec_t delay)
{
	return delay < USEC_NEVER - now ? now + delay : USEC_NEVER;
}

static usec_t hibernation_delay(struct rest *rest)
{
	usec_t least = rest->times.hibernate_after, most = rest->times.jitter;

	if (most <= least)
		return least;
	return least + (usec_t)(draw(rest) % (uint64_t)(most - least + 1));
}

static usec_t suspension_due(const struct rest *rest, usec_t now)
{
	return rest->may_suspend && rest->times.suspend_after >= 0 ? later(now, rest->times.suspend_after) : USEC_NEVER;
}

bool rest_wake(struct rest *rest)
{
	bool hibernated = rest->stage == REST_HIBERNATED;

	rest->stage = REST_AWAKE;
	rest->due = USEC_NEVER;
	return hibernated;
}

void rest_idle(struct rest *rest, usec_t now)
{
	if (rest->stage != REST_AWAKE)
		return;
	rest->stage = REST_IDLE;
	rest->due = rest->times.hibernate_after >= 0 ? later(now, hibernation_delay(rest)) : suspension_due(rest, now);
}

bool rest_told(struct rest *rest, const struct rest_times *times, usec_t now)
{
	enum rest_stage before = rest->stage;

	rest->times = *times;
	if (before == REST_AWAKE)
		return false;
	rest->stage = REST_AWAKE;
	rest_idle(rest, now);
	return before == REST_HIBERNATED;
}

enum rest_act rest_act(struct rest *rest, usec_t now)
{
	if (now < rest->due || rest->stage == REST_AWAKE)
		return REST_NOTHING;
	if (rest->stage == REST_HIBERNATED || rest->times.hibernate_after < 0)
		return REST_SUSPEND;
	rest->stage = REST_HIBERNATED;
	rest->due = suspension_due(rest, now);
	return REST_HIBERNATE;
}
