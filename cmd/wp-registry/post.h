/*
 * post.h - what publishers and consumers say to each other, over a wire (wire.h).
 *
 * A publisher sends letters, each with a number of its own choice, and gets one answer for each, in any order. Text that does not
 * fit into one message of the wire goes with it as a file in memory (memfd_create(2)), which nobody can leave behind.
 */
#ifndef WP_REGISTRY_POST_H
#define WP_REGISTRY_POST_H

#include "clock.h"
#include "stream.h"
#include "strbuf.h"
#include "wire.h"

#include <stdint.h>

enum { POST_VERSION = 1 };
/* The longest message or reply, in bytes. */
#define POST_TEXT_MAX STREAM_LINE_MAX

enum post_what {
	/* To a consumer */
	POST_LETTER = 1,     /* text: the message */
	POST_STORED,         /* it is in the state file, under this offset */
	POST_REST,           /* its times of rest have changed: look again */
	POST_LEAVE,          /* end: it was removed */

	/* From one */
	POST_DELIVERED,      /* status: 0; text: the reply */
	POST_FAILED,         /* status: the handler's exit status; text: what it said */
	POST_BROKEN,         /* status: as that of a program that runs a command; text: why the handler has not answered */
	POST_SUSPENDED,      /* the handler has handed it back: try again, status 1: here, 0: as the next */
	POST_ELSEWHERE,      /* it was given to nobody: try again with whoever is there when this connection has ended */
	POST_CRASHED,        /* the handler died of it, or before it could be given; text: the reason */
	POST_REMOVED,        /* it was given to nobody, and there is nobody any more */
	POST_ACCEPTED,       /* it will be given: to those who do not wait for more */
	POST_FULL,           /* it will not: too many are pending */
	POST_DONE            /* for what is no letter */
};

struct post {
	uint32_t version;
	uint32_t what;
	uint32_t hasty;              /* of a letter: POST_ACCEPTED is answer enough */
	int32_t status;
	int64_t number;
	int64_t offset;              /* of a message that is stored; 0: none */
	usec_t time;                 /* of a letter: not to be given after that (clock_now()), 0: always; of an answer: how long it took */
};

/* 1; 0 when there is no room now; -1 with errno. */
int post_send(int fd, const struct post *post, const char *text, size_t len);

/* One message, if there is one: its text is appended to *TEXT. 1; 0 at the end of the connection; -1 with errno: EAGAIN; EPROTO for
 * what is none. */
int post_receive(int fd, struct post *post, struct strbuf *text);

#endif
