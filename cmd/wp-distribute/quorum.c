/* quorum: how many nodes there must be for anything to run. */

#include "verbs.h"

#include "err.h"

#include <stdio.h>

struct quorum_args {
	bool reset;
};

static const struct opt options[] = {
	OPT_FLAG(0, "reset", struct quorum_args, reset, NULL, "forget how many nodes there were: as many as there are now are all"),
	OPT_END
};

static int set(struct cluster *c, const char *rule, bool reset, int64_t nodes)
{
	const struct quorum q = { .rule = (char *)rule, .largest = reset ? nodes : -1 };

	return rule || reset ? cluster_set_quorum(c, &q) : 0;
}

static int print(struct cluster *c, int64_t nodes)
{
	struct quorum q;

	if (cluster_quorum(c, &q) < 0)
		return err_report();
	printf("%s: %lld of %lld nodes are there, which is %s\n", q.rule, (long long)nodes, (long long)q.largest,
		quorum_holds(&q, nodes) ? "enough" : "not enough");
	quorum_release(&q);
	return WP_OK;
}

static int quorum_run(void *globals, void *args, int n, char **operands)
{
	const struct quorum_args *a = args;
	const char *rule = n ? operands[0] : NULL;
	struct nodes nodes = { 0 };
	struct cluster cluster;
	int status;

	if ((rule && quorum_check(rule) < 0) || cluster_open(&cluster, ((struct globals *)globals)->state) < 0)
		return err_report();
	if (cluster_nodes(&cluster, &nodes) < 0 || set(&cluster, rule, a->reset, (int64_t)nodes.nr) < 0)
		status = err_report();
	else
		status = print(&cluster, (int64_t)nodes.nr);
	nodes_release(&nodes);
	cluster_close(&cluster);
	return status;
}

const struct verb verb_quorum = {
	.name = "quorum", .args = "[none|majority|N]", .summary = "say how many nodes there must be for anything to run, or have it so",
	.options = options, .size = sizeof(struct quorum_args), .max_operands = 1, .run = quorum_run,
};
