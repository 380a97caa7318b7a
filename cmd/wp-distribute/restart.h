/*
 * restart.h - whether what has ended is started again.
 *
 * As a supervisor has it: permanent always, transient when it has failed, temporary never; but not more often than MAX times
 * within a while: then something is wrong that starting it does not mend. No I/O, and no clock of its own.
 */
#ifndef WP_DISTRIBUTE_RESTART_H
#define WP_DISTRIBUTE_RESTART_H

#include "clock.h"

#include <stddef.h>

enum restart_policy { RESTART_PERMANENT, RESTART_TRANSIENT, RESTART_TEMPORARY };
#define RESTART_WORDS "permanent|transient|temporary"
const char *restart_name(enum restart_policy policy);
/* As restart_name() gave it; what is not known is permanent. */
enum restart_policy restart_from(const char *name);

enum restart_answer { RESTART_AGAIN, RESTART_IS_OVER, RESTART_GIVES_UP };

struct restart {
	enum restart_policy policy;
	size_t max;
	usec_t within;
	usec_t *at;                  /* of the last MAX */
	size_t nr;                   /* ever */
};

void restart_init(struct restart *r, enum restart_policy policy, size_t max, usec_t within);
void restart_release(struct restart *r);
/* It ended at NOW with exit STATUS (128 and more: by a signal). */
enum restart_answer restart_ended(struct restart *r, int status, usec_t now);

#endif
