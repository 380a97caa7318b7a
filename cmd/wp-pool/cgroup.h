/*
 * cgroup.h - a control group a call (cgroups(7), version 2), where the pool has a subtree to itself.
 *
 * That is so under a service manager that delegates one (systemd: Delegate=yes), or wherever somebody has put the pool alone
 * into a group that it may write to. Then a limit of memory is one of the whole call, and what a call has left behind is
 * found and killed even when it has left its process group. Elsewhere nothing happens here.
 *
 *     DIR/pool           the pool and its runners: a group with groups below it may have no processes of its own
 *     DIR/call-R-C       call C of runner R
 */
#ifndef WP_POOL_CGROUP_H
#define WP_POOL_CGROUP_H

#include "spawn.h"

#include <stdbool.h>
#include <stdint.h>

/* For the pool, before it has any child: move into DIR/pool, and return DIR, malloc'd. NULL: there is none to be had. */
char *cgroup_delegate(void);
/* A group for a call, with its limits: a descriptor for spawn.h's .cgroup; -1 with err recorded. */
int cgroup_make(const char *dir, const char *runner, uint64_t call, const struct spawn_limits *limits);
/* Does it limit memory? */
bool cgroup_limits_memory(const char *dir);
/* Everything in it, with SIGKILL. */
void cgroup_kill(const char *dir, const char *runner, uint64_t call);
/* 0, or -1 while there are processes in it: what a call left behind on purpose lives until its runner ends. */
int cgroup_remove(const char *dir, const char *runner, uint64_t call);
/* Kill and remove all groups of that runner; those whose processes are not gone at once are given a moment. */
void cgroup_remove_all(const char *dir, const char *runner);

#endif
