#include "err.h"
#include "process.h"
#include "tap.h"

#include <signal.h>
#include <sys/prctl.h>

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

	is_int(process_boot(&boot), 0, "this boot");
	ok(boot > 0, "has a number");
	is_int(process_boot(&same), 0, "asked again");
	ok(same == boot, "it is the same");
	return done_testing();
}
