#include "alive.h"
#include "err.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
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

int main(void)
{
	err_program("test");
	if (!mkdtemp(directory))
		bail_out("mkdtemp");
	test_hold();
	test_names();
	test_death();
	test_reaper_against_holder();
	ok(rmdir(directory) == 0, "nothing is left behind");
	return done_testing();
}
