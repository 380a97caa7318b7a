#include "err.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

static void records(void)
{
	is_str(err_message(), "", "nothing is recorded at first");
	is_int(err_set(WP_DATA, "bad \"%s\"", "x"), -1, "err_set returns -1");
	is_str(err_message(), "bad \"x\"", "the message");
	is_int(err_status(), 65, "the status");
	is_int(err_prefix("line %d", 17), -1, "err_prefix returns -1");
	is_str(err_message(), "line 17: bad \"x\"", "the prefix is in front");
	is_int(err_status(), 65, "the status stays");
	err_set(WP_IO, "because: %s", err_message());
	is_str(err_message(), "because: line 17: bad \"x\"", "a message can quote the one before");
	err_set(WP_IO, "from a library\n");
	is_str(err_message(), "from a library", "newlines at the end are dropped");
	err_clear();
	is_str(err_message(), "", "clear empties");
	is_int(err_status(), 0, "status too");
}

static void is_status_of(int number, int status, const char *name)
{
	errno = number;
	is_int(err_errno("x"), -1, "err_errno of %s returns -1", name);
	is_int(err_status(), status, "%s is status %d", name, status);
	is_int(errno, number, "errno is kept");
}

static void knows_errno(void)
{
	is_status_of(EACCES, 77, "EACCES");
	is_status_of(EPERM, 77, "EPERM");
	is_status_of(ENOSPC, 74, "ENOSPC");
	is_status_of(EIO, 74, "EIO");
	is_status_of(EAGAIN, 75, "EAGAIN");
	is_status_of(EROFS, 73, "EROFS");
	is_status_of(ECONNREFUSED, 69, "ECONNREFUSED");
	errno = ENOENT;
	err_errno("cannot open \"%s\"", "f");
	is_str(err_message(), "cannot open \"f\": No such file or directory", "the reason follows");
	err_clear();
}

static int report(void *ctx)
{
	err_program("wp-test");
	err_set(WP_NOPERM, "no \"%s\"", (const char *)ctx);
	err_hint("ask");
	return err_report();
}

static int report_nothing(void *ctx)
{
	return err_report();
}

static int replace_hint(void *ctx)
{
	err_set(WP_IO, "one");
	err_hint("advice");
	err_set(WP_IO, "two");
	return err_report();
}

static int talk(void *ctx)
{
	err_program("wp-test");
	err_warn("careful %d", 1);
	err_say("done");
	return err_usage("verb", "unknown option \"%s\"", "--x");
}

static int usage_of_program(void *ctx)
{
	err_program("wp-test");
	return err_usage(NULL, "no verb given");
}

static int bug(void *ctx)
{
	err_bug("%d is not %d", 1, 2);
}

static void expect(int (*fn)(void *), const void *ctx, int status, const char *err, const char *name)
{
	struct captured c = capture(fn, (void *)ctx);

	is_int(c.status, status, "%s: status", name);
	is_str(c.err, err, "%s: stderr", name);
	is_str(c.out, "", "%s: nothing on stdout", name);
	captured_release(&c);
}

static void reports(void)
{
	expect(report, "door", 77, "wp-test: error: no \"door\"\nwp-test: hint: ask\n", "a report");
	expect(report, "\033[31m\n\x7f\xc2\x9b\xff\xc3\xa9", 77,
		"wp-test: error: no \"?[31m????\xc3\xa9\"\nwp-test: hint: ask\n", "control characters");
	expect(report_nothing, NULL, 70, "workplane: error: \n", "a report of nothing is never success");
	expect(replace_hint, NULL, 74, "workplane: error: two\n", "an old hint does not survive");
	expect(talk, NULL, 64, "wp-test: warning: careful 1\nwp-test: done\n"
		"wp-test: error: unknown option \"--x\"\nTry 'wp-test verb --help'\n", "talk");
	expect(usage_of_program, NULL, 64, "wp-test: error: no verb given\nTry 'wp-test --help'\n", "usage");
	expect(bug, NULL, 70, "workplane: internal error: 1 is not 2\n", "a bug");
}

/* A process of its own with stdout on DESCRIPTOR; CTX says what it ends with. */
struct closing {
	int fd;
	int status;
	bool quiet;
	bool flush_early;
};

static int close_stdout(void *ctx)
{
	struct closing *closing = ctx;

	signal(SIGPIPE, SIG_IGN);
	if (closing->fd < 0)
		close(STDOUT_FILENO);
	else if (dup2(closing->fd, STDOUT_FILENO) < 0)
		return 99;
	if (!closing->quiet)
		printf("data\n");
	if (closing->flush_early)
		fflush(stdout);
	_exit(err_close_stdout(closing->status));
}

static void closes(void)
{
	static const char full_message[] = "workplane: error: write error: No space left on device\n";
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC), pipe_ends[2];
	struct closing good = { null, 0, false, false }, failed = { null, 65, false, false },
		bad = { full, 0, false, false }, silent = { full, 0, true, false }, closed = { -1, 0, true, false },
		written = { -1, 0, false, false };

	if (full < 0 || null < 0 || pipe2(pipe_ends, O_CLOEXEC) < 0)
		bail_out("cannot open what the tests write to");
	expect(close_stdout, &good, 0, "", "a good stdout");
	expect(close_stdout, &failed, 65, "", "a status goes through");
	expect(close_stdout, &bad, 74, full_message, "/dev/full");
	expect(close_stdout, &silent, 0, "", "/dev/full that was not written to");
	expect(close_stdout, &closed, 0, "", "a closed stdout that was not written to");
	expect(close_stdout, &written, 74, "workplane: error: write error: Bad file descriptor\n",
		"a closed stdout that was written to");
	close(pipe_ends[0]);
	expect(close_stdout, &(struct closing){ pipe_ends[1], 0, false, false }, 74, "", "a pipe without reader");
	expect(close_stdout, &(struct closing){ pipe_ends[1], 0, false, true }, 74, "", "which an earlier flush found");
	expect(close_stdout, &(struct closing){ pipe_ends[1], 1, false, false }, 1, "", "a failure stays the failure it was");
	close(pipe_ends[1]);
	close(full);
	close(null);
}

int main(void)
{
	records();
	knows_errno();
	reports();
	closes();
	return done_testing();
}
