/*
 * state.h - the state directory.
 *
 * Where: DIR when not NULL (--state), else $WP_STATE, else for root
 * /var/lib/workplane, else ${XDG_STATE_HOME:-$HOME/.local/state}/workplane.
 * Made 0700, parents included. Inside: state.db, live/ (lock files), pipe/, spool/.
 *
 * Refused with a clear error: a directory that others can write to, that belongs to
 * another user, that is reached through a symbolic link at its last component, that is on a network file
 * system, or a path too long. State on a full or read-only disk is an error when
 * something has to be written.
 */
#ifndef WP_STATE_H
#define WP_STATE_H

struct state {
	char *dir;         /* absolute */
	int fd;            /* O_DIRECTORY | O_CLOEXEC */
	char *db_path;
	char *live_dir;
};

/* Finds, makes and checks it. -1 with err recorded (64, 73, 77). */
int state_open(struct state *state, const char *dir);
/* Is there a directory where state_open() would look? 1 or 0; -1 with err recorded. */
int state_exists(const char *dir);
void state_release(struct state *state);

#endif
