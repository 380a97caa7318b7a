/*
 * pool_child.h - the `wp-pool map --jobs` that runs a worker's commands.
 */
#ifndef WP_JOBS_POOL_CHILD_H
#define WP_JOBS_POOL_CHILD_H

#include "clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pool_options {
	int64_t max_procs, window;
	bool warm, progress;
	usec_t timeout, kill_after, grace;   /* timeout 0: none */
};

struct pool_child {
	pid_t pid;
	int jobs, results;       /* our ends of its stdin and stdout */
};

/* It gets our stdout as descriptor 3 for what the commands print, a process group of its own, so that
 * a terminal's ^C comes through us, and dies with us. LIFE is the descriptor whose lock says that the worker
 * lives (-1: none): it stays open while a command may run. COMMAND is NULL-terminated. -1 with err recorded. */
int pool_child_start(struct pool_child *child, const struct pool_options *options, int life, char **command);

#endif
