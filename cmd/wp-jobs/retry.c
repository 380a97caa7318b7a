/* retry: finished jobs start over, waiting ones wait no longer. */

#include "many.h"

static int retry_run(void *globals, void *args, int n, char **operands)
{
	return many_run("retry", SQL_JOBS_RETRY, "retry,failed,cancelled", globals, args, n, operands);
}

const struct verb verb_retry = {
	.name = "retry", .args = "[ID...]", .summary = "make failed, cancelled or waiting jobs available now",
	.options = many_options, .size = sizeof(struct many_args), .max_operands = -1, .run = retry_run,
};
