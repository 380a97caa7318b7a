#include "pool_child.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "spawn.h"
#include "strbuf.h"
#include "strvec.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* wp-pool beside this program, else in PATH. */
static char *find_pool(void)
{
	struct strbuf path = STRBUF_INIT;
	char *self = realpath("/proc/self/exe", NULL), *found = NULL;
	char *slash = self ? strrchr(self, '/') : NULL;

	if (slash) {
		strbuf_add(&path, self, (size_t)(slash - self) + 1);
		strbuf_addstr(&path, "wp-pool");
		if (access(path.buf, X_OK) == 0)
			found = xstrdup(path.buf);
	}
	strbuf_release(&path);
	free(self);
	return found ? found : spawn_find("wp-pool");
}

static void push_duration(struct strvec *argv, const char *option, usec_t duration)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "%s=", option);
	clock_add_seconds(&text, duration);
	strbuf_addch(&text, 's');
	strvec_push(argv, text.buf);
	strbuf_release(&text);
}

static void build_argv(struct strvec *argv, const struct pool_options *o, int life, char **command)
{
	strvec_push(argv, "wp-pool");
	strvec_push(argv, "map");
	strvec_push(argv, "--jobs");
	strvec_push(argv, "--untracked");     /* the worker is present, its pool is a part of it */
	strvec_pushf(argv, "--max-procs=%lld", (long long)o->max_procs);
	if (o->warm) {
		strvec_push(argv, "--warm");
		strvec_pushf(argv, "--window=%lld", (long long)o->window);
	} else {
		strvec_push(argv, "--output-fd=3");
	}
	if (life >= 0)
		strvec_push(argv, "--hold-fd=4");
	if (o->progress)
		strvec_push(argv, "--progress");
	/* Said even when there is none: the pool's own variables are not about us. */
	push_duration(argv, "--timeout", o->timeout);
	push_duration(argv, "--kill-after", o->kill_after);
	push_duration(argv, "--grace", o->grace);
	strvec_push(argv, "--");
	strvec_push_all(argv, (const char *const *)command);
}

static int start(struct pool_child *child, char *const *argv, int in, int out, int life)
{
	struct spawn spawn = SPAWN_INIT;
	char *path = find_pool();

	if (!path)
		return -1;
	spawn.path = path;
	spawn.argv = argv;
	spawn.in = in;
	spawn.out = out;
	spawn.err = STDERR_FILENO;
	spawn.keep[0] = STDOUT_FILENO;
	spawn.keep[1] = life;
	child->pid = spawn_start(&spawn);
	free(path);
	return child->pid < 0 ? -1 : 0;
}

int pool_child_start(struct pool_child *child, const struct pool_options *options, int life, char **command)
{
	struct strvec argv = STRVEC_INIT;
	int jobs[2] = { -1, -1 }, results[2] = { -1, -1 };
	int r = -1;

	*child = (struct pool_child){ .pid = -1, .jobs = -1, .results = -1 };
	build_argv(&argv, options, life, command);
	if (pipe2(jobs, O_CLOEXEC) < 0 || pipe2(results, O_CLOEXEC) < 0)
		err_errno("cannot make a pipe");
	else
		r = start(child, argv.v, jobs[0], results[1], life);
	fd_close(&jobs[0]);
	fd_close(&results[1]);
	if (r == 0) {
		child->jobs = jobs[1];
		child->results = results[0];
	} else {
		fd_close(&jobs[1]);
		fd_close(&results[0]);
	}
	strvec_release(&argv);
	return r;
}
