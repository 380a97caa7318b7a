/* When consumers go to rest is a state machine without I/O: it is tested by itself, with a clock of our own. */
#include "../../cmd/wp-registry/rest.c"

#include "tap.h"

#define NEVER (-1)
#define BEGIN (1000 * USEC_SEC)

static struct rest rest;

static void begin(usec_t hibernate_after, usec_t jitter, usec_t suspend_after, bool may_suspend)
{
	const struct rest_times times = { hibernate_after, jitter, suspend_after };

	rest_init(&rest, &times, may_suspend, 42);
}

/* What is to be done at NOW, as text. */
static const char *act(usec_t now)
{
	static const char *const names[] = { [REST_NOTHING] = "nothing", [REST_HIBERNATE] = "hibernate", [REST_SUSPEND] = "suspend" };

	return names[rest_act(&rest, now)];
}

static void one_that_never_rests(void)
{
	begin(NEVER, NEVER, NEVER, true);
	is_int(rest.due, USEC_NEVER, "never: nothing is due at first");
	rest_idle(&rest, BEGIN);
	is_int(rest.due, USEC_NEVER, "never: nor when it is idle");
	is_str(act(USEC_NEVER - 1), "nothing", "never: whenever it is asked");
}

static void both_stages(void)
{
	begin(10, NEVER, 5, true);
	is_str(act(BEGIN), "nothing", "both: awake it does not rest, whatever the time");
	rest_idle(&rest, BEGIN);
	is_int(rest.due, BEGIN + 10, "both: the first stage is due when the first time has passed");
	is_str(act(BEGIN + 9), "nothing", "both: and not before");
	is_str(act(BEGIN + 10), "hibernate", "both: then it hibernates");
	is_int(rest.due, BEGIN + 15, "both: the second stage is due so long after the first");
	is_str(act(BEGIN + 10), "nothing", "both: it hibernates once");
	is_str(act(BEGIN + 15), "suspend", "both: then it is suspended");
}

/* A timer that was late does not shorten what follows. */
static void late(void)
{
	begin(10, NEVER, 5, true);
	rest_idle(&rest, BEGIN);
	is_str(act(BEGIN + 100), "hibernate", "late: asked late, it hibernates late");
	is_int(rest.due, BEGIN + 105, "late: and is suspended as long after that as ever");
}

static void one_stage(void)
{
	begin(NEVER, NEVER, 5, true);
	rest_idle(&rest, BEGIN);
	is_int(rest.due, BEGIN + 5, "suspend alone: due after its own time");
	is_str(act(BEGIN + 5), "suspend", "suspend alone: it does not hibernate first");

	begin(10, NEVER, NEVER, true);
	rest_idle(&rest, BEGIN);
	is_str(act(BEGIN + 10), "hibernate", "hibernate alone: it does");
	is_int(rest.due, USEC_NEVER, "hibernate alone: and that is all");
	is_str(act(USEC_NEVER - 1), "nothing", "hibernate alone: for ever");
}

static void one_that_may_not_be_suspended(void)
{
	begin(10, NEVER, 5, false);
	rest_idle(&rest, BEGIN);
	is_str(act(BEGIN + 10), "hibernate", "registered: it hibernates");
	is_int(rest.due, USEC_NEVER, "registered: and is never suspended");

	begin(NEVER, NEVER, 5, false);
	rest_idle(&rest, BEGIN);
	is_int(rest.due, USEC_NEVER, "registered: not without hibernating, either");
}

static void no_time_at_all(void)
{
	begin(0, NEVER, 0, true);
	rest_idle(&rest, BEGIN);
	is_str(act(BEGIN), "hibernate", "0: it hibernates at once");
	is_str(act(BEGIN), "suspend", "0: and is suspended at once");
}

static void woken(void)
{
	begin(10, NEVER, 5, true);
	ok(!rest_wake(&rest), "wake: one that is awake has not hibernated");
	rest_idle(&rest, BEGIN);
	ok(!rest_wake(&rest), "wake: nor has one that was only idle");
	is_int(rest.due, USEC_NEVER, "wake: and nothing is due any more");
	is_str(act(BEGIN + 10), "nothing", "wake: the time that had begun does not count");
	rest_idle(&rest, BEGIN + 20);
	is_int(rest.due, BEGIN + 30, "wake: it begins again when there is nothing to do again");
	rest_idle(&rest, BEGIN + 25);
	is_int(rest.due, BEGIN + 30, "idle: that this is said twice does not begin it again");
	is_str(act(BEGIN + 30), "hibernate", "wake: it hibernates");
	rest_idle(&rest, BEGIN + 31);
	is_str(act(BEGIN + 34), "nothing", "idle: said to one that hibernates changes nothing");
	ok(rest_wake(&rest), "wake: it had hibernated");
	is_str(act(BEGIN + 40), "nothing", "wake: one that was woken is not suspended");
}

/* Times that are drawn: COUNT of them, each within LEAST and MOST. How many are different? */
static int draws(usec_t least, usec_t most, int count)
{
	static usec_t seen[1000];
	int different = 0;

	for (int i = 0; i < count; i++) {
		usec_t delay;
		int j = 0;

		rest_wake(&rest);
		rest_idle(&rest, BEGIN);
		delay = rest.due - BEGIN;
		if (delay < least || delay > most)
			return -1;
		while (j < different && seen[j] != delay)
			j++;
		seen[j] = delay;
		different += j == different;
	}
	return different;
}

static void jitter(void)
{
	const struct rest_times times = { USEC_SEC, 1000 * USEC_SEC, NEVER };
	struct rest other;

	begin(USEC_SEC, 1000 * USEC_SEC, NEVER, true);
	ok(draws(USEC_SEC, 1000 * USEC_SEC, 1000) > 990, "jitter: times are between the two, and differ");
	begin(10, 12, NEVER, true);
	is_int(draws(10, 12, 200), 3, "jitter: both ends are among them");
	begin(10, 10, NEVER, true);
	is_int(draws(10, 10, 5), 1, "jitter: one that is as long as the time is none");
	begin(10, 3, NEVER, true);
	is_int(draws(10, 10, 5), 1, "jitter: nor is a shorter one");
	begin(10, NEVER, NEVER, true);
	is_int(draws(10, 10, 5), 1, "jitter: nor none");

	rest_init(&rest, &times, true, 6);
	rest_init(&other, &times, true, 8);
	rest_idle(&rest, BEGIN);
	rest_idle(&other, BEGIN);
	ok(rest.due != other.due, "jitter: consumers with other seeds rest at other times");
	rest_init(&rest, &times, true, 0);
	ok(draws(USEC_SEC, 1000 * USEC_SEC, 100) > 90, "jitter: 0 is a seed, too");
}

static void told(void)
{
	const struct rest_times shorter = { 3, NEVER, 4 }, never = { NEVER, NEVER, NEVER };

	begin(NEVER, NEVER, NEVER, true);
	ok(!rest_told(&rest, &shorter, BEGIN), "told: one that works has nothing to wake from");
	is_int(rest.due, USEC_NEVER, "told: and does not rest while it works");
	rest_idle(&rest, BEGIN);
	is_int(rest.due, BEGIN + 3, "told: the new times are for when it has done");

	begin(100, NEVER, NEVER, true);
	rest_idle(&rest, BEGIN);
	ok(!rest_told(&rest, &shorter, BEGIN + 50), "told: one that is idle has not hibernated");
	is_int(rest.due, BEGIN + 53, "told: its time begins anew");
	is_str(act(BEGIN + 53), "hibernate", "told: it hibernates");
	ok(rest_told(&rest, &shorter, BEGIN + 54), "told: that wakes it");
	is_int(rest.due, BEGIN + 57, "told: and the first stage begins again");
	is_str(act(BEGIN + 57), "hibernate", "told: it hibernates again");
	ok(rest_told(&rest, &never, BEGIN + 58), "told: never, one that hibernates wakes as well");
	is_int(rest.due, USEC_NEVER, "told: and does not rest again");
	is_str(act(USEC_NEVER - 1), "nothing", "told: at no time");
}

/* As far off as a duration can be. */
static void far_off(void)
{
	begin(USEC_NEVER - 1, NEVER, USEC_NEVER - 1, true);
	rest_idle(&rest, BEGIN);
	is_int(rest.due, USEC_NEVER, "far off: a time beyond all times is never, and not in the past");
	begin(1, USEC_NEVER - 1, NEVER, true);
	ok(draws(1, USEC_NEVER, 100) > 90, "far off: a jitter of that length, too");
	begin(1, NEVER, USEC_NEVER - 1, true);
	rest_idle(&rest, BEGIN);
	is_str(act(BEGIN + 1), "hibernate", "far off: the first stage alone is near");
	is_int(rest.due, USEC_NEVER, "far off: and the second is never");
}

int main(void)
{
	one_that_never_rests();
	both_stages();
	late();
	one_stage();
	one_that_may_not_be_suspended();
	no_time_at_all();
	woken();
	jitter();
	told();
	far_off();
	return done_testing();
}
