/*
 * A command line is taken or refused as a mistake, and what is taken is within its bounds. The lines of the input are the words;
 * verbs and options are those of wp-jobs, whose verbs do nothing here.
 */
#include "fuzz.h"

#include "err.h"
#include "jobs.h"
#include "opt.h"
#include "strvec.h"

#include <unistd.h>

enum { VERBS = 13, WORDS = 200 };

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, NULL, "the state directory"),
	OPT_STRING(0, "db", "CONNECTION", struct globals, db, NULL, "keep the jobs in this Postgres database"),
	OPT_END
};

static const struct verb *const real[VERBS] = {
	&verb_init, &verb_add, &verb_work, &verb_produce, &verb_settle, &verb_list, &verb_show, &verb_stats, &verb_await, &verb_cancel,
	&verb_retry, &verb_sweep, &verb_prune
};
static struct verb dry[VERBS];
static const struct verb *verbs[VERBS + 1];
static const struct program program = {
	.name = "wp-jobs", .summary = "fuzzed", .globals = globals, .globals_size = sizeof(struct globals), .verbs = verbs,
};
static int ran;

static void check_value(const struct opt *o, const char *base)
{
	const void *value = base + o->offset;

	if (o->kind == OPT_KIND_INT && opt_given(o->name))
		require(*(const int64_t *)value >= o->min && *(const int64_t *)value <= o->max);
	if (o->kind == OPT_KIND_DURATION && opt_given(o->name))
		require(*(const usec_t *)value >= 0);
	if (o->kind == OPT_KIND_CHOICE)
		require(*(const int *)value >= 0);
	if (o->kind == OPT_KIND_STRING && opt_given(o->name))
		require(*(const char *const *)value != NULL);
	if (o->kind == OPT_KIND_LIST)
		for (size_t i = 0; i < ((const struct strvec *)value)->nr; i++)
			require(((const struct strvec *)value)->v[i] != NULL);
}

/* Only what one verb has: whose struct ARGS is, is not said here. */
static int dry_run(void *g, void *args, int n, char **operands)
{
	require(n >= 0 && operands[n] == NULL && opt_after_end() <= n);
	for (int i = 0; i < n; i++)
		require(operands[i] != NULL);
	ran++;
	return WP_OK;
}

#define RUN(i) \
	static int run_##i(void *g, void *args, int n, char **operands) \
	{ \
		for (const struct opt *o = real[i]->options; o && o->kind != OPT_KIND_END; o++) \
			check_value(o, args); \
		for (const struct opt *o = real[i]->more; o && o->kind != OPT_KIND_END; o++) \
			check_value(o, (const char *)args + real[i]->more_offset); \
		require(n >= real[i]->min_operands && (real[i]->max_operands < 0 || n <= real[i]->max_operands)); \
		return dry_run(g, args, n, operands); \
	}
RUN(0) RUN(1) RUN(2) RUN(3) RUN(4) RUN(5) RUN(6) RUN(7) RUN(8) RUN(9) RUN(10) RUN(11) RUN(12)

static int (*const runs[VERBS])(void *g, void *args, int n, char **operands) = {
	run_0, run_1, run_2, run_3, run_4, run_5, run_6, run_7, run_8, run_9, run_10, run_11, run_12
};

/* What it says goes nowhere; what a sanitizer has to say does not come through stdio. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stderr = fopen("/dev/null", "w");
	require(stderr);
	for (int i = 0; i < VERBS; i++) {
		dry[i] = *real[i];
		dry[i].run = runs[i];
		verbs[i] = &dry[i];
	}
	clearenv();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *at = text, *argv[WORDS + 2] = { (char *)"wp-jobs" };
	int argc = 1, status;

	for (char *line; argc <= WORDS && (line = strsep(&at, "\n")); )
		argv[argc++] = line;
	stdout = fopen("/dev/null", "w");    /* program_main() closes it */
	require(stdout);
	ran = 0;
	status = program_main(&program, argc, argv);
	require(status == WP_OK || status == WP_USAGE);
	require(!ran || status == WP_OK);
	free(text);
	return 0;
}
