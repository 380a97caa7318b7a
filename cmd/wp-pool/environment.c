#include "environment.h"

#include "alloc.h"
#include "err.h"

#include <unistd.h>

static const char *const names[ENV_OURS] = {
	[ENV_SLOT] = "WP_SLOT=",
	[ENV_ID] = "WP_JOB_ID=",
	[ENV_QUEUE] = "WP_JOB_QUEUE=",
	[ENV_ATTEMPT] = "WP_JOB_ATTEMPT=",
	[ENV_MAX_ATTEMPTS] = "WP_JOB_MAX_ATTEMPTS=",
};

static bool is_ours(const char *variable)
{
	for (size_t i = 0; i < ENV_OURS; i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

void environment_init(struct environment *e)
{
	size_t n = 0;

	*e = (struct environment){ 0 };
	while (environ[n])
		n++;
	e->envp = xcalloc(n + ENV_OURS + 1, sizeof(*e->envp));
	for (size_t i = 0; i < n; i++)
		if (!is_ours(environ[i]))
			e->envp[e->inherited++] = environ[i];
	for (size_t i = 0; i < ENV_OURS; i++)
		strbuf_init(&e->ours[i]);
}

void environment_release(struct environment *e)
{
	for (size_t i = 0; i < ENV_OURS; i++)
		strbuf_release(&e->ours[i]);
	free(e->envp);
	e->envp = NULL;
}

static struct strbuf *begin(struct environment *e, int variable)
{
	struct strbuf *sb = &e->ours[variable];

	strbuf_reset(sb);
	strbuf_addstr(sb, names[variable]);
	return sb;
}

static void set_job(struct environment *e, const struct job_line *job)
{
	strbuf_addint(begin(e, ENV_ID), job->id);
	strbuf_addint(begin(e, ENV_ATTEMPT), job->attempt);
	strbuf_addint(begin(e, ENV_MAX_ATTEMPTS), job->max_attempts);
	/* A name that no environment can hold is left empty rather than failing the job. */
	(void)json_add_decoded(begin(e, ENV_QUEUE), job->queue);
}

char **environment_for(struct environment *e, size_t slot, const struct job_line *job)
{
	size_t n = job ? ENV_OURS : 1;

	strbuf_addint(begin(e, ENV_SLOT), (long long)slot + 1);
	if (job)
		set_job(e, job);
	for (size_t i = 0; i < n; i++)
		e->envp[e->inherited + i] = e->ours[i].buf;
	e->envp[e->inherited + n] = NULL;
	return e->envp;
}
