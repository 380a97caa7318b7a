#include "hooks.h"

#include "alloc.h"
#include "err.h"
#include "spawn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hooks_init(struct hooks *h, struct loop *loop, struct groups *groups, size_t slot, void *ctx)
{
	*h = (struct hooks){ .loop = loop, .groups = groups, .slot = slot, .ctx = ctx, .last = &h->first };
}

static void free_hook(struct hook *hook)
{
	strvec_release(&hook->variables);
	free(hook);
}

static pid_t start(const struct hook *hook, size_t slot)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)hook->command, NULL };
	struct spawn spawn = SPAWN_INIT;
	pid_t pid;

	spawn.argv = argv;
	spawn.envp = spawn_environment(environ, &hook->variables);
	spawn.out = spawn.err = STDERR_FILENO;
	spawn.guarded = slot + 1;
	pid = spawn_start(&spawn);
	free((char **)spawn.envp);
	return pid;
}

static void over(struct hooks *h, struct hook *hook, bool good)
{
	h->alive--;
	if (hook->over)
		hook->over(h->ctx, hook->number, good);
	free_hook(hook);
}

static void kill_slow(struct loop_timer *timer)
{
	struct hooks *h = (struct hooks *)((char *)timer - offsetof(struct hooks, timer));
	usec_t now = clock_now(), next = USEC_NEVER;

	for (size_t i = 0; i < HOOKS_MAX; i++) {
		struct hook *hook = h->running[i];

		if (hook && hook->until <= now) {
			err_warn("the %s command was killed: it took longer than %d seconds", hook->name,
				(int)(HOOKS_LIMIT / USEC_SEC));
			groups_kill(h->groups, h->slot + i);
			hook->until = USEC_NEVER;
		}
		if (hook && hook->until < next)
			next = hook->until;
	}
	if (next != USEC_NEVER)
		loop_timer_set(h->loop, timer, next, kill_slow);
}

static void begin(struct hooks *h, struct hook *hook, size_t slot)
{
	pid_t pid = start(hook, h->slot + slot);

	if (pid < 0) {
		err_prefix("%s", hook->name);
		err_warn("%s", err_message());
		err_clear();
		over(h, hook, false);
		return;
	}
	groups_add(h->groups, h->slot + slot, pid);
	hook->until = clock_now() + HOOKS_LIMIT;
	h->running[slot] = hook;
	if (!h->timer.due.index)
		loop_timer_set(h->loop, &h->timer, hook->until, kill_slow);
}

static void fill(struct hooks *h)
{
	for (size_t slot = 0; slot < HOOKS_MAX && h->first; slot++) {
		struct hook *hook = h->first;

		if (h->running[slot])
			continue;
		h->first = hook->next;
		if (!h->first)
			h->last = &h->first;
		begin(h, hook, slot);
	}
}

void hooks_run(struct hooks *h, const char *name, const char *command, const struct strvec *variables,
	void (*fn)(void *ctx, int64_t number, bool good), int64_t number)
{
	struct hook *hook;

	/* An answer is waited for; of what merely happened, some is lost when it happens faster than it can be told. */
	if (!fn && h->alive >= HOOKS_ALIVE_MAX) {
		if (h->alive == h->warned_at)
			return;
		h->warned_at = h->alive;
		err_warn("the %s command is not run: %d others wait for their turn", name, HOOKS_ALIVE_MAX);
		return;
	}
	hook = xcalloc(1, sizeof(*hook));
	*hook = (struct hook){ .name = name, .command = command, .variables = STRVEC_INIT, .over = fn, .number = number };
	strvec_push_all(&hook->variables, (const char *const *)variables->v);
	*h->last = hook;
	h->last = &hook->next;
	h->alive++;
	fill(h);
}

static void ended(struct hooks *h, size_t slot, int wait_status)
{
	struct hook *hook = h->running[slot];
	int status = spawn_exit_status(wait_status);

	h->running[slot] = NULL;
	groups_reaped(h->groups, h->slot + slot, false);
	if (status && !hook->over)
		err_warn("the %s command ended with exit status %d", hook->name, status);
	over(h, hook, status == 0);
	fill(h);
}

/* Which of them, or -1. */
static ssize_t find(const struct hooks *h, pid_t pid)
{
	ssize_t slot = groups_find(h->groups, pid);

	return slot >= (ssize_t)h->slot && slot < (ssize_t)h->slot + HOOKS_MAX ? slot - (ssize_t)h->slot : -1;
}

bool hooks_reaped(struct hooks *h, pid_t pid, int wait_status)
{
	ssize_t i = find(h, pid);

	if (i < 0)
		return false;
	ended(h, (size_t)i, wait_status);
	return true;
}

bool hooks_has(const struct hooks *h, pid_t pid)
{
	return find(h, pid) >= 0;
}

void hooks_release(struct hooks *h)
{
	if (!h->loop)
		return;
	loop_timer_cancel(h->loop, &h->timer);
	for (size_t i = 0; i < HOOKS_MAX; i++)
		if (h->running[i]) {
			groups_kill(h->groups, h->slot + i);
			free_hook(h->running[i]);
		}
	for (struct hook *hook = h->first, *next; hook; hook = next) {
		next = hook->next;
		free_hook(hook);
	}
}
