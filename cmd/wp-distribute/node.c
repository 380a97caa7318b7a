/* node: be a node, until told to leave. */

#include "verbs.h"

#include "agent.h"
#include "alloc.h"
#include "err.h"
#include "labels.h"
#include "name.h"
#include "notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct node_args {
	int64_t capacity, limit, ready_fd;
	struct strvec labels;
	const char *log_dir, *quorum;
	usec_t drain_timeout;
	int rebalance;
	const char *hooks[HOOK_KINDS];
};

static const struct node_args defaults = {
	.capacity = 1, .limit = -1, .ready_fd = -1, .labels = STRVEC_INIT, .drain_timeout = 60 * USEC_SEC };

#define HOOK(name, kind, help) OPT_STRING(0, name, "COMMAND", struct node_args, hooks[kind], NULL, help)

static const struct opt options[] = {
	OPT_INT('c', "capacity", "N", struct node_args, capacity, 1, INT32_MAX, NULL, "its weight beside other nodes (default 1)"),
	OPT_LIST('l', "label", "NAME=VALUE", struct node_args, labels, NULL, "what children may require; may be given several times"),
	OPT_INT(0, "limit", "N", struct node_args, limit, 0, INT32_MAX, NULL, "take no more than N children"),
	OPT_STRING(0, "log-dir", "DIR", struct node_args, log_dir, NULL, "append what children print to files in DIR (default: our own output)"),
	OPT_DURATION(0, "drain-timeout", "DURATION", struct node_args, drain_timeout, NULL,
		"told to end, how long to wait for other nodes to take what is here (default 1m)"),
	OPT_CHOICE(0, "rebalance", "auto|manual", struct node_args, rebalance, NULL, "when nodes join, as the leader: move children there, or leave them"),
	OPT_STRING(0, "quorum", "RULE", struct node_args, quorum, NULL,
		"how many nodes there must be for anything to run anywhere: " QUORUM_WORDS " (default: as it is, none at first)"),
	HOOK("on-child-start", ON_CHILD_START, "a command for sh(1), run when a child has been started here"),
	HOOK("on-child-stop", ON_CHILD_STOP, "the same, when one is over or was stopped"),
	HOOK("on-child-fail", ON_CHILD_FAIL, "when one has failed, and is not started again"),
	HOOK("on-child-move", ON_CHILD_MOVE, "when one was given up for another node, or taken over from it"),
	HOOK("on-node-join", ON_NODE_JOIN, "when a node has joined; by the leader alone"),
	HOOK("on-node-leave", ON_NODE_LEAVE, "when one has left; by the leader alone"),
	HOOK("on-quorum-loss", ON_QUORUM_LOSS, "when there are fewer nodes than the quorum"),
	OPT_INT(0, "ready-fd", "FD", struct node_args, ready_fd, 3, INT32_MAX, NULL,
		"write a newline to descriptor FD and close it when it is a node"),
	OPT_END
};

static void is_ready(void *ctx)
{
	int *fd = ctx;

	notify_ready_fd(fd);
	notify_systemd("READY=1");
}

static int check_log_dir(const char *dir)
{
	struct stat st;

	if (!dir)
		return 0;
	if (stat(dir, &st) < 0)
		return err_errno("cannot log to \"%s\"", dir);
	return S_ISDIR(st.st_mode) ? 0 : err_set(WP_CANTCREAT, "cannot log to \"%s\": it is no directory", dir);
}

static int node_run(void *globals, void *args, int n, char **operands)
{
	const struct node_args *a = args;
	struct strbuf labels = STRBUF_INIT;
	struct agent agent = { .dir = ((struct globals *)globals)->state, .log_dir = a->log_dir, .drain_timeout = a->drain_timeout,
		.quorum = a->quorum, .rebalance = a->rebalance == 0, .ready = is_ready };
	int fd = (int)a->ready_fd, status;

	if (notify_check_fd(a->ready_fd) < 0)
		return err_usage("node", "%s", err_message());
	if (name_check("node", operands[0]) < 0 || labels_add(&labels, &a->labels) < 0 || check_log_dir(a->log_dir) < 0
	    || (a->quorum && quorum_check(a->quorum) < 0)) {
		strbuf_release(&labels);
		return err_report();
	}
	agent.self = (struct node){ .name = xstrdup(operands[0]), .capacity = a->capacity, .most = a->limit,
		.labels = strbuf_detach(&labels, NULL) };
	agent.ctx = &fd;
	memcpy(agent.hooks, a->hooks, sizeof(agent.hooks));
	status = agent_run(&agent);
	node_release(&agent.self);
	return status;
}

const struct verb verb_node = {
	.name = "node", .args = "NAME", .summary = "be the node NAME: run the children that are placed here",
	.options = options, .size = sizeof(struct node_args), .defaults = &defaults, .min_operands = 1, .max_operands = 1, .run = node_run,
};
