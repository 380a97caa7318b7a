/*
 * A message of any length and any number of descriptors arrives as it was sent, in one part or in two, or is refused as too long;
 * no descriptor is lost or left open. The first byte says how many, the second how much room there is.
 */
#include "fuzz.h"

#include "io.h"
#include "wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* More descriptors than anybody of ours sends: by another way than wire_send(), as who means ill would. */
enum { MOST_FDS = 2 * WIRE_FDS };

static void send_many(int fd, const void *data, size_t len, size_t fds_nr)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(MOST_FDS * sizeof(int))];
	} control = { { 0 } };
	struct iovec part = { (void *)data, len };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fds_nr) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fds_nr * sizeof(int));
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fds_nr * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (size_t i = 0; i < fds_nr; i++)
			memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &(int){ STDERR_FILENO }, sizeof(int));
	}
	require(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)len);
}

static void receive(int fd, const uint8_t *data, size_t len, size_t fds_nr, size_t head)
{
	int fds[WIRE_FDS];
	char first[256], rest[512];
	size_t got, body = sizeof(rest) / 2;
	ssize_t n = wire_receive_parts(fd, first, head, rest, body, fds, &got);

	if (len > head + body) {
		require(n < 0 && errno == EMSGSIZE);
	} else if (fds_nr > WIRE_FDS) {
		require(n < 0 && errno == EMFILE);
	} else {
		require(n == (ssize_t)len && got == fds_nr);
		require(!memcmp(first, data, len < head ? len : head));
		require(len <= head || !memcmp(rest, data + head, len - head));
	}
	for (size_t i = 0; i < WIRE_FDS; i++)
		require((fds[i] >= 0) == (n >= 0 && i < fds_nr));
	wire_close_fds(fds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t fds_nr, head;
	int ends[2], next;

	if (size < 3)
		return 0;
	fds_nr = data[0] % (MOST_FDS + 1);
	head = 1 + data[1] % 255;
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	send_many(ends[0], data + 2, size - 2, fds_nr);
	receive(ends[1], data + 2, size - 2, fds_nr, head);
	close(ends[0]);
	close(ends[1]);
	next = dup(STDERR_FILENO);
	require(next == ends[0]);
	close(next);
	return 0;
}
