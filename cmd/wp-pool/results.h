/*
 * results.h - what became of a line, as a line: --results ndjson, and the result lines of
 * --jobs (workplane-stream(5)).
 */
#ifndef WP_POOL_RESULTS_H
#define WP_POOL_RESULTS_H

#include "line.h"
#include "loop.h"

/* {"seq","line","status","exit","stdout","stderr","duration"}; nothing for a line that never ran. */
#define RESULTS_OUTPUT_MAX ((size_t)1 << 20)
void results_add_ndjson(struct strbuf *sb, struct line *line);

/* The result line of a job that was run by a command of its own, or not at all. */
#define RESULTS_JOB_OUTPUT_MAX ((size_t)64 << 10)
#define RESULTS_JOB_ERROR_MAX ((size_t)4 << 10)
void results_add_job(struct strbuf *sb, struct line *line, usec_t timeout);

/* The result line of a job whose warm worker said ANSWER, and whether it is a good one. */
bool results_add_answer(struct strbuf *sb, struct line *line, struct result_line *answer);

/* "killed by signal 9", "timed out after 30s", "exit status 3" */
void results_add_reason(struct strbuf *sb, const struct line *line, usec_t timeout);

/* Jobs that run for STREAM_STARTED_AFTER are announced: all wait the same time, so they
 * are a queue and need one timer. */
struct announcer {
	struct loop *loop;
	struct strbuf *sb;
	struct line *first, *last;
	struct loop_timer timer;
};

void announcer_init(struct announcer *a, struct loop *loop, struct strbuf *sb);
void announcer_add(struct announcer *a, struct line *line);       /* it runs since line->started */
void announcer_remove(struct announcer *a, struct line *line);    /* it does no more */

#endif
