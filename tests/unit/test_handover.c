/* What a child hands over, with a pipe and a socket in the place of children. */
#include "../../cmd/wp-distribute/handover.c"

#include "alloc.h"
#include "tap.h"

#include <fcntl.h>

static struct loop *loop;
static struct handover h;
static int calls;
static char *error;

static void done(struct handover *handover, const char *why)
{
	calls++;
	free(error);
	error = why ? xstrdup(why) : NULL;
	loop_stop(loop);
}

static void set_up(void)
{
	h = (struct handover)HANDOVER_INIT;
	h.done = done;
	calls = 0;
	free(error);
	error = NULL;
	if (loop_init(&loop) < 0)
		exit(1);
}

static void tear_down(void)
{
	ok(!handover_goes_on(&h), "it is over");
	handover_close(&h);
	loop_free(loop);
	free(error);
	error = NULL;
}

static void make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
}

static void receive(int from, usec_t limit)
{
	is_int(handover_receive(&h, loop, from, limit), 0, "begin to read");
	ok(handover_goes_on(&h), "it goes on");
	is_int(loop_run(loop), 0, "until it is done");
	is_int(calls, 1, "which is said once");
}

static void read_to_the_end(void)
{
	int ends[2];

	set_up();
	make_pipe(ends);
	is_int(write(ends[1], "some\0state", 10), 10, "a child writes its state");
	close(ends[1]);
	receive(ends[0], 60 * USEC_SEC);
	is_str(error, NULL, "it went well");
	ok(h.text.len == 10 && memcmp(h.text.buf, "some\0state", 10) == 0, "all of it is there");
	tear_down();
}

static void read_nothing(void)
{
	int ends[2];

	set_up();
	make_pipe(ends);
	close(ends[1]);
	receive(ends[0], 60 * USEC_SEC);
	is_str(error, NULL, "nothing is a state");
	is_int((long long)h.text.len, 0, "an empty one");
	tear_down();
}

static void read_in_vain(void)
{
	int ends[2];

	set_up();
	make_pipe(ends);
	is_int(write(ends[1], "half", 4), 4, "a child writes a part, and goes on");
	receive(ends[0], USEC_MS);
	is_str(error, "it did not hand over in time", "it has so much time");
	close(ends[1]);
	tear_down();
}

static void give_up(void)
{
	int ends[2];

	set_up();
	make_pipe(ends);
	is_int(handover_receive(&h, loop, ends[0], 60 * USEC_SEC), 0, "begin to read");
	handover_close(&h);
	is_int(calls, 0, "closed: nothing is said");
	close(ends[1]);
	tear_down();
}

/* The other end of the socket, and what is to be sent. */
static int sending(const char *bytes, size_t len, usec_t limit)
{
	struct strbuf text = STRBUF_INIT;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		exit(1);
	strbuf_add(&text, bytes, len);
	is_int(handover_send(&h, loop, ends[0], &text, limit), 0, "begin to write");
	is_int((long long)text.len, 0, "the text is taken over");
	return ends[1];
}

static void take_over(void)
{
	char buf[16];
	int fd;

	set_up();
	fd = sending("some\0state", 10, 60 * USEC_SEC);
	is_int(write(fd, "taken\n", 6), 6, "a successor says that it has taken over");
	loop_run(loop);
	is_int(calls, 1, "that is heard, once");
	is_str(error, NULL, "it went well");
	is_int(read(fd, buf, sizeof(buf)), 10, "all of it was sent");
	is_int(read(fd, buf, sizeof(buf)), 0, "to its end");
	close(fd);
	tear_down();
}

static void say_nothing(void)
{
	int fd;

	set_up();
	fd = sending("state", 5, 60 * USEC_SEC);
	close(fd);
	loop_run(loop);
	is_int(calls, 1, "one that closes it is heard of, once");
	ok(error != NULL, "it did not take over: %s", error ? error : "no error");
	tear_down();
}

static void say_too_little(void)
{
	int fd;

	set_up();
	fd = sending("", 0, USEC_MS);
	is_int(write(fd, "taken", 5), 5, "a line without an end");
	loop_run(loop);
	is_str(error, "the successor did not take over in time", "is none");
	close(fd);
	tear_down();
}

/* More than a socket holds: it is sent as it is read. */
static size_t sent;

static void read_some(struct loop_fd *handle, uint32_t events)
{
	static char buf[65536];
	ssize_t n = read(handle->fd, buf, sizeof(buf));

	if (n > 0)
		sent += (size_t)n;
	if (n == 0) {
		loop_remove(loop, handle);
		is_int(write(handle->fd, "\n", 1), 1, "a successor has read it to its end");
	}
}

static void send_much(void)
{
	struct loop_fd reader = { .fd = -1 };
	size_t len = 5 << 20;
	char *bytes = xcalloc(len, 1);
	int fd;

	set_up();
	sent = 0;
	fd = sending(bytes, len, 60 * USEC_SEC);
	is_int(loop_add(loop, &reader, fd, EPOLLIN, read_some), 0, "somebody reads it");
	loop_run(loop);
	is_str(error, NULL, "it went well");
	is_int((long long)sent, (long long)len, "all of it was sent");
	close(fd);
	free(bytes);
	tear_down();
}

int main(void)
{
	read_to_the_end();
	read_nothing();
	read_in_vain();
	give_up();
	take_over();
	say_nothing();
	say_too_little();
	send_much();
	return done_testing();
}
