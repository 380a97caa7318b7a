/* define: a consumer that is started by its first message. start: or by hand. consumer: what is started. */

#include "spec.h"

#include "err.h"
#include "host.h"
#include "launch.h"
#include "tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct define_args {
	struct spec_args spec;
	bool durable;
	const char *log;
};

static const struct define_args defaults = { .spec = SPEC_DEFAULTS };

static const struct opt options[] = {
	SPEC_OPTIONS(struct define_args, spec),
	OPT_DURATION(0, "suspend-after", "DURATION", struct define_args, spec.suspend_after, NULL,
		"end its process when there was no message for so long, or so long after it has hibernated"),
	OPT_FLAG(0, "durable", struct define_args, durable, NULL, "keep messages in the state file until they have been dealt with"),
	OPT_STRING(0, "log", "FILE", struct define_args, log, NULL, "append what COMMAND says on stderr to FILE"),
	OPT_END
};

static int define_run(void *globals, void *args, int n, char **operands)
{
	const struct define_args *a = args;
	struct registry registry = { .state.fd = -1 };
	struct spec spec;
	int status = WP_OK;

	if (spec_make(&spec, &a->spec, operands[0], operands + 1) < 0 || spec_remember(&spec, a->log) < 0) {
		spec_release(&spec);
		return err_report();
	}
	spec.consumer.defined = true;
	spec.consumer.durable = a->durable;
	spec_finish(&spec);
	if (registry_open(&registry, ((struct globals *)globals)->state) < 0 || spec_rest(&spec, &registry) < 0
	    || registry_define(&registry, &spec.consumer, a->spec.replace) < 0)
		status = err_report();
	registry_close(&registry);
	spec_release(&spec);
	return status;
}

const struct verb verb_define = {
	.name = "define", .args = "HANDLE -- COMMAND [ARG...]",
	.summary = "have COMMAND started as the consumer HANDLE when there is a message",
	.options = options, .size = sizeof(struct define_args), .defaults = &defaults,
	.min_operands = 2, .max_operands = -1, .run = define_run,
};

/* start */

#define START_LIMIT (10 * USEC_SEC)

struct start_args {
	const char *stack;
};

static const struct opt start_options[] = {
	STACK_OPTION(struct start_args, stack),
	OPT_END
};

/* It is there when it answers; whoever is stopped is there, too. */
static int wait_for_it(struct registry *r, int64_t life)
{
	return tell(r, &life, 1, POST_REST, clock_now() + START_LIMIT) < 0 ? -1 : 0;
}

static int check_started(struct registry *r, const char *stack, const char *handle)
{
	struct consumer c;
	int result = registry_find(r, stack, handle, &c);

	if (result > 0 && c.state == CONSUMER_CRASHED)
		result = err_set(WP_NO, "consumer \"%s\" has crashed: %s", handle, c.reason);
	consumer_release(&c);
	return result < 0 ? -1 : 0;
}

/* Somebody else may be first: then it is that life which is waited for. */
static int launch_or_find(struct registry *r, struct consumer *c)
{
	char *stack, *handle;
	int result = launch(r, c, true);

	if (result != 0)
		return result;
	stack = c->stack;
	handle = c->handle;
	c->stack = c->handle = NULL;
	consumer_release(c);
	result = registry_find(r, stack, handle, c);
	free(stack);
	free(handle);
	return result;
}

static int start_it(struct registry *r, const char *stack, const char *handle)
{
	struct consumer c;
	int result = registry_find(r, stack, handle, &c);

	if (result == 0)
		result = err_set(WP_NO, "there is no consumer \"%s\"", handle);
	else if (result > 0 && c.life == 0 && !c.defined)
		result = err_set(WP_NO, "consumer \"%s\" is not defined: it has to register itself", handle);
	else if (result > 0 && c.life == 0)
		result = launch_or_find(r, &c);
	if (result > 0 && c.life)
		result = wait_for_it(r, c.life);
	consumer_release(&c);
	return result < 0 ? -1 : check_started(r, stack, handle);
}

static int start_run(void *globals, void *args, int n, char **operands)
{
	const struct start_args *a = args;
	const char *stack = a->stack;
	struct registry registry = { .state.fd = -1 };
	int status = WP_OK;

	if (check_address(&stack, operands[0]) < 0 || registry_open(&registry, ((struct globals *)globals)->state) < 0
	    || start_it(&registry, stack, operands[0]) < 0)
		status = err_report();
	registry_close(&registry);
	return status;
}

const struct verb verb_start = {
	.name = "start", .args = "HANDLE", .summary = "start a defined consumer without a message, also after a crash",
	.options = start_options, .size = sizeof(struct start_args), .min_operands = 1, .max_operands = 1, .run = start_run,
};

/* consumer: with its lock as descriptor 3 and its socket as 4, in the directory and environment of its definition */

enum { LOCK_FD = 3, LISTENER_FD = 4 };

static int become(struct host *host, const char *dir, int64_t id, int64_t life)
{
	int r;

	if (registry_open(&host->registry, dir) < 0)
		return -1;
	r = registry_self(&host->registry, id, life, &host->self);
	host->self.id = id;
	host->self.life = life;
	if (r <= 0)
		return r < 0 ? r : err_set(WP_NO, "the consumer was removed");
	return settings_parse(&host->settings, host->self.settings);
}

static int consumer_run(void *globals, void *args, int n, char **operands)
{
	struct host host = {
		.life = { .lock.fd = LOCK_FD, .listener = LISTENER_FD }, .registry.state.fd = -1, .self = CONSUMER_INIT, .settings = SETTINGS_INIT };
	int64_t id = strtoll(operands[0], NULL, 10), life = strtoll(operands[1], NULL, 10);

	/* Before we open anything that would have these numbers. */
	if (fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(LISTENER_FD, F_SETFD, FD_CLOEXEC) < 0)
		return err_usage("consumer", "this verb is for wp-registry alone");
	if (setsid() < 0)
		err_warn("cannot make a session: %s", strerror(errno));
	prctl(PR_SET_NAME, "wp-registry");     /* it was started by way of /proc */
	if (host_prepare(&host) == 0 && become(&host, ((struct globals *)globals)->state, id, life) == 0)
		return host_run(&host, STDERR_FILENO, NULL);
	/* Those who have sent something already are to know. */
	host_refuse(&host, err_status() == WP_NO ? POST_REMOVED : POST_CRASHED, err_message());
	return err_report();
}

static const struct opt no_options[] = { OPT_END };

const struct verb verb_consumer = {
	.name = "consumer", .args = "ID LIFE", .summary = "be a consumer that is defined", .internal = true,
	.options = no_options, .size = 1, .min_operands = 2, .max_operands = 2, .run = consumer_run,
};
