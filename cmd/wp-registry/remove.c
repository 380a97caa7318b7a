/* remove: forget consumers, and have them end. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "tell.h"

#include <stdio.h>
#include <stdlib.h>

struct remove_args {
	const char *stack;
	usec_t timeout;
	bool dry_run;
};

static int say_what(struct registry *r, const char *stack, const char *handle)
{
	struct consumer c;
	int found = registry_find(r, stack, handle, &c);

	if (found > 0 && c.pid)
		printf("%s: %s, process %d\n", c.handle, consumer_state_name(c.state), (int)c.pid);
	else if (found > 0)
		printf("%s: %s\n", c.handle, consumer_state_name(c.state));
	consumer_release(&c);
	return found;
}

/* Those that have still to end. */
struct leaving {
	int64_t *lives;
	struct consumer *consumers;
	size_t nr;
};

static int remove_it(struct registry *r, const char *stack, const char *handle, struct leaving *leaving)
{
	struct consumer c;
	int found = registry_remove(r, stack, handle, &c);

	if (found > 0 && c.life) {
		leaving->lives[leaving->nr] = c.life;
		leaving->consumers[leaving->nr++] = c;
	} else {
		consumer_release(&c);
	}
	return found;
}

/* All at once. The exit status. */
static int wait_for_ends(struct registry *r, struct leaving *leaving, usec_t timeout)
{
	int status = WP_OK;

	if (tell(r, leaving->lives, leaving->nr, POST_LEAVE, timeout ? clock_now() + timeout : USEC_NEVER) < 0)
		status = err_report();
	for (size_t i = 0; i < leaving->nr; i++) {
		struct consumer *c = &leaving->consumers[i];

		if (leaving->lives[i]) {
			err_set(WP_TEMPFAIL, "consumer \"%s\" is removed, but its process %d has not ended yet", c->handle, (int)c->pid);
			status = err_report();
		} else if (registry_clear_life(r, c->life) < 0) {
			status = err_report();
		}
		consumer_release(c);
	}
	return status;
}

static int remove_all(struct registry *r, const struct remove_args *a, const char *stack, char **handles, int n)
{
	struct leaving leaving = { xcalloc((size_t)n, sizeof(*leaving.lives)), xcalloc((size_t)n, sizeof(*leaving.consumers)), 0 };
	int status = WP_OK, late;

	for (; *handles; handles++) {
		int found = a->dry_run ? say_what(r, stack, *handles) : remove_it(r, stack, *handles, &leaving);

		if (found == 0)
			err_set(WP_NO, "there is no consumer \"%s\"", *handles);
		if (found <= 0)
			status = err_report();
	}
	late = wait_for_ends(r, &leaving, a->timeout);
	free(leaving.lives);
	free(leaving.consumers);
	return status ? status : late;
}

static int remove_run(void *globals, void *args, int n, char **operands)
{
	const struct remove_args *a = args;
	const char *stack = a->stack;
	struct registry registry;
	int status = WP_NO, opened;

	for (char **handle = operands; *handle; handle++)
		if (check_address(&stack, *handle) < 0)
			return err_report();
	opened = registry_open_existing(&registry, ((struct globals *)globals)->state);
	if (opened < 0)
		return err_report();
	if (opened) {
		status = remove_all(&registry, a, stack, operands, n);
		registry_close(&registry);
		return status;
	}
	for (char **handle = operands; *handle; handle++) {
		err_set(WP_NO, "there is no consumer \"%s\"", *handle);
		err_report();
	}
	return WP_NO;
}

static const struct remove_args defaults = { .timeout = 30 * USEC_SEC };

static const struct opt options[] = {
	STACK_OPTION(struct remove_args, stack),
	OPT_DURATION(0, "timeout", "DURATION", struct remove_args, timeout, NULL, "wait so long for the end of its process; 0: for ever (default 30s)"),
	OPT_FLAG('n', "dry-run", struct remove_args, dry_run, NULL, "only say what would be removed"),
	OPT_END
};

const struct verb verb_remove = {
	.name = "remove", .args = "HANDLE...", .summary = "forget consumers, with what is stored for them, and have their processes end",
	.options = options, .size = sizeof(struct remove_args), .defaults = &defaults, .min_operands = 1, .max_operands = -1, .run = remove_run,
};
