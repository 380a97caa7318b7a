#include "verbs.h"

#include "backend.h"
#include "err.h"
#include "host.h"
#include "notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	SETTINGS_OPTIONS(struct start_args, settings),
	OPT_FLAG(0, "single-use", struct start_args, single_use, NULL, "end a runner when a call on it has ended"),
	OPT_FLAG(0, "pack", struct start_args, pack, NULL, "fill the fullest runner first, so that others become idle and can go"),
	OPT_FLAG(0, "track-resources", struct start_args, track_resources, NULL,
		"a call holds its slot until its whole process group is gone"),
	OPT_STRING(0, "backend", "NAME", struct start_args, backend, "WP_POOL_BACKEND",
		"where runners are: local, ssh, docker, kubectl, slurm or a path (default local)"),
	OPT_LIST(0, "backend-arg", "ARG", struct start_args, backend_args, NULL, "an argument for the backend's boot"),
	OPT_LIST(0, "sync", "PATH", struct start_args, sync, NULL, "copy PATH to each runner when it boots"),
	OPT_STRING(0, "idle-check", "COMMAND", struct start_args, idle_check, NULL,
		"an idle runner goes only when COMMAND succeeds, too"),
	OPT_STRING(0, "on-grow-start", "COMMAND", struct start_args, on_grow_start, NULL, "run when a runner beyond --min begins to boot"),
	OPT_STRING(0, "on-grow-end", "COMMAND", struct start_args, on_grow_end, NULL, "run when it has booted or failed to"),
	OPT_STRING(0, "on-shrink", "COMMAND", struct start_args, on_shrink, NULL, "run when a runner is shut or lost"),
	OPT_INT(0, "ready-fd", "FD", struct start_args, ready_fd, 3, INT32_MAX, NULL,
		"write a newline to descriptor FD and close it when the --min runners are there"),
	OPT_CHOICE(0, "log", "off|info|debug", struct start_args, log, "WP_POOL_LOG", "what to tell on stderr beside what goes wrong (default off)"),
	OPT_END
};

static const struct start_args defaults = {
	.settings = SETTINGS_DEFAULTS, .backend = BACKEND_LOCAL, .backend_args = STRVEC_INIT, .sync = STRVEC_INIT, .ready_fd = -1,
};

/* Absolute, so that it does not matter where a runner looks for them; and there, also where nothing is to be copied. */
static int find_sync(struct strvec *found, const struct strvec *paths)
{
	for (size_t i = 0; i < paths->nr; i++) {
		char *path = realpath(paths->v[i], NULL);

		if (!path)
			return err_set(WP_USAGE, "cannot sync \"%s\": %s", paths->v[i], strerror(errno));
		strvec_push_owned(found, path);
	}
	return 0;
}

static int check(struct host *host)
{
	const struct start_args *args = host->args;
	struct request request = REQUEST_INIT;

	if (address_check(host->name) < 0 || settings_to_request(&request, &args->settings, false) < 0
	    || limits_change(&host->limits, &request) < 0)
		return -1;
	if (!strcmp(args->backend, BACKEND_LOCAL)) {
		if (args->backend_args.nr)
			return err_set(WP_USAGE, "the local backend takes no --backend-arg");
	} else {
		host->backend = backend_find(args->backend);
		if (!host->backend)
			return -1;
	}
	if (find_sync(&host->sync, &args->sync) < 0 || notify_check_fd(args->ready_fd) < 0)
		return -1;
	host->limits.elastic.check = args->idle_check != NULL;
	return 0;
}

static int start_run(void *globals, void *args, int n, char **operands)
{
	struct host host = {
		.name = operands[0], .args = args, .state.fd = -1, .lock.fd = -1, .running = { -1, -1 }, .listener.fd = -1, .tracked = TRACKED_INIT,
		.meta = STRBUF_INIT, .sync = STRVEC_INIT,
	};
	int status = WP_OK;

	host.ready_fd = (int)host.args->ready_fd;
	if (check(&host) < 0) {
		status = err_usage("start", "%s", err_message());
		free(host.backend);
		strvec_release(&host.sync);
		return status;
	}
	if (host_open(&host, globals) < 0 || host_run(&host) < 0)
		status = err_report();
	host_close(&host);
	return status;
}

const struct verb verb_start = {
	.name = "start", .args = "NAME",
	.summary = "be the pool NAME: run what is called, on as many runners as it takes",
	.options = options, .size = sizeof(struct start_args), .defaults = &defaults,
	.min_operands = 1, .max_operands = 1, .run = start_run,
};
