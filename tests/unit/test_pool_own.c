/* The pool whose items are processes of their own, with a clock of our own. */
#include "pool_steps.h"

static struct pool_config config(size_t slots, size_t per_slot)
{
	return (struct pool_config){ .slots = slots, .per_slot = per_slot, .own = true, .per_slot_max = 4,
		.kill_after = 5, .grace = 30 };
}

/* As begin, with a runner on every slot. */
static void begin_up(struct pool_config c)
{
	begin(c);
	for (size_t i = c.slots; i-- > 0;)
		pool_slot_up(&pool, i);
}

static void deadline(size_t i, usec_t at)
{
	pool_set_deadline(&pool, &items[i], at);
}

static void skip(int n)
{
	while (n-- > 0)
		next();
}

static void slots_come_and_go(void)
{
	begin(config(2, 1));
	offer(1, 3);
	is_str(next(), "wait", "without a runner nothing starts");
	is_int((long long)pool.waiting, 3, "three wait");
	pool_slot_up(&pool, 1);
	is_str(next(), "start 1 on 1", "a runner that came up takes one");
	is_str(next(), "wait", "and is full");
	is_int((long long)pool.waiting, 2, "two wait");
	pool_slot_up(&pool, 0);
	is_str(next(), "start 2 on 0", "the other takes the next");
	ends(1, POOL_FAILED);
	pool_slot_gone(&pool, 1);
	is_str(next(), "report 1 failed", "an item ends with its runner");
	is_str(next(), "wait", "a slot without a runner takes nothing");
	ok(!pool_slot_held(&pool, 1), "but it is not held");
	is_int((long long)pool.slot[0].taken, 1, "the other has taken one");
	ends(2, POOL_OK);
	skip(2);
	is_int((long long)pool.slot[0].taken, 2, "then two");
	ends(3, POOL_OK);
	pool_slot_gone(&pool, 0);
	pool_slot_up(&pool, 0);
	is_int((long long)pool.slot[0].taken, 0, "a new runner begins with none");
	is_str(next(), "report 3 passed", "the last one");
	is_str(next(), "wait", "nothing left");
	is_int(pool_deadline(&pool), USEC_NEVER, "nothing to wait for");
}

static void held_slots(void)
{
	begin_up(config(2, 2));
	pool_slot_hold(&pool, 0);
	ok(pool_slot_held(&pool, 0), "held");
	ok(!pool_slot_held(&pool, 1), "the other is not");
	offer(1, 3);
	is_str(next(), "start 1 on 1", "what is held takes nothing");
	is_str(next(), "start 2 on 1", "all goes to the other");
	is_str(next(), "wait", "until that is full");
	pool_slot_open(&pool, 0);
	is_str(next(), "start 3 on 0", "or the first one is open again");
	pool_slot_hold(&pool, 0);
	ends(3, POOL_OK);
	is_str(next(), "report 3 passed", "what runs on a held one ends as ever");
	ok(pool_slot_held(&pool, 0), "which does not open it");
	pool_slot_gone(&pool, 0);
	pool_slot_open(&pool, 0);
	offer(4, 4);
	is_str(next(), "wait", "opening does not bring back a runner that is gone");
	pool_slot_up(&pool, 0);
	is_str(next(), "start 4 on 0", "a new one is open");
}

static void least_loaded(void)
{
	begin_up(config(3, 2));
	offer(1, 6);
	is_str(next(), "start 1 on 0", "the emptiest");
	is_str(next(), "start 2 on 1", "then the next");
	is_str(next(), "start 3 on 2", "and the next");
	skip(3);
	is_str(next(), "wait", "all are full");
	ends(2, POOL_OK);
	ends(items[5].slot == 1 ? 5 : items[4].slot == 1 ? 4 : 6, POOL_OK);
	ends(3, POOL_OK);
	skip(3);
	offer(7, 8);
	is_str(next(), "start 7 on 1", "the one with two places before those with one");
	next();
	ok(item->seq == 8 && item->slot != 0, "then any that has one");
}

static void packed(void)
{
	struct pool_config c = config(3, 3);

	c.pack = true;
	begin_up(c);
	offer(1, 7);
	is_str(next(), "start 1 on 0", "the first one");
	is_str(next(), "start 2 on 0", "is filled");
	is_str(next(), "start 3 on 0", "until it is full");
	is_str(next(), "start 4 on 1", "then the next");
	skip(2);
	is_str(next(), "start 7 on 2", "and the next");
	ends(1, POOL_OK);
	ends(2, POOL_OK);
	ends(5, POOL_OK);
	skip(3);
	offer(8, 11);
	is_str(next(), "start 8 on 1", "of those with room the fullest");
	ok(!strncmp(next(), "start 9", 7) && item->slot != 1, "then one of the next fullest");
	pool_slot_hold(&pool, item->slot);
	slot = item->slot;
	ok(!strncmp(next(), "start 10", 8) && item->slot == 2 - slot, "but none that is held");
}

static void priorities(void)
{
	struct pool_config c = config(1, 1);

	begin(c);
	items[2].priority = -1;
	items[3].priority = 1;
	items[4].priority = -1;
	items[5].retries = 1;
	items[6].priority = INT32_MIN;
	items[7].priority = INT32_MAX;
	offer(1, 7);
	pool_slot_up(&pool, 0);
	is_str(next(), "start 6 on 0", "the lowest first");
	ends(6, POOL_OK);
	is_str((next(), next()), "start 2 on 0", "then the next");
	ends(2, POOL_OK);
	is_str((next(), next()), "start 4 on 0", "in order of arrival");
	ends(4, POOL_OK);
	is_str((next(), next()), "start 1 on 0", "then the ordinary ones");
	ends(1, POOL_OK);
	is_str((next(), next()), "start 5 on 0", "all of them");
	offer(8, 8);
	items[9].priority = -5;
	offer(9, 9);
	ends(5, POOL_FAILED);
	is_str(next(), "start 9 on 0", "a retry does not go before what is more urgent");
	ends(9, POOL_OK);
	is_str((next(), next()), "start 5 on 0", "but before its like");
	ends(5, POOL_FAILED);
	is_str((next(), next()), "start 8 on 0", "which come next");
	ends(8, POOL_OK);
	is_str((next(), next()), "start 3 on 0", "then the others");
	ends(3, POOL_OK);
	is_str((next(), next()), "start 7 on 0", "up to the highest");
	is_int((long long)pool.waiting, 0, "none waits");
}

static void retries(void)
{
	struct pool_config c = config(1, 1);

	c.retries = 1;
	begin_up(c);
	items[1].retries = 1;
	offer(1, 2);
	next();
	ends(1, POOL_FAILED);
	is_str(next(), "start 1 on 0", "the pool's retry");
	ends(1, POOL_FAILED);
	is_str(next(), "start 1 on 0", "its own");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "that is all");
	is_int(items[1].tries, 3, "after three tries");
	next();
	ends(2, POOL_FAILED);
	is_str(next(), "start 2 on 0", "another has the pool's alone");
	ends(2, POOL_FAILED);
	is_str(next(), "report 2 failed", "and no more");
}

static void ends_one_by_one(void)
{
	begin_up(config(1, 3));
	deadline(1, 1100);
	deadline(2, 1102);
	offer(1, 4);
	skip(3);
	is_str(next(), "wait", "three run");
	is_int(pool_deadline(&pool), 1100, "the first deadline counts");
	now = 1099;
	is_str(next(), "wait", "not a moment too early");
	now = 1100;
	is_str(next(), "term 1", "TERM for the one whose time is up");
	is_str(next(), "wait", "for it alone, and once");
	is_int(pool_deadline(&pool), 1102, "the next deadline is the other's");
	now = 1102;
	is_str(next(), "term 2", "it has a TERM of its own");
	is_int(pool_deadline(&pool), 1105, "the first is not forgotten");
	now = 1105;
	is_str(next(), "kill 1", "its KILL");
	is_int((long long)slot, 0, "on its slot");
	is_str(next(), "wait", "once");
	ends(2, POOL_FAILED);
	is_str(next(), "report 2 failed", "the other has ended in time");
	is_int(items[2].cause, POOL_TIMEOUT, "of its deadline");
	is_str(next(), "start 4 on 0", "its place is taken at once");
	is_int(pool_deadline(&pool), 1105 + ABANDON_AFTER, "the first is waited for");
	now = 1105 + ABANDON_AFTER;
	is_str(next(), "abandon 1 on 0", "its runner did not see to its end");
	is_str(next(), "wait", "said once");
	is_int(pool_deadline(&pool), USEC_NEVER, "nothing more is done about it");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "wait", "not for a cancel either");
	pool_slot_hold(&pool, 0);
	ends(1, POOL_FAILED);
	ends(3, POOL_UNBLAMED);
	ends(4, POOL_OK);
	pool_slot_gone(&pool, 0);
	is_str(next(), "report 1 failed", "in the end its runner is gone");
	is_int(items[1].cause, POOL_TIMEOUT, "the cause is the first one");
	is_str(next(), "report 4 passed", "what had ended has ended");
	is_str(next(), "wait", "who was not to blame waits for another runner");
	pool_slot_up(&pool, 0);
	offer(5, 5);
	is_str(next(), "start 3 on 0", "and gets it");
	is_str(next(), "wait", "for itself");
	ends(3, POOL_UNBLAMED);
	is_str(next(), "report 3 failed", "once");
}

static void kill_is_forgotten(void)
{
	begin_up(config(1, 1));
	items[1].retries = 1;
	offer(1, 2);
	next();
	pool_cancel(&pool, &items[2]);
	pool_cancel(&pool, &items[1]);
	is_str(next(), "term 1", "signals first");
	is_str(next(), "report 2 cancelled", "what waited is dropped at once");
	ends(1, POOL_OK);
	is_str(next(), "report 1 cancelled", "however it ends");
	offer(3, 3);
	next();
	is_int(pool_deadline(&pool), USEC_NEVER, "the KILL is forgotten");
	now += 100;
	is_str(next(), "wait", "whoever runs there now");
	pool_cancel(&pool, &items[3]);
	ends(3, POOL_FAILED);
	is_str(next(), "report 3 cancelled", "an end overtakes the TERM");
	is_str(next(), "wait", "which is forgotten, too");

	offer(1, 1);
	next();
	pool_cancel(&pool, &items[1]);
	is_str(next(), "term 1", "an item that comes again can be ended again");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "wait", "once");
	now += 5;
	is_str(next(), "kill 1", "and killed");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "wait", "once");
	ends(1, POOL_OK);
	is_str(next(), "report 1 cancelled", "and has ended");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "wait", "what is reported cannot be cancelled");
}

static void deadline_while_waiting(void)
{
	begin(config(1, 1));
	deadline(1, 1010);
	offer(1, 3);
	deadline(2, 1005);
	is_int(pool_deadline(&pool), 1005, "a deadline after the offer");
	now = 1005;
	is_str(next(), "report 2 failed", "counts while it waits");
	is_int(items[2].cause, POOL_TIMEOUT, "as the cause");
	is_int(pool_deadline(&pool), 1010, "one before the offer as well");
	deadline(1, USEC_NEVER);
	is_int(pool_deadline(&pool), USEC_NEVER, "it can be taken back");
	deadline(1, 1020);
	deadline(3, 1030);
	deadline(3, 1040);
	deadline(1, 1050);
	is_int(pool_deadline(&pool), 1040, "and moved");
	now = 1040;
	is_str(next(), "report 3 failed", "the other way");
	is_str(next(), "wait", "one waits still");
	is_int((long long)pool.waiting, 1, "one");
	pool_slot_up(&pool, 0);
	next();
	is_int(pool_deadline(&pool), 1050, "the same deadline counts when it runs");
	now = 1050;
	is_str(next(), "term 1", "is ended");
	ends(1, POOL_OK);
	is_str(next(), "report 1 failed", "exit 0 after TERM for time is a timeout still");
	deadline(4, 1);
	offer(4, 4);
	is_str(next(), "report 4 failed", "what comes too late is not started");
	is_int((long long)pool.failed, 4, "all that is failure");
	is_int((long long)pool.live, 0, "none is left");
}

static void deadline_while_running(void)
{
	begin_up(config(1, 2));
	offer(1, 2);
	skip(2);
	deadline(1, 1010);
	deadline(2, 1010);
	deadline(2, 1020);
	now = 1010;
	is_str(next(), "term 1", "a deadline for what runs");
	is_str(next(), "wait", "the other has more time");
	deadline(1, 1012);
	now = 1012;
	is_str(next(), "wait", "another deadline after the first does nothing");
	now = 1015;
	is_str(next(), "kill 1", "and does not delay the KILL");
	deadline(2, 1);
	is_str(next(), "term 2", "a deadline in the past is now");
	ends(1, POOL_FAILED);
	ends(2, POOL_FAILED);
	is_str(next(), "report 1 failed", "one");
	deadline(2, 1016);
	is_str(next(), "report 2 failed", "a deadline between the end and the report");
	now = 2000;
	is_str(next(), "wait", "does nothing");
	is_int(pool_deadline(&pool), USEC_NEVER, "and is forgotten");
	is_int((long long)pool.live, 0, "none is left");
}

static void deadline_before_the_offer(void)
{
	begin_up(config(1, 1));
	deadline(1, 1010);
	now = 1020;
	is_str(next(), "wait", "an item that was not offered does not time out");
	is_int((long long)(pool.waiting + pool.failed), 0, "nor is it counted");
	offer(1, 1);
	is_str(next(), "report 1 failed", "when it is, its time is up");
	offer(1, 1);
	is_str(next(), "start 1 on 0", "what is offered again has no deadline of old");
	now += 10000;
	is_str(next(), "wait", "none at all");
	ends(1, POOL_OK);
	deadline(2, 11030);
	pool_halt(&pool);
	offer(2, 2);
	is_str(next(), "report 1 passed", "the first");
	is_str(next(), "report 2 interrupted", "what comes too late is given back");
	is_int(pool_deadline(&pool), USEC_NEVER, "with its deadline");
}

static void deadline_is_for_all_tries(void)
{
	begin_up(config(1, 1));
	items[1].retries = items[2].retries = 3;
	deadline(1, 1010);
	deadline(2, 1040);
	offer(1, 1);
	next();
	ends(1, POOL_FAILED);
	is_str(next(), "start 1 on 0", "a retry in time");
	is_int(pool_deadline(&pool), 1010, "has the same deadline");
	now = 1010;
	is_str(next(), "term 1", "when that comes it is ended");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "and not tried again: it would have no deadline");
	is_int(items[1].cause, POOL_TIMEOUT, "with its cause");
	offer(2, 2);
	next();
	pool_slot_hold(&pool, 0);
	ends(2, POOL_FAILED);
	is_str(next(), "wait", "a retry waits for a runner");
	now = 1040;
	is_str(next(), "report 2 failed", "until its time is up");
}

static void per_slot_changes(void)
{
	begin_up(config(2, 1));
	offer(1, 12);
	skip(2);
	is_str(next(), "wait", "one each");
	pool_set_per_slot(&pool, 3);
	ok(!strncmp(next(), "start 3", 7), "more places");
	skip(3);
	is_str(next(), "wait", "three each");
	is_int((long long)(pool.slot[0].load * 10 + pool.slot[1].load), 33, "evenly");
	pool_set_per_slot(&pool, 2);
	is_str(next(), "wait", "fewer places end nothing");
	ends(1, POOL_OK);
	is_str(next(), "report 1 passed", "one ends");
	is_str(next(), "wait", "its runner is full still");
	pool_slot_hold(&pool, 0);
	pool_slot_open(&pool, 0);
	is_str(next(), "wait", "held and opened, it is full still");
	ends(items[3].slot == 0 ? 3 : 4, POOL_OK);
	next();
	ok(!strncmp(next(), "start 7 on 0", 12), "now it has room");
	pool_set_per_slot(&pool, 4);
	skip(3);
	is_str(next(), "wait", "four each");
	is_int((long long)(pool.slot[0].load * 10 + pool.slot[1].load), 44, "to the last");
	pool_set_per_slot(&pool, 1);
	for (size_t i = 1; i <= 10; i++)
		if (items[i].state == ITEM_RUNNING)
			ends(i, POOL_OK);
	while (!strncmp(next(), "report", 6))
		;
	ok(item->seq == 11, "then one each again");
	ok(!strcmp(next(), "start 12 on 0") || item->slot == 1, "on both");
	is_str(next(), "wait", "all done");
	is_int((long long)(pool.slot[0].load * 10 + pool.slot[1].load), 11, "one each");
}

static void per_slot_changes_packed(void)
{
	struct pool_config c = config(2, 3);

	c.pack = true;
	begin_up(c);
	offer(1, 6);
	skip(4);
	pool_set_per_slot(&pool, 1);
	is_str(next(), "wait", "packed: too full, and full");
	pool_set_per_slot(&pool, 2);
	is_str(next(), "start 5 on 1", "room for one");
	is_str(next(), "wait", "for one only");
	pool_set_per_slot(&pool, 4);
	is_str(next(), "start 6 on 0", "the fullest with room");
}

static void single_use(void)
{
	struct pool_config c = config(2, 2);

	c.single_use = true;
	begin_up(c);
	offer(1, 5);
	skip(4);
	ends(1, POOL_OK);
	is_str(next(), "report 1 passed", "one has ended");
	is_str(next(), "wait", "its runner takes nothing new");
	ok(pool_slot_held(&pool, 0) && pool.slot[0].load == 1, "it is held while the other item runs");
	pool_set_per_slot(&pool, 4);
	is_str(next(), "start 5 on 1", "one that has ended none takes more");
	items[2].retries = 1;
	ends(2, POOL_FAILED);
	is_str(next(), "wait", "a retry is something new, too");
	ok(pool_slot_held(&pool, 1), "both are used");
	ends(items[3].slot == 0 ? 3 : 4, POOL_OK);
	next();
	pool_slot_gone(&pool, 0);
	pool_slot_up(&pool, 0);
	is_str(next(), "start 2 on 0", "a new runner takes it");
	ends(2, POOL_OK);
	next();
	ok(pool_slot_held(&pool, 0), "and is used");
}

static void single_use_refused(void)
{
	struct pool_config c = config(1, 1);

	c.single_use = true;
	begin_up(c);
	offer(1, 1);
	is_str(next_but(false), "start 1 on 0", "to be started");
	ok(pool_refused(&pool, &items[1], now), "refused");
	ok(!pool_slot_held(&pool, 0), "nothing has ended there: it is as good as before");
	is_int((long long)pool.slot[0].taken, 0, "it has taken nothing");
	is_str(next(), "wait", "a pause");
	is_int(pool_deadline(&pool), now + REFUSED_PAUSE, "a little one");
	now += REFUSED_PAUSE;
	is_str(next(), "start 1 on 0", "then once more");
	ends(1, POOL_UNSTARTED);
	is_str(next(), "report 1 interrupted", "what could not be begun is given back");
	ok(pool_slot_held(&pool, 0), "an end is an end");
}

static void refused(void)
{
	int tries = 0;

	begin_up(config(2, 1));
	deadline(1, 1050);
	offer(1, 3);
	next_but(false);
	next();
	pool_refused(&pool, &items[1], now);
	is_int((long long)pool.waiting, 2, "refused, it waits again");
	is_str(next(), "wait", "with its deadline");
	is_int(pool_deadline(&pool), 1050, "which counts");
	ends(2, POOL_OK);
	is_str(next(), "report 2 passed", "one ends");
	ok(!strncmp(next_but(false), "start 1", 7), "and makes room at once");
	now = 1050;
	is_str(next(), "term 1", "its deadline comes while it is being started");
	pool_refused(&pool, &items[1], now);
	is_str(next(), "report 1 failed", "refused after that: there is no time for another try");
	is_int(items[1].cause, POOL_TIMEOUT, "it timed out");
	now += REFUSED_PAUSE;
	next_but(false);
	pool_cancel(&pool, &items[3]);
	is_str(next(), "term 3", "cancelled while it is being started");
	pool_refused(&pool, &items[3], now);
	is_str(next(), "report 3 cancelled", "refused after that: it is not tried again");
	is_str(next(), "wait", "the TERM is forgotten");
	is_int(pool_deadline(&pool), USEC_NEVER, "the KILL as well");
	is_int((long long)(pool.slot[0].load + pool.slot[1].load + pool.running), 0, "nothing runs");

	offer(4, 4);
	now += REFUSED_PAUSE;
	while (pool_next(&pool, now, &item, &slot) == POOL_START && pool_refused(&pool, item, now)) {
		now += REFUSED_PAUSE;
		tries++;
	}
	ok(tries > 10 && tries <= REFUSALS_MAX, "in the end it is refused for good");
	ends(4, POOL_FAILED);
	is_str(next(), "report 4 failed", "and fails");

	begin_up(config(1, 1));
	offer(1, 1);
	next_but(false);
	pool_stop(&pool);
	is_str(next(), "term 1", "a stop while it is being started");
	pool_refused(&pool, &items[1], now);
	is_str(next(), "report 1 interrupted", "refused after that: it is given back");
	ok(pool_finished(&pool), "finished");
}

static void drain(void)
{
	begin_up(config(2, 2));
	deadline(4, 1010);
	offer(1, 5);
	skip(4);
	pool_drain(&pool, now);
	is_str(next(), "report 5 interrupted", "what has not started is given back");
	offer(6, 6);
	is_str(next(), "report 6 interrupted", "what comes nevertheless is given back");
	is_int(pool_deadline(&pool), 1010, "deadlines count still");
	now = 1010;
	is_str(next(), "term 4", "for those that have one");
	is_int(pool_deadline(&pool), 1015, "with the KILL");
	ends(4, POOL_OK);
	is_str(next(), "report 4 failed", "which is not needed");
	is_int(pool_deadline(&pool), 1030, "the others have their grace");
	items[1].retries = 3;
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "who ends by itself in that time has ended");
	now = 1030;
	ok(!strncmp(next(), "term", 4), "then TERM");
	ok(!strncmp(next(), "term", 4), "to each");
	is_str(next(), "wait", "once");
	ends(2, POOL_FAILED);
	is_str(next(), "report 2 interrupted", "that end was ours");
	now = 1035;
	is_str(next(), "kill 3", "KILL for the other");
	now = 1035 + ABANDON_AFTER;
	ok(!strncmp(next(), "abandon 3", 9) && slot == items[3].slot, "which its runner does not see to");
	ok(!pool_finished(&pool), "not finished while one runs");
	ends(3, POOL_FAILED);
	is_str(next(), "report 3 interrupted", "the last one");
	ok(pool_finished(&pool), "finished");
	is_int((long long)pool.interrupted, 4, "four were interrupted");
}

static void stop(void)
{
	begin_up(config(2, 2));
	offer(1, 4);
	skip(4);
	pool_cancel(&pool, &items[1]);
	is_str(next(), "term 1", "one is cancelled");
	pool_stop(&pool);
	skip(3);
	is_str(next(), "wait", "the others are told");
	is_int(items[2].end.signal, SEND_KILL, "each");
	pool_stop(&pool);
	is_str(next(), "wait", "stopping again adds nothing");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 cancelled", "the cause is the first one");
	ends(2, POOL_OK);
	is_str(next(), "report 2 passed", "who succeeds at the last moment has succeeded");
	ends(3, POOL_UNBLAMED);
	is_str(next(), "report 3 interrupted", "not by its own fault");
	pool_slot_gone(&pool, items[3].slot);
	now += 5;
	is_str(next(), "kill 4", "the last is killed");
	ends(4, POOL_FAILED);
	is_str(next(), "report 4 interrupted", "and is given back");
	ok(pool_finished(&pool), "finished");
}

static void halts(void)
{
	struct pool_config c = config(1, 2);

	begin_up(c);
	offer(1, 3);
	skip(2);
	pool_halt(&pool);
	is_str(next(), "report 3 interrupted", "halted: nothing more starts");
	is_str(next(), "wait", "what runs may end");
	is_int(pool_deadline(&pool), USEC_NEVER, "without a limit");
	items[1].retries = 1;
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "no retries then");
	ends(2, POOL_OK);
	is_str(next(), "report 2 passed", "and it does");

	c.halt = POOL_HALT_NOW;
	c.halt_fail = 1;
	begin_up(c);
	offer(1, 3);
	skip(2);
	deadline(3, 1010);
	now = 1010;
	ok(!strncmp(next(), "term", 4) && pool.halted, "a call whose time was up before it started is a failure, too");
	is_str(next(), "term 2", "now: all are ended");
	is_str(next(), "report 3 failed", "reported");
}

static void same_time(void)
{
	begin_up(config(1, 4));
	for (size_t i = 1; i <= 8; i++)
		deadline(i, 1010);
	offer(1, 8);
	skip(4);
	now = 5000;
	for (size_t i = 1; i <= 4; i++)
		ok(!strncmp(next(), "term", 4), "one TERM each");
	for (size_t i = 5; i <= 8; i++)
		ok(!strncmp(next(), "report", 6) && item->verdict == POOL_FAILURE, "one report each");
	is_str(next(), "wait", "no more");
	is_int(pool_deadline(&pool), 5005, "the KILLs are counted from the TERMs, however late those were");
	now = 5005;
	for (size_t i = 1; i <= 4; i++)
		ok(!strncmp(next(), "kill", 4), "one KILL each");
	is_str(next(), "wait", "no more");
}

int main(void)
{
	slots_come_and_go();
	held_slots();
	least_loaded();
	packed();
	priorities();
	retries();
	ends_one_by_one();
	kill_is_forgotten();
	deadline_while_waiting();
	deadline_while_running();
	deadline_before_the_offer();
	deadline_is_for_all_tries();
	per_slot_changes();
	per_slot_changes_packed();
	single_use();
	single_use_refused();
	refused();
	drain();
	stop();
	halts();
	same_time();
	pool_release(&pool);
	return done_testing();
}
