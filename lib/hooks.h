/*
 * hooks.h - commands that are run when something happened: by sh(1), in the background, with what happened in their environment.
 *
 * A hook delays nothing: it is started and forgotten; what is too slow is killed, what fails is said on stderr. Not more than
 * HOOKS_MAX run at once, the others wait their turn, and beyond HOOKS_ALIVE_MAX they are left out, which is said.
 */
#ifndef WP_HOOKS_H
#define WP_HOOKS_H

#include "groups.h"
#include "loop.h"
#include "strvec.h"

#include <stdbool.h>

enum { HOOKS_MAX = 32, HOOKS_ALIVE_MAX = 1000 };
#define HOOKS_LIMIT (60 * USEC_SEC)

struct hook {
	struct hook *next;
	const char *name;                /* for messages, "on-shrink" */
	const char *command;
	struct strvec variables;
	/* When it is over, GOOD with status 0; NULL: a failure is said on stderr, and nothing else. */
	void (*over)(void *ctx, int64_t number, bool good);
	int64_t number;                  /* for OVER */
	usec_t until;
};

struct hooks {
	void *ctx;                       /* for OVER */
	struct loop *loop;
	struct groups *groups;
	size_t slot;                     /* the first of HOOKS_MAX */
	struct hook *running[HOOKS_MAX];
	struct hook *first, **last;      /* those that wait */
	size_t alive;                    /* running and waiting */
	size_t warned_at;                /* there were so many when one was left out */
	struct loop_timer timer;
};

/* They run on slots SLOT to SLOT + HOOKS_MAX - 1 of GROUPS, which is the caller's. */
void hooks_init(struct hooks *hooks, struct loop *loop, struct groups *groups, size_t slot, void *ctx);
/* COMMAND with VARIABLES ("NAME=VALUE") in its environment. The strings of NAME and COMMAND stay. */
void hooks_run(struct hooks *hooks, const char *name, const char *command, const struct strvec *variables,
	void (*over)(void *ctx, int64_t number, bool good), int64_t number);
/* A child ended: was it a hook? */
bool hooks_reaped(struct hooks *hooks, pid_t pid, int wait_status);
bool hooks_has(const struct hooks *hooks, pid_t pid);
/* Kills what runs. */
void hooks_release(struct hooks *hooks);

#endif
