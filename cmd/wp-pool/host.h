/*
 * host.h - what the parts of wp-pool start share: the process that is a named pool.
 *
 *     callers   connections: requests in, answers out
 *     calls     what is to be run, from its caller's request to its answer
 *     pool      says which call starts on which runner, and who gets a signal    } two state machines
 *     elastic   says how many runners there should be                            } without I/O
 *     places    the runners' processes: orders to them, news from them
 *     report    what status shows
 */
#ifndef WP_POOL_HOST_H
#define WP_POOL_HOST_H

#include "alive.h"
#include "elastic.h"
#include "hooks.h"
#include "loop.h"
#include "numbers.h"
#include "order.h"
#include "pool.h"
#include "settings.h"
#include "state.h"
#include "talk.h"
#include "tracked.h"
#include "waits.h"
#include "address.h"

enum { LOG_OFF, LOG_INFO, LOG_DEBUG };

struct start_args {
	struct settings settings;
	bool single_use, pack, track_resources;
	const char *backend, *idle_check, *on_grow_start, *on_grow_end, *on_shrink;
	struct strvec backend_args, sync;
	int64_t ready_fd;
	int log;
};

struct call {
	struct pool_item item;
	struct call *prev, *next;        /* of all that are not reported */
	struct caller *caller;           /* NULL: gone, answered, or did not want to wait */
	uint64_t id;
	int fds[WIRE_FDS];               /* until it runs, and while it may be tried again */
	bool no_link, forever, until_started;
	bool hold;                       /* its slot, until its whole process group is gone */
	bool may_retry;                  /* so its answer waits until it is known whether it is tried again */
	bool ended, unstarted;
	char what[256];
	usec_t timeout, offered, started;   /* started 0: not yet */
	usec_t wall;                     /* when it was offered, on the calendar */
	uint64_t number;                 /* WP_SLOT; 0: it does not run */
	pid_t pid;
	int status;
	char *why;                       /* it did not run, or was lost */
};

struct message {
	struct message *next;
	size_t len;
	char text[];
};

enum caller_wants { WANTS_NOTHING, WANTS_STATUS, WANTS_DRAINED, WANTS_READY, WANTS_END };

struct caller {
	struct host *host;
	struct caller *prev, *next;
	struct loop_fd wire;
	struct call *call;
	enum caller_wants wants;
	bool asked;                      /* a connection is for one request */
	bool calls;                      /* the status with the calls */
	bool due;                        /* the status, at the end of this turn, when the machines have come to rest */
	bool over;                       /* closed as soon as all has been said */
	struct message *first, **last;   /* what the socket had no room for */
};

struct parcel {                          /* an order that the socket had no room for */
	struct parcel *next;
	struct order order;
	int fds[WIRE_FDS];
	size_t fds_nr;
};

struct place {
	struct host *host;
	size_t slot;
	pid_t pid;                       /* 0: none */
	pid_t guard;
	struct loop_fd wire;
	struct parcel *first, **last;
	char *handle, *why;              /* why it failed */
	bool growth;                     /* beyond min */
	uint64_t failed;                 /* calls that ended with another status than 0 */
	usec_t wall;
};

struct host {
	const char *name;
	const struct start_args *args;
	char *backend;                   /* its path; NULL: local */
	struct strvec sync;              /* absolute paths */
	char *cgroup;                    /* where calls get a group each; NULL: nowhere */
	struct state state;
	struct alive lock;
	int running[2];                  /* a pipe that runners and their guards hold open: our own guard keeps the lock until they are gone */
	char *address, *socket_path;
	struct loop *loop;
	struct loop_timer timer;
	struct loop_fd listener;
	struct loop_timer listen_again;
	struct limits limits;
	struct pool pool;
	struct elastic elastic;
	struct place *places;            /* by slot */
	pid_t *guards;                   /* of runners that were killed: they kill what ran there, and end */
	size_t guards_nr, guards_alloc;
	pid_t *heirs;                    /* children of what we were before exec (a shell's "2> >(logger)"): not ours to kill */
	size_t heirs_nr, heirs_alloc;
	struct call *calls;              /* the youngest first */
	struct caller *callers;
	struct numbers numbers;
	struct waits waits;
	struct groups groups;        /* of the hooks */
	struct hooks hooks;
	struct tracked tracked;
	struct strbuf meta;
	usec_t now, hooks_end;
	uint64_t call_nr;
	int ready_fd, signals;
	bool ready, refusing, stopping;
	bool changed;                    /* something that status shows */
	struct loop_timer watch;         /* when those who watch are told next */
	usec_t told;
	bool asked;                      /* a status is due */
};

/* host.c */
int host_open(struct host *host, const struct globals *globals);
int host_run(struct host *host);
void host_close(struct host *host);
void host_stop(struct host *host, bool now);
void host_log(const struct host *host, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* --max times --max-concurrency */
int64_t host_capacity(const struct host *host);
int host_set(struct host *host, const struct request *request);

/* calls.c */
struct call *call_of(struct pool_item *item);
void call_new(struct host *host, struct caller *caller, const struct request *request, int fds[WIRE_FDS]);
void call_start(struct host *host, struct call *call);          /* POOL_START */
void call_signal(struct host *host, struct call *call, int signo);
void call_report(struct host *host, struct call *call);         /* POOL_REPORT */
void call_abandoned(struct host *host, struct call *call);      /* its caller is gone */
void call_news(struct host *host, struct call *call, const struct news *news);
void call_lost(struct host *host, struct call *call, const char *why);
void call_free(struct host *host, struct call *call);

/* callers.c */
int callers_open(struct host *host);
void callers_close(struct host *host);
void caller_say(struct caller *caller, const char *text, size_t len);
void caller_tell(struct caller *caller, const struct answer *answer);
void caller_done(struct caller *caller);                         /* nothing more for it */
void callers_report(struct host *host);                          /* to all for whom it is due */
/* TELL_DONE to all that wait for it. */
void callers_done(struct host *host, enum caller_wants wants);

/* places.c */
void places_init(struct host *host);
void places_release(struct host *host);
void place_boot(struct host *host, size_t slot);
void place_shut(struct host *host, size_t slot);
void place_kill(struct host *host, size_t slot);
void place_check(struct host *host, size_t slot);
/* FDS are still the caller's afterwards. False with errno: it cannot be sent (ETOOMANYREFS, ENOMEM). */
bool place_order(struct place *place, const struct order *order, const int *fds, size_t fds_nr);
bool place_reaped(struct host *host, pid_t pid, int wait_status);
uint64_t place_number(const struct host *host, size_t slot);     /* of its runner */

/* report.c */
void report_to(struct host *host, struct caller *caller);

#endif
