#include "alive.h"
#include "err.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char directory[] = "/tmp/wp-unit-XXXXXX";

static bool exists(const char *name)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool there = faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	close(fd);
	return there;
}

static void make_link(const char *name, const char *target)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (symlinkat(target, fd, name) < 0)
		bail_out("symlink");
	close(fd);
}

static void remove_name(const char *name)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	unlinkat(fd, name, 0);
	close(fd);
}

static void test_hold(void)
{
	struct alive first, second;

	is_int(alive_test(directory, "w1"), 0, "nobody at first");
	is_int(alive_hold(&first, directory, "w1"), 0, "a holder comes");
	ok(fcntl(first.fd, F_GETFD) & FD_CLOEXEC, "its descriptor is not handed on");
	is_int(alive_test(directory, "w1"), 1, "it is alive");
	is_int(alive_test(directory, "w2"), 0, "another is not");
	is_int(alive_hold(&second, directory, "w1"), -1, "a second one is refused");
	is_int(err_status(), WP_TEMPFAIL, "for now");
	is_int(alive_reap(directory, "w1"), 1, "one that lives is not reaped");
	is_int(alive_test(directory, "w1"), 1, "and lives on");
	alive_release(&first);
	is_int(alive_test(directory, "w1"), 0, "it has gone");
	ok(!exists("w1"), "and its file with it");
	is_int(alive_hold(&second, directory, "w1"), 0, "the name is free");
	alive_release(&second);
}

static void test_names(void)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".hidden" };
	struct alive alive;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(alive_hold(&alive, directory, bad[i]), -1, "\"%s\" is no name to hold", bad[i]);
		is_int(alive_test(directory, bad[i]), -1, "\"%s\" is no name to test", bad[i]);
		is_int(alive_reap(directory, bad[i]), -1, "\"%s\" is no name to reap", bad[i]);
	}
	make_link("link", "/etc/passwd");
	is_int(alive_hold(&alive, directory, "link"), -1, "a symbolic link is not followed");
	is_int(alive_test(directory, "link"), -1, "not to test");
	is_int(alive_reap(directory, "link"), -1, "and not to reap");
	remove_name("link");
	is_int(alive_hold(&alive, "/nonexistent", "w"), -1, "a directory that is not there");
}

/* A process that holds NAME until it is killed. */
static pid_t holder(const char *name)
{
	struct alive alive;
	char byte;
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		bail_out("pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (alive_hold(&alive, directory, name) < 0 || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(fds[0], &byte, 1) != 1)
		bail_out("the holder");
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void test_death(void)
{
	pid_t pid = holder("w3");
	int watch = inotify_init1(IN_CLOEXEC);
	_Alignas(struct inotify_event) char event[4096];
	struct pollfd p = { .fd = watch, .events = POLLIN };

	if (watch < 0 || inotify_add_watch(watch, directory, IN_CLOSE_WRITE) < 0)
		bail_out("inotify");
	is_int(alive_test(directory, "w3"), 1, "a process is alive");
	is_int(poll(&p, 1, 0), 0, "testing disturbs no watcher");
	kill(pid, SIGKILL);
	ok(read(watch, event, sizeof(event)) > 0, "its death raises an event");
	is_str(((struct inotify_event *)event)->name, "w3", "with its name");
	is_int(alive_test(directory, "w3"), 0, "it is dead then");
	ok(exists("w3"), "its file is there still");
	is_int(alive_reap(directory, "w3"), 0, "it is reaped");
	ok(!exists("w3"), "and its file is gone");
	is_int(alive_reap(directory, "w3"), 0, "to reap what is gone is no failure");
	waitpid(pid, NULL, 0);
	close(watch);
}

/* One process takes and lets go, another reaps all the time: nobody is ever robbed,
 * refused, or seen dead while it lives. */
static void test_reaper_against_holder(void)
{
	struct alive alive;
	int robbed = 0, refused = 0, unseen = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		for (;;)
			alive_reap(directory, "w4");
	for (int i = 0; i < 2000; i++) {
		if (alive_hold(&alive, directory, "w4") < 0) {
			refused++;
			continue;
		}
		robbed += !exists("w4");
		unseen += alive_test(directory, "w4") != 1;
		if (i % 2) {
			alive_release(&alive);
		} else {
			/* as a death does: the file stays behind */
			close(alive.fd);
			free(alive.path);
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is_int(refused, 0, "a reaper is not taken for a holder");
	is_int(robbed, 0, "nor does it take a holder's file away");
	is_int(unseen, 0, "who holds is seen alive");
	remove_name("w4");
}

/* Of who has no descriptor left nobody is to think that the number is taken, and try the next one for ever. */
static void test_no_descriptors(void)
{
	struct rlimit was, none;
	struct alive a;
	int error;

	getrlimit(RLIMIT_NOFILE, &was);
	none = was;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	ok(alive_hold_number(&a, directory, "n", 17) < 0, "without descriptors no number is held");
	error = errno;
	setrlimit(RLIMIT_NOFILE, &was);
	is_int(error, EMFILE, "which is another reason than that it is taken");
}

static void test_numbers(void)
{
	struct alive a, b, c;
	struct alive_look look;

	is_int(alive_hold_number(&a, directory, "n", 17), 0, "number 17");
	is_int(alive_hold_number(&b, directory, "n", 31), 0, "and 31");
	ok(exists("n.1") && !exists("n.0"), "share a file");
	ok(fcntl(a.fd, F_GETFD) & FD_CLOEXEC, "whose descriptor is not handed on");
	errno = 0;
	is_int(alive_hold_number(&c, directory, "n", 17), -1, "17 is taken");
	is_int(errno, EAGAIN, "which errno says");
	is_int(err_status(), WP_TEMPFAIL, "for now");
	is_int(alive_hold_number(&c, directory, "n", 160), 0, "160 is free");
	is_int(alive_look_begin(&look, directory, "n"), 0, "a look at them");
	is_int(alive_look_at(&look, 15), 0, "15: no file");
	is_int(alive_look_at(&look, 16), 0, "16: nobody");
	is_int(alive_look_at(&look, 17), 1, "17 lives");
	is_int(alive_look_at(&look, 31), 1, "31 lives");
	is_int(alive_look_at(&look, 160), 1, "160 lives");
	is_int(alive_look_at(&look, 17), 1, "17 still does");
	alive_let_go(&a);
	is_int(alive_look_at(&look, 17), 0, "17 has let go");
	is_int(alive_look_at(&look, 31), 1, "which is nothing to 31");
	alive_look_end(&look);
	alive_let_go(&b);
	alive_let_go(&c);
	is_int(alive_clear(directory, "n", 31), 0, "the file goes");
	is_int(alive_clear(directory, "n", 17), 0, "once");
	is_int(alive_clear(directory, "n", 160), 0, "and the other");
	ok(!exists("n.1") && !exists("n.a"), "and is gone");
	is_int(alive_first_number("n", "n.a"), 160, "a file's first number");
	is_int(alive_first_number("n", "n."), -1, "no number");
	is_int(alive_first_number("n", "n.-1"), -1, "a sign");
	is_int(alive_first_number("n", "n.1x"), -1, "something behind it");
	is_int(alive_first_number("n", "nn.1"), -1, "another family");
	is_int(alive_first_number("n", "n.ffffffffffffffff"), -1, "too large a number");
}

/* What a shell does: opens a file, and has it locked by a program that ends. */
static void test_inherited(void)
{
	char *path;
	int fd, status;
	pid_t pid;

	if (asprintf(&path, "%s/fd.1", directory) < 0)
		bail_out("memory");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	pid = fork();
	if (pid == 0)
		_exit(alive_lock_inherited(fd, directory, "fd.1") < 0);
	waitpid(pid, &status, 0);
	is_int(status, 0, "a descriptor is locked by a child");
	is_int(alive_test(directory, "fd.1"), 1, "and stays locked when the child has ended");
	is_int(alive_reap(directory, "fd.1"), 1, "so it is not reaped");
	pid = fork();
	if (pid == 0)
		_exit(alive_lock_inherited(fd, directory, "fd.2") < 0 ? err_status() : 0);
	waitpid(pid, &status, 0);
	is_int(WEXITSTATUS(status), WP_TEMPFAIL, "what is open must be what the name leads to");
	close(fd);
	is_int(alive_test(directory, "fd.1"), 0, "until it is closed");
	is_int(alive_reap(directory, "fd.1"), 0, "then it is");
	free(path);
}

int main(void)
{
	err_program("test");
	if (!mkdtemp(directory))
		bail_out("mkdtemp");
	test_hold();
	test_names();
	test_death();
	test_reaper_against_holder();
	test_no_descriptors();
	test_numbers();
	test_inherited();
	ok(rmdir(directory) == 0, "nothing is left behind");
	return done_testing();
}
