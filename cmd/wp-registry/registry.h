/*
 * registry.h - which consumers there are, and which of them have a process.
 *
 * A consumer is a row of the state file, known by its stack and handle. While it has a process, it has a life: a lock
 * (alive.h) and a socket (wire.h), both named by a number that was nobody's before. A life begins in the transaction that
 * says so: by then its lock is held and its socket listens, so that whoever finds the row can connect at once. Its
 * holder ends it in a transaction, too; one that did not is dead, and whoever meets it says so in its place.
 *
 *   suspended -> starting -> running <-> hibernated -> suspended     one that is defined
 *   (none)    ->             running <-> hibernated -> (none)        one that is registered alone
 *                                  any of these     -> crashed
 */
#ifndef WP_REGISTRY_REGISTRY_H
#define WP_REGISTRY_REGISTRY_H

#include "alive.h"
#include "clock.h"
#include "db.h"
#include "state.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define REGISTRY_STACK "default"
#define REGISTRY_LOCKS "registry"        /* the family of the numbered locks, and the prefix of the sockets */

enum consumer_state { CONSUMER_STARTING, CONSUMER_RUNNING, CONSUMER_HIBERNATED, CONSUMER_SUSPENDED, CONSUMER_CRASHED };
const char *consumer_state_name(enum consumer_state state);

/* The two stages of idleness; -1: never. */
struct rest_times {
	usec_t hibernate_after, jitter, suspend_after;
};

struct consumer {
	int64_t id;
	char *stack, *handle;
	enum consumer_state state;
	char *reason;                /* of a crash; NULL: none */
	usec_t since;
	int64_t life;                /* 0: it has no process, or one without an inbox */
	pid_t pid;                   /* 0: none */
	int64_t process;             /* when not 0: no inbox; it is process PID, which was started then (process.h) */
	int64_t boot;                /* of which boot of the machine that is true */
	bool defined, durable, restart;
	int64_t delivered, stored;
	int64_t unacknowledged;      /* of registry_list() alone: messages that are stored */
	struct rest_times rest;
	char *settings, *meta;       /* JSON objects */
};
#define CONSUMER_INIT { .rest = { -1, -1, -1 } }
void consumer_release(struct consumer *c);

struct registry {
	struct state state;
	struct db *db;
	int64_t boot;

	/* private: lives whose end is not committed yet */
	int64_t *ended;
	size_t ended_nr, ended_alloc;
};

/* Open the state directory DIR (state.h) and the file in it; both are made when missing. -1 with err recorded. */
int registry_open(struct registry *r, const char *dir);
/* The same only where there is one already: 1 opened, 0 there is none, -1 with err recorded. */
int registry_open_existing(struct registry *r, const char *dir);
void registry_close(struct registry *r);
/* The file alone: for those who need it now and then, and no memory in between. */
int registry_open_file(struct registry *r);
void registry_close_file(struct registry *r);

/* The name of a life's socket; the caller frees it. */
char *registry_socket(int64_t life);

/* Looking. Who is found dead is said to have crashed (or, without an inbox, is removed) on the way. */

/* 1 and *C, which is to be released; 0 there is none; -1 with err recorded. */
int registry_find(struct registry *r, const char *stack, const char *handle, struct consumer *c);
/* The pid of one that lives: 1; 0 there is none; -1 with err recorded. One read, and no more. */
int registry_where(struct registry *r, const char *stack, const char *handle, pid_t *pid);
/* FN for each, those of STACK or with NULL all. It may not use R; C is valid until it returns. LIVE: the counts of its life, see
 * counts.h. */
struct counts {
	int64_t delivered, pending;
};
int registry_list(struct registry *r, const char *stack, void (*fn)(const struct consumer *c, const struct counts *live, void *ctx), void *ctx);
/* The same in the order of stack and handle, which takes longer. */
int registry_list_by_name(struct registry *r, const char *stack, void (*fn)(const struct consumer *c, const struct counts *live, void *ctx),
	void *ctx);
/* Say of the dead that they are: all of them, or those with lives FIRST to LAST. -1 with err recorded. */
int registry_reap(struct registry *r);
int registry_reap_lives(struct registry *r, int64_t first, int64_t last);

/* Beginning */

/* What a life is made of. */
struct life {
	struct alive lock;           /* to be let go of (alive_let_go) when all else is over */
	int listener;
};
#define LIFE_NONE { .lock = { .fd = -1 }, .listener = -1 }

/* A new consumer with a life that is ours, or, when C has a process, none. Its id and life are set. REPLACE: it may take the
 * place of one that crashed or is suspended. *COUNT (may be NULL) becomes the number of those in its stack that have a process.
 * 0, or -1 with err recorded: status 1 when the handle is taken. */
int registry_register(struct registry *r, struct consumer *c, bool replace, struct life *life, int64_t *count);
/* A new one without. The same; what the one that it takes the place of has stored stays. */
int registry_define(struct registry *r, struct consumer *c, bool replace);
/* Begin a life for C, as registry_find() gave it, whose process is to be started by us. EVEN_CRASHED: also when it has crashed. 1; 0
 * when it is not suspended any more; -1 with err recorded. */
int registry_launch(struct registry *r, struct consumer *c, bool even_crashed, struct life *life);

/* Its process is PID, until it says so itself. -1 with err recorded. */
int registry_started(struct registry *r, const struct consumer *c, pid_t pid);

/* In a life: 1; 0 when it is over (removed); -1 with err recorded. */
int registry_change(struct registry *r, const struct consumer *c, enum consumer_state state);
/* What we are by now, if it is us still. As registry_find(). */
int registry_self(struct registry *r, int64_t id, int64_t life, struct consumer *c);

/* Ending */

enum consumer_end { END_LEFT, END_SUSPENDED, END_CRASHED };
/* The end of C's life, after DELIVERED messages. END_LEFT: nobody that is not defined stays. REASON as in the struct. -1 with err recorded. */
int registry_end(struct registry *r, const struct consumer *c, enum consumer_end end, const char *reason, int64_t delivered);
/* END_SUSPENDED of one that is durable: 1; 0 when there are messages after offset DEALT: then it goes on. */
int registry_suspend(struct registry *r, const struct consumer *c, int64_t dealt, int64_t delivered);
/* Remove it, whatever it is. 1; 0 there is none; -1 with err recorded. C is what it was: its process is to be told. */
int registry_remove(struct registry *r, const char *stack, const char *handle, struct consumer *c);

/* Remove the files of a life whose consumer was removed: nobody asks for it any more, though its lock may still be held for a
 * moment. -1 with err recorded. */
int registry_clear_life(struct registry *r, int64_t life);

/* Rest */

/* For all of STACK, and with it those to come. */
int registry_set_rest(struct registry *r, const char *stack, const struct rest_times *rest);
/* What one of STACK begins with. 0, or -1 with err recorded. */
int registry_rest_of(struct registry *r, const char *stack, struct rest_times *rest);

/* Messages that are kept */

/* Store one for consumer ID, in the caller's transaction: its offset, or -1 with err recorded. */
int64_t registry_store(struct registry *r, int64_t id, const char *text, size_t len);
/* FN for each of at most N after offset SEQ. It may not use R. -1 with err recorded. */
int registry_stored(struct registry *r, int64_t id, int64_t seq, int64_t n, void (*fn)(int64_t seq, const char *text, size_t len, void *ctx), void *ctx);
int registry_acknowledge(struct registry *r, int64_t id, int64_t seq);

/* Events */

struct registry_event {
	int64_t seq;
	usec_t at;
	const char *event, *reason, *stack, *handle;
	pid_t pid;
};
/* The number of the newest, 0 when there was none. -1 with err recorded. */
int64_t registry_last_event(struct registry *r);
/* FN for each after SEQ; it may not use R. The number of the last, or -1 with err recorded: status 75 when some of them are not
 * kept any more. */
int64_t registry_events(struct registry *r, int64_t seq, void (*fn)(const struct registry_event *event, void *ctx), void *ctx);

#endif
