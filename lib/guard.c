#include "spawn.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic pid_t *groups;      /* shared with the guard */
static size_t groups_nr;
static pid_t guard;
static int lifeline = -1;          /* its end of file tells the guard that we are gone */

static void kill_groups(void)
{
	for (size_t i = 0; i < groups_nr; i++) {
		pid_t group = atomic_load(&groups[i]);

		if (group > 0)
			kill(-group, SIGKILL);
	}
}

/* Deaf to signals: whoever ends a whole session or unit by TERM means us, and we
 * still need the guard while we drain. */
static _Noreturn void guard_main(int end, int hold)
{
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setpgid(0, 0);
	prctl(PR_SET_NAME, "wp-guard");
	if (dup2(end, 0) < 0 || (hold >= 0 && dup2(hold, 1) < 0) || close_range(hold >= 0 ? 2 : 1, ~0U, 0) < 0)
		_exit(WP_FAILED);
	while (read(0, &byte, 1) != 0)
		;
	kill_groups();
	_exit(0);
}

static int make_table(size_t slots)
{
	void *table = mmap(NULL, slots * sizeof(*groups), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (table == MAP_FAILED)
		return err_errno("cannot share memory with the guard process");
	groups = table;
	groups_nr = slots;
	return 0;
}

int guard_start(size_t slots, int hold)
{
	int ends[2];

	if (!groups && make_table(slots) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno("cannot make a pipe");
	guard = fork();
	if (guard == 0)
		guard_main(ends[0], hold);
	close(ends[0]);
	if (guard < 0) {
		close(ends[1]);
		return err_errno("cannot start the guard process");
	}
	if (lifeline >= 0)
		close(lifeline);
	lifeline = ends[1];
	return 0;
}

void guard_set(size_t slot, pid_t group)
{
	if (slot < groups_nr)
		atomic_store(&groups[slot], group);
}

pid_t guard_pid(void)
{
	return guard;
}

void guard_stop(void)
{
	if (lifeline < 0)
		return;
	close(lifeline);
	lifeline = -1;
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(groups, groups_nr * sizeof(*groups));
	groups = NULL;
	groups_nr = 0;
	guard = 0;
}
