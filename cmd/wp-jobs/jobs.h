/*
 * jobs.h - what every verb of wp-jobs knows.
 */
#ifndef WP_JOBS_H
#define WP_JOBS_H

#include "opt.h"

#include <stdint.h>

struct globals {
	const char *state;     /* --state: the state directory; NULL: the default */
	const char *db;        /* --db: a Postgres database; NULL: the state file */
};

extern const struct verb verb_init, verb_add, verb_produce, verb_settle, verb_work, verb_list, verb_show,
	verb_stats, verb_await, verb_cancel, verb_retry, verb_sweep, verb_prune;

/* Bells (db.h) */
#define BELL_SETTLED "settled"       /* a job ended or went back */
#define BELL_CANCEL "cancel"         /* a running job is to be stopped */

enum { QUEUE_NAME_MAX = 255, MAX_ATTEMPTS_DEFAULT = 5 };

/* A queue's name is 1 to 255 bytes of UTF-8 without control characters. 0, or -1 with err recorded (64). */
int queue_check(const char *name, size_t len);

/* The ids in OPERANDS, as a malloc'd array in *IDS. -1 with err recorded (64). */
int ids_parse(int64_t **ids, int n, char **operands);

/* "a,b" of job states; 0, or -1 with err recorded (64). */
int states_check(const char *states);

#endif
