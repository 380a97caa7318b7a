/*
 * map.h - what the parts of wp-pool map share.
 *
 *     input    lines of stdin become struct line and are offered to the pool
 *     pool     says which line starts where, who gets a signal, what is done
 *     proc     one process a line        } the two kinds of calls: they tell the
 *     warm     one process a slot        } pool how each line ended
 *     far      where the processes of proc run when a named pool has them
 *     output, results, joblog, progress: where a line goes when it is done
 */
#ifndef WP_POOL_MAP_H
#define WP_POOL_MAP_H

#include "environment.h"
#include "groups.h"
#include "input.h"
#include "joblog.h"
#include "line.h"
#include "loop.h"
#include "output.h"
#include "pool.h"
#include "progress.h"
#include "results.h"
#include "template.h"
#include "tracked.h"
#include "verbs.h"

enum { RESULTS_RAW, RESULTS_NDJSON };

struct map_args {
	int64_t max_procs, window, retries, output_fd, hold_fd;
	usec_t timeout, kill_after, grace;
	bool null, feed_stdin, ungroup, keep_order, dry_run, jobs, warm, progress, resume;
	int results;
	const char *halt, *joblog, *name, *pool;
	bool untracked;
};

struct map {
	const struct map_args *args;
	char **command;
	char *path;                  /* of the command; NULL: its name has a placeholder */
	usec_t now;                  /* of this turn of the loop */
	struct loop *loop;
	struct loop_timer timer;     /* the pool's next deadline */
	struct pool pool;
	struct groups groups;
	struct template template;
	struct environment environment;
	struct line_list lines;
	struct input input;
	struct output output;
	struct announcer announcer;
	struct joblog joblog;
	struct progress progress;
	struct tracked tracked;      /* our entry among the workers */
	struct strbuf tracked_text;
	struct proc *proc;
	struct warm *warm;
	struct far *far;             /* NULL: commands run here */
	uint64_t skipped;            /* --resume */
	uint64_t bad_lines;          /* --jobs: that were no jobs */
	int fatal;                   /* exit status of what made us stop, 0: nothing */
	int signals;                 /* SIGTERM and the like so far */
	usec_t give_up;              /* when to leave output unwritten */
};

/* turn.c: what is done in every turn of the loop. */
int map_watch_signals(struct map *map);
/* All of the input, or until told to stop; the exit status. */
int map_loop(struct map *map);
/* Start nothing more and end with STATUS; err is reported. */
void map_fail(struct map *map, int status);
/* Print err, with the line's number in front. */
void map_complain(struct map *map, const struct line *line);
/* A line that fails whatever is tried: err says why; EXIT is as good as its exit status. */
void map_bad_line(struct map *map, struct line *line, int exit);
/* spawn_start() failed with ERROR (errno) and err recorded, for a line that was to start. */
void map_start_failed(struct map *map, struct line *line, int error);

/* dry_run.c: print what would be run; the exit status. */
int dry_run(struct map *map);

/* proc.c */
int proc_init(struct map *map);
void proc_release(struct map *map);
void proc_start(struct map *map, struct line *line);
void proc_begun(struct map *map, struct line *line);     /* far: its time runs from now on */
void proc_ended(struct map *map, size_t slot, int exit, int signal);

/* far.c */
struct call_ends {
	int in, out, err;        /* the command's; -1: /dev/null */
};
/* The pool that --pool names: err_status() 69 when there is none. */
int far_init(struct map *map, const struct globals *globals);
void far_release(struct map *map);
/* How many calls it can run at once. -1 with err recorded. */
int far_capacity(const char *state_dir, const char *name, int64_t *capacity);
/* -1 with err recorded, and errno. */
int far_start(struct map *map, struct line *line, char **argv, char **envp, const struct call_ends *ends);
void far_term(struct map *map, size_t slot);
void far_kill(struct map *map, size_t slot);

/* warm.c */
int warm_init(struct map *map);
void warm_release(struct map *map);
void warm_start(struct map *map, struct line *line);
void warm_flush(struct map *map);                /* send what was given to the workers */
void warm_signal(struct map *map, size_t slot);  /* TERM is about to be sent */
void warm_ended(struct map *map, size_t slot, int wait_status);
void warm_slot_free(struct map *map, size_t slot);/* nothing is left of its worker */
void warm_close(struct map *map);                /* no more lines will come */

#endif
