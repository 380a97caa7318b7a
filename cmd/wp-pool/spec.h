/*
 * spec.h - what is to be run, as a caller writes it down and a runner reads it.
 *
 * It is in a file in memory (memfd_create(2)), because a command line may be megabytes long, and the pool between the two
 * hands it on without looking into it.
 */
#ifndef WP_POOL_SPEC_H
#define WP_POOL_SPEC_H

#include "spawn.h"
#include "strbuf.h"

struct spec {
	const char *dir;             /* where the command is to run */
	mode_t mask;                 /* umask */
	struct spawn_limits limits;
	char **argv;                 /* NULL-terminated */
	char **envp;
	size_t env_nr;
	struct strbuf text;          /* private */
};

/* COMMAND in our directory, with the environment ENVP. The descriptor, or -1 with err recorded. */
int spec_write(char *const *command, char *const *envp, const struct spawn_limits *limits);
/* -1 with err recorded; release it even so. ENVP has room for MORE entries after ENV_NR. */
int spec_read(struct spec *spec, int fd, size_t more);
void spec_release(struct spec *spec);

#endif
