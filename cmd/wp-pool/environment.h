/*
 * environment.h - the environment of the commands: ours, and WP_SLOT (1 to --max-procs,
 * unique among those that run), and for jobs WP_JOB_ID, WP_JOB_QUEUE, WP_JOB_ATTEMPT and
 * WP_JOB_MAX_ATTEMPTS. Made once; for a call only digits change.
 */
#ifndef WP_POOL_ENVIRONMENT_H
#define WP_POOL_ENVIRONMENT_H

#include "strbuf.h"
#include "stream.h"

enum { ENV_SLOT, ENV_ID, ENV_QUEUE, ENV_ATTEMPT, ENV_MAX_ATTEMPTS, ENV_OURS };

struct environment {
	char **envp;
	size_t inherited;
	struct strbuf ours[ENV_OURS];
};

void environment_init(struct environment *e);
void environment_release(struct environment *e);
/* JOB NULL: without the variables of a job. Valid until the next call. */
char **environment_for(struct environment *e, size_t slot, const struct job_line *job);

#endif
