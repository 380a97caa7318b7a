#include "groups.h"

#include "alloc.h"
#include "err.h"
#include "spawn.h"

#include <signal.h>
#include <sys/prctl.h>

#define GIVE_UP_AFTER (1 * USEC_SEC)

int groups_init(struct groups *g, size_t slots, int hold)
{
	*g = (struct groups){ .slots = slots };
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_errno("cannot become a subreaper");
	if (guard_start(slots, hold) < 0)
		return -1;
	g->leader = xcalloc(slots, sizeof(*g->leader));
	g->lingers = xcalloc(slots, sizeof(*g->lingers));
	g->give_up = xcalloc(slots, sizeof(*g->give_up));
	return 0;
}

void groups_release(struct groups *g)
{
	guard_stop();
	free(g->leader);
	free(g->lingers);
	free(g->give_up);
	*g = (struct groups){ 0 };
}

void groups_add(struct groups *g, size_t slot, pid_t leader)
{
	guard_set(slot, leader);
	g->leader[slot] = leader;
	g->give_up[slot] = USEC_NEVER;
	g->alive++;
}

static void forget(struct groups *g, size_t slot)
{
	guard_set(slot, 0);
	g->leader[slot] = 0;
	g->lingering -= g->lingers[slot];
	g->lingers[slot] = false;
	g->alive--;
}

ssize_t groups_find(const struct groups *g, pid_t pid)
{
	for (size_t i = 0; i < g->slots; i++)
		if (g->leader[i] == pid && !g->lingers[i])
			return (ssize_t)i;
	return -1;
}

static bool group_exists(const struct groups *g, size_t slot)
{
	return kill(-g->leader[slot], 0) == 0;
}

bool groups_reaped(struct groups *g, size_t slot, bool ending)
{
	if (ending && group_exists(g, slot)) {
		g->lingers[slot] = true;
		g->lingering++;
		return false;
	}
	forget(g, slot);
	return true;
}

ssize_t groups_swept(struct groups *g)
{
	for (size_t i = 0; g->lingering && i < g->slots; i++)
		if (g->lingers[i] && (!group_exists(g, i) || clock_now() >= g->give_up[i])) {
			forget(g, i);
			return (ssize_t)i;
		}
	return -1;
}

usec_t groups_deadline(const struct groups *g)
{
	usec_t deadline = USEC_NEVER;

	for (size_t i = 0; g->lingering && i < g->slots; i++)
		if (g->lingers[i] && g->give_up[i] < deadline)
			deadline = g->give_up[i];
	return deadline;
}

void groups_term(struct groups *g, size_t slot)
{
	if (!g->leader[slot])
		return;
	kill(-g->leader[slot], SIGTERM);
	kill(-g->leader[slot], SIGCONT);
}

void groups_signal(struct groups *g, size_t slot, int signo)
{
	if (g->leader[slot])
		kill(-g->leader[slot], signo);
}

bool groups_kill(struct groups *g, size_t slot)
{
	if (!g->leader[slot])
		return false;
	kill(-g->leader[slot], SIGKILL);
	g->give_up[slot] = clock_now() + GIVE_UP_AFTER;
	if (!g->lingers[slot] || group_exists(g, slot))
		return false;
	forget(g, slot);
	return true;
}
