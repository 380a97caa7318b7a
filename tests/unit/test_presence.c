/* Presence with real holders: processes, locks and SIGKILL. */
#include "err.h"
#include "name.h"
#include "presence.h"
#include "process.h"
#include "roster.h"
#include "tap.h"
#include "tracked.h"

#include <signal.h>
#include <sys/stat.h>

static char directory[] = "/tmp/wp-unit-XXXXXX";
static struct presence p;

static struct presence_entry entry(const char *key, int64_t capacity)
{
	return (struct presence_entry){ .topic = "t", .key = key, .capacity = capacity, .pid = getpid() };
}

struct seen {
	int entries;
	int64_t capacity;
	struct strbuf keys;
};

static void see(const struct presence_entry *e, void *ctx)
{
	struct seen *seen = ctx;

	seen->entries++;
	seen->capacity += e->capacity;
	strbuf_addf(&seen->keys, "%s ", e->key ? e->key : e->ref);
}

/* The keys in the list, each with a blank behind it. */
static const char *keys(const char *topic, const char *key)
{
	static struct seen seen = { .keys = STRBUF_INIT };

	seen.entries = 0;
	strbuf_reset(&seen.keys);
	if (presence_list(&p, topic, key, see, &seen) < 0)
		bail_out(err_message());
	return seen.keys.buf;
}

static void add_event(const struct presence_event *e, void *ctx)
{
	strbuf_addf(ctx, "%s %s%s%s;", e->event, e->entry.key, e->reason ? " " : "", e->reason ? e->reason : "");
}

/* What has happened since SEQ, which moves on. */
static const char *news(int64_t *seq)
{
	static struct strbuf text = STRBUF_INIT;

	strbuf_reset(&text);
	*seq = presence_events(&p, *seq, add_event, &text);
	if (*seq < 0)
		bail_out(err_message());
	return text.buf;
}

/* A process that joins as KEY and says so; it lives until it is killed. */
static pid_t joined_process(const char *key)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe(ends) < 0)
		bail_out("pipe");
	pid = fork();
	if (pid == 0) {
		struct presence own;
		struct presence_entry e = entry(key, 3);
		struct alive life;
		close(ends[0]);
		if (presence_open(&own, directory) < 0 || presence_join(&own, &e, &life, NULL, true) < 0)
			_exit(1);
		write(ends[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	is_int(read(ends[0], &byte, 1), 1, "%s has joined", key);
	close(ends[0]);
	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_join_and_leave(void)
{
	struct presence_entry e = entry("one", 2);
	struct strbuf ref = STRBUF_INIT, other = STRBUF_INIT;
	struct alive life, second;
	int64_t seq = presence_last_event(&p);

	is_int(presence_join(&p, &e, &life, &ref, true), 1, "join");
	is_int((int)ref.len, 16, "with a ref made up");
	is_int(presence_join(&p, &e, &second, &other, true), 1, "the same key again");
	ok(strcmp(ref.buf, other.buf), "is another entry");
	is_str(keys("t", "one"), "one one ", "both are listed");
	is_str(keys("elsewhere", NULL), "", "under their topic alone");
	e.ref = ref.buf;
	is_int(presence_join(&p, &e, NULL, NULL, true), -1, "the same ref again");
	is_int(err_status(), WP_NO, "is refused");
	is_int(presence_update(&p, ref.buf, &(struct presence_change){ .capacity = -1, .in_use = 2 }, true), 1, "update");
	is_int(presence_update(&p, "nobody", &(struct presence_change){ .capacity = 1, .in_use = -1 }, true), PRESENCE_GONE,
		"of nobody");
	is_int(presence_leave(&p, other.buf, PRESENCE_UNTRACKED), 1, "leave");
	is_int(presence_leave(&p, other.buf, PRESENCE_UNTRACKED), 0, "once");
	is_int(presence_leave(&p, ref.buf, PRESENCE_EXITED), 1, "the other too");
	is_str(news(&seq), "join one;join one;update one;leave one untracked;leave one exited;", "it was all recorded, in order");
	alive_let_go(&life);
	alive_let_go(&second);
	strbuf_release(&ref);
	strbuf_release(&other);
}

static void test_death(void)
{
	int64_t seq = presence_last_event(&p);
	struct presence_totals totals;
	struct seen sums = { .keys = STRBUF_INIT };
	pid_t a = joined_process("a"), b = joined_process("b");

	is_str(keys("t", NULL), "a b ", "two live");
	kill(a, SIGSTOP);
	is_str(keys("t", NULL), "a b ", "also when one is stopped");
	is_int(presence_reap(&p), 0, "nobody is dead");
	finish(a);
	is_int(presence_totals(&p, "t", &totals), 0, "sums without a look");
	is_int(totals.capacity, 6, "count the dead");
	is_int(presence_scan(&p, "t", see, &sums), 0, "sums with one");
	is_int(sums.capacity, 3, "do not");
	is_str(keys("t", NULL), "b ", "nor does a list");
	is_str(news(&seq), "join a;join b;leave a killed;", "and it was recorded");
	finish(b);
	is_int(presence_reap(&p), 1, "the other dead one");
	is_str(news(&seq), "leave b killed;", "likewise");
	strbuf_release(&sums.keys);
}

static void test_process(void)
{
	struct presence_entry e = entry("process", 1);
	int64_t seq = presence_last_event(&p);
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	e.pid = pid;
	e.lock = "";
	if (process_start(pid, &e.process) != 1)
		bail_out("no start time");
	is_int(presence_join(&p, &e, NULL, NULL, true), 1, "a process is tracked");
	e.process++;
	e.key = "earlier";
	is_int(presence_join(&p, &e, NULL, NULL, true), 1, "and an earlier one of the same number");
	is_str(keys("t", NULL), "process ", "which is not there any more");
	finish(pid);
	is_str(keys("t", NULL), "", "nor is the first when it is killed");
	is_str(news(&seq), "join process;join earlier;leave earlier exited;leave process exited;", "both have left");
}

/* A number is not given away while somebody who was untracked holds on to it. */
static void test_untracked_holder(void)
{
	struct presence_entry e = entry("first", 1);
	struct strbuf ref = STRBUF_INIT;
	struct alive first, second;

	is_int(presence_join(&p, &e, &first, &ref, true), 1, "one joins");
	is_int(presence_leave(&p, ref.buf, PRESENCE_UNTRACKED), 1, "and is untracked, and lives on");
	e.key = "second";
	strbuf_reset(&ref);
	is_int(presence_join(&p, &e, &second, &ref, true), 1, "another joins");
	is_str(keys("t", NULL), "second ", "and is there");
	alive_let_go(&first);
	is_str(keys("t", NULL), "second ", "also when the first lets go");
	presence_leave(&p, ref.buf, PRESENCE_EXITED);
	alive_let_go(&second);
	strbuf_release(&ref);
}

struct heard {
	struct loop *loop;
	struct strbuf text;
	int wanted, batches;
};

static void hear(const struct presence_event *e, void *ctx)
{
	struct heard *heard = ctx;

	add_event(e, &heard->text);
	heard->wanted--;
}

static void heard_some(void *ctx)
{
	struct heard *heard = ctx;

	heard->batches++;
	if (heard->wanted <= 0)
		loop_stop(heard->loop);
}

static void heard_failure(void *ctx)
{
	bail_out(err_message());
}

static void test_roster(void)
{
	struct heard heard = { .text = STRBUF_INIT, .wanted = 2 };
	struct roster roster = { .event = hear, .changed = heard_some, .failed = heard_failure, .ctx = &heard };
	pid_t a = joined_process("a"), b;

	if (loop_init(&heard.loop) < 0)
		bail_out("loop");
	is_int(roster_open(&roster, heard.loop, &p), 0, "a roster");
	b = joined_process("b");
	finish(a);
	loop_run(heard.loop);
	is_str(heard.text.buf, "join b;leave a killed;", "hears of those who come and go");
	strbuf_reset(&heard.text);
	heard.wanted = 1;
	finish(b);
	loop_run(heard.loop);
	is_str(heard.text.buf, "leave b killed;", "each once");
	ok(heard.batches > 0, "and is told when a batch is over");
	roster_close(&roster);
	loop_free(heard.loop);
	strbuf_release(&heard.text);
}

static void test_tracked(void)
{
	struct tracked t = TRACKED_INIT;
	struct strbuf text = STRBUF_INIT;
	int64_t seq = presence_last_event(&p);
	static char first[] = "do", second[] = "it \"well\"";
	char *command[] = { first, second, NULL };
	struct loop *loop;

	if (loop_init(&loop) < 0)
		bail_out("loop");
	t.dir = directory;
	t.topic = "t";
	is_int(tracked_describe(&t, &text, "program", "name", NULL, command), 0, "a program says what it does");
	is_str(t.meta, "{\"program\":\"program\",\"command\":[\"do\",\"it \\\"well\\\"\"]}", "in its meta");
	is_int(tracked_join(&t, loop), 0, "and joins");
	is_str(keys("t", NULL), "name ", "under its name");
	tracked_in_use(&t, 1);
	tracked_in_use(&t, 0);
	tracked_in_use(&t, 0);
	tracked_leave(&t, PRESENCE_EXITED);
	is_str(keys("t", NULL), "", "and leaves");
	ok(strstr(news(&seq), "leave name exited;"), "with a reason");
	is_int(tracked_describe(&t, &text, "program", "", NULL, command), -1, "an empty name is none");
	strbuf_release(&text);
	loop_free(loop);
}

static void test_checks(void)
{
	is_int(name_check("key", ""), -1, "an empty key");
	is_int(name_check("key", "a\nb/c"), 0, "a key with a newline and a slash");
	is_int(name_check("key", "\xff"), -1, "a key that is no UTF-8");
	is_int(meta_check("{}"), 0, "an empty meta");
	is_int(meta_check("[]"), -1, "a meta that is an array");
	is_int(meta_check("{"), -1, "one that is cut off");
	is_int(err_status(), WP_DATA, "is bad input");
	err_clear();
}

static void clean_up(void)
{
	char *command;

	if (asprintf(&command, "rm -rf '%s'", directory) < 0 || system(command) != 0)
		bail_out("cannot clean up");
	free(command);
}

int main(void)
{
	struct strbuf live = STRBUF_INIT;

	err_program("test");
	if (!mkdtemp(directory))
		bail_out("mkdtemp");
	is_int(presence_open_existing(&p, "/nonexistent/workplane"), 0, "where there is no state directory, none is made");
	if (presence_open(&p, directory) < 0)
		bail_out(err_message());
	test_checks();
	test_join_and_leave();
	test_death();
	test_process();
	test_untracked_holder();
	test_roster();
	test_tracked();
	strbuf_addstr(&live, p.state.live_dir);
	ok(rmdir(live.buf) == 0, "no lock file is left behind");
	strbuf_release(&live);
	ok(!db_replaced(p.db), "the state file is the one we opened");
	unlink(p.state.db_path);
	ok(db_replaced(p.db), "until it is removed");
	presence_close(&p);
	clean_up();
	return done_testing();
}
