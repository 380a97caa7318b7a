/* cancel: jobs that wait never run; a running one is told to stop. */

#include "many.h"

static int cancel_run(void *globals, void *args, int n, char **operands)
{
	return many_run("cancel", SQL_JOBS_CANCEL, "scheduled,available,reserved,in_progress,retry", globals, args, n, operands);
}

const struct verb verb_cancel = {
	.name = "cancel", .args = "[ID...]", .summary = "cancel jobs; running ones are told to stop",
	.options = many_options, .size = sizeof(struct many_args), .max_operands = -1, .run = cancel_run,
};
