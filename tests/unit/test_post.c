/* Letters and answers over a connection, and what comes from somebody who does not keep to the rules. */
#include "../../cmd/wp-registry/post.c"

#include "tap.h"

#include "alloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>

static int ends[2];

static void connect_both(void)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		bail_out("socketpair");
}

static void close_both(void)
{
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		bail_out("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static char *long_text(size_t len)
{
	char *text = xcalloc(len + 1, 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 23);
	return text;
}

static const struct post letter = { .version = POST_VERSION, .what = POST_LETTER, .hasty = 1, .status = -7, .number = INT64_MAX,
	.offset = INT64_MIN, .time = 123456789 };

/* A letter with LEN bytes of text goes through, appended to what is there. */
static void goes_through(size_t len, const char *what)
{
	struct strbuf got = STRBUF_INIT;
	struct post post = { 0 };
	char *text = long_text(len);
	int before = open_files();

	strbuf_addstr(&got, "before:");
	is_int(post_send(ends[0], &letter, text, len), 1, "%s: sent", what);
	is_int(open_files(), before, "%s: the sender keeps nothing open", what);
	is_int(post_receive(ends[1], &post, &got), 1, "%s: received", what);
	is_int(open_files(), before, "%s: nor does the receiver", what);
	ok(!memcmp(&post, &letter, sizeof(post)), "%s: what it says of itself is the same", what);
	ok(got.len == 7 + len && !memcmp(got.buf, "before:", 7) && !memcmp(got.buf + 7, text, len), "%s: its text is appended", what);
	is_int(got.buf[got.len], 0, "%s: and ends with NUL", what);
	strbuf_release(&got);
	free(text);
}

static void texts(void)
{
	connect_both();
	goes_through(0, "empty");
	goes_through(1, "one byte");
	goes_through(ROOM, "as long as fits inline");
	goes_through(ROOM + 1, "one byte longer, in a file");
	goes_through(1 << 20, "a MiB");
	goes_through(POST_TEXT_MAX, "the longest");
	close_both();
}

static void bytes(void)
{
	static const char text[] = "a\0b\xff\n";
	struct strbuf got = STRBUF_INIT;
	struct post post;

	connect_both();
	is_int(post_send(ends[0], &letter, text, sizeof(text)), 1, "any bytes: sent");
	is_int(post_receive(ends[1], &post, &got), 1, "any bytes: received");
	ok(got.len == sizeof(text) && !memcmp(got.buf, text, sizeof(text)), "any bytes: as they were");
	strbuf_release(&got);
	close_both();
}

static void order(void)
{
	enum { COUNT = 20 };
	struct strbuf text = STRBUF_INIT;
	char *large = long_text(ROOM + 1);
	struct post post = letter;
	bool same = true;

	connect_both();
	for (int i = 0; i < COUNT; i++) {
		post.number = i;
		same = same && post_send(ends[0], &post, large, i % 2 ? ROOM + 1 : 1) > 0;
	}
	for (int i = 0; i < COUNT; i++) {
		strbuf_reset(&text);
		same = same && post_receive(ends[1], &post, &text) > 0 && post.number == i && text.len == (i % 2 ? ROOM + 1 : 1);
	}
	ok(same, "large and small ones come in order, each with its own text");
	strbuf_release(&text);
	free(large);
	close_both();
}

static void no_room(void)
{
	struct strbuf text = STRBUF_INIT;
	char *large = long_text(ROOM);
	struct post post;
	int sent = 0, received = 0, r;

	connect_both();
	while ((r = post_send(ends[0], &letter, large, ROOM)) > 0)
		sent++;
	ok(r == 0 && sent > 0, "full: when nobody receives there is no room any more");
	is_int(post_send(ends[0], &letter, large, 1), 0, "full: not for a small one, either");
	while ((r = post_receive(ends[1], &post, &text)) > 0)
		received++;
	ok(r < 0 && errno == EAGAIN, "empty: then there is nothing, for now");
	is_int(received, sent, "full: all that were sent are there, and none that was not");
	is_int(post_send(ends[0], &letter, large, ROOM), 1, "full: afterwards there is room again");
	strbuf_release(&text);
	free(large);
	close_both();
}

static void the_end(void)
{
	struct strbuf text = STRBUF_INIT;
	struct post post;

	connect_both();
	is_int(post_send(ends[0], &letter, "x", 1), 1, "end: the last words");
	fd_close(&ends[0]);
	is_int(post_receive(ends[1], &post, &text), 1, "end: are heard after the other has gone");
	is_int(post_receive(ends[1], &post, &text), 0, "end: and then its end");
	is_int(post_receive(ends[1], &post, &text), 0, "end: as often as one asks");
	is_int(post_send(ends[1], &letter, "x", 1), -1, "end: nothing can be sent any more");
	ok(errno == EPIPE || errno == ECONNRESET, "end: and we are not killed for that");
	close_both();

	/* Who goes without having read all resets the connection: what it said first is heard even so. */
	connect_both();
	(void)post_send(ends[1], &letter, "unread", 6);
	(void)post_send(ends[0], &letter, "y", 1);
	fd_close(&ends[0]);
	strbuf_reset(&text);
	is_int(post_receive(ends[1], &post, &text), 1, "reset: the last words are heard");
	is_str(text.buf, "y", "reset: as they were");
	is_int(post_receive(ends[1], &post, &text), 0, "reset: and then the end");
	strbuf_release(&text);
	close_both();
}

/* What is sent with FDS is no message: told as such, its descriptors are closed, and the next one is received. */
static void is_none(const void *data, size_t len, const int *fds, size_t fds_nr, const char *what)
{
	struct strbuf text = STRBUF_INIT;
	struct post post;
	int before = open_files(), r;

	is_int(wire_send(ends[0], data, len, fds, fds_nr), 1, "%s: sent", what);
	r = post_receive(ends[1], &post, &text);
	ok(r < 0 && errno == EPROTO, "%s: is no message", what);
	is_int((long long)text.len, 0, "%s: and has no text", what);
	is_int(open_files(), before, "%s: nothing of it stays open", what);
	(void)post_send(ends[0], &letter, "next", 4);
	ok(post_receive(ends[1], &post, &text) == 1 && !strcmp(text.buf, "next"), "%s: the next one is received", what);
	strbuf_release(&text);
}

static void not_by_the_rules(void)
{
	struct post other = letter;
	int ends_of_pipe[2], file = memfd_create("test", MFD_CLOEXEC), dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (pipe2(ends_of_pipe, O_CLOEXEC) < 0 || file < 0 || dir < 0)
		bail_out("files");
	connect_both();
	is_none("x", 1, NULL, 0, "one byte");
	is_none(&letter, sizeof(letter) - 1, NULL, 0, "a byte too short");
	other.version = POST_VERSION + 1;
	is_none(&other, sizeof(other), NULL, 0, "a later version");
	other.version = 0;
	is_none(&other, sizeof(other), &file, 1, "version 0, with a file");
	is_none(&letter, sizeof(letter), &ends_of_pipe[0], 1, "a pipe that would never end");
	is_none(&letter, sizeof(letter), &dir, 1, "a directory");
	if (ftruncate(file, POST_TEXT_MAX + 1) < 0)
		bail_out("ftruncate");
	is_none(&letter, sizeof(letter), &file, 1, "a file that is too long");
	fd_close(&ends_of_pipe[0]);
	fd_close(&ends_of_pipe[1]);
	fd_close(&file);
	fd_close(&dir);
	close_both();
}

static void files_of_others(void)
{
	struct strbuf text = STRBUF_INIT;
	struct post post;
	int fds[2] = { memfd_create("one", MFD_CLOEXEC), memfd_create("two", MFD_CLOEXEC) }, before;

	if (fds[0] < 0 || fds[1] < 0 || write_full(fds[0], "one", 3) < 0 || write_full(fds[1], "two", 3) < 0)
		bail_out("memfd_create");
	connect_both();
	before = open_files();
	is_int(wire_send(ends[0], &letter, sizeof(letter), fds, 2), 1, "two files: sent");
	is_int(post_receive(ends[1], &post, &text), 1, "two files: received");
	is_str(text.buf, "one", "two files: the first is the text, from its beginning");
	is_int(open_files(), before, "two files: both are closed");
	/* An empty file is an empty text. */
	if (ftruncate(fds[0], 0) < 0)
		bail_out("ftruncate");
	strbuf_reset(&text);
	(void)wire_send(ends[0], &letter, sizeof(letter), fds, 1);
	ok(post_receive(ends[1], &post, &text) == 1 && text.len == 0, "an empty file: an empty text");
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	strbuf_release(&text);
	close_both();
}

/* WIRE_MAX is all that is taken at once. */
static void too_long(void)
{
	struct strbuf text = STRBUF_INIT;
	char *data = long_text(WIRE_MAX + 1);
	struct post post;
	int r;

	memcpy(data, &letter, sizeof(letter));
	connect_both();
	is_int(wire_send(ends[0], data, WIRE_MAX + 1, NULL, 0), 1, "a byte too long: sent");
	r = post_receive(ends[1], &post, &text);
	ok(r < 0 && errno == EMSGSIZE, "a byte too long: is not taken");
	is_int((long long)text.len, 0, "a byte too long: and has no text");
	strbuf_release(&text);
	free(data);
	close_both();
}

int main(void)
{
	texts();
	bytes();
	order();
	no_room();
	the_end();
	not_by_the_rules();
	files_of_others();
	too_long();
	return done_testing();
}
