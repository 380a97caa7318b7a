/* plan, drain, redistribute: what would move, and what is to. explain: why something is where it is. */

#include "verbs.h"

#include "alloc.h"
#include "ear.h"
#include "err.h"
#include "labels.h"
#include "name.h"
#include "outcome.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* plan */

struct plan_args {
	struct strvec joins, leaves, labels;
	int64_t capacity, limit;
	bool rebalance;
	struct table_args table;
};

static const struct plan_args plan_defaults = {
	.joins = STRVEC_INIT, .leaves = STRVEC_INIT, .labels = STRVEC_INIT, .capacity = 1, .limit = -1,
};

static const struct opt plan_options[] = {
	OPT_LIST(0, "join", "NAME", struct plan_args, joins, NULL, "if a node NAME joined; may be given several times"),
	OPT_LIST(0, "leave", "NAME", struct plan_args, leaves, NULL, "if node NAME left; may be given several times"),
	OPT_FLAG(0, "rebalance", struct plan_args, rebalance, NULL, "if all were placed anew (redistribute)"),
	OPT_INT('c', "capacity", "N", struct plan_args, capacity, 1, INT32_MAX, NULL, "the capacity of those that would join (default 1)"),
	OPT_LIST('l', "label", "NAME=VALUE", struct plan_args, labels, NULL, "a label of theirs; may be given several times"),
	OPT_INT(0, "limit", "N", struct plan_args, limit, 0, INT32_MAX, NULL, "how many children they would take"),
	OPT_END
};

enum plan_column { PLAN_ID, PLAN_REPLICA, PLAN_FROM, PLAN_TO, PLAN_WHY };

static const struct table_column plan_columns[] = {
	[PLAN_ID] = { "ID", TABLE_TEXT, TABLE_TRUNC },
	[PLAN_REPLICA] = { "REPLICA", TABLE_NUMBER, 0 },
	[PLAN_FROM] = { "FROM", TABLE_TEXT, 0 },
	[PLAN_TO] = { "TO", TABLE_TEXT, 0 },
	[PLAN_WHY] = { "WHY", TABLE_TEXT, TABLE_TRUNC },
	{ NULL, TABLE_TEXT, 0 }
};

static void add_move(const struct replica *r, const char *from, const char *to, const char *why, void *ctx)
{
	struct table *t = ctx;

	table_row(t);
	table_set(t, PLAN_ID, r->child.name);
	table_set_int(t, PLAN_REPLICA, r->number);
	table_set(t, PLAN_FROM, from);
	table_set(t, PLAN_TO, to);
	table_set(t, PLAN_WHY, why);
}

static int make_what_if(struct what_if *what, const struct plan_args *a)
{
	struct strbuf labels = STRBUF_INIT;
	int result = labels_add(&labels, &a->labels);

	*what = (struct what_if){ .joins = xcalloc(a->joins.nr + 1, sizeof(*what->joins)), .leaves = &a->leaves, .rebalance = a->rebalance };
	for (size_t i = 0; i < a->joins.nr && result == 0; i++) {
		result = name_check("node", a->joins.v[i]);
		what->joins[what->joins_nr++] = (struct node){ .name = xstrdup(a->joins.v[i]), .labels = xstrdup(labels.buf),
			.capacity = a->capacity, .most = a->limit };
	}
	strbuf_release(&labels);
	return result;
}

static void release_what_if(struct what_if *what)
{
	for (size_t i = 0; i < what->joins_nr; i++)
		node_release(&what->joins[i]);
	free(what->joins);
}

static int plan_run(void *globals, void *args, int n, char **operands)
{
	const struct plan_args *a = args;
	struct cluster cluster;
	struct what_if what;
	struct table *table;
	int result;

	if (table_open(&table, "moves", plan_columns, &a->table) < 0)
		return err_report();
	result = make_what_if(&what, a);
	if (result == 0 && (result = cluster_open(&cluster, ((struct globals *)globals)->state)) == 0) {
		result = cluster_plan(&cluster, &what, add_move, table);
		cluster_close(&cluster);
	}
	release_what_if(&what);
	if (result < 0)
		table_free(table);
	return result < 0 || table_print(table) < 0 ? err_report() : WP_OK;
}

const struct verb verb_plan = {
	.name = "plan", .args = "", .summary = "say what would move, and why; nothing does",
	.options = plan_options, .more = table_options, .more_offset = offsetof(struct plan_args, table),
	.size = sizeof(struct plan_args), .defaults = &plan_defaults, .run = plan_run,
};

/* drain */

struct drain_args {
	bool undo, no_wait;
	usec_t timeout;
};
static const struct drain_args drain_defaults = { .timeout = 60 * USEC_SEC };

static const struct opt drain_options[] = {
	OPT_DURATION('t', "timeout", "DURATION", struct drain_args, timeout, NULL, "how long to wait at most (default 1m)"),
	OPT_FLAG(0, "no-wait", struct drain_args, no_wait, NULL, "do not wait until it is empty"),
	OPT_FLAG(0, "undo", struct drain_args, undo, NULL, "have it take children again"),
	OPT_END
};

/* How many it has in hand still; none when it is gone. */
static int64_t left_on(struct cluster *c, const char *name)
{
	struct replicas replicas = { 0 };
	int64_t left = cluster_replicas(c, NULL, &replicas);

	for (size_t i = 0; i < replicas.nr; i++)
		left += replicas.v[i].node_name && !strcmp(replicas.v[i].node_name, name);
	replicas_release(&replicas);
	return left;
}

static int wait_until_empty(struct cluster *c, const char *name, usec_t deadline)
{
	struct ear ear;
	int64_t left;
	int r = 1;

	if (ear_open(&ear, c) < 0)
		return -1;
	while ((left = left_on(c, name)) > 0 && (r = ear_wait(&ear, deadline)) > 0)
		;
	ear_close(&ear);
	if (left < 0 || r < 0)
		return -1;
	return left == 0 ? 0 : err_set(WP_TEMPFAIL, "node \"%s\" has %lld children still", name, (long long)left);
}

static int drain(struct cluster *c, const struct drain_args *a, const char *name)
{
	int there = cluster_drain(c, name, !a->undo);

	if (there <= 0)
		return there < 0 ? -1 : err_set(WP_NO, "there is no node \"%s\"", name);
	return a->undo || a->no_wait ? 0 : wait_until_empty(c, name, clock_now() + a->timeout);
}

static int drain_run(void *globals, void *args, int n, char **operands)
{
	struct cluster cluster;
	int result;

	if (name_check("node", operands[0]) < 0 || cluster_open(&cluster, ((struct globals *)globals)->state) < 0)
		return err_report();
	result = drain(&cluster, args, operands[0]);
	cluster_close(&cluster);
	return result < 0 ? err_report() : WP_OK;
}

const struct verb verb_drain = {
	.name = "drain", .args = "NODE", .summary = "have all children of a node move elsewhere, and no more go there",
	.options = drain_options, .size = sizeof(struct drain_args), .defaults = &drain_defaults,
	.min_operands = 1, .max_operands = 1, .run = drain_run,
};

/* redistribute */

struct redistribute_args {
	const char *to;
};

static const struct opt redistribute_options[] = {
	OPT_STRING(0, "to", "NODE", struct redistribute_args, to, NULL, "to that node, those that are named"),
	OPT_END
};

static void nothing_to_do(void)
{
	err_say("there is nothing to redistribute");
}

/* One replica is moved, of several the first that is not there. 1 moved, 0 it is there. */
static int send_child(struct cluster *c, const char *name, const char *to)
{
	struct replicas replicas = { 0 };
	int result = cluster_replicas(c, name, &replicas);
	const struct replica *mover = NULL;

	for (size_t i = 0; i < replicas.nr && result == 0; i++) {
		const struct replica *r = &replicas.v[i];
		const char *at = r->target_name ? r->target_name : r->node_name;

		if (at && !strcmp(at, to)) {
			mover = NULL;
			break;
		}
		if (!mover)
			mover = r;
	}
	if (result == 0 && replicas.nr == 0)
		result = err_set(WP_NO, "there is no child \"%s\"", name);
	if (result == 0 && mover)
		result = cluster_send(c, mover, to) < 0 ? -1 : 1;
	replicas_release(&replicas);
	return result;
}

static int send_children(struct cluster *c, const char *to, int n, char **names)
{
	int moved = 0, status = WP_OK;

	for (int i = 0; i < n; i++) {
		int r = name_check("child", names[i]) < 0 ? -1 : send_child(c, names[i], to);

		if (r < 0)
			status = err_report();
		moved += r > 0;
	}
	if (!moved && status == WP_OK)
		nothing_to_do();
	return status;
}

static int rebalance(struct cluster *c)
{
	int64_t moves = cluster_rebalance(c);

	if (moves < 0)
		return err_report();
	if (moves == 0)
		nothing_to_do();
	return WP_OK;
}

static int redistribute_run(void *globals, void *args, int n, char **operands)
{
	const struct redistribute_args *a = args;
	struct cluster cluster;
	int status;

	if ((a->to == NULL) != (n == 0))
		return err_usage("redistribute", a->to ? "children are to be named" : "--to is needed for children that are named");
	if ((a->to && name_check("node", a->to) < 0) || cluster_open(&cluster, ((struct globals *)globals)->state) < 0)
		return err_report();
	status = a->to ? send_children(&cluster, a->to, n, operands) : rebalance(&cluster);
	cluster_close(&cluster);
	return status;
}

const struct verb verb_redistribute = {
	.name = "redistribute", .args = "[ID...]", .summary = "move children to where they belong by now, or to a node that is named",
	.options = redistribute_options, .size = sizeof(struct redistribute_args), .max_operands = -1, .run = redistribute_run,
};

/* explain */

static void print_node(const struct node *n, int rank, bool here, const char *refusal, void *ctx)
{
	bool *some = ctx;

	*some = true;
	printf("  %d. %s: %s\n", rank, n->name, here ? "it is here" : refusal ? refusal : "could take it");
}

/* What no leader has said: there is none, or it places nothing. NULL: nothing of the kind; *FAILED is set, with err recorded, when that
 * cannot be told. */
static const char *why_not_placed(struct cluster *c, const struct replica *r, bool *failed)
{
	struct nodes nodes = { 0 };
	bool waits = r->state == REPLICA_WAITING && !r->reason;
	int enough = waits ? cluster_has_quorum(c) : 1;
	bool known = enough >= 0 && (!waits || cluster_nodes(c, &nodes) == 0), none = waits && nodes.nr == 0;

	nodes_release(&nodes);
	*failed = !known;
	return !known ? NULL : !enough ? "there are fewer nodes than the quorum" : none ? "there is no node" : r->reason;
}

static int explain_replica(struct cluster *c, const struct replica *r)
{
	bool some = false;
	int result;

	bool failed;
	const char *reason = why_not_placed(c, r, &failed);

	if (failed)
		return -1;
	printf("%s, replica %lld: %s", r->child.name, (long long)r->number, r->stop ? "stopping" : replica_state_name(r->state));
	if (r->node_name)
		printf(" on %s", r->node_name);
	if (r->target_name)
		printf(", on its way to %s", r->target_name);
	printf("%s%s\n", reason ? ": " : "", reason ? reason : "");
	result = cluster_explain(c, r, print_node, &some);
	if (result > 0 && !some)
		printf("  there is no node\n");
	return result;
}

static int explain_run(void *globals, void *args, int n, char **operands)
{
	struct cluster cluster;
	struct replicas replicas = { 0 };
	int result;

	if (name_check("child", operands[0]) < 0 || cluster_open(&cluster, ((struct globals *)globals)->state) < 0)
		return err_report();
	result = cluster_replicas(&cluster, operands[0], &replicas);
	if (result == 0 && replicas.nr == 0)
		result = err_set(WP_NO, "there is no child \"%s\"", operands[0]);
	for (size_t i = 0; i < replicas.nr && result >= 0; i++)
		result = explain_replica(&cluster, &replicas.v[i]);
	replicas_release(&replicas);
	cluster_close(&cluster);
	return result < 0 ? err_report() : WP_OK;
}

static const struct opt no_options[] = { OPT_END };

const struct verb verb_explain = {
	.name = "explain", .args = "ID", .summary = "say why a child is where it is, or nowhere",
	.options = no_options, .size = 1, .min_operands = 1, .max_operands = 1, .run = explain_run,
};
