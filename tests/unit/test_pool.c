/* The pool is a state machine without I/O: it is tested by itself, with a clock of our own. */
#include "pool_steps.h"

static struct pool_config config(size_t slots, size_t per_slot)
{
	return (struct pool_config){ .slots = slots, .per_slot = per_slot, .kill_after = 5, .grace = 30 };
}

static void starts_in_order(void)
{
	begin(config(2, 1));
	is_int((long long)pool_room(&pool), 2, "two slots have room for two");
	is_str(next(), "wait", "without items there is nothing to do");
	offer(1, 3);
	is_int((long long)pool_room(&pool), 0, "no room left");
	is_str(next(), "start 1 on 0", "the first item takes the first slot");
	is_str(next(), "start 2 on 1", "the second the second");
	is_str(next(), "wait", "the third waits");
	ends(2, POOL_OK);
	is_str(next(), "report 2 passed", "an end is reported before anything starts");
	is_str(next(), "start 3 on 1", "the third takes the free slot");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "a failure without retries is final");
	pool_eof(&pool);
	ok(!pool_finished(&pool), "not finished while one runs");
	ends(3, POOL_OK);
	is_str(next(), "report 3 passed", "the last one");
	ok(pool_finished(&pool), "finished");
	is_int((long long)pool.passed, 2, "two passed");
	is_int((long long)pool.failed, 1, "one failed");
	is_int(pool_deadline(&pool), USEC_NEVER, "nothing to wait for");
}

static void retries(void)
{
	struct pool_config c = config(1, 1);

	c.retries = 2;
	begin(c);
	offer(1, 2);
	is_str(next(), "start 1 on 0", "first try");
	ends(1, POOL_FAILED);
	is_str(next(), "start 1 on 0", "second try, before later items");
	ends(1, POOL_FAILED);
	is_str(next(), "start 1 on 0", "third try");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "then it has failed");
	is_str(next(), "start 2 on 0", "the next item");
	ends(2, POOL_BAD);
	is_str(next(), "report 2 failed", "what cannot get better is not tried again");
}

static void timeout(void)
{
	struct pool_config c = config(2, 1);

	c.timeout = 100;
	begin(c);
	offer(1, 2);
	next();
	now += 10;
	next();
	is_int(pool_deadline(&pool), 1100, "the first deadline counts");
	now = 1099;
	is_str(next(), "wait", "not a moment too early");
	now = 1100;
	is_str(next(), "term 0", "TERM when time is up");
	is_str(next(), "wait", "only once");
	ok(pool_slot_termed(&pool, 0), "the slot is waited for");
	is_int(pool_deadline(&pool), 1105, "KILL is next");
	now = 1105;
	is_str(next(), "kill 0", "KILL after kill_after");
	is_str(next(), "wait", "only once");
	pool_slot_down(&pool, 0);
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "a timeout is a failure");
	is_int(items[1].cause, POOL_TIMEOUT, "with its cause");
	ends(2, POOL_OK);
	is_str(next(), "report 2 passed", "an end in time");
	now += 1000;
	is_str(next(), "wait", "forgets the deadline");
}

static void timeout_beats_success(void)
{
	struct pool_config c = config(1, 1);

	c.timeout = 100;
	begin(c);
	offer(1, 1);
	next();
	now += 100;
	next();
	pool_slot_down(&pool, 0);
	ends(1, POOL_OK);
	is_str(next(), "report 1 failed", "exit 0 after TERM for time is a timeout still");
}

static void slot_that_ends_takes_nothing(void)
{
	struct pool_config c = config(1, 1);

	c.timeout = 10;
	begin(c);
	offer(1, 2);
	next();
	now += 10;
	is_str(next(), "term 0", "TERM");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "its item has ended");
	is_str(next(), "wait", "but its process group is there still");
	pool_slot_down(&pool, 0);
	is_str(next(), "start 2 on 0", "now the slot is free");
}

static void cancel(void)
{
	begin(config(1, 1));
	offer(1, 3);
	next();
	pool_cancel(&pool, &items[2]);
	is_str(next(), "report 2 cancelled", "what has not started is dropped");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "term 0", "what runs is ended");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "wait", "cancelling twice is nothing more");
	pool_slot_down(&pool, 0);
	ends(1, POOL_OK);
	is_str(next(), "report 1 cancelled", "however it ends");
	pool_cancel(&pool, &items[1]);
	is_str(next(), "start 3 on 0", "what is reported cannot be cancelled");
}

static void drain(void)
{
	begin(config(2, 1));
	offer(1, 3);
	next();
	next();
	pool_drain(&pool, now);
	is_str(next(), "report 3 interrupted", "what has not started is given back");
	is_int((long long)pool_room(&pool), 0, "no room for more");
	offer(4, 4);
	is_str(next(), "report 4 interrupted", "what comes nevertheless is given back");
	is_int(pool_deadline(&pool), 1030, "the running ones have their grace");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "who ends by itself in that time has ended");
	now += 30;
	is_str(next(), "term 1", "then TERM");
	now += 5;
	is_str(next(), "kill 1", "then KILL");
	pool_slot_down(&pool, 1);
	ends(2, POOL_FAILED);
	is_str(next(), "report 2 interrupted", "that end was ours");
	ok(pool_finished(&pool), "finished without end of input");
	is_int((long long)pool.interrupted, 3, "three were interrupted");
}

static void drain_does_not_retry(void)
{
	struct pool_config c = config(1, 1);

	c.retries = 5;
	begin(c);
	offer(1, 1);
	next();
	pool_drain(&pool, now);
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "no retries when nothing may start");
}

static void stop(void)
{
	begin(config(1, 1));
	offer(1, 1);
	next();
	pool_drain(&pool, now);
	pool_stop(&pool);
	is_str(next(), "term 0", "stop does not wait for the grace");
	pool_stop(&pool);
	is_str(next(), "wait", "stopping again adds nothing");
	pool_slot_down(&pool, 0);
	ends(1, POOL_OK);
	is_str(next(), "report 1 passed", "who succeeds at the last moment has succeeded");
}

static void halts(void)
{
	struct pool_config c = config(2, 1);

	c.halt = POOL_HALT_SOON;
	c.halt_fail = 1;
	begin(c);
	offer(1, 3);
	next();
	next();
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "the failure");
	is_str(next(), "report 3 interrupted", "nothing more starts");
	is_str(next(), "wait", "soon: the other may end");
	ok(pool.halted, "halted");
	ends(2, POOL_OK);
	is_str(next(), "report 2 passed", "and does");

	c.halt = POOL_HALT_NOW;
	begin(c);
	offer(1, 2);
	next();
	next();
	ends(1, POOL_FAILED);
	is_str(next(), "term 1", "now: the other is ended");

	c.halt_fail = 50;
	c.halt_percent = true;
	begin(c);
	for (size_t i = 1; i <= 6; i++) {
		offer(i, i);
		next();
		ends(i, i % 2 ? POOL_FAILED : POOL_OK);
		next();
		if (i == 4)
			ok(!pool.halted, "a share needs three failures");
	}
	ok(pool.halted, "half of them failed");
}

static void refused(void)
{
	int tries = 0;

	begin(config(1, 1));
	offer(1, 1);
	if (pool_next(&pool, now, &item, &slot) != POOL_START)
		bail_out("no start");
	ok(pool_refused(&pool, item, now), "no processes: it waits");
	is_str(next(), "wait", "for a while");
	is_int(pool_deadline(&pool), now + REFUSED_PAUSE, "a little while");
	now += REFUSED_PAUSE;
	while (pool_next(&pool, now, &item, &slot) == POOL_START && pool_refused(&pool, item, now)) {
		now += REFUSED_PAUSE;
		tries++;
	}
	is_int(tries, REFUSALS_MAX - 1, "in the end it is refused for good");
	ends(1, POOL_FAILED);
	is_str(next(), "report 1 failed", "and fails");
}

static void refused_goes_on_when_something_ends(void)
{
	begin(config(2, 1));
	offer(1, 2);
	next();
	if (pool_next(&pool, now, &item, &slot) != POOL_START)
		bail_out("no start");
	pool_refused(&pool, item, now);
	is_str(next(), "wait", "refused");
	ends(1, POOL_OK);
	is_str(next(), "report 1 passed", "one ends");
	ok(!strncmp(next(), "start 2", 7), "its room is used at once");
}

static void window(void)
{
	struct pool_config c = config(2, 3);

	c.timeout = 100;
	begin(c);
	is_int((long long)pool_room(&pool), 6, "room in all windows");
	offer(1, 7);
	is_str(next(), "start 1 on 0", "the least loaded first");
	is_str(next(), "start 2 on 1", "and so on");
	ok(!strncmp(next(), "start 3", 7), "second round");
	is_int((long long)items[3].slot + (next(), (long long)items[4].slot), 1, "is spread, too");
	next();
	next();
	is_str(next(), "wait", "windows are full");
	is_int((long long)pool_head(&pool, 0)->seq, 1, "the oldest is the head");
	now += 50;
	ends(1, POOL_OK);
	is_str(next(), "report 1 passed", "the head is answered");
	is_str(next(), "start 7 on 0", "its place is taken");
	is_int(pool_deadline(&pool), 1100, "the other slot's clock goes on");
	ends(2, POOL_OK);
	is_int(pool_deadline(&pool), 1150, "a new head has a clock of its own");
}

static void unblamed(void)
{
	begin(config(2, 3));
	offer(1, 6);
	for (int i = 0; i < 6; i++)
		next();
	/* Slot 0 dies with three items; its head is to blame. */
	struct pool_item *head = pool_head(&pool, 0);
	size_t second = head->next->seq, third = head->next->next->seq;

	pool_slot_end(&pool, 0);
	ends(third, POOL_UNBLAMED);
	ends(second, POOL_UNBLAMED);
	ends(head->seq, POOL_FAILED);
	is_str(next(), "term 0", "its process is ended");
	is_str(next(), "report 1 failed", "the head has failed");
	is_str(next(), "wait", "the others wait for a slot of their own");
	pool_slot_down(&pool, 0);
	next();
	is_int((long long)item->seq, (long long)second, "in their order");
	is_str(next(), "wait", "alone: nothing joins it");
	ends(second, POOL_FAILED);
	next();
	ok(item->seq == second && item->verdict == POOL_FAILURE, "alone it can be blamed");
	next();
	is_int((long long)item->seq, (long long)third, "then the other");
	ends(third, POOL_OK);
	next();
	ok(item->seq == third && item->verdict == POOL_PASSED, "which was innocent");
}

static void unblamed_while_stopping(void)
{
	begin(config(1, 2));
	offer(1, 2);
	next();
	next();
	pool_drain(&pool, now);
	ends(2, POOL_UNBLAMED);
	ends(1, POOL_FAILED);
	is_str(next(), "report 2 interrupted", "no second try then: it goes back");
	is_str(next(), "report 1 failed", "the head failed by itself");
}

static void holding(void)
{
	begin(config(1, 1));
	offer(1, 1);
	pool_slot_hold(&pool, 0);
	is_str(next(), "wait", "a slot on hold takes nothing");
	pool_slot_open(&pool, 0);
	is_str(next(), "start 1 on 0", "until it is open");
	pool_slot_open(&pool, 0);
	is_str(next(), "wait", "opening it again changes nothing");
}

static void closing(void)
{
	begin(config(2, 1));
	pool_eof(&pool);
	pool_slot_close(&pool, 0, now);
	pool_slot_close(&pool, 1, now);
	is_str(next(), "wait", "it may end by itself");
	pool_slot_down(&pool, 1);
	now += 5;
	is_str(next(), "term 0", "then TERM");
	now += 5;
	is_str(next(), "kill 0", "then KILL");
	pool_slot_down(&pool, 0);
	is_int(pool_deadline(&pool), USEC_NEVER, "then nothing");
	pool_slot_close(&pool, 0, now);
	pool_stop(&pool);
	is_str(next(), "term 0", "a stop does not wait for a slot that closes");
}

/* Any order of events: nothing is lost, nothing runs twice, no slot takes too much. */
static unsigned seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static void random_event(size_t offered, size_t *running)
{
	size_t i = rnd((unsigned)offered);

	now += rnd(4);
	if (items[i].state == ITEM_RUNNING && pool.slot[items[i].slot].items.first == &items[i]) {
		size_t at = items[i].slot;

		if (pool_slot_termed(&pool, at))
			pool_slot_down(&pool, at);
		ends(i, (enum pool_outcome)rnd(3));
		(*running)--;
	} else if (rnd(50) == 0) {
		pool_cancel(&pool, &items[i]);
	}
	for (size_t s = 0; s < pool.config.slots; s++)
		if (!pool.slot[s].load && pool.slot[s].state == SLOT_ENDING && rnd(2))
			pool_slot_down(&pool, s);
}

static void random_run(unsigned number)
{
	struct pool_config c = config(1 + number % 4, 1 + number % 3);
	size_t running = 0, reported = 0, offered = 0, most = 0;
	bool overfull = false;

	seed = number;
	c.timeout = number % 2 ? 20 : 0;
	c.retries = number % 3;
	begin(c);
	for (int step = 0; step < 20000 && !(pool_finished(&pool) && offered == ITEMS); step++) {
		enum pool_do what;

		while (offered < ITEMS && pool_room(&pool)) {
			items[offered].seq = offered;
			pool_offer(&pool, &items[offered++]);
		}
		if (offered == ITEMS)
			pool_eof(&pool);
		while ((what = pool_next(&pool, now, &item, &slot)) != POOL_WAIT) {
			if (what == POOL_START) {
				running++;
				pool_started(&pool, item, now);
			}
			reported += what == POOL_REPORT;
		}
		for (size_t s = 0; s < c.slots; s++)
			overfull |= pool.slot[s].load > c.per_slot;
		most = running > most ? running : most;
		random_event(offered, &running);
	}
	ok(reported == ITEMS && !running && !overfull && most <= c.slots * c.per_slot,
		"random run %u: %zu of %d reported, %zu running", number, reported, ITEMS, running);
}

int main(void)
{
	starts_in_order();
	retries();
	timeout();
	timeout_beats_success();
	slot_that_ends_takes_nothing();
	cancel();
	drain();
	drain_does_not_retry();
	stop();
	halts();
	refused();
	refused_goes_on_when_something_ends();
	window();
	unblamed();
	unblamed_while_stopping();
	holding();
	closing();
	for (unsigned i = 1; i <= 24; i++)
		random_run(i);
	pool_release(&pool);
	return done_testing();
}
