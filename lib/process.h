/*
 * process.h - which process a pid means.
 */
#ifndef WP_PROCESS_H
#define WP_PROCESS_H

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

/* FN for each child that PARENT has now, by a look at all processes: those that come or go meanwhile may be missed. */
void process_children(pid_t parent, void (*fn)(pid_t pid, void *ctx), void *ctx);
/* The kernel's id of this boot of the machine (random(4)), as much of it as fits; -1 with err recorded. */
int process_boot(int64_t *boot);

#endif
