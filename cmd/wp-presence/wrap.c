#include "wrap.h"

#include "err.h"
#include "spawn.h"
#include "tracked.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct wrap {
	struct loop *loop;
	struct tracked tracked;
	pid_t pid;
	bool on_terminal;        /* the command shares our process group, so that the terminal's keys reach it */
	int status;
	bool killed;
};

/* What the terminal sends it sends to the whole group. */
static bool has_it_already(const struct wrap *w, int signo)
{
	return w->on_terminal && (signo == SIGINT || signo == SIGQUIT);
}

static void on_signal(int signo, void *ctx)
{
	struct wrap *w = ctx;

	if (w->pid > 0 && !has_it_already(w, signo))
		kill(w->pid, signo);
}

static int forward_signals(struct wrap *w)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH };
	struct sigaction action;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			continue;
		if (loop_signal(w->loop, signals[i], on_signal, w) < 0)
			return -1;
	}
	return 0;
}

static void on_child(pid_t pid, int status, void *ctx)
{
	struct wrap *w = ctx;

	if (pid == w->pid) {
		w->status = spawn_exit_status(status);
		w->killed = WIFSIGNALED(status);
		loop_stop(w->loop);
	} else if (!w->on_terminal && pid == guard_pid() && guard_start(1, w->tracked.life.fd) == 0) {
		guard_set(0, w->pid);
	}
}

/* The guard has to hold the lock that counts. Without one for a moment, the command itself would still die with us. */
static void on_moved(struct tracked *t)
{
	struct wrap *w = (struct wrap *)((char *)t - offsetof(struct wrap, tracked));

	if (w->pid <= 0 || w->on_terminal)
		return;
	guard_set(0, 0);
	guard_stop();
	if (guard_start(1, t->life.fd) < 0) {
		err_warn("%s", err_message());
		err_clear();
	}
	guard_set(0, w->pid);
}

static int start_command(struct wrap *w, char **command)
{
	struct spawn spawn = SPAWN_INIT;

	spawn.argv = command;
	spawn.in = STDIN_FILENO;
	spawn.out = STDOUT_FILENO;
	spawn.err = STDERR_FILENO;
	spawn.inherit = true;
	spawn.same_group = w->on_terminal;
	if (!w->on_terminal) {
		if (guard_start(1, w->tracked.life.fd) < 0)
			return -1;
		spawn.guarded = 1;
	}
	w->pid = spawn_start(&spawn);
	return w->pid < 0 ? -1 : 0;
}

static int tell_command(const struct tracked *t)
{
	if (setenv("WP_PRESENCE_TOPIC", t->topic, 1) < 0 || setenv("WP_PRESENCE_KEY", t->key, 1) < 0 ||
			setenv("WP_PRESENCE_REF", t->ref.buf, 1) < 0)
		return err_errno("cannot set the command's environment");
	return 0;
}

static int run(struct wrap *w, char **command)
{
	if (loop_init(&w->loop) < 0 || forward_signals(w) < 0 || loop_children(w->loop, on_child, w) < 0)
		return -1;
	if (tracked_join(&w->tracked, w->loop) < 0 || tell_command(&w->tracked) < 0 || start_command(w, command) < 0)
		return -1;
	return loop_run(w->loop);
}

static int our_failure(void)
{
	int status = err_report();

	return status == WP_CANNOT_EXEC || status == WP_NOT_FOUND ? status : WP_FAILED;
}

int wrap(const char *state, const struct presence_entry *entry, char **command)
{
	struct wrap w = { .tracked = TRACKED_INIT, .on_terminal = isatty(STDIN_FILENO) };

	w.tracked.moved = on_moved;
	w.tracked.dir = state;
	w.tracked.topic = entry->topic;
	w.tracked.key = entry->key;
	w.tracked.meta = entry->meta;
	w.tracked.capacity = entry->capacity;
	w.tracked.in_use = entry->in_use;
	if (entry->ref)
		strbuf_addstr(&w.tracked.ref, entry->ref);
	if (run(&w, command) < 0)
		w.status = our_failure();
	guard_set(0, 0);
	guard_stop();
	tracked_leave(&w.tracked, w.killed ? PRESENCE_KILLED : PRESENCE_EXITED);
	loop_free(w.loop);
	return w.status;
}
