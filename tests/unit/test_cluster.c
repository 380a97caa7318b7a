/* The cluster's rows and transactions, on SQLite and on Postgres: the same calls, the same answers. */
#include "../../cmd/wp-distribute/base64.c"
#include "../../cmd/wp-distribute/placement.c"
#include "../../cmd/wp-distribute/restart.c"
#include "../../cmd/wp-distribute/cluster.c"
#include "../../cmd/wp-distribute/cluster_nodes.c"
#include "../../cmd/wp-distribute/cluster_children.c"
#include "../../cmd/wp-distribute/cluster_place.c"

#include "tap.h"

static struct cluster c;
static const char *where;
static char dir[] = "/tmp/wp-unit-XXXXXX";

/* A state directory has the locks, whichever database has the rows. */
static void begin_on(const char *conninfo)
{
	where = conninfo ? "postgres" : "sqlite";
	if (cluster_open(&c, dir) < 0)
		bail_out(err_message());
	if (!conninfo)
		return;
	db_close(c.db);
	if (db_open(&c.db, conninfo, NULL) < 0 || db_begin(c.db, DB_DURABLE) < 0 || db_script(c.db, SQL_SCHEMA_CLUSTER) < 0
	    || db_script(c.db, SQL_SCHEMA_CLUSTER) < 0 || db_commit(c.db) < 0)
		bail_out(err_message());
}

static struct node join(const char *name, struct alive *lock)
{
	struct node n = { .name = xstrdup(name), .capacity = 1, .most = -1, .labels = xstrdup("{\"zone\":\"a\"}") };

	*lock = (struct alive){ .fd = -1 };
	if (!is_int(cluster_join(&c, &n, lock), 0, "%s: node %s joins", where, name))
		printf("# %s\n", err_message());
	return n;
}

static void add(const char *name, int64_t replicas, bool passive)
{
	struct child child = { .name = (char *)name, .strategy = PLACEMENT_HASH, .requires = (char *)"{\"zone\":\"a\"}", .replicas = replicas,
		.passive = passive, .hot = true, .restart = (char *)"permanent", .meta = (char *)"{}" };
	int64_t settings;
	int result = cluster_begin(&c);

	settings = result < 0 ? -1 : cluster_add_settings(&c, "{\"settings\":1}");
	result = settings < 0 ? -1 : cluster_add(&c, &child, settings);
	if (!is_int(cluster_finish(&c, result), 1, "%s: child %s is added", where, name))
		printf("# %s\n", err_message());
}

static struct replicas all(const char *name)
{
	struct replicas replicas = { 0 };

	if (cluster_replicas(&c, name, &replicas) < 0)
		bail_out(err_message());
	return replicas;
}

/* "waiting -, running beta active": the replicas of a child. */
static const char *look(const char *name)
{
	static char text[512];
	struct replicas replicas = all(name);
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < replicas.nr; i++) {
		const struct replica *r = &replicas.v[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s%s%s%s%s", i ? ", " : "", replica_state_name(r->state),
			r->node_name ? r->node_name : "-", r->target_name ? " to " : "", r->target_name ? r->target_name : "",
			r->active ? "" : " passive", r->stop ? " stop" : "");
	}
	replicas_release(&replicas);
	return text;
}

/* One report of a node's, in a transaction of its own. */
#define REPORT(call) do { \
	int begun_ = cluster_begin(&c); \
	if (!is_int(cluster_finish(&c, begun_ < 0 ? -1 : (call) < 0 ? -1 : 0), 0, "%s: %s", where, #call)) \
		printf("# %s\n", err_message()); \
} while (0)

static int64_t heard;
static char events[1024];

static void hear(const struct cluster_event *event, void *ctx)
{
	size_t len = strlen(events);

	snprintf(events + len, sizeof(events) - len, "%s%s", len ? " " : "", event->event);
}

static const char *news(void)
{
	events[0] = '\0';
	heard = cluster_events(&c, heard, hear, NULL);
	if (heard < 0)
		bail_out(err_message());
	return events;
}

static void a_life(void)
{
	struct alive lock_a, lock_b;
	struct node a = join("alpha", &lock_a), b;
	struct replicas replicas;
	struct strbuf text = STRBUF_INIT;

	is_str(news(), "join", "%s: which is an event", where);
	add("one", 1, false);
	is_str(look("one"), "waiting -", "%s: it is nowhere at first", where);
	is_int(cluster_place(&c, true), 1, "%s: it is placed", where);
	is_str(look("one"), "placed alpha", "%s: where there is a node", where);
	is_int(cluster_place(&c, true), 0, "%s: and once", where);
	replicas = all("one");
	REPORT(cluster_runs(&c, &replicas.v[0], &a, 77, 2));
	is_str(look("one"), "running alpha", "%s: its node says that it runs", where);
	is_str(news(), "start place run", "%s: events: asked for, placed, running", where);

	b = join("beta", &lock_b);
	is_int(cluster_send(&c, &replicas.v[0], "nowhere"), -1, "%s: it cannot go to a node that is not there", where);
	err_clear();
	is_int(cluster_send(&c, &replicas.v[0], "beta"), 0, "%s: it is sent elsewhere", where);
	is_str(look("one"), "running alpha to beta", "%s: and runs where it is until then", where);
	REPORT(cluster_hands(&c, &replicas.v[0], &a, "a\0b\xff", 4));
	is_int(cluster_handed(&c, replicas.v[0].id, &text), 0, "%s: what is handed over can be read", where);
	ok(text.len == 4 && !memcmp(text.buf, "a\0b\xff", 4), "%s: as it was", where);
	REPORT(cluster_takes(&c, &replicas.v[0], &a, 78));
	is_str(look("one"), "running alpha to beta", "%s: nobody takes it but the one where it goes", where);
	REPORT(cluster_takes(&c, &replicas.v[0], &b, 78));
	is_str(look("one"), "running beta", "%s: who has it from then on", where);
	REPORT(cluster_released(&c, &replicas.v[0], &a));
	is_str(look("one"), "running beta", "%s: who had it cannot give it up any more", where);
	REPORT(cluster_refuses(&c, &replicas.v[0], a.id, "no", "alpha"));
	is_str(look("one"), "running beta", "%s: nor refuse it", where);

	replicas_release(&replicas);
	replicas = all("one");
	REPORT(cluster_stop(&c, &replicas.v[0], STOP_IN_TIME));
	is_str(look("one"), "running beta stop", "%s: it is to stop", where);
	REPORT(cluster_removed(&c, &replicas.v[0], "beta"));
	is_str(look("one"), "", "%s: and is gone", where);
	replicas_release(&replicas);
	strbuf_release(&text);
	is_int(cluster_leave(&c, &a), 0, "%s: alpha leaves", where);
	is_int(cluster_leave(&c, &b), 0, "%s: beta leaves", where);
	alive_let_go(&lock_a);
	alive_let_go(&lock_b);
	node_release(&a);
	node_release(&b);
}

static void a_death(void)
{
	struct alive lock_a, lock_b;
	struct node a = join("alpha", &lock_a), b = join("beta", &lock_b);
	struct nodes nodes = { 0 };
	struct replicas replicas;

	add("two", 2, true);
	is_int(cluster_place(&c, true), 2, "%s: two replicas have two nodes", where);
	replicas = all("two");
	for (size_t i = 0; i < 2; i++)
		REPORT(cluster_runs(&c, &replicas.v[i], replicas.v[i].node == a.id ? &a : &b, 80 + (pid_t)i, 0));
	bool first_on_a = replicas.v[0].node == a.id;
	is_str(look("two"), first_on_a ? "running alpha, running beta passive" : "running beta, running alpha passive",
		"%s: one of them is active", where);
	alive_let_go(first_on_a ? &lock_a : &lock_b);
	is_int(cluster_nodes(&c, &nodes), 0, "%s: whoever looks sees that a node is dead", where);
	is_int((int)nodes.nr, 1, "%s: and counts the others", where);
	is_str(look("two"), first_on_a ? "waiting -, running beta passive" : "waiting -, running alpha passive",
		"%s: what it had is nobody's", where);
	is_int(cluster_place(&c, true), 0, "%s: for that there is no other node", where);
	is_str(look("two"), first_on_a ? "waiting - passive, running beta" : "waiting - passive, running alpha",
		"%s: but the one that is left is active now", where);
	nodes_release(&nodes);
	replicas_release(&replicas);
	replicas = all("two");
	REPORT(cluster_stop(&c, &replicas.v[0], STOP_IN_TIME));
	REPORT(cluster_removed(&c, &replicas.v[1], replicas.v[1].node_name));
	is_str(look("two"), "", "%s: all gone", where);
	replicas_release(&replicas);
	is_int(cluster_leave(&c, first_on_a ? &b : &a), 0, "%s: the other leaves", where);
	alive_let_go(first_on_a ? &lock_b : &lock_a);
	node_release(&a);
	node_release(&b);
}

static void names_and_rules(void)
{
	struct alive lock, other = { .fd = -1 };
	struct node n = join("alpha", &lock), twin = { .name = (char *)"alpha", .capacity = 1, .most = 3, .labels = (char *)"{}" };
	struct quorum q;

	is_int(cluster_join(&c, &twin, &other), -1, "%s: there is one node of a name", where);
	is_int(err_status(), WP_NO, "%s: which is no failure of ours", where);
	err_clear();
	is_int(cluster_drain(&c, "alpha", true), 1, "%s: a node is drained", where);
	is_int(cluster_drain(&c, "beta", true), 0, "%s: one that is not there is not", where);
	add("lost", 1, false);
	is_int(cluster_place(&c, true), 0, "%s: nothing goes to one that is drained", where);
	is_int(cluster_drain(&c, "alpha", false), 1, "%s: until it is open again", where);
	is_int(cluster_place(&c, true), 1, "%s: then it does", where);
	is_int(cluster_set_quorum(&c, &(struct quorum){ (char *)"majority", 3 }), 0, "%s: a quorum is set", where);
	is_int(cluster_quorum(&c, &q), 0, "%s: and read", where);
	ok(!strcmp(q.rule, "majority") && q.largest == 3 && !quorum_holds(&q, 1) && quorum_holds(&q, 2), "%s: majority: 2 of 3", where);
	is_int(cluster_has_quorum(&c), 0, "%s: one of three is not enough", where);
	quorum_release(&q);
	is_int(cluster_set_quorum(&c, &(struct quorum){ (char *)"none", 0 }), 0, "%s: it is no more", where);
	is_int(cluster_tell_load(&c, &n, 0.25), 0, "%s: a load is told", where);
	struct nodes nodes = { 0 };
	is_int(cluster_nodes(&c, &nodes), 0, "%s: nodes are listed", where);
	ok(nodes.nr == 1 && nodes.v[0].load == 0.25 && !nodes.v[0].closed && !nodes.v[0].fresh && nodes.v[0].most == -1,
		"%s: with what is known of them", where);
	nodes_release(&nodes);
	is_int(cluster_leave(&c, &n), 0, "%s: it leaves", where);
	is_str(look("lost"), "waiting -", "%s: its child waits for another", where);
	alive_let_go(&lock);
	node_release(&n);
	struct replicas replicas = all("lost");
	REPORT(cluster_removed(&c, &replicas.v[0], NULL));
	replicas_release(&replicas);
}

static void everything(const char *conninfo)
{
	begin_on(conninfo);
	heard = cluster_last_event(&c);
	a_life();
	a_death();
	names_and_rules();
	cluster_close(&c);
}

static void clean_up(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		bail_out("rm");
}

int main(void)
{
	const char *conninfo = getenv("WP_TEST_PG");

	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	everything(NULL);
	if (conninfo)
		everything(conninfo);
	else
		ok(true, "postgres # SKIP no WP_TEST_PG");
	clean_up();
	return done_testing();
}
