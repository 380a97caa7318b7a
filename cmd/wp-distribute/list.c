/* list: children. lookup: one of them. nodes: where they can be. */

#include "verbs.h"

#include "err.h"
#include "json.h"
#include "name.h"
#include "table.h"

#include <string.h>

enum column { COL_ID, COL_REPLICA, COL_NODE, COL_STATE, COL_PID, COL_SINCE, COL_RESTARTS, COL_REASON, COL_TARGET, COL_ROLE, COL_STRATEGY,
	COL_RESTART, COL_META };

static const struct table_column columns[] = {
	[COL_ID] = { "ID", TABLE_TEXT, TABLE_TRUNC },
	[COL_REPLICA] = { "REPLICA", TABLE_NUMBER, 0 },
	[COL_NODE] = { "NODE", TABLE_TEXT, 0 },
	[COL_STATE] = { "STATE", TABLE_TEXT, 0 },
	[COL_PID] = { "PID", TABLE_NUMBER, 0 },
	[COL_SINCE] = { "SINCE", TABLE_TEXT, 0 },
	[COL_RESTARTS] = { "RESTARTS", TABLE_NUMBER, 0 },
	[COL_REASON] = { "REASON", TABLE_TEXT, TABLE_TRUNC },
	[COL_TARGET] = { "TARGET", TABLE_TEXT, TABLE_EXTRA },
	[COL_ROLE] = { "ROLE", TABLE_TEXT, TABLE_EXTRA },
	[COL_STRATEGY] = { "STRATEGY", TABLE_TEXT, TABLE_EXTRA },
	[COL_RESTART] = { "RESTART", TABLE_TEXT, TABLE_EXTRA },
	[COL_META] = { "METADATA", TABLE_JSON, TABLE_EXTRA | TABLE_TRUNC },
	{ NULL, TABLE_TEXT, 0 }
};

struct list_args {
	bool global, local;
	const char *node;
	struct table_args table;
};

static void add_row(struct table *t, const struct replica *r)
{
	static const char *const strategies[] = { "bounded", "hash", "guided", "balanced" };

	table_row(t);
	table_set(t, COL_ID, r->child.name);
	table_set_int(t, COL_REPLICA, r->number);
	table_set(t, COL_NODE, r->node_name);
	table_set(t, COL_STATE, r->stop ? "stopping" : r->target ? "moving" : replica_state_name(r->state));
	if (r->pid)
		table_set_int(t, COL_PID, r->pid);
	table_set_time(t, COL_SINCE, r->since);
	table_set_int(t, COL_RESTARTS, r->restarts);
	table_set(t, COL_REASON, r->reason);
	table_set(t, COL_TARGET, r->target_name);
	table_set(t, COL_ROLE, r->active ? "active" : "passive");
	table_set(t, COL_STRATEGY, strategies[r->child.strategy]);
	table_set(t, COL_RESTART, r->child.restart);
	table_set(t, COL_META, r->child.meta);
}

/* Of the dead nodes nothing is listed as if it ran. 1 read; 0 there is no state; -1. */
static int read_replicas(const struct globals *globals, const char *name, struct replicas *replicas)
{
	struct cluster cluster;
	struct nodes nodes = { 0 };
	int r = cluster_open_existing(&cluster, globals->state);

	if (r <= 0)
		return r;
	r = cluster_nodes(&cluster, &nodes) < 0 || cluster_replicas(&cluster, name, replicas) < 0 ? -1 : 1;
	nodes_release(&nodes);
	cluster_close(&cluster);
	return r;
}

static int print(const struct replicas *replicas, const char *node, const struct table_args *args)
{
	struct table *table;

	if (table_open(&table, "children", columns, args) < 0)
		return err_report();
	for (size_t i = 0; i < replicas->nr; i++) {
		const struct replica *r = &replicas->v[i];

		if (!node || (r->node_name && !strcmp(r->node_name, node)))
			add_row(table, r);
	}
	return table_print(table) < 0 ? err_report() : WP_OK;
}

static int list_run(void *globals, void *args, int n, char **operands)
{
	const struct list_args *a = args;
	struct replicas replicas = { 0 };
	int status;

	if (a->local && !a->node)
		return err_usage("list", "--local needs --node");
	if (a->global && a->node)
		return err_usage("list", "--global and --node exclude each other");
	if (a->node && name_check("node", a->node) < 0)
		return err_report();
	status = read_replicas(globals, NULL, &replicas) < 0 ? err_report() : print(&replicas, a->node, &a->table);
	replicas_release(&replicas);
	return status;
}

static const struct opt list_options[] = {
	{ .kind = OPT_KIND_FLAG, .letter = 'g', .name = "global", .offset = offsetof(struct list_args, global), .group = 1, .help = "those of all nodes (the default)" },
	{ .kind = OPT_KIND_FLAG, .letter = 'l', .name = "local", .offset = offsetof(struct list_args, local), .group = 1, .help = "those of --node alone" },
	OPT_STRING(0, "node", "NAME", struct list_args, node, NULL, "those of node NAME alone"),
	OPT_END
};

const struct verb verb_list = {
	.name = "list", .args = "", .summary = "list children",
	.options = list_options, .more = table_options, .more_offset = offsetof(struct list_args, table),
	.size = sizeof(struct list_args), .run = list_run,
};

/* lookup */

static int lookup_run(void *globals, void *args, int n, char **operands)
{
	struct replicas replicas = { 0 };
	bool runs = false;
	int status = WP_OK;

	if (name_check("child", operands[0]) < 0)
		return err_report();
	if (read_replicas(globals, operands[0], &replicas) < 0)
		status = err_report();
	for (size_t i = 0; i < replicas.nr; i++) {
		const struct replica *r = &replicas.v[i];

		if (r->state == REPLICA_RUNNING)
			printf("%s\t%d\n", r->node_name, (int)r->pid);
		runs |= r->state == REPLICA_RUNNING;
	}
	replicas_release(&replicas);
	return status ? status : runs ? WP_OK : WP_NO;
}

static const struct opt no_options[] = { OPT_END };

const struct verb verb_lookup = {
	.name = "lookup", .args = "ID", .summary = "print the node and the pid of each replica of a child that runs",
	.options = no_options, .size = 1, .min_operands = 1, .max_operands = 1, .run = lookup_run,
};

/* nodes */

enum node_column { NODE_NAME, NODE_PID, NODE_STATE, NODE_CAPACITY, NODE_CHILDREN, NODE_LIMIT, NODE_LOAD, NODE_SINCE, NODE_LABELS };

static const struct table_column node_columns[] = {
	[NODE_NAME] = { "NODE", TABLE_TEXT, TABLE_TRUNC },
	[NODE_PID] = { "PID", TABLE_NUMBER, 0 },
	[NODE_STATE] = { "STATE", TABLE_TEXT, 0 },
	[NODE_CAPACITY] = { "CAPACITY", TABLE_NUMBER, 0 },
	[NODE_CHILDREN] = { "CHILDREN", TABLE_NUMBER, 0 },
	[NODE_LIMIT] = { "LIMIT", TABLE_NUMBER, 0 },
	[NODE_LOAD] = { "LOAD", TABLE_REAL, 0 },
	[NODE_SINCE] = { "SINCE", TABLE_TEXT, 0 },
	[NODE_LABELS] = { "LABELS", TABLE_JSON, TABLE_EXTRA | TABLE_TRUNC },
	{ NULL, TABLE_TEXT, 0 }
};

struct nodes_args {
	struct table_args table;
};

static int64_t children_of(const struct replicas *replicas, int64_t node)
{
	int64_t n = 0;

	for (size_t i = 0; i < replicas->nr; i++)
		n += replicas->v[i].node == node;
	return n;
}

static void add_node(struct table *t, const struct node *node, int64_t children)
{
	struct strbuf load = STRBUF_INIT;

	strbuf_addf(&load, "%.2f", node->load);
	table_row(t);
	table_set(t, NODE_NAME, node->name);
	table_set_int(t, NODE_PID, node->pid);
	table_set(t, NODE_STATE, node->closed ? "drained" : "open");
	table_set_int(t, NODE_CAPACITY, node->capacity);
	table_set_int(t, NODE_CHILDREN, children);
	if (node->most >= 0)
		table_set_int(t, NODE_LIMIT, node->most);
	table_set(t, NODE_LOAD, load.buf);
	table_set_time(t, NODE_SINCE, node->joined_at);
	table_set(t, NODE_LABELS, node->labels);
	strbuf_release(&load);
}

static int nodes_run(void *globals, void *args, int n, char **operands)
{
	const struct nodes_args *a = args;
	struct cluster cluster;
	struct nodes nodes = { 0 };
	struct replicas replicas = { 0 };
	struct table *table;
	int r, status;

	if (table_open(&table, "nodes", node_columns, &a->table) < 0)
		return err_report();
	r = cluster_open_existing(&cluster, ((struct globals *)globals)->state);
	if (r > 0) {
		r = cluster_nodes(&cluster, &nodes) < 0 || cluster_replicas(&cluster, NULL, &replicas) < 0 ? -1 : 1;
		cluster_close(&cluster);
	}
	for (size_t i = 0; r > 0 && i < nodes.nr; i++)
		add_node(table, &nodes.v[i], children_of(&replicas, nodes.v[i].id));
	if (r < 0)
		table_free(table);
	status = r < 0 || table_print(table) < 0 ? err_report() : WP_OK;
	replicas_release(&replicas);
	nodes_release(&nodes);
	return status;
}

static const struct opt nodes_options[] = { OPT_END };

const struct verb verb_nodes = {
	.name = "nodes", .args = "", .summary = "list nodes",
	.options = nodes_options, .more = table_options, .more_offset = offsetof(struct nodes_args, table),
	.size = sizeof(struct nodes_args), .run = nodes_run,
};
