/*
 * usage: hold_presence STATEDIR COUNT
 *
 * COUNT live entries, each with a descriptor and a lock of its own as if so many workers had joined. Prints "ready" and
 * holds them until it is killed, or whoever started it ends.
 */
#include "bench.h"

#include "err.h"
#include "presence.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The descriptors that are open beside the entries': a few are enough. */
enum { OTHERS = 32 };

static void want_descriptors(long count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(71, "getrlimit");
	if (limit.rlim_max < (rlim_t)count + OTHERS)
		errx(71, "only %ld descriptors are allowed (ulimit -Hn)", (long)limit.rlim_max);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(71, "setrlimit");
}

/* The lock stays: nobody lets go of it. */
static void join(struct presence *p, long n)
{
	struct presence_entry entry = { .topic = PRESENCE_TOPIC, .capacity = 1, .pid = getpid() };
	struct alive life;
	char key[32];

	snprintf(key, sizeof(key), "worker-%ld", n);
	entry.key = key;
	if (presence_join(p, &entry, &life, NULL, true) < 0)
		exit(err_report());
}

int main(int argc, char **argv)
{
	struct presence p;

	if (argc != 3)
		errx(64, "usage: hold_presence STATEDIR COUNT");
	long count = number(argv[2], 0, 1000000);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	want_descriptors(count);
	if (presence_open(&p, argv[1]) < 0)
		return err_report();
	for (long i = 0; i < count; i++)
		join(&p, i);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
