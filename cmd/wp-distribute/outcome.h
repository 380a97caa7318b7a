/*
 * outcome.h - what becomes of children that were asked for: waiting for it, and the lines that tell it.
 */
#ifndef WP_DISTRIBUTE_OUTCOME_H
#define WP_DISTRIBUTE_OUTCOME_H

#include "cluster.h"
#include "strvec.h"

#include <stdbool.h>

enum outcome { OUTCOME_PENDING, OUTCOME_GOOD, OUTCOME_BAD };

/* What is waited for. */
struct outcome_wish {
	bool gone;                   /* that nothing of them is left, on NODE or (NULL) anywhere; else that all their replicas run */
	const char *node;
	usec_t up_for;               /* and have run so long */
	usec_t deadline;             /* clock_now() */
};

/* Until that is so of each of NAMES, or it is too late: a line for each replica as soon as it is known. OUTCOMES, one a name, may have been
 * set: those are passed over. How many are pending still (0: none); -1 with err recorded. */
int64_t outcome_wait(struct cluster *c, const struct strvec *names, enum outcome *outcomes, const struct outcome_wish *wish);
/* A line {"child":CHILD,"result":RESULT,"error":ERROR}; ERROR may be NULL. */
void outcome_print(const char *child, const char *result, const char *error);
/* 0 all, 1 some are bad, 75 some are pending. */
int outcome_status(const enum outcome *outcomes, size_t n);

#endif
