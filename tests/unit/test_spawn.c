#include "spawn.h"

#include "err.h"
#include "io.h"
#include "strbuf.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static char dir[] = "/tmp/wp-spawn-XXXXXX";

/* Run a command to its end: its wait status, and what it wrote in OUT. */
static int run(struct spawn *spawn, struct strbuf *out)
{
	char buf[512];
	int ends[2], status = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		bail_out("pipe");
	spawn->out = ends[1];
	pid = spawn_start(spawn);
	close(ends[1]);
	strbuf_reset(out);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0)
		strbuf_add(out, buf, (size_t)n);
	close(ends[0]);
	if (pid < 0)
		return -1;
	if (waitpid(pid, &status, 0) != pid)
		bail_out("waitpid");
	return status;
}

static int run_sh(struct strbuf *out, const char *script)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct spawn spawn = SPAWN_INIT;

	spawn.argv = argv;
	return run(&spawn, out);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write_full(fd, text, strlen(text)) < 0)
		bail_out("cannot write a file");
	close(fd);
}

static void statuses(struct strbuf *out)
{
	is_int(spawn_exit_status(run_sh(out, "exit 3")), 3, "exit status");
	is_int(spawn_exit_status(run_sh(out, "kill -9 $$")), 137, "killed by a signal");
	run_sh(out, "echo hello; cat");
	is_str(out->buf, "hello\n", "stdout is taken, stdin is empty");
}

static void state_of_the_child(struct strbuf *out)
{
	sigset_t mask, old;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&mask);
	sigprocmask(SIG_SETMASK, &mask, &old);
	/* 32 and 33 are glibc's own, which sigaction() lets nobody change: who ran us may ignore them. */
	run_sh(out, "grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | sed s/180000000$/000000000/ | sort -u");
	sigprocmask(SIG_SETMASK, &old, NULL);
	is_str(out->buf, "0000000000000000\n", "no signal is blocked or ignored");
	run_sh(out, "ps -o pgid= -p $$ | tr -d ' '; echo $$");
	ok(out->len > 2 && !strncmp(out->buf, out->buf + out->len / 2, out->len / 2), "a process group of its own");
}

static void leaks(struct strbuf *out)
{
	if (dup2(0, 9) != 9)        /* on purpose not close-on-exec */
		bail_out("dup2");
	run_sh(out, "if [ -e /proc/$$/fd/9 ]; then echo leaked; else echo clean; fi");
	is_str(out->buf, "clean\n", "what was left open is not handed down");
	close(9);
}

static void kept(struct strbuf *out)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo through >&3", NULL };
	struct spawn spawn = SPAWN_INIT;
	int ends[2];
	char buf[32] = "";

	spawn.argv = argv;
	if (pipe2(ends, O_CLOEXEC) < 0)
		bail_out("pipe");
	spawn.keep[0] = ends[1];
	run(&spawn, out);
	close(ends[1]);
	if (read(ends[0], buf, sizeof(buf) - 1) < 0)
		bail_out("read");
	is_str(buf, "through\n", "one more descriptor as 3");
	close(ends[0]);
}

static int swapped(void *ctx)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo to stdout; echo to stderr >&2", NULL };
	struct spawn spawn = SPAWN_INIT;
	int status;

	spawn.argv = argv;
	spawn.out = 2;
	spawn.err = 1;
	return waitpid(spawn_start(&spawn), &status, 0) < 0 ? 1 : status;
}

static void exchange(void)
{
	struct captured c = capture(swapped, NULL);

	is_str(c.out, "to stderr\n", "stdout and stderr can be exchanged");
	is_str(c.err, "to stdout\n", "both ways");
	captured_release(&c);
}

static void failures(struct strbuf *out)
{
	char *argv[] = { (char *)"/nonexistent/command", NULL };
	struct spawn spawn = SPAWN_INIT;

	spawn.argv = argv;
	is_int(run(&spawn, out), -1, "a command that is not there is seen at once");
	is_int(err_status(), WP_NOT_FOUND, "127");
	is_int(errno, ENOENT, "errno says so, too");
	argv[0] = dir;
	is_int(run(&spawn, out), -1, "a directory cannot be run");
	is_int(err_status(), WP_CANNOT_EXEC, "126");
	spawn.path = "/nonexistent/command";
	is_int(run(&spawn, out), -1, "the same when it is found by exec only");
	is_int(err_status(), WP_NOT_FOUND, "127");
	is_int(waitpid(-1, NULL, WNOHANG), -1, "no child is left behind");
	err_clear();
}

static void too_long(struct strbuf *out)
{
	size_t len = 3 << 20;
	char *argv[] = { (char *)"true", malloc(len + 1), NULL };
	struct spawn spawn = SPAWN_INIT;

	if (!argv[1])
		bail_out("malloc");
	memset(argv[1], 'x', len);
	argv[1][len] = '\0';
	spawn.argv = argv;
	is_int(run(&spawn, out), -1, "an argument that is too long");
	is_int(errno, E2BIG, "is told from other failures");
	is_int(err_status(), WP_CANNOT_EXEC, "126");
	free(argv[1]);
	err_clear();
}

static void scripts(struct strbuf *out)
{
	char *argv[] = { (char *)"./script", (char *)"one", (char *)"two", NULL };
	struct spawn spawn = SPAWN_INIT;

	spawn.argv = argv;
	spawn.dir = dir;
	spawn.path = "./script";
	write_file("script", "echo $# $2 $PWD\n", 0755);
	is_int(run(&spawn, out), 0, "a script without #! is the shell's");
	ok(!strncmp(out->buf, "2 two ", 6) && strstr(out->buf, dir + 5), "with its arguments, in the directory given");
	unlink("script");
}

static void finding(void)
{
	char *found = spawn_find("sh");

	ok(found && found[0] == '/', "found in PATH");
	free(found);
	found = spawn_find("/bin/sh");
	is_str(found, "/bin/sh", "a path is itself");
	free(found);
	is_str(spawn_find("no-such-command"), NULL, "not in PATH");
	is_str(err_message(), "command not found: \"no-such-command\"", "with a message");
	is_int(err_status(), WP_NOT_FOUND, "127");
	is_str(spawn_find(""), NULL, "no name");
	write_file("plain", "", 0644);
	setenv("PATH", dir, 1);
	is_str(spawn_find("plain"), NULL, "a file that cannot be run");
	is_int(err_status(), WP_CANNOT_EXEC, "126");
	setenv("PATH", "", 1);
	write_file("here", "", 0755);
	found = spawn_find("here");
	is_str(found, "here", "an empty PATH is the current directory");
	free(found);
	unsetenv("PATH");
	found = spawn_find("sh");
	ok(found != NULL, "without PATH there is a default");
	free(found);
	unlink("plain");
	unlink("here");
	err_clear();
}

/* Death. The victim starts a command, tells its pid and is killed. */

static pid_t victim(int tell, bool guarded)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		(char *)"sleep 1000 & echo $!; wait", NULL };
	struct spawn spawn = SPAWN_INIT;
	pid_t pid = fork(), child;

	if (pid)
		return pid;
	if (guarded && guard_start(4, -1) < 0)
		_exit(1);
	spawn.argv = argv;
	spawn.out = tell;
	child = spawn_start(&spawn);
	guard_set(2, guarded ? child : 0);
	dprintf(tell, "%d\n", (int)child);
	for (;;)
		pause();
}

/* Everything that had our end of the pipe is gone when it says end of file. */
static void read_to_end(int fd)
{
	char buf[64];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

static int read_line(int fd)
{
	char c;
	int n = 0;

	while (read(fd, &c, 1) == 1 && c != '\n')
		n = n * 10 + c - '0';
	return n;
}

static void death_with_guard(void)
{
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		bail_out("pipe");
	pid = victim(ends[1], true);
	close(ends[1]);
	ok(read_line(ends[0]) > 1 && read_line(ends[0]) > 1, "a command and what it started run");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	read_to_end(ends[0]);
	ok(true, "after SIGKILL of their parent's parent both are gone");
	close(ends[0]);
}

static void death_without_guard(void)
{
	char *argv[] = { (char *)"sleep", (char *)"1000", NULL };
	struct spawn spawn = SPAWN_INIT;
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		bail_out("pipe");
	pid = fork();
	if (!pid) {
		spawn.argv = argv;
		spawn.out = ends[1];
		_exit(spawn_start(&spawn) < 0);
	}
	close(ends[1]);
	waitpid(pid, &status, 0);
	is_int(status, 0, "a parent that ends at once");
	read_to_end(ends[0]);
	ok(true, "takes its child with it");
	close(ends[0]);
}

static void clean_end(void)
{
	is_int(guard_start(2, -1), 0, "start a guard");
	ok(guard_pid() > 0, "it has a pid");
	is_int(kill(guard_pid(), SIGTERM), 0, "it does not mind SIGTERM");
	guard_set(0, 0);
	guard_stop();
	is_int(waitpid(-1, NULL, WNOHANG), -1, "stopped and reaped");
	guard_stop();
}

int main(void)
{
	struct strbuf out = STRBUF_INIT;

	if (!mkdtemp(dir) || chdir(dir) < 0)
		bail_out("mkdtemp");
	statuses(&out);
	state_of_the_child(&out);
	leaks(&out);
	kept(&out);
	exchange();
	failures(&out);
	too_long(&out);
	scripts(&out);
	clean_end();
	death_with_guard();
	death_without_guard();
	finding();
	strbuf_release(&out);
	rmdir(dir);
	return done_testing();
}
