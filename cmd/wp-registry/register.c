/* register: be a consumer, or say that a process is one. */

#include "spec.h"

#include "err.h"
#include "host.h"
#include "io.h"
#include "notify.h"
#include "process.h"

#include <stdio.h>
#include <unistd.h>

struct register_args {
	struct spec_args spec;
	int64_t pid, ready_fd;
};

static const struct register_args defaults = { .spec = SPEC_DEFAULTS, .ready_fd = -1 };

static const struct opt options[] = {
	SPEC_OPTIONS(struct register_args, spec),
	OPT_INT('p', "pid", "PID", struct register_args, pid, 1, INT32_MAX, NULL, "a process that runs already, and has no inbox: whereis alone finds it"),
	OPT_INT(0, "ready-fd", "FD", struct register_args, ready_fd, 3, INT32_MAX, NULL,
		"write the number of consumers of the stack that run, and a newline, to descriptor FD and close it when registered"),
	OPT_END
};

static int check(const struct register_args *a, int n)
{
	if (a->pid && n > 1)
		return err_usage("register", "--pid and a command exclude each other");
	if (!a->pid && n < 2)
		return err_usage("register", "a command is needed, or --pid");
	if (notify_check_fd(a->ready_fd) < 0)
		return err_usage("register", "%s", err_message());
	return 0;
}

static int find_process(struct consumer *c, pid_t pid)
{
	int r = process_start(pid, &c->process);

	c->pid = pid;
	return r == 0 ? err_set(WP_NO, "there is no process %d", (int)pid) : r;
}

static void tell_ready(int fd, int64_t count)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)count);

	if (fd >= 0)
		(void)write_full(fd, text, (size_t)n);
	notify_ready_fd(&fd);
}

struct registering {
	struct host host;
	int ready_fd;
	int64_t count;
};

static void is_ready(struct host *host)
{
	struct registering *r = (struct registering *)host;

	tell_ready(r->ready_fd, r->count);
	notify_systemd("READY=1");
}

/* 1: a consumer is to run; 0: registered, that is all; -1 with err recorded. */
static int enter(struct registering *r, struct spec *spec, const struct register_args *a)
{
	struct host *host = &r->host;

	spec_finish(spec);
	if (a->pid && find_process(&spec->consumer, (pid_t)a->pid) < 0)
		return -1;
	if (!a->pid && host_prepare(host) < 0)
		return -1;
	if (spec_rest(spec, &host->registry) < 0
	    || registry_register(&host->registry, &spec->consumer, a->spec.replace, &host->life, &r->count) < 0)
		return -1;
	return a->pid ? 0 : 1;
}

static int register_run(void *globals, void *args, int n, char **operands)
{
	const struct register_args *a = args;
	struct registering r = { .host = { .life = LIFE_NONE, .registry.state.fd = -1 }, .ready_fd = (int)a->ready_fd };
	struct spec spec;
	int status = check(a, n), entered;

	if (status)
		return status;
	if (spec_make(&spec, &a->spec, operands[0], operands + 1) < 0 || registry_open(&r.host.registry, ((struct globals *)globals)->state) < 0) {
		spec_release(&spec);
		return err_report();
	}
	entered = enter(&r, &spec, a);
	if (entered > 0) {
		r.host.self = spec.consumer;
		r.host.settings = spec.settings;
		return host_run(&r.host, STDERR_FILENO, is_ready);
	}
	status = entered < 0 ? err_report() : WP_OK;
	if (entered == 0)
		tell_ready(r.ready_fd, r.count);
	registry_close(&r.host.registry);
	loop_free(r.host.loop);
	spec_release(&spec);
	return status;
}

const struct verb verb_register = {
	.name = "register", .args = "HANDLE [-- COMMAND [ARG...]]",
	.summary = "be the consumer HANDLE: run COMMAND for each message",
	.options = options, .size = sizeof(struct register_args), .defaults = &defaults,
	.min_operands = 1, .max_operands = -1, .run = register_run,
};
