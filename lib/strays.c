#include "strays.h"

#include "process.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct hunt {
	bool (*is_ours)(pid_t pid, void *ctx);
	void *ctx;
	size_t found;
};

static void hunt_one(pid_t pid, void *ctx)
{
	struct hunt *hunt = ctx;

	if (hunt->is_ours(pid, hunt->ctx))
		return;
	kill(pid, SIGKILL);
	hunt->found++;
}

size_t strays_kill(bool (*is_ours)(pid_t pid, void *ctx), void *ctx)
{
	struct hunt hunt = { is_ours, ctx, 0 };

	process_children(getpid(), hunt_one, &hunt);
	return hunt.found;
}

static void wait_for_child(usec_t until)
{
	usec_t left = until - clock_now();
	struct timespec ts = { left / USEC_SEC, left % USEC_SEC * 1000 };
	sigset_t set;

	if (left <= 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &ts);
}

void strays_end(bool (*is_ours)(pid_t pid, void *ctx), void *ctx, usec_t limit)
{
	usec_t until = clock_now() + limit;

	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!strays_kill(is_ours, ctx))
			return;
		wait_for_child(until);
	} while (clock_now() < until);
}
