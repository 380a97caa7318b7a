#include "ear.h"

#include "err.h"
#include "io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

void ear_close(struct ear *ear)
{
	fd_close(&ear->locks);
}

/* In the file nobody is among the living who is not. */
static int look_for_dead(struct cluster *c)
{
	struct nodes nodes = { 0 };
	int result = cluster_nodes(c, &nodes);

	nodes_release(&nodes);
	return result;
}

/* First the ears, then the eyes. */
int ear_open(struct ear *ear, struct cluster *c)
{
	*ear = (struct ear){ .cluster = c, .locks = fd_inotify(c->state.live_dir, IN_CLOSE_WRITE) };
	if (ear->locks < 0)
		return -1;
	if (db_bell_open(c->db, CLUSTER_BELL) == 0 && look_for_dead(c) == 0)
		return 0;
	ear_close(ear);
	return -1;
}

/* Any lock's end is taken for a node's: who lives is looked at then. */
static int heard_deaths(struct ear *ear)
{
	char events[4096];
	bool some = false;

	while (read(ear->locks, events, sizeof(events)) > 0)
		some = true;
	return some && look_for_dead(ear->cluster) < 0 ? -1 : some;
}

int ear_wait(struct ear *ear, usec_t deadline)
{
	struct pollfd fds[] = { { .fd = db_fd(ear->cluster->db), .events = POLLIN }, { .fd = ear->locks, .events = POLLIN } };
	int rang, died;

	for (;;) {
		usec_t left = deadline == USEC_NEVER ? -1 : deadline - clock_now();
		int ms = deadline == USEC_NEVER ? -1 : left <= 0 ? 0 : left / USEC_MS >= INT_MAX ? INT_MAX : (int)(left / USEC_MS) + 1;
		int n = poll(fds, 2, ms);

		if (n < 0 && errno != EINTR)
			return err_errno("cannot wait");
		if (n == 0 && (deadline == USEC_NEVER || clock_now() < deadline))
			continue;
		if (n == 0)
			return 0;
		rang = n > 0 && fds[0].revents ? db_bell_check(ear->cluster->db) : 0;
		died = n > 0 && fds[1].revents ? heard_deaths(ear) : 0;
		if (rang < 0 || died < 0)
			return -1;
		if (rang || died)
			return 1;
	}
}
