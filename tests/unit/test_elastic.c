/* How many runners a pool has: both machines together, with a clock of our own. */
#include "../../cmd/wp-pool/pool.c"

/* Two names that are static in both. */
#define count elastic_census
#define earlier elastic_earlier
#include "../../cmd/wp-pool/elastic.c"
#undef count
#undef earlier

#include "tap.h"

#define ITEMS 64
#define SLOTS 8
#define SEC USEC_SEC
#define START (1000 * SEC)

static struct pool pool;
static struct elastic elastic;
static struct pool_item items[ITEMS];
static struct pool_item *item;
static size_t slot;
static usec_t now;

static struct pool_config places(size_t per_slot)
{
	return (struct pool_config){ .slots = SLOTS, .per_slot = per_slot, .own = true, .per_slot_max = 4,
		.kill_after = 5 * SEC, .grace = 30 * SEC };
}

static struct elastic_config runners(size_t min, size_t max)
{
	return (struct elastic_config){ .min = min, .max = max, .grow_when = 1, .boot_timeout = 60 * SEC,
		.shutdown_timeout = 20 * SEC, .idle_after = USEC_NEVER, .min_idle_after = USEC_NEVER };
}

static void begin(struct pool_config p, struct elastic_config c)
{
	elastic_release(&elastic);
	pool_release(&pool);
	memset(items, 0, sizeof(items));
	now = START;
	pool_init(&pool, &p);
	elastic_init(&elastic, &pool, &c);
}

static void offer(size_t from, size_t to)
{
	for (size_t i = from; i <= to; i++) {
		items[i].seq = i;
		pool_offer(&pool, &items[i]);
	}
}

/* What is to be done next, the pool's wishes first: "start 3 on 0", "report 3 passed", "boot 1", "shut 0", "wait". */
static const char *next(void)
{
	static const char *const of_pool[] = { "wait", "start", "term", "kill item", "abandon", "report" };
	static const char *const of_elastic[] = { "wait", "boot", "check", "shut", "kill" };
	static const char *const verdicts[] = { "passed", "failed", "cancelled", "interrupted" };
	static char text[64];
	enum pool_do what = pool_next(&pool, now, &item, &slot);
	int n;

	if (what == POOL_WAIT) {
		enum elastic_do wish = elastic_next(&elastic, now, &slot);

		if (wish == ELASTIC_WAIT)
			return "wait";
		n = snprintf(text, sizeof(text), "%s %zu", of_elastic[wish], slot);
	} else if (what == POOL_START) {
		pool_started(&pool, item, now);
		n = snprintf(text, sizeof(text), "start %d on %zu", (int)item->seq, item->slot);
	} else {
		n = snprintf(text, sizeof(text), "%s %d%s%s", of_pool[what], (int)item->seq, what == POOL_REPORT ? " " : "",
			what == POOL_REPORT ? verdicts[item->verdict] : "");
	}
	if (n < 0 || (size_t)n >= sizeof(text))
		bail_out("text");
	return text;
}

/* Everything up to the wait, as one text: "boot 0, boot 1". */
static const char *all(void)
{
	static char text[512];
	size_t len = 0;
	const char *one;

	text[0] = '\0';
	while (strcmp(one = next(), "wait") != 0) {
		int n = snprintf(text + len, sizeof(text) - len, "%s%s", len ? ", " : "", one);

		if (n < 0 || (size_t)n >= sizeof(text) - len)
			bail_out("it does not come to rest");
		len += (size_t)n;
	}
	return text;
}

static void booted(size_t i)
{
	elastic_booted(&elastic, i, now);
}

static void gone(size_t i)
{
	elastic_gone(&elastic, i, now);
}

static void ends(size_t i, enum pool_outcome outcome)
{
	pool_ended(&pool, &items[i], outcome, now);
}

/* When something is to be done, from now; -1: never. */
static usec_t until(void)
{
	usec_t a = pool_deadline(&pool), b = elastic_deadline(&elastic);

	return a == USEC_NEVER && b == USEC_NEVER ? -1 : (a < b ? a : b) - now;
}

/* With N runners that were there for long. */
static void begin_with(size_t n, struct pool_config p, struct elastic_config c)
{
	struct elastic_config first = c;

	first.min = first.max = n;
	first.spare = 0;
	begin(p, first);
	all();
	for (size_t i = 0; i < n; i++)
		booted(i);
	now += 2 * ELASTIC_STABLE_AFTER;
	elastic_set(&elastic, &c);
}

/* Growing */

static void a_call_boots_a_runner(void)
{
	begin(places(1), runners(0, 2));
	is_str(all(), "", "without calls nothing is booted");
	is_int(until(), -1, "and nothing is to come");
	offer(1, 1);
	is_str(all(), "boot 0", "one call, one runner");
	is_int(until(), 60 * SEC, "that has its time");
	is_int((long long)elastic_count(&elastic, RUNNER_BOOTING), 1, "one boots");
	booted(0);
	is_str(all(), "start 1 on 0", "when it is there the call begins");
	offer(2, 3);
	is_str(all(), "boot 1", "no more than max");
	is_int((long long)elastic_all(&elastic), 2, "two are there");
	booted(1);
	is_str(all(), "start 2 on 1", "the second begins");
	pool_set_deadline(&pool, &items[3], now + 7 * SEC);
	is_int(until(), 7 * SEC, "the third waits with its deadline");
	now += 7 * SEC;
	is_str(all(), "report 3 failed", "which comes");
	offer(4, 4);
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed, start 4 on 0", "what is free is used");
	is_int((long long)elastic.boots, 2, "two boots in all");
}

static void fills_before_it_grows(void)
{
	begin(places(3), runners(0, 4));
	offer(1, 1);
	all();
	offer(2, 3);
	is_str(all(), "", "the runner that boots has places for three");
	offer(4, 4);
	is_str(all(), "boot 1", "a fourth call needs another");
	booted(1);
	is_str(all(), "start 1 on 1, start 2 on 1, start 3 on 1", "which may be there first");
	booted(0);
	is_str(all(), "start 4 on 0", "the rest goes to the first");
	offer(5, 6);
	is_str(all(), "start 5 on 0, start 6 on 0", "free places are used");
	offer(7, 10);
	is_str(all(), "boot 2, boot 3", "four more calls: two more runners");
	is_str(all(), "", "once");
	pool_set_per_slot(&pool, 4);
	is_str(all(), "start 7 on 0, start 8 on 1", "more places on the old ones");
}

static void keeps_min(void)
{
	begin(places(1), runners(3, 5));
	is_str(all(), "boot 0, boot 1, boot 2", "min at once");
	booted(0);
	booted(1);
	booted(2);
	is_str(all(), "", "that is enough");
	is_int(until(), -1, "for ever");
	now += 20 * SEC;
	is_str(all(), "", "still");
	gone(1);
	is_str(all(), "boot 1", "a lost one is replaced, on its slot");
	is_int((long long)elastic.lost, 1, "one was lost");
	booted(1);
	offer(1, 3);
	is_str((all(), all()), "", "min is not spare: no more while all work");
	offer(4, 4);
	is_str(all(), "boot 3", "another call, another runner");
}

static void keeps_spare(void)
{
	struct elastic_config c = runners(0, 4);

	c.spare = 2;
	begin(places(2), c);
	is_str(all(), "boot 0, boot 1", "two idle ones");
	booted(0);
	booted(1);
	offer(1, 1);
	is_str(all(), "start 1 on 1, boot 2", "one works: another is booted");
	booted(2);
	offer(2, 2);
	all();
	offer(3, 3);
	is_int((long long)elastic_all(&elastic), 4, "up to max");
	is_str((all(), all()), "", "and no further");
	begin(places(2), c);
	offer(1, 3);
	is_str(all(), "boot 0, boot 1, boot 2, boot 3", "spare is beside what the calls need");
}

static void grows_when(void)
{
	struct elastic_config c = runners(0, 4);

	c.grow_when = 3;
	begin(places(1), c);
	offer(1, 1);
	is_str(all(), "boot 0", "without a runner one call is enough");
	offer(2, 2);
	is_str(all(), "", "while one boots more have to wait");
	booted(0);
	is_str(all(), "start 1 on 0", "the first");
	offer(3, 3);
	is_str(all(), "", "two wait: not yet");
	offer(4, 4);
	is_str(all(), "boot 1, boot 2, boot 3", "three: now, and for all three");
	pool_slot_hold(&pool, 0);
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed, shut 0", "a held one goes");
	gone(0);
	elastic_booted(&elastic, 1, now);
	elastic_booted(&elastic, 2, now);
	elastic_booted(&elastic, 3, now);
	is_str(all(), "start 2 on 3, start 3 on 2, start 4 on 1", "they work");
	pool_slot_hold(&pool, 1);
	pool_slot_hold(&pool, 2);
	pool_slot_hold(&pool, 3);
	offer(5, 5);
	is_str(all(), "boot 0", "none that takes calls: one is enough again");
}

static void refused_calls_boot_nothing(void)
{
	begin_with(1, places(1), runners(0, 4));
	offer(1, 2);
	if (pool_next(&pool, now, &item, &slot) != POOL_START)
		bail_out("no start");
	pool_refused(&pool, item, now);
	is_str(all(), "", "calls that the machine has no room for need no runners");
	ok(until() > 0 && until() <= SEC, "it is tried again soon");
	now += until();
	is_str(all(), "start 1 on 0, boot 1", "where it was");
}

/* Shrinking */

static void idle_ones_go(void)
{
	struct elastic_config c = runners(1, 4);

	c.idle_after = 60 * SEC;
	begin_with(3, places(1), c);
	offer(1, 3);
	all();
	ends(1, POOL_OK);
	all();
	is_int(until(), 60 * SEC, "an idle one beyond min");
	slot = items[1].slot;
	now += 60 * SEC - 1;
	is_str(all(), "", "not a moment too early");
	now++;
	ok(!strncmp(next(), "shut", 4) && slot == items[1].slot, "goes after its time");
	is_str(all(), "", "once");
	is_int((long long)elastic_count(&elastic, RUNNER_LEAVING), 1, "it leaves");
	offer(4, 4);
	is_str(all(), "boot 3", "and takes nothing more: a call has to have another");
	gone(items[1].slot);
	booted(3);
	is_str(all(), "start 4 on 3", "which is booted");
	ends(2, POOL_OK);
	ends(3, POOL_OK);
	ends(4, POOL_OK);
	all();
	now += 60 * SEC;
	is_str(all(), "shut 0, shut 1", "all but one");
	is_int(until(), 20 * SEC, "they have their time to end");
	gone(0);
	gone(1);
	is_int(until(), -1, "the last one stays");
}

static void idle_begins_with_the_end(void)
{
	struct elastic_config c = runners(0, 2);

	c.idle_after = 60 * SEC;
	begin_with(1, places(1), c);
	offer(1, 1);
	is_str(all(), "start 1 on 0", "a long call");
	now += 3600 * SEC;
	is_str(all(), "", "runs");
	now += 3600 * SEC;
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed", "its runner has been idle since its end");
	is_int(until(), 60 * SEC, "and has its time from then");
	now += 59 * SEC;
	offer(2, 2);
	all();
	ends(2, POOL_OK);
	all();
	is_int(until(), 60 * SEC, "a short call is work, too");
	now += 59 * SEC;
	offer(3, 3);
	if (is_str(next(), "start 3 on 0", "the same runner"))
		ends(3, POOL_OK);
	all();
	is_int(until(), 60 * SEC, "even one that came and went between two looks");
	now += 60 * SEC;
	is_str(all(), "shut 0", "then it goes");
}

static void longest_idle_goes_first(void)
{
	struct elastic_config c = runners(1, 3);

	c.idle_after = 60 * SEC;
	begin_with(3, places(1), c);
	offer(1, 3);
	all();
	for (size_t i = 1; i <= 3; i++, now += 10 * SEC) {
		ends(i, POOL_OK);
		all();
	}
	now += 30 * SEC;
	ok(!strncmp(next(), "shut", 4) && slot == items[1].slot, "the one that is idle longest");
	is_str(all(), "", "the others have time left");
	is_int(until(), 10 * SEC, "each its own");
	now += 10 * SEC;
	ok(!strncmp(next(), "shut", 4) && slot == items[2].slot, "then the next");
	gone(items[1].slot);
	gone(items[2].slot);
	now += 10 * SEC;
	is_str(all(), "", "and no more");
}

static void min_rests(void)
{
	struct elastic_config c = runners(2, 4);

	c.idle_after = 60 * SEC;
	c.min_idle_after = 3600 * SEC;
	begin_with(3, places(1), c);
	offer(1, 3);
	all();
	for (size_t i = 1; i <= 3; i++)
		ends(i, POOL_OK);
	all();
	now += 60 * SEC;
	is_str(all(), "shut 0", "one is beyond min");
	gone(0);
	is_str(all(), "", "the others stay");
	is_int(until(), 3540 * SEC, "much longer");
	now += 3540 * SEC;
	is_str(all(), "shut 1, shut 2", "when nothing comes they go as well");
	gone(1);
	gone(2);
	is_str(all(), "", "and do not come back by themselves");
	is_int(until(), -1, "ever");
	offer(4, 4);
	is_str(all(), "boot 0, boot 1", "with the next call there are min again");
	elastic_set(&elastic, &c);
	is_str(all(), "", "that is it");

	begin_with(2, places(1), c);
	all();
	now = START + 4000 * SEC;
	all();
	gone(0);
	gone(1);
	elastic_set(&elastic, &c);
	is_str(all(), "boot 0, boot 1", "or with another configuration");
}

static void spare_rests(void)
{
	struct elastic_config c = runners(2, 4);

	c.spare = 1;
	c.idle_after = 60 * SEC;
	c.min_idle_after = 3600 * SEC;
	begin_with(3, places(1), c);
	offer(1, 2);
	is_str((all(), all()), "", "two work, one is spare");
	now += 3600 * SEC;
	ok(!strncmp(next(), "shut", 4), "nothing else came: it goes");
	gone(slot);
	is_str(all(), "", "and does not come back by itself");
	ends(1, POOL_OK);
	ends(2, POOL_OK);
	all();
	now += 60 * SEC;
	is_str(all(), "", "min stays, whether spare went or not");
	is_int(until(), 3540 * SEC, "for its time");
	offer(3, 3);
	all();
	is_int((long long)elastic_all(&elastic), 2, "the next call finds one, and the other is spare");
	offer(4, 4);
	all();
	is_int((long long)elastic_all(&elastic), 3, "with both at work there is a spare one again");

	c = runners(0, 2);
	c.spare = 2;
	c.idle_after = 10 * SEC;
	c.min_idle_after = 3600 * SEC;
	begin_with(2, places(1), c);
	now = START + 3000 * SEC;
	offer(1, 1);
	all();
	ends(1, POOL_OK);
	all();
	now = START + 3600 * SEC;
	ok(!strncmp(next(), "shut", 4) && slot != items[1].slot, "the spare one that never worked goes");
	gone(slot);
	is_str(all(), "", "the one that did has its own time");
	is_int(until(), 3000 * SEC, "all of it");
	now += until();
	ok(!strncmp(next(), "shut", 4) && slot == items[1].slot, "then it goes, too");
	gone(slot);
	is_str(all(), "", "and none comes back by itself");
	offer(2, 2);
	is_str(all(), "boot 0, boot 1", "but with the next call");
}

static void asks_before_one_goes(void)
{
	struct elastic_config c = runners(0, 2);

	c.idle_after = 60 * SEC;
	c.check = true;
	begin_with(1, places(1), c);
	offer(1, 1);
	all();
	ends(1, POOL_OK);
	all();
	now += 60 * SEC;
	is_str(all(), "check 0", "may it go?");
	is_int(until(), -1, "the answer takes its time");
	elastic_checked(&elastic, 0, false, now);
	is_str(all(), "", "it may not");
	is_int(until(), 60 * SEC, "later, perhaps");
	now += 60 * SEC;
	is_str(all(), "check 0", "now?");
	offer(2, 2);
	is_str(all(), "start 2 on 0", "who is asked about works as ever");
	elastic_checked(&elastic, 0, true, now);
	is_str(all(), "", "and does not go then");
	now += 3600 * SEC;
	ends(2, POOL_OK);
	all();
	now += 60 * SEC;
	is_str(all(), "check 0", "an answer of old does not count");
	offer(3, 3);
	all();
	ends(3, POOL_OK);
	all();
	elastic_checked(&elastic, 0, true, now);
	is_int(until(), 60 * SEC, "nor one to a question from before the last call");
	now += 60 * SEC;
	is_str(all(), "check 0", "once more");
	elastic_checked(&elastic, 0, true, now);
	offer(4, 4);
	is_str(all(), "start 4 on 0", "it might go, but there is a call");
	ends(4, POOL_OK);
	all();
	now += 60 * SEC;
	is_str(all(), "check 0", "once more after that");
	elastic_checked(&elastic, 0, true, now);
	is_str(all(), "shut 0", "it goes");

	c.idle_after = 0;
	begin_with(1, places(1), c);
	is_str(all(), "check 0", "without any patience");
	elastic_checked(&elastic, 0, false, now);
	is_str(all(), "", "it is not asked the same again at once");
	ok(until() > 0 && until() <= 60 * SEC, "but soon");
	now += until();
	is_str(all(), "check 0", "then");
	elastic_checked(&elastic, 0, true, now);
	is_str(all(), "shut 0", "it may");

	c.idle_after = 60 * SEC;
	begin_with(2, places(1), c);
	elastic_set(&elastic, &c);
	now += 60 * SEC;
	is_str(all(), "check 0, check 1", "several are asked about at once");
	gone(0);
	elastic_checked(&elastic, 1, true, now);
	is_str(all(), "shut 1", "each has its answer");
}

/* What goes wrong */

static void failed_boots(void)
{
	begin(places(1), runners(0, 4));
	offer(1, 3);
	is_str(all(), "boot 0, boot 1, boot 2", "three runners for three calls");
	gone(0);
	gone(1);
	gone(2);
	is_int((long long)elastic.failed, 3, "all of them fail");
	is_str(all(), "", "a pause");
	is_int(until(), ELASTIC_PAUSE_MIN, "one, for all of them");
	for (usec_t pause = 2 * ELASTIC_PAUSE_MIN; pause < 4 * ELASTIC_PAUSE_MAX; pause *= 2) {
		now += until() - 1;
		if (strcmp(all(), "") != 0)
			ok(false, "booted too early");
		now++;
		if (strcmp(all(), "boot 0") != 0)
			ok(false, "one at a time");
		now += 5 * SEC;
		gone(0);
		all();
		if (until() != (pause < ELASTIC_PAUSE_MAX ? pause : ELASTIC_PAUSE_MAX))
			is_int(until(), pause, "doubled");
	}
	is_int(until(), ELASTIC_PAUSE_MAX, "the pauses double, up to a limit");
	now += until();
	is_str(all(), "boot 0", "one tries");
	booted(0);
	is_str(all(), "start 1 on 0, boot 1", "it is there: the next, one by one");
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed, start 2 on 0", "it has ended a call");
	offer(4, 5);
	is_str(all(), "boot 2, boot 3", "all is well: no more caution");
	gone(2);
	all();
	is_int(until(), ELASTIC_PAUSE_MIN, "another failure begins from the start");
}

/* Old runners that go on well say nothing about what fails now. */
static void old_ones_prove_nothing(void)
{
	begin_with(1, places(1), runners(1, 6));
	offer(1, 4);
	is_str(all(), "start 1 on 0, boot 1, boot 2, boot 3", "one was there for long");
	gone(1);
	gone(2);
	gone(3);
	is_str(all(), "", "the new ones fail");
	now += ELASTIC_PAUSE_MIN;
	is_str(all(), "boot 1", "one tries");
	gone(1);
	is_str(all(), "", "and fails");
	is_int(until(), 2 * ELASTIC_PAUSE_MIN, "the pause doubles");
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed, start 2 on 0", "the old one goes on");
	now += 2 * ELASTIC_PAUSE_MIN;
	is_str(all(), "boot 1", "one tries, still");
	gone(1);
	all();
	is_int(until(), 4 * ELASTIC_PAUSE_MIN, "the pause doubles, still");
	now += 4 * ELASTIC_PAUSE_MIN;
	all();
	booted(1);
	is_str(all(), "start 3 on 1, boot 2", "the next one is there");
	offer(5, 6);
	is_str(all(), "", "not yet trusted");
	now += ELASTIC_STABLE_AFTER;
	is_str(all(), "boot 3, boot 4", "it lives long enough");
}

static void lost_soon(void)
{
	begin(places(1), runners(2, 2));
	all();
	booted(0);
	booted(1);
	now += ELASTIC_STABLE_AFTER - 1;
	gone(0);
	is_str(all(), "", "who is lost soon was not booted well");
	is_int(until(), ELASTIC_PAUSE_MIN, "a pause");
	now += 1;
	gone(1);
	is_int(until(), ELASTIC_PAUSE_MIN - 1, "who is lost later was");
	now += until();
	is_str(all(), "boot 0", "one tries");
	booted(0);
	offer(1, 1);
	is_str(all(), "start 1 on 0, boot 1", "then the other");
	booted(1);
	ends(1, POOL_FAILED);
	gone(0);
	is_str(all(), "report 1 failed", "lost with its call");
	is_int(until(), 2 * ELASTIC_PAUSE_MIN, "twice in a row");
	is_int((long long)elastic.lost, 3, "three were lost");
	now += until();
	all();
	now += 60 * SEC;
	booted(0);
	now += 60 * SEC;
	all();
	gone(0);
	is_str(all(), "boot 0", "lost after long: no pause");
}

static void times_out(void)
{
	begin(places(1), runners(1, 1));
	all();
	is_int(until(), 60 * SEC, "the time to boot");
	now += 60 * SEC - 1;
	is_str(all(), "", "not over");
	now++;
	is_str(all(), "kill 0", "over");
	is_int(until(), -1, "once");
	now += 60 * SEC;
	is_str(all(), "", "it is waited for");
	elastic_booted(&elastic, 0, now);
	offer(1, 1);
	is_str(all(), "", "if it says that it is there after that, it gets nothing");
	gone(0);
	is_str(all(), "", "it has failed");
	is_int((long long)elastic.failed, 1, "once");
	is_int(until(), ELASTIC_PAUSE_MIN, "a pause");
	now += until();
	all();
	now += 30 * SEC;
	booted(0);
	is_str(all(), "start 1 on 0", "another is there in time");
	now += 600 * SEC;
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed", "and stays");

	struct elastic_config c = runners(0, 1);

	c.idle_after = SEC;
	elastic_set(&elastic, &c);
	now += SEC;
	is_str(all(), "shut 0", "idle");
	is_int(until(), 20 * SEC, "the time to end");
	now += 20 * SEC;
	is_str(all(), "kill 0", "over");
	is_str(all(), "", "once");
	is_int(until(), -1, "it is waited for");
	offer(2, 2);
	is_str(all(), "", "it counts for max still");
	gone(0);
	is_str(all(), "boot 0", "no longer");
	is_int((long long)elastic.failed, 1, "an end that was asked for is no failure");
	c.boot_timeout = USEC_NEVER;
	elastic_set(&elastic, &c);
	is_int(until(), -1, "no limit at all");
}

/* Others */

static void single_use(void)
{
	struct pool_config p = places(1);

	p.single_use = true;
	begin(p, runners(2, 3));
	all();
	booted(0);
	booted(1);
	offer(1, 1);
	is_str(all(), "start 1 on 1", "one works");
	ends(1, POOL_OK);
	ok(!strcmp(all(), "report 1 passed, shut 1, boot 2"), "it goes, another comes");
	is_int((long long)elastic_all(&elastic), 3, "at the same time");
	offer(2, 2);
	is_str(all(), "start 2 on 0", "the other works");
	ends(2, POOL_OK);
	is_str(all(), "report 2 passed, shut 0", "no more than max: it has to be gone first");
	is_int((long long)elastic_all(&elastic), 3, "min are there");
	gone(1);
	is_str(all(), "boot 1", "now");
	gone(0);
	booted(1);
	booted(2);
	is_str(all(), "", "two unused ones are enough");
	is_int((long long)(elastic.failures + elastic.lost), 0, "nothing of that is failure");

	p.per_slot = 2;
	begin(p, runners(1, 2));
	all();
	booted(0);
	offer(1, 2);
	is_str(all(), "start 1 on 0, start 2 on 0", "two calls on one");
	ends(1, POOL_OK);
	is_str(all(), "report 1 passed, boot 1", "one has ended: another is booted");
	ends(2, POOL_OK);
	is_str(all(), "report 2 passed, shut 0", "both: it goes");
}

static void max_is_lowered(void)
{
	begin_with(4, places(2), runners(1, 4));
	offer(1, 6);
	all();

	struct elastic_config c = runners(1, 2);
	size_t used;

	elastic_set(&elastic, &c);
	is_str(all(), "", "no call is ended");
	used = !pool_slot_held(&pool, 0) + !pool_slot_held(&pool, 1) + !pool_slot_held(&pool, 2) + !pool_slot_held(&pool, 3);
	is_int((long long)used, 2, "but two take no more");
	for (size_t i = 0; i < 4; i++)
		if (pool_slot_held(&pool, i) && pool.slot[i].load != 1)
			ok(false, "the emptiest");
	offer(7, 7);
	is_str(all(), "", "a call waits");
	for (size_t i = 1; i <= 6; i++)
		if (pool_slot_held(&pool, items[i].slot))
			ends(i, POOL_OK);
	next();
	next();
	ok(!strncmp(next(), "shut", 4), "the one goes");
	ok(!strncmp(next(), "shut", 4), "the other goes");
	is_str(all(), "", "that is it");
	c.max = 3;
	elastic_set(&elastic, &c);
	is_str(all(), "", "max again: those that leave count");
	is_int((long long)elastic_count(&elastic, RUNNER_LEAVING), 2, "two");
	for (size_t i = 0; i < 4; i++)
		if (elastic.runner[i].state == RUNNER_LEAVING)
			gone(i);
	ok(!strncmp(next(), "boot", 4), "when they are gone there is room");

	begin_with(4, places(1), runners(0, 4));
	c = runners(0, 1);
	elastic_set(&elastic, &c);
	is_str(all(), "shut 0, shut 1, shut 2", "idle ones go at once, and all of them");
	c.max = 0;
	elastic_set(&elastic, &c);
	is_str(all(), "shut 3", "even the last");
	offer(1, 1);
	is_str(all(), "", "none is none");

	begin_with(1, places(4), runners(0, 4));
	offer(1, 3);
	all();
	c = runners(2, 4);
	elastic_set(&elastic, &c);
	is_str(all(), "boot 1", "min is raised: another");
	c = runners(1, 1);
	elastic_set(&elastic, &c);
	is_str(all(), "", "and max lowered while it boots");
	booted(1);
	is_str(all(), "shut 1", "the new one is the emptiest");
	ok(!pool_slot_held(&pool, 0), "the one that works goes on");
}

static void stop(void)
{
	begin_with(2, places(1), runners(2, 4));
	offer(1, 2);
	all();
	offer(3, 3);
	is_str(all(), "boot 2", "two work, one boots");
	ends(1, POOL_OK);
	elastic_stop(&elastic);
	pool_stop(&pool);
	ok(!strncmp(all(), "term 2, report 1 passed, report 3 interrupted, shut 1, kill 2", 61), "all are to end");
	is_int(until(), 5 * SEC, "the call's KILL comes first");
	gone(2);
	is_str(all(), "", "nothing is booted");
	ends(2, POOL_FAILED);
	is_str(all(), "report 2 interrupted, shut 0", "the last one");
	gone(0);
	now += 20 * SEC;
	is_str(all(), "kill 1", "who does not end is killed");
	gone(1);
	is_int((long long)elastic_all(&elastic), 0, "none is there");
	is_str(all(), "", "and none comes");
	is_int(until(), -1, "ever");
}

static void stop_while_asking(void)
{
	struct elastic_config c = runners(0, 2);

	c.idle_after = SEC;
	c.check = true;
	begin_with(1, places(1), c);
	now += 20 * SEC;
	is_str(all(), "check 0", "asked");
	elastic_stop(&elastic);
	is_str(all(), "shut 0", "a stop does not wait for the answer");
	elastic_checked(&elastic, 0, false, now);
	is_str(all(), "", "which changes nothing");
	is_int(until(), 20 * SEC, "the time to end");
	gone(0);
	is_int((long long)elastic_all(&elastic), 0, "none is there");
}

/*
 * Any order of events, with what the machines may and may not do looked at from outside. An owner that sleeps until the
 * deadline they give must miss nothing, so at times it wakes up in between and there must be nothing to do.
 */
static unsigned seed;
static const char *wrong;            /* the first thing */

static unsigned rnd(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static void must(bool good, const char *what)
{
	if (!good && !wrong)
		wrong = what;
}

static struct model {
	struct pool_config pool;
	struct elastic_config elastic;
	bool live[ITEMS], running[ITEMS];
	usec_t deadline[ITEMS];
	bool termed[ITEMS], killed[ITEMS], abandoned[ITEMS];
	enum runner_state state[SLOTS];
	bool shot[SLOTS], asked[SLOTS], may_go[SLOTS];
	size_t load[SLOTS];
	usec_t idle_since[SLOTS];
	usec_t failed_at;
	size_t most;                     /* runners that may be there */
	uint64_t offered, reported, starts, boots;
	size_t max_waits;
	bool stopping, did;
} m;

static bool may_be_ended(const struct pool_item *one)
{
	return m.stopping || one->cause != POOL_NO_CAUSE;
}

static size_t model_count(enum runner_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += m.state[i] == state;
	return n;
}

static size_t model_all(void)
{
	return SLOTS - model_count(RUNNER_ABSENT);
}

static void model_ended(size_t i, enum pool_outcome outcome)
{
	size_t at = items[i].slot;

	ends(i, outcome);
	m.running[i] = m.termed[i] = m.killed[i] = m.abandoned[i] = false;
	if (--m.load[at] == 0)
		m.idle_since[at] = now;
}

static void model_gone(size_t at)
{
	/* Those that fail in the pause have failed with the one before. */
	if (m.state[at] == RUNNER_BOOTING && now >= elastic.hold_until)
		m.failed_at = now;
	for (size_t i = 0; i < ITEMS; i++)
		if (m.running[i] && items[i].slot == at)
			model_ended(i, rnd(2) ? POOL_FAILED : POOL_UNBLAMED);
	must(!m.load[at], "a runner is gone with all its items");
	gone(at);
	m.state[at] = RUNNER_ABSENT;
	m.asked[at] = m.may_go[at] = false;
}

static void model_start(void)
{
	size_t i = (size_t)(item - items), at = item->slot;

	must(m.live[i] && !m.running[i], "what is started was waiting");
	must(m.state[at] == RUNNER_READY, "a start is for a runner that is ready");
	must(++m.load[at] <= m.pool.per_slot, "no runner has more than per_slot when something starts there");
	must(m.load[at] == pool.slot[at].load, "loads agree");
	must(m.deadline[i] > now, "nothing starts after its deadline");
	must(!m.stopping, "nothing starts after the stop");
	m.running[i] = true;
	m.starts++;
	if (rnd(20) == 0 && pool_refused(&pool, item, now)) {
		m.running[i] = false;
		m.load[at]--;
		return;
	}
	m.may_go[at] = false;
	pool_started(&pool, item, now);
}

static void model_pool(enum pool_do what)
{
	size_t i = (size_t)(item - items);

	switch (what) {
	case POOL_START:
		model_start();
		break;
	case POOL_TERM:
		must(m.running[i] && !m.termed[i], "TERM is for what runs, once");
		must(may_be_ended(item), "and has a reason");
		m.termed[i] = true;
		break;
	case POOL_KILL:
		must(m.running[i] && m.termed[i] && !m.killed[i], "KILL comes after TERM, once");
		m.killed[i] = true;
		break;
	case POOL_ABANDON:
		must(m.running[i] && m.killed[i] && !m.abandoned[i], "ABANDON comes after KILL, once");
		must(slot == item->slot, "for the item's slot");
		m.abandoned[i] = true;
		pool_slot_hold(&pool, slot);
		break;
	case POOL_REPORT:
		must(m.live[i] && !m.running[i], "a report is for what was offered and does not run, once");
		m.live[i] = false;
		m.reported++;
		break;
	case POOL_WAIT:
		break;
	}
}

static void model_boot(void)
{
	must(m.state[slot] == RUNNER_ABSENT, "a boot is for an empty slot");
	must(now >= elastic.hold_until, "no boot before the pause is over");
	must(now >= m.failed_at + ELASTIC_PAUSE_MIN, "no boot soon after one that failed");
	must(!m.stopping, "no boot after the stop");
	must(model_all() < m.elastic.max, "no boot beyond max");
	must(!elastic.failures || !model_count(RUNNER_BOOTING), "after a failure one at a time");
	m.state[slot] = RUNNER_BOOTING;
	m.shot[slot] = false;
	m.boots++;
}

static size_t usable(void)
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += m.state[i] == RUNNER_BOOTING || (m.state[i] == RUNNER_READY && !pool_slot_held(&pool, i));
	return n;
}

static size_t takers(void)
{
	return usable() - model_count(RUNNER_BOOTING);
}

static void model_shut(bool was_held, size_t could_work, size_t rested)
{
	usec_t idle = now - m.idle_since[slot];

	must(m.state[slot] == RUNNER_READY && !m.load[slot], "only idle runners are shut");
	m.state[slot] = RUNNER_LEAVING;
	m.shot[slot] = false;
	if (was_held || m.stopping || could_work - model_count(RUNNER_BOOTING) > m.elastic.max)
		return;
	must(!m.elastic.check || m.may_go[slot], "none goes unasked");
	must(idle >= m.elastic.idle_after, "none goes before its time");
	must(could_work > m.elastic.min || rested || idle >= m.elastic.min_idle_after, "min stays for its time");
}

static void model_elastic(enum elastic_do what, uint64_t held, size_t could_work, size_t rested)
{
	switch (what) {
	case ELASTIC_BOOT:
		model_boot();
		break;
	case ELASTIC_CHECK:
		must(m.state[slot] == RUNNER_READY && !m.load[slot] && !m.asked[slot], "a question about one that is idle");
		must(m.elastic.check, "if questions are wanted");
		m.asked[slot] = true;
		m.may_go[slot] = false;
		if (rnd(2)) {
			m.asked[slot] = false;
			m.may_go[slot] = rnd(2);
			elastic_checked(&elastic, slot, m.may_go[slot], now);
		}
		break;
	case ELASTIC_SHUT:
		model_shut(held >> slot & 1, could_work, rested);
		break;
	case ELASTIC_KILL:
		must(m.state[slot] == RUNNER_LEAVING || m.state[slot] == RUNNER_BOOTING, "killed is who boots or leaves");
		must(!m.shot[slot], "once");
		m.shot[slot] = true;
		break;
	case ELASTIC_WAIT:
		break;
	}
}

static uint64_t held_slots(void)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < SLOTS; i++)
		bits |= (uint64_t)pool_slot_held(&pool, i) << i;
	return bits;
}

/* Both, until both say WAIT. */
static void settle(void)
{
	enum pool_do what;
	enum elastic_do wish;
	size_t steps = 0;

	m.did = false;
	do {
		while ((what = pool_next(&pool, now, &item, &slot)) != POOL_WAIT) {
			model_pool(what);
			m.did = true;
			if (++steps > 20 * (ITEMS + SLOTS))
				bail_out("the pool does not come to rest");
		}
		for (;;) {
			uint64_t held = held_slots();
			size_t could_work = usable(), rested = elastic.rested;

			wish = elastic_next(&elastic, now, &slot);
			if (wish == ELASTIC_WAIT)
				break;
			model_elastic(wish, held, could_work, rested);
			m.did = true;
			if (++steps > 20 * (ITEMS + SLOTS))
				bail_out("the runners do not come to rest");
			if (rnd(2))
				break;
		}
	} while (wish != ELASTIC_WAIT);
	m.max_waits = steps > m.max_waits ? steps : m.max_waits;
}

static usec_t wake_up(void)
{
	usec_t a = pool_deadline(&pool), b = elastic_deadline(&elastic);

	return a < b ? a : b;
}

static void look_at_items(void)
{
	size_t waiting = 0, running = 0, live = 0;

	for (size_t i = 0; i < ITEMS; i++) {
		live += m.live[i];
		running += m.running[i];
		waiting += m.live[i] && !m.running[i];
		must(!m.live[i] || m.deadline[i] > now || m.termed[i], "who is late is told");
	}
	must(live == pool.live && running == pool.running && waiting == pool.waiting, "the numbers agree");
	must(!m.stopping || !waiting, "none waits after the stop");
}

static void look_at_runners(void)
{
	/* One that wants a runner for itself makes all others wait. */
	bool stuck = pool.hold_end || !pool.pending.first || pool.pending.first->alone;

	for (size_t i = 0; i < SLOTS; i++) {
		must(elastic.runner[i].state == m.state[i], "states agree");
		must(pool.slot[i].load == m.load[i], "loads agree");
		if (m.state[i] != RUNNER_READY)
			continue;
		must(m.load[i] || !pool_slot_held(&pool, i), "who is held and idle has been shut");
		must(m.load[i] || !m.stopping, "after the stop who is idle has been shut");
		must(stuck || pool_slot_held(&pool, i) || pool.slot[i].alone || m.load[i] >= m.pool.per_slot, "none waits while there is room");
		must(pool.hold_end || !pool.pending.first || m.load[i] || pool_slot_held(&pool, i), "none waits beside an idle one");
	}
	must(elastic_all(&elastic) == model_all(), "so many are there");
	must(model_all() <= m.most, "not more than max");
	m.most = model_all() > m.elastic.max ? model_all() : m.elastic.max;
	must(takers() <= m.elastic.max, "not more than max take work");
}

static void look_at_growth(void)
{
	if (m.stopping || now < elastic.hold_until || model_all() >= m.elastic.max)
		return;
	must(!pool.waiting || usable() || pool.hold_end, "none waits without a runner to come");
	must(pool.waiting < m.elastic.grow_when || model_count(RUNNER_BOOTING) || pool.hold_end || pool.pending.first->alone,
		"none waits when it is time to grow");
	must(usable() >= m.elastic.min || elastic.rested || (elastic.failures && model_count(RUNNER_BOOTING)), "min are there");
}

static void look(void)
{
	must(wake_up() > now, "the next deadline is to come");
	look_at_items();
	look_at_runners();
	look_at_growth();
}

static void random_offer(void)
{
	size_t i = rnd(ITEMS);

	if (m.live[i] || m.stopping)
		return;
	items[i] = (struct pool_item){ .priority = (int)rnd(3) - 1, .retries = rnd(8) ? 0 : 2 };
	m.deadline[i] = rnd(2) ? USEC_NEVER : now + (usec_t)rnd(100) * SEC;
	if (rnd(2))
		pool_set_deadline(&pool, &items[i], m.deadline[i]);
	offer(i, i);
	pool_set_deadline(&pool, &items[i], m.deadline[i]);
	m.live[i] = true;
	m.offered++;
}

static void random_item(void)
{
	size_t i = rnd(ITEMS);

	if (!m.live[i])
		return;
	if (rnd(20) == 0) {
		pool_cancel(&pool, &items[i]);
		m.deadline[i] = USEC_NEVER;
		pool_set_deadline(&pool, &items[i], USEC_NEVER);
	} else if (rnd(10) == 0 && !m.termed[i]) {
		m.deadline[i] = rnd(3) ? now + (usec_t)rnd(50) * SEC : USEC_NEVER;
		pool_set_deadline(&pool, &items[i], m.deadline[i]);
	} else if (m.running[i] && !m.abandoned[i] && (i % 8 || !rnd(10))) {
		model_ended(i, rnd(4) ? POOL_OK : (enum pool_outcome)(rnd(2) ? POOL_FAILED : POOL_BAD));
	} else if (m.running[i] && m.abandoned[i]) {
		model_gone(items[i].slot);
	}
}

static void random_runner(void)
{
	size_t i = rnd(SLOTS);

	if (m.asked[i] && rnd(2)) {
		m.asked[i] = false;
		m.may_go[i] = rnd(2) && !m.load[i];
		elastic_checked(&elastic, i, m.may_go[i], now);
	}
	switch (m.state[i]) {
	case RUNNER_BOOTING:
		if (m.shot[i] || rnd(8) == 0) {
			model_gone(i);
		} else if (rnd(4)) {
			booted(i);
			m.state[i] = RUNNER_READY;
			m.idle_since[i] = now;
		}
		break;
	case RUNNER_READY:
		if (rnd(40) == 0)
			model_gone(i);
		break;
	case RUNNER_LEAVING:
		if (m.shot[i] || rnd(3))
			model_gone(i);
		break;
	case RUNNER_ABSENT:
		break;
	}
}

static struct elastic_config random_config(void)
{
	static const usec_t idle[] = { 0, SEC, 20 * SEC, USEC_NEVER };
	struct elastic_config c = runners(0, 1 + rnd(SLOTS));

	c.min = rnd((unsigned)c.max + 1);
	c.spare = rnd(3) ? 0 : rnd(4);
	c.grow_when = rnd(2) ? 1 : 1 + rnd(5);
	c.idle_after = idle[rnd(4)];
	c.min_idle_after = c.idle_after == USEC_NEVER || rnd(2) ? USEC_NEVER : c.idle_after + 50 * SEC;
	c.check = rnd(2);
	return c;
}

static void random_settings(void)
{
	if (rnd(3)) {
		m.pool.per_slot = 1 + rnd((unsigned)m.pool.per_slot_max);
		pool_set_per_slot(&pool, m.pool.per_slot);
		return;
	}
	m.elastic = random_config();
	elastic_set(&elastic, &m.elastic);
	m.most = model_all() > m.elastic.max ? model_all() : m.elastic.max;
}

static void random_time(void)
{
	usec_t wake = wake_up();
	unsigned caution = elastic.failures;

	if (rnd(6) == 0 && wake != USEC_NEVER) {
		if (wake - now > 1 && rnd(2)) {
			/* In between there is nothing to do, but for the end of the caution. */
			now += 1 + (usec_t)rnd((unsigned)(wake - now - 1 < 1000 * SEC ? wake - now - 1 : 1000 * SEC));
			settle();
			must(!m.did || caution, "nothing is missed by who sleeps until the deadline");
			look();
		}
		wake = wake_up();
		now = wake != USEC_NEVER && wake > now ? wake : now;
	} else {
		now += rnd(4) ? rnd(1000) : (usec_t)rnd(8) * SEC;
	}
}

static void random_end(void)
{
	pool_eof(&pool);
	m.stopping = true;
	elastic_stop(&elastic);
	if (rnd(3) == 0)
		pool_halt(&pool);
	else if (rnd(2))
		pool_drain(&pool, now);
	else
		pool_stop(&pool);
	settle();
	look();
	for (int step = 0; step < 5000 && (model_all() || !pool_finished(&pool)); step++) {
		random_time();
		settle();
		look();
		random_item();
		random_runner();
		settle();
		look();
	}
	must(pool_finished(&pool) && !pool.live, "the pool has finished");
	must(!model_all() && !elastic_all(&elastic), "all runners are absent");
	must(elastic_deadline(&elastic) == USEC_NEVER, "nothing more is to come");
	must(m.offered == m.reported && pool.offered == m.offered, "every item was reported once");
	must(pool.passed + pool.failed + pool.interrupted == m.offered, "and counted once");
}

static void random_run(unsigned number)
{
	static const unsigned steps = 3000;
	unsigned step;

	seed = number;
	m = (struct model){ .pool = places(1 + number % 4), .failed_at = -ELASTIC_PAUSE_MIN };
	m.pool.single_use = number % 5 == 0;
	m.pool.pack = number % 3 == 0;
	m.pool.retries = number % 7 == 0;
	m.elastic = random_config();
	m.most = m.elastic.max;
	wrong = NULL;
	begin(m.pool, m.elastic);
	for (step = 0; step < steps && !wrong; step++) {
		for (unsigned n = rnd(number % 2 ? 3 : 2); n; n--)
			random_offer();
		for (unsigned n = rnd(8); n; n--)
			random_item();
		random_runner();
		if (rnd(200) == 0)
			random_settings();
		settle();
		look();
		random_time();
		settle();
		look();
	}
	if (!wrong)
		random_end();
	ok(!wrong, "random run, seed %u: %d items, %d starts, %d boots, at most %d things to do at once%s%s", number,
		(int)m.offered, (int)m.starts, (int)m.boots, (int)m.max_waits, wrong ? ": not true: " : "", wrong ? wrong : "");
	if (wrong)
		printf("# at step %u\n", step);
}

int main(void)
{
	a_call_boots_a_runner();
	fills_before_it_grows();
	keeps_min();
	keeps_spare();
	grows_when();
	refused_calls_boot_nothing();
	idle_ones_go();
	idle_begins_with_the_end();
	longest_idle_goes_first();
	min_rests();
	spare_rests();
	asks_before_one_goes();
	failed_boots();
	old_ones_prove_nothing();
	lost_soon();
	times_out();
	single_use();
	max_is_lowered();
	stop();
	stop_while_asking();
	for (unsigned i = 1; i <= 30; i++)
		random_run(i);
	elastic_release(&elastic);
	pool_release(&pool);
	return done_testing();
}
