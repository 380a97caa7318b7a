#include "opt.h"

#include "err.h"
#include "tap.h"

struct globals {
	const char *state;
	bool quiet;
};

struct more {
	const char *columns;
	bool plain, fancy;
};

struct args {
	const char *queue;
	struct strvec tags;
	int64_t priority;
	usec_t delay, at;
	int halt;
	bool dry_run;
	bool once, always;
	struct more more;
};

static const struct args defaults = { .priority = 5, .delay = USEC_SEC };

static const struct opt global_options[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "TEST_STATE", "the state directory"),
	OPT_FLAG('q', "quiet", struct globals, quiet, NULL, "say less"),
	OPT_END
};

static const struct opt more_options[] = {
	OPT_STRING('o', "output", "COLS", struct more, columns, NULL, "columns"),
	{ .kind = OPT_KIND_FLAG, .name = "plain", .offset = offsetof(struct more, plain), .help = "plainly", .group = 1 },
	{ .kind = OPT_KIND_FLAG, .name = "fancy", .offset = offsetof(struct more, fancy), .env = "TEST_FANCY",
		.help = "fancily", .group = 1 },
	OPT_END
};

static const struct opt options[] = {
	OPT_STRING('q', "queue", "NAME", struct args, queue, "TEST_QUEUE", "the queue to add to"),
	OPT_LIST('t', "tag", "TAG", struct args, tags, "TEST_TAG", "a tag, and another"),
	OPT_INT(0, "priority", "N", struct args, priority, -10, 10, "TEST_PRIORITY", "lower runs first"),
	OPT_DURATION(0, "delay", "DURATION", struct args, delay, "TEST_DELAY", "how long to wait"),
	OPT_TIME(0, "at", "TIME", struct args, at, NULL, "when"),
	OPT_CHOICE(0, "halt", "never|soon|now", struct args, halt, NULL, "when to give up"),
	OPT_FLAG('n', "dry-run", struct args, dry_run, "TEST_DRY_RUN", "only say what would be done"),
	{ .kind = OPT_KIND_FLAG, .name = "once", .offset = offsetof(struct args, once), .help = "one time", .group = 1 },
	{ .kind = OPT_KIND_FLAG, .name = "always", .offset = offsetof(struct args, always), .help = "every time", .group = 1 },
	OPT_END
};

static int run(void *globals, void *args, int n, char **operands)
{
	struct globals *g = globals;
	struct args *a = args;

	printf("state=%s quiet=%d queue=%s priority=%lld delay=%lld at=%lld halt=%d dry=%d plain=%d fancy=%d",
		g->state ? g->state : "", g->quiet, a->queue ? a->queue : "", (long long)a->priority,
		(long long)a->delay, (long long)a->at, a->halt, a->dry_run, a->more.plain, a->more.fancy);
	for (size_t i = 0; i < a->tags.nr; i++)
		printf(" tag:%s", a->tags.v[i]);
	for (int i = 0; i < n; i++)
		printf(" <%s>", operands[i]);
	if (operands[n])
		printf(" no NULL at the end");
	printf("\n");
	return n == 2 ? 7 : 0;
}

static int run_given(void *globals, void *args, int n, char **operands)
{
	printf("queue=%d priority=%d dry-run=%d state=%d\n", opt_given("queue"), opt_given("priority"),
		opt_given("dry-run"), opt_given("state"));
	return 0;
}

static const struct verb verb_add = {
	.name = "add", .args = "[PAYLOAD...]", .summary = "put jobs into a queue", .options = options,
	.more = more_options, .more_offset = offsetof(struct args, more), .size = sizeof(struct args),
	.defaults = &defaults, .max_operands = -1, .run = run,
};

static const struct verb verb_work = {
	.name = "work", .args = "COMMAND [ARG...]", .summary = "work", .options = options, .size = sizeof(struct args),
	.command = true, .min_operands = 1, .max_operands = -1, .run = run,
};

static const struct verb verb_show = {
	.name = "show", .args = "ID [COLUMN]", .summary = "show a job", .size = sizeof(struct args),
	.min_operands = 1, .max_operands = 2, .run = run,
};

static const struct verb verb_given = {
	.name = "given", .args = "", .summary = "tell", .options = options, .size = sizeof(struct args), .run = run_given,
};

static int run_after(void *globals, void *args, int n, char **operands)
{
	const struct args *a = args;

	printf("queue=%s %d of %d\n", a->queue ? a->queue : "", opt_after_end(), n);
	return 0;
}

static const struct verb verb_after = {
	.name = "after", .args = "[ID...] [-- COMMAND [ARG...]]", .summary = "count", .options = options, .size = sizeof(struct args),
	.max_operands = -1, .internal = true, .run = run_after,
};

static const struct verb *const verbs[] = { &verb_add, &verb_work, &verb_show, &verb_given, &verb_after, NULL };

static const struct program program = {
	.name = "wp-test", .summary = "test what there is", .globals = global_options,
	.globals_size = sizeof(struct globals), .verbs = verbs,
};

/* The words of a command line, separated by single blanks; "_" stands for an empty word. */
static int run_line(void *ctx)
{
	struct strvec words = STRVEC_INIT;
	const char *line = ctx;
	size_t len;
	int status;

	for (; *line; line += len + (line[len] == ' ')) {
		len = strcspn(line, " ");
		strvec_pushn(&words, line, len == 1 && *line == '_' ? 0 : len);
	}
	status = program_main(&program, (int)words.nr, words.v);
	strvec_release(&words);
	return status;
}

static void gives(const char *line, const char *expected)
{
	struct captured c = capture(run_line, (char *)line);

	is_str(c.out, expected, "%s", line);
	is_str(c.err, "", "without complaint");
	captured_release(&c);
}

static void refuses(const char *line, const char *message, const char *try)
{
	struct captured c = capture(run_line, (char *)line);
	char *expected;

	if (asprintf(&expected, "wp-test: error: %s\nTry 'wp-test%s --help'\n", message, try) < 0)
		bail_out("asprintf");
	is_int(c.status, WP_USAGE, "refused: %s", line);
	is_str(c.err, expected, "because: %s", message);
	is_str(c.out, "", "nothing on stdout");
	free(expected);
	captured_release(&c);
}

#define NOTHING "state= quiet=0 queue= priority=5 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0"

static void parses(void)
{
	gives("wp-test add", NOTHING "\n");
	gives("wp-test add -q mail --priority -3 --delay 1.5s --at @7 --halt soon -n",
		"state= quiet=0 queue=mail priority=-3 delay=1500000 at=7000000 halt=1 dry=1 plain=0 fancy=0\n");
	gives("wp-test add -qmail --priority=10 --halt=now",
		"state= quiet=0 queue=mail priority=10 delay=1000000 at=0 halt=2 dry=0 plain=0 fancy=0\n");
	gives("wp-test add -nqmail", "state= quiet=0 queue=mail priority=5 delay=1000000 at=0 halt=0 dry=1 plain=0 fancy=0\n");
	gives("wp-test add -q a -q b", "state= quiet=0 queue=b priority=5 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0\n");
	gives("wp-test add --prio 1", "state= quiet=0 queue= priority=1 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0\n");
	gives("wp-test add -t a --tag b -tc", NOTHING " tag:a tag:b tag:c\n");
	gives("wp-test add -q _ x", NOTHING " <x>\n");
	gives("wp-test add --plain", "state= quiet=0 queue= priority=5 delay=1000000 at=0 halt=0 dry=0 plain=1 fancy=0\n");
	gives("wp-test add --plain --once",
		"state= quiet=0 queue= priority=5 delay=1000000 at=0 halt=0 dry=0 plain=1 fancy=0\n");
}

static void takes_operands(void)
{
	gives("wp-test add a -n b", "state= quiet=0 queue= priority=5 delay=1000000 at=0 halt=0 dry=1 plain=0 fancy=0 <a> <b>\n");
	gives("wp-test add -- -n a", NOTHING " <-n> <a>\n");
	gives("wp-test add - _", NOTHING " <-> <>\n");
	gives("wp-test work -q1 cmd -n -- x",
		"state= quiet=0 queue=1 priority=0 delay=0 at=0 halt=0 dry=0 plain=0 fancy=0 <cmd> <-n> <--> <x>\n");
	gives("wp-test work -n -- cmd --help",
		"state= quiet=0 queue= priority=0 delay=0 at=0 halt=0 dry=1 plain=0 fancy=0 <cmd> <--help>\n");
}

static void takes_globals(void)
{
	gives("wp-test --state a --quiet add", "state=a quiet=1 queue= priority=5 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0\n");
	gives("wp-test add --state a --quiet x",
		"state=a quiet=1 queue= priority=5 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0 <x>\n");
	gives("wp-test --state a add --state=b", "state=b quiet=0 queue= priority=5 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0\n");
	/* -q is quiet in front of the verb and the queue behind it. */
	gives("wp-test -q add -q m", "state= quiet=1 queue=m priority=5 delay=1000000 at=0 halt=0 dry=0 plain=0 fancy=0\n");
	gives("wp-test show -q 1", "state= quiet=1 queue= priority=0 delay=0 at=0 halt=0 dry=0 plain=0 fancy=0 <1>\n");
}

static void refuses_mistakes(void)
{
	refuses("wp-test", "no verb given", "");
	refuses("wp-test ad", "unknown verb \"ad\"", "");
	refuses("wp-test --nope add", "unknown option \"--nope\"", "");
	refuses("wp-test add --nope=5", "unknown option \"--nope\"", " add");
	refuses("wp-test add -nx", "unknown option \"-x\"", " add");
	refuses("wp-test add --q m", "option \"--q\" is ambiguous: --quiet or --queue", " add");
	refuses("wp-test add --queue", "option \"--queue\" needs a value", " add");
	refuses("wp-test add -q", "option \"-q\" needs a value", " add");
	refuses("wp-test add --dry-run=1", "option \"--dry-run\" takes no value", " add");
	refuses("wp-test add --priority 11", "priority \"11\" is out of range: -10 to 10", " add");
	refuses("wp-test add --priority x", "invalid priority \"x\"", " add");
	refuses("wp-test add --halt later", "invalid halt \"later\": not one of never|soon|now", " add");
	refuses("wp-test add --halt never|soon", "invalid halt \"never|soon\": not one of never|soon|now", " add");
	refuses("wp-test add --delay 5",
		"--delay: invalid duration \"5\"\nwp-test: hint: a duration is a number and its unit, "
		"as in 250ms, 30s, 5m, 2h, 1d, 1h30m", " add");
	refuses("wp-test add --plain --fancy", "options --plain and --fancy exclude each other", " add");
	refuses("wp-test add --always --once", "options --once and --always exclude each other", " add");
	refuses("wp-test show", "missing argument: ID [COLUMN]", " show");
	refuses("wp-test show 1 2 3", "unexpected argument \"3\"", " show");
	refuses("wp-test work", "missing argument: COMMAND [ARG...]", " work");
	refuses("wp-test given x", "unexpected argument \"x\"", " given");
}

static void set(const char *name, const char *value)
{
	if (value ? setenv(name, value, 1) : unsetenv(name))
		bail_out("setenv");
}

static void takes_variables(void)
{
	set("TEST_QUEUE", "env");
	set("TEST_STATE", "dir");
	set("TEST_PRIORITY", "7");
	set("TEST_TAG", "t");
	set("TEST_DRY_RUN", "1");
	set("TEST_FANCY", "yes");
	gives("wp-test add", "state=dir quiet=0 queue=env priority=7 delay=1000000 at=0 halt=0 dry=1 plain=0 fancy=1 tag:t\n");
	gives("wp-test --state s add -q m --priority 1 -t u --plain",
		"state=s quiet=0 queue=m priority=1 delay=1000000 at=0 halt=0 dry=1 plain=1 fancy=0 tag:u\n");
	set("TEST_PRIORITY", "x");
	refuses("wp-test add", "TEST_PRIORITY: invalid priority \"x\"", " add");
	gives("wp-test add --priority 1", "state=dir quiet=0 queue=env priority=1 delay=1000000 at=0 halt=0 dry=1 plain=0 fancy=1 tag:t\n");
	set("TEST_PRIORITY", "");
	set("TEST_DRY_RUN", "no");
	gives("wp-test given", "queue=1 priority=0 dry-run=0 state=1\n");
	set("TEST_DRY_RUN", "perhaps");
	refuses("wp-test add", "TEST_DRY_RUN: invalid dry-run \"perhaps\": not one of 0|no|false|1|yes|true", " add");
	set("TEST_QUEUE", NULL);
	set("TEST_STATE", NULL);
	set("TEST_PRIORITY", NULL);
	set("TEST_TAG", NULL);
	set("TEST_DRY_RUN", NULL);
	set("TEST_FANCY", NULL);
	gives("wp-test given --prio 1", "queue=0 priority=1 dry-run=0 state=0\n");
}

static void explains(void)
{
	gives("wp-test --version", "wp-test (workplane) " WP_VERSION "\n");
	gives("wp-test add -V", "wp-test (workplane) " WP_VERSION "\n");
	gives("wp-test -h",
		"Usage:\n wp-test [global options] VERB [options] [arguments]\n\nTest what there is.\n\n"
		"Verbs:\n add    put jobs into a queue\n work   work\n show   show a job\n given  tell\n\n"
		"Global options:\n     --state DIR  the state directory [TEST_STATE]\n -q, --quiet      say less\n"
		" -h, --help       display this help\n -V, --version    display the version\n\n"
		"'wp-test VERB --help' tells more about a verb, wp-test(1) more about all.\n");
	gives("wp-test show --help",
		"Usage:\n wp-test show ID [COLUMN]\n\nShow a job.\n\n"
		"Global options:\n     --state DIR  the state directory [TEST_STATE]\n -q, --quiet      say less\n"
		" -h, --help       display this help\n -V, --version    display the version\n\n"
		"For more see wp-test(1).\n");
}

static void lists(void)
{
	static const char globals[] = "-\tstate\tDIR\tTEST_STATE\tthe state directory\nq\tquiet\t-\t-\tsay less\n"
		"h\thelp\t-\t-\tdisplay this help\nV\tversion\t-\t-\tdisplay the version\n";
	char *expected;

	gives("wp-test --list-options show", globals);
	gives("wp-test show --list-options", globals);
	if (asprintf(&expected, "%sverb\tadd\tput jobs into a queue\nverb\twork\twork\nverb\tshow\tshow a job\n"
		"verb\tgiven\ttell\n", globals) < 0)
		bail_out("asprintf");
	gives("wp-test --list-options", expected);
	free(expected);
	refuses("wp-test --list-options nope", "unknown verb \"nope\"", "");
}

static void tells_what_comes_after_the_end(void)
{
	gives("wp-test after a b", "queue= -1 of 2\n");
	gives("wp-test after a b --", "queue= 0 of 2\n");
	gives("wp-test after a b -- c d e", "queue= 3 of 5\n");
	gives("wp-test after -- a -- b", "queue= 3 of 3\n");
	gives("wp-test after a -q x -- b -q y", "queue=x 3 of 4\n");
	gives("wp-test after -q -- a -- b", "queue=-- 1 of 2\n");
	gives("wp-test after --queue -- a", "queue=-- -1 of 1\n");
	gives("wp-test after a b --queue=-- -- c", "queue=-- 1 of 3\n");
}

static void returns_statuses(void)
{
	struct captured c = capture(run_line, (char *)"wp-test add a b");

	is_int(c.status, 7, "the verb's status is the program's");
	captured_release(&c);
}

int main(void)
{
	parses();
	takes_operands();
	takes_globals();
	refuses_mistakes();
	takes_variables();
	explains();
	lists();
	tells_what_comes_after_the_end();
	returns_statuses();
	return done_testing();
}
