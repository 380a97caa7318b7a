/*
 * cluster.h - which nodes there are, what is to run, and where it does.
 *
 * A node is an agent: a row of the state file and a lock (alive.h), whose number was nobody's before. It lives as long as the lock
 * is held, and the lock is held until nothing that the agent has started runs any more: so whoever finds it free may start
 * elsewhere what was there.
 *
 * A child is so many replicas, each a row that one node at most has in hand. That node's agent alone starts and ends its process, and
 * gives it up by saying so in the row; others ask for that (stop, target). Only the rows of dead nodes are taken from them.
 *
 *   waiting -> placed <-> running -> waiting     nowhere, or on its way to another node
 *                                 -> exited      it is over, and that is well
 *                                 -> failed      it is over, and is not started again
 *
 * Whoever changes something that others wait for adds an event, in the same transaction.
 */
#ifndef WP_DISTRIBUTE_CLUSTER_H
#define WP_DISTRIBUTE_CLUSTER_H

#include "alive.h"
#include "clock.h"
#include "db.h"
#include "placement.h"
#include "state.h"
#include "strvec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLUSTER_LOCKS "node"             /* the family of the nodes' locks */
#define CLUSTER_LEADER "distribute.leader"   /* the lock of the node that places */
#define CLUSTER_BELL "cluster"

struct cluster {
	struct state state;
	struct db *db;
	int64_t boot;

	/* private: the locks of nodes whose end is not committed yet */
	int64_t *ended;
	size_t ended_nr, ended_alloc;
};

/* Open the state directory DIR (state.h) and the file in it; both are made when missing. -1 with err recorded. */
int cluster_open(struct cluster *c, const char *dir);
/* The same only where there is one already: 1 opened, 0 there is none, -1 with err recorded. */
int cluster_open_existing(struct cluster *c, const char *dir);
void cluster_close(struct cluster *c);

/* Nodes */

struct node {
	int64_t id, life;
	char *name;
	pid_t pid;
	int64_t boot;
	int64_t capacity;
	int64_t most;                /* replicas that it takes; -1: any number */
	char *labels;                /* a JSON object of strings */
	double load;
	bool closed, fresh;
	usec_t joined_at;
};
void node_release(struct node *n);

struct nodes {
	struct node *v;
	size_t nr, alloc;
};
void nodes_release(struct nodes *nodes);
struct node *nodes_find(const struct nodes *nodes, int64_t id);

/* Be the node N, whose id and life are set. LOCK is held from then on and is the caller's, to be let go of (alive_let_go) after
 * cluster_leave(). -1 with err recorded: status 1 when there is one of that name. */
int cluster_join(struct cluster *c, struct node *n, struct alive *lock);
/* Be none any more; nothing runs there. */
int cluster_leave(struct cluster *c, const struct node *n);
/* Those that live, appended; those that do not are removed, and what they had is nobody's. -1 with err recorded. */
int cluster_nodes(struct cluster *c, struct nodes *nodes);
/* It is to take nothing more, and to give up what it has; or (not CLOSED) to take what belongs there again. 1; 0 there is none; -1 with err
 * recorded. */
int cluster_drain(struct cluster *c, const char *name, bool closed);

int cluster_tell_load(struct cluster *c, const struct node *n, double load);

/* How many nodes there must be for anything to run. */
struct quorum {
	char *rule;                  /* none, majority, or a number; NULL: stays as it is */
	int64_t largest;             /* as many as there were at a time; -1: stays */
};
#define QUORUM_WORDS "none, majority or a number of nodes"
/* 0, or -1 with err recorded (64). */
int quorum_check(const char *rule);
/* By Q with so many nodes: is it enough? */
bool quorum_holds(const struct quorum *q, int64_t nodes);
/* *Q is to be released by quorum_release(). -1 with err recorded. */
int cluster_quorum(struct cluster *c, struct quorum *q);
int cluster_set_quorum(struct cluster *c, const struct quorum *q);
void quorum_release(struct quorum *q);
/* Are there enough nodes by now? 1, 0, or -1 with err recorded. */
int cluster_has_quorum(struct cluster *c);

/* Children */

struct child {
	int64_t id;
	char *name;
	enum placement_strategy strategy;
	char *guide;                 /* NULL: none */
	char *requires;              /* labels: a JSON object of strings */
	char *apart;                 /* NULL: nothing */
	int64_t replicas;
	bool passive, hot;
	char *restart, *settings, *meta;
};
void child_release(struct child *child);

enum replica_state { REPLICA_WAITING, REPLICA_PLACED, REPLICA_RUNNING, REPLICA_EXITED, REPLICA_FAILED };
const char *replica_state_name(enum replica_state state);

enum replica_stop { STOP_NOT, STOP_IN_TIME, STOP_NOW };

struct replica {
	int64_t id;
	struct child child;          /* settings: of cluster_replicas_at() alone */
	int64_t number;              /* from 0 */
	enum replica_state state;
	char *reason;                /* NULL: none */
	int stop;
	int64_t node, target;        /* 0: none */
	char *node_name, *target_name;
	bool handed;                 /* cluster_handed() has what it hands over */
	bool active;
	pid_t pid;
	int64_t restarts;
	usec_t since;
};
void replica_release(struct replica *r);

struct replicas {
	struct replica *v;
	size_t nr, alloc;
};
void replicas_release(struct replicas *replicas);

/* Appended: all replicas, or those of the child NAME, in one state of the file. -1 with err recorded. */
int cluster_replicas(struct cluster *c, const char *name, struct replicas *replicas);
/* The same for what NODE has in hand or is to have. */
int cluster_replicas_at(struct cluster *c, int64_t node, struct replicas *replicas);
/* Append what was handed over. -1 with err recorded. */
int cluster_handed(struct cluster *c, int64_t replica, struct strbuf *text);

/* In a transaction of the caller's (cluster_begin(), cluster_finish()), so that many are one. */

/* SETTINGS for children that are added: their number, or -1 with err recorded. */
int64_t cluster_add_settings(struct cluster *c, const char *settings);
/* A new child, whose id is set, and its replicas, with the settings of that number. 1; 0 when there is one of that name that is not
 * over; -1 with err recorded. */
int cluster_add(struct cluster *c, struct child *child, int64_t settings);
/* Have R end: what runs is ended by its node, all else is removed at once. */
int cluster_stop(struct cluster *c, const struct replica *r, enum replica_stop stop);
/* Its node says so: it runs as PID; ended, for REASON; is in nobody's hand any more; is gone for good. The last removes the child
 * with its last replica. When the node does not have it in hand any more, that changes nothing. What is to end and is in nobody's
 * hand is gone. */
int cluster_runs(struct cluster *c, const struct replica *r, const struct node *n, pid_t pid, int64_t restarts);
int cluster_ended(struct cluster *c, const struct replica *r, const struct node *n, enum replica_state state, const char *reason);
int cluster_released(struct cluster *c, const struct replica *r, const struct node *n);
int cluster_removed(struct cluster *c, const struct replica *r, const char *node);
/* A hot move, of which N is the node that it leaves or the one where it goes: TEXT is handed over; its successor runs as PID, and N
 * has it in hand from now on; or it does not go to TARGET after all, and stays. */
int cluster_hands(struct cluster *c, const struct replica *r, const struct node *n, const char *text, size_t len);
int cluster_takes(struct cluster *c, const struct replica *r, const struct node *n, pid_t pid);
int cluster_refuses(struct cluster *c, const struct replica *r, int64_t target, const char *reason, const char *node);

int cluster_begin(struct cluster *c);
/* Below 0 nothing has happened; else commit. RESULT, or -1. */
int cluster_finish(struct cluster *c, int result);

/* Placing */

/* Decide where everything should be that is nowhere or where it should not be: the leader's work. REBALANCE: nodes that are fresh
 * get what belongs there. How many replicas are to go somewhere; -1 with err recorded. */
int64_t cluster_place(struct cluster *c, bool rebalance);
/* The same, once, as if all nodes were fresh. */
int64_t cluster_rebalance(struct cluster *c);
/* Have R, which has a place, go to node TO. -1 with err recorded: status 1 when it cannot be there. */
int cluster_send(struct cluster *c, const struct replica *r, const char *to);

/* What would be placed where, if things were otherwise. */
struct what_if {
	struct node *joins;          /* their names, capacities, limits and labels count; NULL: nobody */
	size_t joins_nr;
	const struct strvec *leaves; /* names */
	bool rebalance;              /* all nodes are fresh */
};
/* A replica that would go somewhere or nowhere, FROM and TO NULL: nowhere; WHY it would. */
typedef void cluster_plan_fn(const struct replica *r, const char *from, const char *to, const char *why, void *ctx);
/* FN for each of them. -1 with err recorded: status 1 when there is no such node. */
int cluster_plan(struct cluster *c, const struct what_if *what, cluster_plan_fn *fn, void *ctx);
/* A node that is the RANKth, from 1, for a replica, which is HERE; or REFUSAL says why it cannot be, NULL: it could. */
typedef void cluster_rank_fn(const struct node *n, int rank, bool here, const char *refusal, void *ctx);
/* FN for each node, the best for R first. 1; 0 when there is no such replica any more; -1 with err recorded. */
int cluster_explain(struct cluster *c, const struct replica *r, cluster_rank_fn *fn, void *ctx);

/* Events */

struct cluster_event {
	int64_t seq;
	usec_t at;
	const char *event, *reason, *child, *node;   /* CHILD NULL: of a node */
	int64_t number;
	pid_t pid;
};
/* The number of the newest, 0 when there was none. -1 with err recorded. */
int64_t cluster_last_event(struct cluster *c);
/* FN for each after SEQ; it may not use C. The number of the last, or -1 with err recorded: status 75 when some of them are not
 * kept any more. */
int64_t cluster_events(struct cluster *c, int64_t seq, void (*fn)(const struct cluster_event *event, void *ctx), void *ctx);

#endif
