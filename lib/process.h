/*
 * process.h - which process a pid means.
 */
#ifndef WP_PROCESS_H
#define WP_PROCESS_H

#include "clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * When PID was started, in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)): together with the pid
 * it means one process and no later one with the same number. 1 and *START; 0 when there is no such process,
 * or only what its parent has not reaped yet; -1 with err recorded.
 */
int process_start(pid_t pid, int64_t *start);
/* Is PID still the process that was started then? 1 or 0; -1 with err recorded. */
int process_lives(pid_t pid, int64_t start);

/* Would SIGNO, now, do to PID what it does to those who have said nothing about it? 0: it is caught, ignored or blocked; 1: yes, or there is no
 * such process. */
int process_is_defenceless(pid_t pid, int signo);
/* The processor time, in clock ticks (sysconf(3)), that PID has used, and those of its children that it has waited for; -1: there is no such
 * process. */
int64_t process_ticks(pid_t pid);

/* Is it on its way out, or dead? Its files may be open still in the first case: it closes them after this can be seen. */
bool process_ends(pid_t pid);
/* Until it is dead, which it is before it is reaped, or CLOCK_MONOTONIC shows UNTIL. */
void process_await_death(pid_t pid, usec_t until);

/* FN for each child that PARENT, which has one thread, has now: those that come or go meanwhile may be missed. */
void process_children(pid_t parent, void (*fn)(pid_t pid, void *ctx), void *ctx);
/* The kernel's id of this boot of the machine (random(4)), as much of it as fits; -1 with err recorded. */
int process_boot(int64_t *boot);

#endif
