/* wp-jobs - a durable job queue. */

#include "jobs.h"

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "WP_STATE", "the state directory"),
	OPT_STRING(0, "db", "CONNECTION", struct globals, db, "WP_JOBS_DB", "keep the jobs in this Postgres database (URI, conninfo or service=NAME)"),
	OPT_END
};

static const struct verb *const verbs[] = {
	&verb_init, &verb_add, &verb_work, &verb_produce, &verb_settle, &verb_list, &verb_show, &verb_stats,
	&verb_await, &verb_cancel, &verb_retry, &verb_sweep, &verb_prune, NULL
};

static const struct program program = {
	.name = "wp-jobs",
	.summary = "a durable job queue, drained by pools of commands",
	.globals = globals, .globals_size = sizeof(struct globals),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
