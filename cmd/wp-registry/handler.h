/*
 * handler.h - what does a consumer's work: a process a message, or one that gets a line for each and answers with a line.
 *
 * It is given one message at a time; whoever owns it hears what became of that.
 */
#ifndef WP_REGISTRY_HANDLER_H
#define WP_REGISTRY_HANDLER_H

#include "io.h"
#include "loop.h"
#include "settings.h"

#include <stdbool.h>
#include <sys/types.h>

struct handler {
	/* The owner's. None of these may give it the next message; READY may. */
	struct loop *loop;
	const struct settings *settings;
	int err;                     /* its stderr */
	/* The message was dealt with: STATUS is the exit status (0 of a warm one), TEXT what it said; or, with BROKEN, why it did not. */
	void (*answered)(void *ctx, int status, bool broken, const char *text, size_t len);
	/* The process of a warm one is gone, and so is the message that it may have had; UNREAD: of which it has read nothing. ASKED: by us.
	 * STATUS as a shell has it; REASON why, where that is not all; NULL otherwise. */
	void (*ended)(void *ctx, bool asked, bool unread, int status, const char *reason);
	/* The next message can be given; after the above. */
	void (*ready)(void *ctx);
	void *ctx;

	/* private */
	pid_t pid;
	bool busy, stopping;
	const char *fault;           /* why it is killed; NULL: it is not */
	int fault_status;
	struct loop_fd in, out;
	struct strbuf unwritten;
	size_t written, line_len;
	int rest;                    /* the other end of IN, which shows what is not read: of a warm one that runs */
	struct lines lines;          /* warm */
	struct strbuf said;          /* else */
	struct loop_timer deadline;
	int deadlines;               /* that have passed: TERM, then KILL */
};

void handler_init(struct handler *h, struct loop *loop, const struct settings *settings, int err);
/* Kills what runs. */
void handler_release(struct handler *h);

/* Is there a process? */
bool handler_runs(const struct handler *h);
/* Can it be given a message now? One that is being ended cannot. */
bool handler_takes(const struct handler *h);
/* A message, of a warm one a line without its end. OFFSET 0: none. 0, or -1 with err recorded (126, 127, ...): nothing runs. */
int handler_give(struct handler *h, const char *text, size_t len, int64_t offset);
/* Have the process of a warm one end: by the end of its input, SIGTERM, SIGKILL. ENDED follows unless there is none. */
void handler_stop(struct handler *h);
/* The same for whatever runs, at once by SIGTERM. */
void handler_terminate(struct handler *h);
/* SIGUSR1, to a warm one that runs. */
void handler_signal(struct handler *h, int signo);
/* A child has ended; true: it was this. */
bool handler_child(struct handler *h, pid_t pid, int wait_status);

#endif
