/* suspend: when consumers that have nothing to do go to rest, now and from now on. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "name.h"
#include "tell.h"

#include <stdio.h>
#include <stdlib.h>

/* One that is not stopped answers at once. */
#define TELL_LIMIT (10 * USEC_SEC)

struct suspend_args {
	const char *stack;
	usec_t hibernate_after, jitter, suspend_after;
	bool disable;
};

struct running {
	int64_t *lives;
	size_t nr, alloc;
};

static void add_life(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct running *running = ctx;

	if (!c->life)
		return;
	grow_array(&running->lives, &running->alloc, running->nr + 1, sizeof(*running->lives));
	running->lives[running->nr++] = c->life;
}

/* How many are told. Those who start now find it in the state file. */
static int64_t tell_all(struct registry *r, const char *stack, const struct rest_times *rest)
{
	struct running running = { 0 };
	int64_t told = -1;
	size_t silent = 0;

	if (registry_set_rest(r, stack, rest) == 0 && registry_list(r, stack, add_life, &running) == 0)
		told = tell(r, running.lives, running.nr, POST_REST, clock_now() + TELL_LIMIT);
	for (size_t i = 0; i < running.nr; i++)
		silent += running.lives[i] != 0;
	if (told >= 0 && silent)
		err_warn("%zu consumers do not answer: they may be stopped", silent);
	free(running.lives);
	return told;
}

static int check(const struct suspend_args *a)
{
	bool given = a->hibernate_after >= 0 || a->suspend_after >= 0;

	if (a->disable && (given || a->jitter >= 0))
		return err_usage("suspend", "--disable excludes the other options");
	if (!a->disable && !given)
		return err_usage("suspend", "one of --hibernate-after, --suspend-after and --disable is needed");
	if (a->jitter >= 0 && a->hibernate_after < 0)
		return err_usage("suspend", "--jitter goes with --hibernate-after");
	return 0;
}

static int suspend_run(void *globals, void *args, int n, char **operands)
{
	const struct suspend_args *a = args;
	const struct rest_times rest = { a->hibernate_after, a->jitter, a->suspend_after };
	const char *stack = a->stack ? a->stack : REGISTRY_STACK;
	struct registry registry = { .state.fd = -1 };
	int64_t told = -1;
	int status = check(a);

	if (status)
		return status;
	if (name_check("stack", stack) == 0 && registry_open(&registry, ((struct globals *)globals)->state) == 0)
		told = tell_all(&registry, stack, &rest);
	registry_close(&registry);
	if (told < 0)
		return err_report();
	printf("%lld\n", (long long)told);
	return WP_OK;
}

static const struct suspend_args defaults = { .hibernate_after = -1, .jitter = -1, .suspend_after = -1 };

static const struct opt options[] = {
	STACK_OPTION(struct suspend_args, stack),
	OPT_DURATION(0, "hibernate-after", "DURATION", struct suspend_args, hibernate_after, NULL, "hibernate when there was no message for so long"),
	OPT_DURATION(0, "jitter", "DURATION", struct suspend_args, jitter, NULL, "rather at a random time between that and DURATION"),
	OPT_DURATION(0, "suspend-after", "DURATION", struct suspend_args, suspend_after, NULL, "end a process so long after that, or after its last message"),
	OPT_FLAG(0, "disable", struct suspend_args, disable, NULL, "never"),
	OPT_END
};

const struct verb verb_suspend = {
	.name = "suspend", .args = "", .summary = "say when idle consumers of a stack hibernate and are suspended; prints how many were told",
	.options = options, .size = sizeof(struct suspend_args), .defaults = &defaults, .run = suspend_run,
};
