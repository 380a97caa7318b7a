#include "launch.h"

#include "err.h"
#include "io.h"
#include "settings.h"
#include "spawn.h"

#include <fcntl.h>
#include <unistd.h>

static void consumer_command(struct strvec *argv, const struct registry *r, const struct consumer *c)
{
	strvec_push(argv, "wp-registry");
	strvec_push(argv, "--state");
	strvec_push(argv, r->state.dir);
	strvec_push(argv, "consumer");
	strvec_pushf(argv, "%lld", (long long)c->id);
	strvec_pushf(argv, "%lld", (long long)c->life);
}

/* *FD is its stderr; -1: none. */
static int open_log(const struct settings *settings, int *fd)
{
	*fd = -1;
	if (!settings->log)
		return 0;
	*fd = open(settings->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	return *fd < 0 ? err_errno("cannot open \"%s\"", settings->log) : 0;
}

/* What it may do and where, was said when it was defined. */
static pid_t start(const struct registry *r, const struct consumer *c, const struct settings *settings, const struct life *life)
{
	struct spawn spawn = SPAWN_INIT;
	struct strvec argv = STRVEC_INIT;
	int log = -1;
	pid_t pid = -1;

	if (settings->directory && access(settings->directory, X_OK) < 0) {
		err_errno("cannot change to directory \"%s\"", settings->directory);
	} else if (open_log(settings, &log) == 0) {
		consumer_command(&argv, r, c);
		spawn.path = "/proc/self/exe";
		spawn.argv = argv.v;
		spawn.envp = settings->environment.v;
		spawn.dir = settings->directory;
		spawn.err = log;
		spawn.keep[0] = life->lock.fd;
		spawn.keep[1] = life->listener;
		spawn.death_signal = 0;
		spawn.same_group = true;     /* until it makes a session of its own, which the leader of a group cannot */
		pid = spawn_start(&spawn);
	}
	strvec_release(&argv);
	fd_close(&log);
	return pid;
}

/* What may pass, as for want of processes, is no crash. */
static int cannot_start(struct registry *r, const struct consumer *c, int status, const char *reason)
{
	if (registry_end(r, c, status == WP_FAILED ? END_SUSPENDED : END_CRASHED, reason, 0) < 0)
		return -1;
	return status == WP_FAILED ? err_set(status, "%s", reason) : 0;
}

static int start_or_bury(struct registry *r, struct consumer *c, const struct life *life)
{
	struct settings settings = SETTINGS_INIT;
	struct strbuf reason = STRBUF_INIT;
	int result = 1;
	pid_t pid = settings_parse(&settings, c->settings) < 0 ? -1 : start(r, c, &settings, life);

	if (pid > 0) {
		result = registry_started(r, c, pid) < 0 ? -1 : 1;
	} else {
		strbuf_addstr(&reason, err_message());
		result = cannot_start(r, c, err_status(), reason.buf);
	}
	settings_release(&settings);
	strbuf_release(&reason);
	return result;
}

int launch(struct registry *r, struct consumer *c, bool even_crashed)
{
	struct life life = LIFE_NONE;
	int result = registry_launch(r, c, even_crashed, &life);

	if (result <= 0)
		return result;
	result = start_or_bury(r, c, &life);
	/* The process has them: its life is as long as these are open there. */
	fd_close(&life.listener);
	alive_let_go(&life.lock);
	return result;
}
