/* wp-jobs - a durable job queue. */

#include "err.h"
#include "jobs.h"

#include <fcntl.h>

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

/* A closed stdin, stdout or stderr must not become a database or a lock: what is used wrongly
 * then fails as if it were closed still. */
static void reserve_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			err_bug("cannot open \"/dev/null\"");
	}
}

int main(int argc, char **argv)
{
	reserve_standard_descriptors();
	return program_main(&program, argc, argv);
}
