/* stop: have children end, wherever they are. terminate: those of one node, at once. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "name.h"
#include "outcome.h"

#include <stdlib.h>
#include <string.h>

struct stop_args {
	bool await, dry_run;
	usec_t timeout;
	const char *node;            /* of terminate */
};

static const struct stop_args defaults = { .timeout = 10 * USEC_SEC };

struct stopping {
	const struct stop_args *args;
	struct cluster cluster;
	struct strvec names;
	enum outcome *outcomes;
	enum replica_stop stop;
};

/* How many of its replicas there were to be stopped. */
static int64_t ask_one(struct stopping *s, const char *name)
{
	struct replicas replicas = { 0 };
	int64_t asked = 0;
	int result = cluster_replicas(&s->cluster, name, &replicas);

	for (size_t i = 0; i < replicas.nr && result >= 0; i++) {
		const struct replica *r = &replicas.v[i];

		if (s->args->node && (!r->node_name || strcmp(r->node_name, s->args->node) != 0))
			continue;
		if (!s->args->dry_run)
			result = cluster_stop(&s->cluster, r, s->stop);
		asked++;
	}
	replicas_release(&replicas);
	return result < 0 ? -1 : asked;
}

static int ask(struct stopping *s)
{
	int64_t asked = cluster_begin(&s->cluster);

	for (size_t i = 0; i < s->names.nr && asked >= 0; i++) {
		asked = ask_one(s, s->names.v[i]);
		s->outcomes[i] = asked == 0 ? OUTCOME_BAD : OUTCOME_PENDING;
	}
	return cluster_finish(&s->cluster, asked < 0 ? -1 : 0);
}

static int stop_them(struct stopping *s)
{
	int status = WP_OK;

	if (ask(s) < 0)
		return err_report();
	for (size_t i = 0; i < s->names.nr; i++) {
		if (s->outcomes[i] == OUTCOME_BAD) {
			outcome_print(s->names.v[i], "unknown", NULL);
			status = WP_NO;
		} else if (!s->args->await || s->args->dry_run) {
			outcome_print(s->names.v[i], s->args->dry_run ? "would stop" : "initiated", NULL);
		}
	}
	if (!s->args->await || s->args->dry_run)
		return status;
	const struct outcome_wish wish = { .gone = true, .node = s->args->node, .deadline = clock_now() + s->args->timeout };

	if (outcome_wait(&s->cluster, &s->names, s->outcomes, &wish) < 0)
		return err_report();
	return outcome_status(s->outcomes, s->names.nr);
}

static int run(const struct globals *globals, struct stopping *s, int n, char **operands)
{
	int status = WP_OK;

	s->outcomes = xcalloc((size_t)n, sizeof(*s->outcomes));
	for (int i = 0; i < n && status == WP_OK; i++) {
		strvec_push(&s->names, operands[i]);
		if (name_check("child", operands[i]) < 0)
			status = err_report();
	}
	if (status == WP_OK && cluster_open(&s->cluster, globals->state) < 0)
		status = err_report();
	if (status == WP_OK)
		status = stop_them(s);
	if (s->cluster.db)
		cluster_close(&s->cluster);
	strvec_release(&s->names);
	free(s->outcomes);
	return status;
}

static int stop_run(void *globals, void *args, int n, char **operands)
{
	struct stopping s = { .args = args, .cluster = { .state.fd = -1 }, .names = STRVEC_INIT, .stop = STOP_IN_TIME };

	return run(globals, &s, n, operands);
}

static const struct opt options[] = {
	OPT_FLAG('w', "await", struct stop_args, await, NULL, "wait until they are gone"),
	OPT_DURATION('t', "timeout", "DURATION", struct stop_args, timeout, NULL, "how long to wait at most (default 10s)"),
	OPT_FLAG(0, "dry-run", struct stop_args, dry_run, NULL, "only say which of them there are"),
	OPT_END
};

const struct verb verb_stop = {
	.name = "stop", .args = "ID...", .summary = "have children end, and not be started again",
	.options = options, .size = sizeof(struct stop_args), .defaults = &defaults, .min_operands = 1, .max_operands = -1, .run = stop_run,
};

/* terminate */

static int terminate_run(void *globals, void *args, int n, char **operands)
{
	struct stopping s = { .args = args, .cluster = { .state.fd = -1 }, .names = STRVEC_INIT, .stop = STOP_NOW };

	if (!s.args->node)
		return err_usage("terminate", "--node is needed");
	if (name_check("node", s.args->node) < 0)
		return err_report();
	return run(globals, &s, n, operands);
}

static const struct opt terminate_options[] = {
	OPT_STRING('n', "node", "NAME", struct stop_args, node, "WP_NODE", "the node"),
	OPT_FLAG('w', "await", struct stop_args, await, NULL, "wait until they are gone"),
	OPT_DURATION('t', "timeout", "DURATION", struct stop_args, timeout, NULL, "how long to wait at most (default 10s)"),
	OPT_FLAG(0, "dry-run", struct stop_args, dry_run, NULL, "only say which of them there are"),
	OPT_END
};

const struct verb verb_terminate = {
	.name = "terminate", .args = "ID...", .summary = "kill what runs of children on one node, and have it gone for good",
	.options = terminate_options, .size = sizeof(struct stop_args), .defaults = &defaults,
	.min_operands = 1, .max_operands = -1, .run = terminate_run,
};
