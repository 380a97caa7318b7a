/*
 * wire.h - how programs on this machine talk: whole messages, and descriptors with them.
 *
 * Who can be talked to listens on a socket in the state directory (unix(7), SOCK_SEQPACKET), and whoever wants to connects.
 * Either side sees the other's death as the end of the connection, and nothing that was on its way is on disk.
 * Descriptors can be handed over: a pool's caller hands its own standard input, output and error to the command.
 *
 * Descriptors that arrive are close-on-exec.
 */
#ifndef WP_WIRE_H
#define WP_WIRE_H

#include "state.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { WIRE_FDS = 4, WIRE_MAX = 16 << 10 };

/* Where in the state directory. The names in it are "KIND.NAME" and at most WIRE_NAME_MAX bytes, without a slash. */
#define WIRE_DIRECTORY "pipe"
enum { WIRE_NAME_MAX = 72 };

/* An inotify(7) descriptor, non-blocking, that is readable when a socket may have appeared. -1 with err recorded. */
int wire_watch(const struct state *state);
/* The socket NAME, non-blocking. It replaces what a dead process has left there: NAME is the caller's alone, by a lock.
 * -1 with err recorded. */
int wire_listen(const struct state *state, const char *name);
/* Before that lock is let go of. What one left who died on the way to its name goes as well. */
void wire_unlink(const struct state *state, const char *name);
/* The path of that socket, for messages and for watching; the caller frees it. */
char *wire_path(const struct state *state, const char *name);
/* A new connection, non-blocking; -1 with errno. */
int wire_accept(int listener);
/* A connection to NAME. With WAIT it blocks, also later; without it never does. -1 with errno: ENOENT, ECONNREFUSED: nobody
 * listens; EAGAIN: somebody does, who has not taken the connections of many others yet. */
int wire_connect(const struct state *state, const char *name, bool wait);
/* Of who listens or connected there; 0: unknown. */
pid_t wire_peer(int fd);

/* One message of at most WIRE_MAX bytes. 1; 0 when there is no room now (non-blocking); -1 with errno. */
int wire_send(int fd, const void *data, size_t len, const int *fds, size_t fds_nr);
/* The same for one of a HEAD and a BODY, which follow each other. */
int wire_send_parts(int fd, const void *head, size_t head_len, const void *body, size_t body_len, const int *fds, size_t fds_nr);
/* One message, if there is one, into BUF of WIRE_MAX bytes, and its descriptors; *FDS_NR of them, the rest of FDS -1. The
 * length, 0 at the end of the connection, -1 with errno: EAGAIN; EMSGSIZE for one that is too long; EMFILE when its
 * descriptors could not be taken (they are closed then, and the message is lost). */
ssize_t wire_receive(int fd, void *buf, int fds[WIRE_FDS], size_t *fds_nr);
/* The same into HEAD, as much as there is room for, and the rest into BODY: room for HEAD_SIZE + BODY_SIZE bytes in all. */
ssize_t wire_receive_parts(int fd, void *head, size_t head_size, void *body, size_t body_size, int fds[WIRE_FDS], size_t *fds_nr);
void wire_close_fds(int fds[WIRE_FDS]);

#endif
