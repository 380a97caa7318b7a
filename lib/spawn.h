/*
 * spawn.h - start a command, and be sure that it ends with us.
 *
 * One spawn for the whole toolkit. It uses vfork, which stays as fast in a large
 * process as in a small one, where posix_spawn cannot ask for a parent-death
 * signal. In the child: default signal dispositions, empty mask, its own process
 * group, every descriptor above 2 closed unless asked for, PR_SET_PDEATHSIG and a
 * re-check of getppid().
 *
 * PDEATHSIG reaches the command but not what the command started; the guard does:
 * a small process that outlives us by one kill(2) of every group it was told of.
 */
#ifndef WP_SPAWN_H
#define WP_SPAWN_H

#include "clock.h"
#include "strvec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SPAWN_KEEP = 2 };

/* For the command and each process that it starts (setrlimit(2)). */
struct spawn_limits {
	int64_t memory;          /* bytes of address space; 0: no limit */
	int64_t cpu;             /* seconds of processor time: SIGXCPU then, SIGKILL a second later; 0: no limit */
	int nice;                /* added to our own */
};

struct spawn {
	const char *path;        /* from spawn_find(); NULL: look argv[0] up in PATH now */
	char *const *argv;
	char *const *envp;       /* NULL: environ */
	const char *dir;         /* NULL: where we are */
	int in, out, err;        /* descriptors for 0, 1, 2; -1: /dev/null */
	int keep[SPAWN_KEEP];    /* more descriptors, given to the child as 3 and 4; -1: that one is closed there */
	int death_signal;        /* signal the child gets when we die; 0: none */
	const struct spawn_limits *limits;   /* NULL: none */
	int cgroup;              /* a control group's cgroup.procs, open for writing, that the child moves into; -1: none */
	size_t guarded;          /* 1 + the guard's slot for its group, which the child takes before it runs; 0: none */
	bool same_group;         /* stay in our process group */
	bool inherit;            /* as exec does: what is ignored stays ignored, and descriptors that are not close-on-exec stay open. Not with KEEP */
};

/* All -1, death_signal SIGKILL, the rest zero. */
#define SPAWN_INIT { .in = -1, .out = -1, .err = -1, .keep = { -1, -1 }, .cgroup = -1, .death_signal = 9 }

/* The child's pid (also its process group unless same_group). -1 with the error
 * recorded: status 127 (no such command) or 126 (cannot be executed), 125 for
 * everything else (no processes, no memory). An exec failure is seen here, not as
 * an exit status of the child. errno is set, too (E2BIG: the arguments are too long,
 * which another call may not be). */
pid_t spawn_start(const struct spawn *spawn);

/* As many descriptors for us as are allowed; what we start gets the limit that we had: select(2) knows 1,024, and some programs close
 * all that there could be. -1 with errno. */
int spawn_raise_files(void);

/* Where execvp would find NAME: a malloc'd path; NULL with err recorded (127 or 126). */
char *spawn_find(const char *name);
/* The same with another PATH than ours (NULL: as if it were not set). */
char *spawn_find_in(const char *name, const char *dirs);

/* An environment: BASE with VARIABLES ("NAME=VALUE") in place of those of the same name: of two, getenv(3) takes the first and sh(1) the
 * last. The array is the caller's, to be freed; its strings are not. */
char **spawn_environment(char *const *base, const struct strvec *variables);

/* A wait status in the shell's language: the exit status, or 128+n for signal n. */
int spawn_exit_status(int wait_status);

/*
 * The guard. guard_start() forks it (before anything large is allocated); the
 * caller then says which process groups run. The table is shared memory: a
 * slot costs no system call. When the caller dies, however it dies, the guard
 * sends SIGKILL to every group still in the table, waits until they are dead, and ends. It has a
 * process group of its own, and nothing open but its end of the pipe and HOLD, a
 * descriptor that is to stay open until then (-1: none): a lock on it
 * is not free while what it stands for may still run.
 */
int guard_start(size_t slots, int hold);  /* 0, or -1 with err recorded */
void guard_set(size_t slot, pid_t group); /* group 0: the slot is free */
/* Before guard_start(): what is in SLOT ends by itself when we die, and is killed only when it has not after LIMIT. */
void guard_patience(size_t slot, usec_t limit);
/* Before guard_start(): the guard's last act, unless it was stopped, is to remove PATH, which stays the caller's; at most
 * GUARD_UNLINKS of them. */
enum { GUARD_UNLINKS = 2 };
void guard_unlinks(const char *path);
/* Before guard_start(): if we die, the guard goes on, with HOLD open, until the end of file on the pipe FD, which stays open here. */
void guard_awaits(int fd);
/* Before guard_start(): FD stays open as HOLD does. The end of file of a stream then says that nothing of its writer runs any more. */
void guard_holds_too(int fd);
pid_t guard_pid(void);                    /* so that the owner can tell its death from a child's */
void guard_stop(void);                    /* at a clean end: ends it and reaps it */

#endif
