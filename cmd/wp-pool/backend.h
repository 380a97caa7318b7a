/*
 * backend.h - a runner's side of workplane-backend(7): the program that boots a place to run commands in, and runs them there.
 *
 * The built-in one, "local", is no program: it is ready at once, and commands run here.
 */
#ifndef WP_POOL_BACKEND_H
#define WP_POOL_BACKEND_H

#include "groups.h"
#include "loop.h"
#include "strbuf.h"
#include "strvec.h"

#include <stdbool.h>

/* Its boot has slot 0 of the groups, what asks or copies for it slot 1; calls have the others. */
enum { BACKEND_BOOT, BACKEND_HELPER, BACKEND_SLOTS };

#define BACKEND_LOCAL "local"

struct backend {
	/* The owner's */
	char *path;                  /* of the program; NULL: local */
	char **args;                 /* for boot */
	struct strvec sync;          /* what is to be copied there */
	void (*ready)(struct backend *b);
	void (*over)(struct backend *b, const char *why);    /* it failed, or is lost, or has ended as asked (WHY NULL) */

	/* private */
	struct loop *loop;
	struct groups *groups;
	struct loop_fd out;          /* what boot says */
	int in;                      /* its end of file tells boot to end */
	struct strbuf handle;
	bool has_handle, shut;
	bool checking;
	pid_t boot, helper;
};

/* Where the backend NAME is: a path as it stands; else in $WP_BACKENDS (a directory), or where they were installed, or beside the
 * build. A malloc'd path, or NULL with err recorded. */
char *backend_find(const char *name);

/* Boots. READY or OVER is called later, for local READY at once. -1 with err recorded. */
int backend_start(struct backend *b, struct loop *loop, struct groups *groups);
/* A child ended: was it one of the backend's? */
bool backend_reaped(struct backend *b, pid_t pid, int wait_status);
/* The command line that runs ARGV there; the caller frees the array, not the strings. Local: ARGV itself, copied. */
char **backend_command(const struct backend *b, char **argv);
/* A call ended with STATUS: if that may be the backend's own failure, ask it whether it is still there. */
void backend_doubt(struct backend *b, int status);
/* End of file for boot: OVER when it is gone. */
void backend_shut(struct backend *b);
void backend_release(struct backend *b);

#endif
