/*
 * agent.h - the process of a node: runs what it has in hand, and, if it is the leader, says what is in whose.
 *
 * Level-triggered: whatever has happened, it looks at what is to run here and at what does, and sees to the difference. So it does not
 * matter what it has missed.
 */
#ifndef WP_DISTRIBUTE_AGENT_H
#define WP_DISTRIBUTE_AGENT_H

#include "cluster.h"
#include "keeper.h"
#include "load.h"
#include "tracked.h"

#include <stdbool.h>

/* Something to be said in the state file of a replica that is in our hand. */
struct report {
	struct report *next;
	struct replica replica;
	enum report_kind { REPORT_RUNS, REPORT_ENDED, REPORT_RELEASED, REPORT_REMOVED, REPORT_HANDS, REPORT_TAKES, REPORT_REFUSES } kind;
	enum replica_state state;
	int64_t restarts;
	pid_t pid;
	char *reason;
	int64_t target;              /* of REFUSES */
	struct strbuf text;          /* of HANDS */
};

/* What is run when something has happened; NULL: nothing. */
enum { ON_CHILD_START, ON_CHILD_STOP, ON_CHILD_FAIL, ON_CHILD_MOVE, ON_NODE_JOIN, ON_NODE_LEAVE, ON_QUORUM_LOSS, HOOK_KINDS };

struct agent {
	/* The caller's, filled in before agent_run() */
	const char *dir;             /* the state directory, as for state_open() */
	struct node self;            /* name, capacity, most and labels */
	const char *log_dir;
	usec_t drain_timeout;
	bool rebalance;
	const char *quorum;          /* the rule from now on; NULL: as it is */
	const char *hooks[HOOK_KINDS];
	void (*ready)(void *ctx);
	void *ctx;

	/* private */
	struct cluster cluster;
	struct loop *loop;
	struct keeper keeper;
	struct alive lock, leader;
	struct loop_fd bell, live;
	struct loop_timer again, patience, look_at_load, second_look;
	struct load load;
	double told_load;
	struct report *first, **last;
	struct tracked tracked;
	int64_t seen;
	size_t mine;                 /* replicas that are in our hand */
	bool said;                   /* what fails just now */
	size_t coming;               /* those that others have, whose successors run here */
	bool leading, to_place, to_look;
	bool counting, quorate;      /* COUNTING: nodes have come or gone */
	bool closed;                 /* the file says that we take nothing more */
	bool buried;                 /* the file says that we are none any more */
	enum { AGENT_STAYS, AGENT_LEAVES, AGENT_ENDS } end;
	int status;
};

/* Join, and be the node until it is told to leave. The exit status. */
int agent_run(struct agent *a);

#endif
