/*
 * talk.h - what a pool and those who use it say to each other: a JSON object a message (wire.h).
 *
 * Members that one side does not know are passed over, so that a pool that was started before an upgrade can still be
 * talked to.
 */
#ifndef WP_POOL_TALK_H
#define WP_POOL_TALK_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number that was not given: not written, and what one is that was not there. */
#define TALK_NONE INT64_MIN

enum ask { ASK_CALL, ASK_STATUS, ASK_SET, ASK_DRAIN, ASK_STOP, ASK_WAIT };

struct request {
	int64_t ask;
	/* ASK_CALL, with the descriptors of spec.h and, unless the pool's log takes what the command says, stdin, stdout, stderr */
	char what[256];              /* the command, for people */
	int64_t timeout, priority, retries;
	bool no_link;                /* the command may go on when the caller is gone */
	bool forever;                /* it has no timeout once it runs */
	bool detach;                 /* the caller does not wait for its end: no descriptors but the first */
	bool until_started;          /* ... but only for its start */
	bool track, no_track;        /* else as the pool does */
	/* ASK_SET: settings.h, TALK_NONE: as it is; durations in microseconds */
	int64_t min, max, max_concurrency, spare, grow_when;
	int64_t boot_timeout, shutdown_timeout, kill_after, idle_shutdown_after, min_idle_shutdown_after;
	/* ASK_STATUS */
	bool watch, calls;
	/* ASK_DRAIN, ASK_STOP */
	bool undo, now;
};

#define REQUEST_INIT { .timeout = TALK_NONE, .priority = 0, .retries = 0, .min = TALK_NONE, .max = TALK_NONE, \
	.max_concurrency = TALK_NONE, .spare = TALK_NONE, .grow_when = TALK_NONE, .boot_timeout = TALK_NONE, \
	.shutdown_timeout = TALK_NONE, .kill_after = TALK_NONE, .idle_shutdown_after = TALK_NONE, .min_idle_shutdown_after = TALK_NONE }

/* What the pool says. A call hears ACCEPTED, STARTED (once a try), and ENDED or FAILED last. */
enum tell { TELL_ACCEPTED, TELL_STARTED, TELL_ENDED, TELL_FAILED, TELL_DONE };

struct answer {
	int64_t tell;
	int64_t id, runner, slot, pid;
	int64_t status;              /* ENDED: the command's; FAILED: what to exit with */
	char text[1024];             /* FAILED: why */
};

#define ANSWER_INIT { .id = TALK_NONE, .runner = TALK_NONE, .slot = TALK_NONE, .pid = TALK_NONE, .status = TALK_NONE }

/* A signal from a caller for its command. */
struct passed_signal {
	int64_t signo;
};

/* Set "what": as much of COMMAND as people need to know which it is. */
void request_describe(struct request *request, char *const *command);
void request_add(struct strbuf *sb, const struct request *request);
void answer_add(struct strbuf *sb, const struct answer *answer);
void signal_add(struct strbuf *sb, const struct passed_signal *passed);
/* 0, or -1 with err recorded (65). */
int request_parse(struct request *request, const char *text, size_t len);
int answer_parse(struct answer *answer, const char *text, size_t len);
int signal_parse(struct passed_signal *passed, const char *text, size_t len);

#endif
