/*
 * stream.h - the lines of workplane-stream(5).
 *
 * Parsers point into the caller's text and allocate nothing; members they do not
 * know are passed over, and a line may have them in any order. All return 0, or
 * -1 with the reason recorded (status 65).
 */
#ifndef WP_STREAM_H
#define WP_STREAM_H

#include "clock.h"
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest line any stream takes, separator not counted. */
#define STREAM_LINE_MAX ((size_t)16 << 20)
/* Largest payload: a job line has other members too. */
#define STREAM_PAYLOAD_MAX (STREAM_LINE_MAX - 4096)
/* A job that runs longer than this is announced with a "started" result; one that
 * ends sooner is not, because the result itself says so. */
#define STREAM_STARTED_AFTER (50 * USEC_MS)

struct job_line {
	int64_t id;
	int64_t attempt, max_attempts, priority;
	struct json_slice queue;      /* JSON string, quoted */
	struct json_slice payload;    /* any JSON; p NULL on a cancel line */
	struct json_slice lease;      /* JSON string, quoted */
	bool cancel;                  /* {"id":7,"lease":"...","cancel":true}: stop that job */
};

/* Needs "id" (whole number, >= 1), "lease" (string) and "payload" (unless
 * "cancel" is true); the others have defaults (attempt 1, max_attempts 1, queue ""). */
int job_line_parse(struct job_line *job, const char *line, size_t len);

enum result_status {
	RESULT_OK,       /* done */
	RESULT_RETRY,    /* failed; again with backoff while attempts remain */
	RESULT_FAIL,     /* never again */
	RESULT_SNOOZE,   /* not now: again later, this attempt does not count */
	RESULT_STARTED   /* no end yet: it runs */
};

const char *result_status_name(enum result_status status);

struct result_line {
	int64_t id;                   /* 0: not given */
	struct json_slice lease;      /* quoted; p NULL: not given */
	enum result_status status;
	bool has_exit;
	int64_t exit;
	struct json_slice error;      /* JSON string; p NULL: not given */
	struct json_slice output;     /* any JSON; p NULL: not given */
	usec_t duration;              /* -1: not given */
	usec_t delay;                 /* "delay", seconds: when to try again; -1: not given */
};

/* With ANSWER, the line is a warm worker's answer: id and lease may be missing.
 * Without, both are needed. "status" is needed always. */
int result_line_parse(struct result_line *result, const char *line, size_t len, bool answer);

/* Append the line, newline included. Members not given are left out. */
void result_line_add(struct strbuf *sb, const struct result_line *result);

/* What a handler's exit status says: 0 ok, 75 snooze, 65 fail, anything else retry. */
enum result_status result_from_exit(int status);

#endif
