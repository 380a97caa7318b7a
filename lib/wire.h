/*
 * wire.h - how the programs around a pool talk: whole messages, and descriptors with them.
 *
 * A pool listens on a socket in the state directory, pipe/pool.NAME (unix(7), SOCK_SEQPACKET). A caller connects, sends one
 * message with its own standard input, output and error, and from then on the command has those: nothing is
 * copied, and nothing is on disk for anybody to leave behind. Either side sees the other's death as the end of the
 * connection.
 *
 * Descriptors that arrive are close-on-exec.
 */
#ifndef WP_POOL_WIRE_H
#define WP_POOL_WIRE_H

#include "state.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { WIRE_FDS = 4, WIRE_MAX = 16 << 10 };

/* What is the pool's among the names of the state directory: "pool.NAME". */
#define WIRE_DIRECTORY "pipe"
#define WIRE_PREFIX "pool."
enum { WIRE_NAME_MAX = 64 };

/* Letters, digits, "._-", the first a letter or digit, at most WIRE_NAME_MAX bytes: 0, or -1 with err recorded. */
int wire_check_name(const char *name);

/* An inotify(7) descriptor, non-blocking, that is readable when a pool may have appeared. -1 with err recorded. */
int wire_watch(const struct state *state);
/* The socket of the pool NAME, non-blocking; what a dead one has left there is removed: hold the pool's lock before.
 * -1 with err recorded. */
int wire_listen(const struct state *state, const char *name);
/* Before the lock is let go of. */
void wire_unlink(const struct state *state, const char *name);
/* The path of that socket, for messages and for watching; the caller frees it. */
char *wire_path(const struct state *state, const char *name);
/* A new connection, non-blocking; -1 with errno. */
int wire_accept(int listener);
/* To the pool NAME; blocking. -1 with err recorded: status 69 when there is none, and what a dead one has left is removed. */
int wire_connect(const struct state *state, const char *name);
/* Of who listens or connected there; 0: unknown. */
pid_t wire_peer(int fd);

/* One message of at most WIRE_MAX bytes. 1; 0 when there is no room now (non-blocking); -1 with errno. */
int wire_send(int fd, const void *data, size_t len, const int *fds, size_t fds_nr);
/* One message, if there is one, into BUF of WIRE_MAX bytes, and its descriptors; *FDS_NR of them, the rest of FDS -1. The
 * length, 0 at the end of the connection, -1 with errno: EAGAIN; EMSGSIZE for one that is too long; EMFILE when its
 * descriptors could not be taken (they are closed then, and the message is lost). */
ssize_t wire_receive(int fd, void *buf, int fds[WIRE_FDS], size_t *fds_nr);
void wire_close_fds(int fds[WIRE_FDS]);

#endif
