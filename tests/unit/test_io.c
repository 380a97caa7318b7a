#include "io.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>

/* A file that is gone when closed, with TEXT in it, to be read from its start. */
static int file_with(const char *text, size_t len)
{
	FILE *file = tmpfile();
	int fd;

	if (!file || fwrite(text, 1, len, file) != len || fflush(file) != 0)
		bail_out("tmpfile");
	fd = dup(fileno(file));
	fclose(file);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		bail_out("dup");
	return fd;
}

static void is_line(struct lines *in, const char *expected, unsigned long long number, const char *name)
{
	size_t len = 0;
	char *line = NULL;

	is_int(lines_next(in, &line, &len), LINES_OK, "%s: there is a line", name);
	is_str(line, expected, "%s: it is \"%s\"", name, expected);
	is_int((long long)len, (long long)strlen(expected), "%s: its length", name);
	is_int((long long)in->number, (long long)number, "%s: its number", name);
}

static void is_result(struct lines *in, enum lines_result expected, const char *name)
{
	size_t len;
	char *line;

	is_int(lines_next(in, &line, &len), expected, "%s", name);
}

static void open_text(struct lines *in, const char *text, size_t limit)
{
	lines_init(in, file_with(text, strlen(text)), '\n', limit);
}

static void close_text(struct lines *in)
{
	fd_close(&in->fd);
	lines_release(in);
}

static void reads_lines(void)
{
	struct lines in;

	open_text(&in, "one\n\nthree", 100);
	is_line(&in, "one", 1, "first");
	ok(!in.unterminated, "it was terminated");
	is_line(&in, "", 2, "an empty line");
	is_line(&in, "three", 3, "the last without a newline");
	ok(in.unterminated, "which is said");
	is_result(&in, LINES_EOF, "then the end");
	is_result(&in, LINES_EOF, "and the end again");
	close_text(&in);
	open_text(&in, "", 100);
	is_result(&in, LINES_EOF, "an empty file has no line");
	close_text(&in);
	open_text(&in, "a\n", 100);
	is_line(&in, "a", 1, "one line");
	is_result(&in, LINES_EOF, "no empty line after the last newline");
	close_text(&in);
	lines_init(&in, file_with("a\nb\0c", 5), '\0', 100);
	is_line(&in, "a\nb", 1, "up to a NUL");
	is_line(&in, "c", 2, "the rest");
	close_text(&in);
}

static void minds_the_limit(void)
{
	struct lines in;

	open_text(&in, "12345\n123456\n12345", 5);
	is_line(&in, "12345", 1, "as long as the limit");
	is_result(&in, LINES_TOO_LONG, "one more is too long");
	is_int((long long)in.number, 2, "and counted");
	is_line(&in, "12345", 3, "the next one is read");
	is_result(&in, LINES_EOF, "the end after a long line");
	close_text(&in);
	open_text(&in, "123456", 5);
	is_result(&in, LINES_TOO_LONG, "too long and unterminated");
	is_result(&in, LINES_EOF, "reported once");
	close_text(&in);
}

/* LONG bytes of 'x', a newline, and "after". */
static int long_file(size_t length)
{
	char *text = malloc(length + 6);
	int fd;

	if (!text)
		bail_out("malloc");
	memset(text, 'x', length);
	memcpy(text + length, "\nafter", 6);
	fd = file_with(text, length + 6);
	free(text);
	return fd;
}

static void holds_little(void)
{
	const size_t limit = 1 << 20;
	struct lines in;
	size_t len;
	char *line;

	lines_init(&in, long_file(8 * limit), '\n', limit);
	is_result(&in, LINES_TOO_LONG, "a line of eight times the limit");
	ok(in.buf.alloc <= limit + 2, "no more than the limit was held");
	is_line(&in, "after", 2, "the line after it");
	close_text(&in);
	lines_init(&in, long_file(limit), '\n', limit);
	is_int(lines_next(&in, &line, &len), LINES_OK, "a line of exactly the limit");
	is_int((long long)len, (long long)limit, "is whole");
	ok(in.buf.alloc <= limit + 2, "in a buffer no longer than that");
	is_line(&in, "after", 2, "the line after that");
	ok(in.buf.alloc <= 256 << 10, "and the memory is given back");
	close_text(&in);
}

static void feed(int fd, const char *text)
{
	if (write_full(fd, text, strlen(text)) < 0)
		bail_out("write");
}

static void open_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		bail_out("pipe");
}

static void does_not_block(void)
{
	struct lines in;
	int ends[2];

	open_pipe(ends);
	is_int(fd_nonblock(ends[0], true), 0, "fd_nonblock");
	lines_init(&in, ends[0], '\n', 100);
	is_result(&in, LINES_AGAIN, "nothing yet");
	feed(ends[1], "ab");
	is_result(&in, LINES_AGAIN, "half a line is nothing yet");
	feed(ends[1], "c\nd\ne");
	is_line(&in, "abc", 1, "both halves");
	is_line(&in, "d", 2, "one that was there already");
	is_result(&in, LINES_AGAIN, "half of the next");
	close(ends[1]);
	is_line(&in, "e", 3, "the half is a line when the writer goes");
	is_result(&in, LINES_EOF, "the end of the pipe");
	close_text(&in);
}

static void fills_once(void)
{
	struct lines in;
	size_t len;
	char *line;
	int ends[2];

	open_pipe(ends);
	lines_init(&in, ends[0], '\n', 100);
	is_int(lines_buffered(&in, &line, &len), LINES_AGAIN, "lines_buffered reads nothing");
	feed(ends[1], "a\nb");
	is_int(lines_fill(&in), LINES_OK, "lines_fill reads what is there");
	is_int(lines_buffered(&in, &line, &len), LINES_OK, "a line came");
	is_str(line, "a", "the first");
	is_int(lines_buffered(&in, &line, &len), LINES_AGAIN, "half a line did not, and nothing blocks");
	close(ends[1]);
	is_int(lines_fill(&in), LINES_EOF, "lines_fill sees the end");
	is_int(lines_buffered(&in, &line, &len), LINES_OK, "the rest is a line");
	is_str(line, "b", "the second");
	is_int(lines_buffered(&in, &line, &len), LINES_EOF, "nothing after it");
	close_text(&in);
}

static void reports_errors(void)
{
	struct lines in;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char byte;

	lines_init(&in, fd, '\n', 100);
	is_result(&in, LINES_ERROR, "a directory is no text");
	is_int(errno, EISDIR, "errno says why");
	is_int(read_full(fd, &byte, 1), -1, "read_full fails too");
	is_int(write_full(fd, "x", 1), -1, "and write_full");
	close_text(&in);
	errno = ERANGE;
	fd_close(&fd);
	is_int(fd, -1, "fd_close leaves -1");
	is_int(errno, ERANGE, "and errno");
	fd_close(&fd);
	is_int(errno, ERANGE, "closing nothing is nothing");
}

/* More than a pipe holds, through non-blocking ends: both sides have to wait for each other. */
static void waits_for_whole_buffers(void)
{
	enum { SIZE = 1 << 20 };
	char *data = calloc(1, SIZE);
	int ends[2], status;
	pid_t pid;

	open_pipe(ends);
	fd_nonblock(ends[0], true);
	fd_nonblock(ends[1], true);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		memset(data, 'w', SIZE);
		_exit(write_full(ends[1], data, SIZE) < 0);
	}
	close(ends[1]);
	is_int(read_full(ends[0], data, SIZE), SIZE, "read_full reads all");
	ok(data[0] == 'w' && data[SIZE - 1] == 'w', "of what was written");
	is_int(read_full(ends[0], data, SIZE), 0, "and nothing at the end");
	ok(waitpid(pid, &status, 0) == pid && status == 0, "write_full wrote all");
	close(ends[0]);
	free(data);
}

int main(void)
{
	reads_lines();
	minds_the_limit();
	holds_little();
	does_not_block();
	fills_once();
	reports_errors();
	waits_for_whole_buffers();
	return done_testing();
}
