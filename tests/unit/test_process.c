#include "err.h"
#include "process.h"
#include "tap.h"

#include <signal.h>
#include <sys/prctl.h>

static void count_child(pid_t pid, void *ctx)
{
	pid_t *seen = ctx;

	seen[0]++;
	seen[1] = pid;
}

static void children(void)
{
	pid_t seen[2] = { 0 }, pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	process_children(getpid(), count_child, seen);
	is_int(seen[0], 1, "one child");
	is_int(seen[1], pid, "that one");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	seen[0] = 0;
	process_children(getpid(), count_child, seen);
	is_int(seen[0], 0, "a dead one is none");
	waitpid(pid, NULL, 0);
}

int main(void)
{
	int64_t ours = 0, again = 0, other = 0, boot = 0, same = 0;
	int status;
	pid_t pid;

	err_program("test");
	is_int(process_start(getpid(), &ours), 1, "we are there");
	ok(ours > 0, "since a time: %lld", (long long)ours);
	is_int(process_start(getpid(), &again), 1, "asked again");
	is_int(again, ours, "it is the same time");
	prctl(PR_SET_NAME, "a) Z (b 7 ");
	is_int(process_start(getpid(), &again), 1, "whatever our name is");
	is_int(again, ours, "also then");

	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	is_int(process_start(pid, &other), 1, "a child");
	ok(other >= ours, "is not older than we are");
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	is_int(process_start(pid, &other), 1, "a stopped one is there");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	is_int(process_start(pid, &other), 0, "a dead one is not, though nobody has reaped it");
	waitpid(pid, &status, 0);
	is_int(process_start(pid, &other), 0, "nor when somebody has");

	children();
	is_int(process_boot(&boot), 0, "this boot");
	ok(boot > 0, "has a number");
	is_int(process_boot(&same), 0, "asked again");
	ok(same == boot, "it is the same");
	return done_testing();
}
