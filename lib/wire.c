#include "wire.h"

#include "err.h"
#include "io.h"
#include "strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DIRECTORY WIRE_DIRECTORY
#define HIDDEN_PREFIX ".new."
#define BACKLOG 4096

char *wire_path(const struct state *state, const char *name)
{
	struct strbuf path = STRBUF_INIT;

	strbuf_addf(&path, "%s/" DIRECTORY "/%s", state->dir, name);
	return strbuf_detach(&path, NULL);
}

/* The path of a state directory may be longer than an address can be (108 bytes): it is reached by its descriptor. */
static void set_address(struct sockaddr_un *address, const struct state *state, const char *prefix, const char *name)
{
	int n;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" DIRECTORY "/%s%s", state->fd, prefix, name);
	if (n < 0 || (size_t)n >= sizeof(address->sun_path))
		err_bug("no name for a socket: \"%s\"", name);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static int make_dir(const struct state *state)
{
	if (mkdirat(state->fd, DIRECTORY, 0700) == 0 || errno == EEXIST)
		return 0;
	return err_errno("cannot make directory \"%s/" DIRECTORY "\"", state->dir);
}

/* It appears under its name when one can connect to it, in the place of what a dead process has left. */
static int listen_on(int fd, const struct state *state, const char *name)
{
	struct sockaddr_un first, last;

	set_address(&first, state, HIDDEN_PREFIX, name);
	set_address(&last, state, "", name);
	if (unlink(first.sun_path) < 0 && errno != ENOENT)
		return -1;
	if (bind(fd, (struct sockaddr *)&first, sizeof(first)) < 0)
		return -1;
	if (listen(fd, BACKLOG) == 0 && rename(first.sun_path, last.sun_path) == 0)
		return fd_nonblock(fd, true);
	unlink(first.sun_path);
	return -1;
}

int wire_listen(const struct state *state, const char *name)
{
	int fd;

	if (make_dir(state) < 0)
		return -1;
	fd = make_socket();
	if (fd >= 0 && listen_on(fd, state, name) == 0)
		return fd;
	err_errno("cannot listen on \"%s/" DIRECTORY "/%s\"", state->dir, name);
	fd_close(&fd);
	return -1;
}

int wire_watch(const struct state *state)
{
	struct strbuf dir = STRBUF_INIT;
	int fd;

	if (make_dir(state) < 0)
		return -1;
	strbuf_addf(&dir, "%s/" DIRECTORY, state->dir);
	/* A socket is given its name when one can connect to it. */
	fd = fd_inotify(dir.buf, IN_MOVED_TO);
	strbuf_release(&dir);
	return fd;
}

void wire_unlink(const struct state *state, const char *name)
{
	struct sockaddr_un address;

	set_address(&address, state, "", name);
	unlink(address.sun_path);
	set_address(&address, state, HIDDEN_PREFIX, name);
	unlink(address.sun_path);
}

int wire_accept(int listener)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);

	return accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int wire_connect(const struct state *state, const char *name, bool wait)
{
	struct sockaddr_un address;
	int fd = make_socket(), r;

	if (fd < 0 || (!wait && fd_nonblock(fd, true) < 0)) {
		fd_close(&fd);
		return -1;
	}
	set_address(&address, state, "", name);
	do
		r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		fd_close(&fd);
	return fd;
}

pid_t wire_peer(int fd)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? 0 : peer.pid;
}

/* Messages */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(WIRE_FDS * sizeof(int))];
};

int wire_send(int fd, const void *data, size_t len, const int *fds, size_t fds_nr)
{
	return wire_send_parts(fd, data, len, NULL, 0, fds, fds_nr);
}

int wire_send_parts(int fd, const void *head, size_t head_len, const void *body, size_t body_len, const int *fds, size_t fds_nr)
{
	struct iovec parts[] = { { (void *)head, head_len }, { (void *)body, body_len } };
	union control control;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = body_len ? 2 : 1 };
	ssize_t n;

	if (fds_nr) {
		control = (union control){ 0 };
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fds_nr * sizeof(int));
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(fds_nr * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, fds_nr * sizeof(int));
	}
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	return 1;
}

static void take_fds(struct msghdr *message, int fds[WIRE_FDS], size_t *fds_nr)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		size_t n = h->cmsg_len < CMSG_LEN(0) ? 0 : (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n && *fds_nr < WIRE_FDS; i++)
			memcpy(&fds[(*fds_nr)++], CMSG_DATA(h) + i * sizeof(int), sizeof(int));
	}
}

ssize_t wire_receive(int fd, void *buf, int fds[WIRE_FDS], size_t *fds_nr)
{
	return wire_receive_parts(fd, buf, WIRE_MAX, NULL, 0, fds, fds_nr);
}

ssize_t wire_receive_parts(int fd, void *head, size_t head_size, void *body, size_t body_size, int fds[WIRE_FDS], size_t *fds_nr)
{
	struct iovec parts[] = { { head, head_size }, { body, body_size } };
	union control control;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = body_size ? 2 : 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;

	*fds_nr = 0;
	for (size_t i = 0; i < WIRE_FDS; i++)
		fds[i] = -1;
	/* A reset says, once, that the other side has not read all that we said. What it had said comes after that. */
	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -1;
	take_fds(&message, fds, fds_nr);
	if (n > 0 && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	wire_close_fds(fds);
	*fds_nr = 0;
	if (n == 0)
		return 0;            /* or an empty message, which nobody sends who means well */
	errno = message.msg_flags & MSG_TRUNC ? EMSGSIZE : EMFILE;
	return -1;
}

void wire_close_fds(int fds[WIRE_FDS])
{
	for (size_t i = 0; i < WIRE_FDS; i++)
		fd_close(&fds[i]);
}
