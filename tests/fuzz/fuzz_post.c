/* Whatever comes over a connection is a letter or is refused, and leaves nothing open. A letter that is sent on is the same. The first byte says
 * whether a file comes with it, whose content is the rest. */
#include "fuzz.h"

#include "post.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_on(int ends[2], const struct post *post, const struct strbuf *text)
{
	struct strbuf back = STRBUF_INIT;
	struct post again;

	require(post_send(ends[0], post, text->buf, text->len) == 1);
	require(post_receive(ends[1], &again, &back) == 1);
	require(!memcmp(&again, post, sizeof(again)));
	require(back.len == text->len && (!back.len || !memcmp(back.buf, text->buf, back.len)));
	strbuf_release(&back);
}

static void send_raw(int fd, const uint8_t *data, size_t size)
{
	const struct post letter = { .version = POST_VERSION, .what = POST_LETTER };
	int file;

	if (*data % 2) {
		require(wire_send(fd, data + 1, size - 1, NULL, 0) == 1);
		return;
	}
	file = memfd_create("fuzz", MFD_CLOEXEC);
	require(file >= 0 && write(file, data + 1, size - 1) == (ssize_t)size - 1);
	require(wire_send(fd, &letter, sizeof(letter), &file, 1) == 1);
	close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf text = STRBUF_INIT;
	struct post post;
	int ends[2], next, r;

	/* An empty message is taken for the end, which it is said to be (wire.h). */
	if (size < 2)
		return 0;
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	send_raw(ends[0], data, size);
	r = post_receive(ends[1], &post, &text);
	if (r > 0)
		send_on(ends, &post, &text);
	else
		require(r < 0 && (errno == EPROTO || errno == EMSGSIZE) && !text.len);
	strbuf_release(&text);
	close(ends[0]);
	close(ends[1]);
	/* The numbers of descriptors begin again: none was left open. */
	next = dup(STDERR_FILENO);
	require(next == ends[0]);
	close(next);
	return 0;
}
