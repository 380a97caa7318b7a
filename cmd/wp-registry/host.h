/*
 * host.h - the process of a consumer: takes its letters, has its handler deal with them one at a time, rests, and ends.
 */
#ifndef WP_REGISTRY_HOST_H
#define WP_REGISTRY_HOST_H

#include "handler.h"
#include "loop.h"
#include "post.h"
#include "registry.h"
#include "rest.h"
#include "settings.h"

#include <stdbool.h>

/* A connection to a publisher. */
struct caller {
	struct caller *next, *prev;
	struct host *host;
	struct loop_fd wire;
	size_t letters;              /* that are to be answered */
	bool gone, stuck;            /* STUCK: an answer cannot be sent just now for want of descriptors or memory */
	struct letter *held;         /* read, but there is no room for it */
	struct caller *next_held;    /* who has one, too, and came later */
	struct answer *first, **last;/* for which there was no room */
};

/* What is to be done. */
struct letter {
	struct letter *next;
	struct caller *caller;       /* NULL: nobody waits (any more) */
	int64_t number, offset;
	usec_t deadline, begun;
	bool hasty;                  /* was answered */
	size_t len;
	char text[];
};

/* Somebody waits for what becomes of a stored message. */
struct claim {
	struct claim *next;
	struct caller *caller;
	int64_t number, offset;
};

enum host_end { HOST_STAYS, HOST_SUSPENDS, HOST_LEAVES, HOST_REMOVED, HOST_CRASHED };

struct host {
	struct registry registry;
	struct consumer self;
	struct settings settings;
	struct life life;
	char *socket_path;
	struct loop *loop;
	struct handler handler;
	struct rest rest;
	struct loop_fd listener;
	struct loop_timer listen_again, rest_timer, state_timer, store_timer, start_timer, grace_timer, answer_timer;
	struct caller *callers;
	struct caller *held, **last_held;    /* each has its turn when there is room */
	struct strbuf text;          /* of what is read */
	struct letter *first, **last, *in_hand;
	size_t queued;
	struct counts counts, *shown;   /* SHOWN: to others; NULL: not */
	enum consumer_state told;    /* what the state file says we are */
	/* Durable */
	struct claim *claims;
	int64_t fetched, dealt, acknowledged;    /* offsets */
	struct kept_answer *answers; /* of late, for claims that are still to come */
	unsigned tries;              /* of the message that is first */
	/* Ending */
	enum host_end end;
	bool asked_twice, refused;
	char *reason;
	int status;
	unsigned crashes;            /* since the last answer */
};

/* Before the life begins: from now on a signal to end is heard, and host_run() obeys it. -1 with err recorded. */
int host_prepare(struct host *host);
/* Be the consumer SELF with SETTINGS in LIFE, whose descriptors are ours from now on, until it ends. REGISTRY is open. READY (may be NULL) is
 * called when letters are taken. All of HOST is the caller's to fill with zeros but those; ERR is the handler's stderr. Returns the exit
 * status; everything is released. */
int host_run(struct host *host, int err, void (*ready)(struct host *host));

/* Instead of that: answer WHAT, for REASON, to whoever has written to us already, and release everything. err is kept. */
void host_refuse(struct host *host, enum post_what what, const char *reason);

/* inbox.c: callers and their letters */
int inbox_open(struct host *host);
/* Answer LETTER, and free it. */
void letter_done(struct host *host, struct letter *letter, enum post_what what, int status, const char *text, size_t len);
/* The first that still may be given, out of the queue; NULL: none. Those whose time is over are nobody's any more. */
struct letter *inbox_take(struct host *host);
void inbox_put_back(struct host *host, struct letter *letter);
void inbox_put(struct host *host, struct letter *letter);
/* There is room again. */
void inbox_go_on(struct host *host);
void inbox_answer(struct host *host, struct caller *caller, const struct post *post, const char *text, size_t len);
/* Take no more, answer all that are there, and those that are on their way, and close. */
void inbox_close(struct host *host, enum post_what what, const char *text);
void caller_let_go(struct caller *caller);
/* Letter with a copy of TEXT. */
struct letter *letter_new(const char *text, size_t len);

/* kept.c: messages in the state file */
void kept_open(struct host *host);
void kept_claim(struct host *host, struct caller *caller, const struct post *post);
/* Get some into the queue when there are and it is empty. */
void kept_fetch(struct host *host);
/* What became of IN_HAND, which is one of them: true when it has been dealt with for good. */
bool kept_done(struct host *host, int status, bool broken, const char *text, size_t len);
void kept_flush(struct host *host);
/* The next try has its pause. */
void kept_pause(struct host *host);
void kept_release(struct host *host);

/* host.c, for those two */
/* What is recorded is told, and no reason to end. */
void host_failed(struct host *host);
void host_pump(struct host *host);
void host_told(struct host *host);
void host_remove(struct host *host);

#endif
