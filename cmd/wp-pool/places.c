#include "host.h"

#include "alloc.h"
#include "backend.h"
#include "cgroup.h"
#include "err.h"
#include "io.h"
#include "process.h"
#include "spawn.h"
#include "strays.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRAYS_LIMIT (1 * USEC_SEC)

static void add_heir(pid_t pid, void *ctx)
{
	struct host *host = ctx;

	grow_array(&host->heirs, &host->heirs_alloc, host->heirs_nr + 1, sizeof(*host->heirs));
	host->heirs[host->heirs_nr++] = pid;
}

static bool is_heir(const struct host *host, pid_t pid)
{
	for (size_t i = 0; i < host->heirs_nr; i++)
		if (host->heirs[i] == pid)
			return true;
	return false;
}

static void forget_heir(struct host *host, pid_t pid)
{
	for (size_t i = 0; i < host->heirs_nr; i++)
		if (host->heirs[i] == pid)
			host->heirs[i] = host->heirs[--host->heirs_nr];
}

void places_init(struct host *host)
{
	process_children(getpid(), add_heir, host);
	host->places = xcalloc(RUNNERS_MAX, sizeof(*host->places));
	for (size_t i = 0; i < RUNNERS_MAX; i++) {
		host->places[i] = (struct place){ .host = host, .slot = i, .wire.fd = -1 };
		host->places[i].last = &host->places[i].first;
	}
}

uint64_t place_number(const struct host *host, size_t slot)
{
	return host->elastic.runner[slot].number;
}

static unsigned long long number(const struct place *place)
{
	return (unsigned long long)place_number(place->host, place->slot);
}

/* Hooks */

/* What every hook gets to know; COUNT runners are there with it done. */
static void hook_variables(struct strvec *variables, const struct place *place, size_t count)
{
	strvec_pushf(variables, "WP_POOL=%s", place->host->name);
	strvec_pushf(variables, "WP_COUNT=%zu", count);
	strvec_pushf(variables, "WP_RUNNER=%llu", number(place));
	strvec_pushf(variables, "WP_HANDLE=%s", place->handle ? place->handle : "");
}

static void run_hook(struct place *place, const char *name, const char *command, size_t count, const char *result)
{
	struct host *host = place->host;
	struct strvec variables = STRVEC_INIT;

	if (!command)
		return;
	hook_variables(&variables, place, count);
	if (result)
		strvec_pushf(&variables, "WP_RESULT=%s", result);
	hooks_run(&host->hooks, name, command, &variables, NULL, 0);
	strvec_release(&variables);
}

static void checked(void *ctx, int64_t runner, bool good)
{
	struct host *host = ctx;

	for (size_t i = 0; i < host->elastic.top; i++)
		if ((int64_t)place_number(host, i) == runner && host->elastic.runner[i].checking)
			elastic_checked(&host->elastic, i, good, clock_now());
}

void place_check(struct host *host, size_t slot)
{
	struct place *place = &host->places[slot];
	struct strvec variables = STRVEC_INIT;

	hook_variables(&variables, place, elastic_staying(&host->elastic) - 1);
	hooks_run(&host->hooks, "idle-check", host->args->idle_check, &variables, checked, (int64_t)place_number(host, slot));
	strvec_release(&variables);
}

/* Orders */

static void forget_parcels(struct place *place)
{
	for (struct parcel *p = place->first, *next; p; p = next) {
		next = p->next;
		wire_close_fds(p->fds);
		free(p);
	}
	place->first = NULL;
	place->last = &place->first;
}

/* The runner does not read (it may be stopped): the order waits, with descriptors of its own. */
static void queue(struct place *place, const struct order *order, const int *fds, size_t fds_nr)
{
	struct parcel *p = xcalloc(1, sizeof(*p));

	p->order = *order;
	p->fds_nr = fds_nr;
	for (size_t i = 0; i < WIRE_FDS; i++)
		p->fds[i] = i < fds_nr ? fcntl(fds[i], F_DUPFD_CLOEXEC, 3) : -1;
	*place->last = p;
	place->last = &p->next;
	loop_watch(place->host->loop, &place->wire, EPOLLIN | EPOLLOUT);
}

bool place_order(struct place *place, const struct order *order, const int *fds, size_t fds_nr)
{
	int r;

	if (place->wire.fd < 0)
		return true;         /* its end is on its way to us */
	r = place->first ? 0 : wire_send(place->wire.fd, order, sizeof(*order), fds, fds_nr);
	if (r == 0)
		queue(place, order, fds, fds_nr);
	return r >= 0 || errno == EPIPE || errno == ECONNRESET;
}

static void send_parcels(struct place *place)
{
	struct parcel *p;

	while ((p = place->first)) {
		if (wire_send(place->wire.fd, &p->order, sizeof(p->order), p->fds, p->fds_nr) == 0)
			return;
		place->first = p->next;
		if (!place->first)
			place->last = &place->first;
		wire_close_fds(p->fds);
		free(p);
	}
	loop_watch(place->host->loop, &place->wire, EPOLLIN);
}

/* News */

static void booted(struct place *place, const struct news *news)
{
	struct host *host = place->host;

	free(place->handle);
	place->handle = xstrdup(news->text);
	elastic_booted(&host->elastic, place->slot, host->now);
	host_log(host, LOG_INFO, "runner %llu is ready: %s", number(place), place->handle);
	if (place->growth)
		run_hook(place, "on-grow-end", host->args->on_grow_end, elastic_staying(&host->elastic), "ok");
}

static struct call *call_on(const struct place *place, uint64_t id)
{
	struct pool_item *item = pool_head(&place->host->pool, place->slot);

	while (item && call_of(item)->id != id)
		item = item->next;
	return item ? call_of(item) : NULL;
}

static void hear(struct place *place, const struct news *news)
{
	struct host *host = place->host;
	struct call *call;

	host->now = clock_now();
	host->changed = true;
	switch (news->what) {
	case NEWS_GUARD:
		place->guard = news->pid;
		break;
	case NEWS_READY:
		if (host->elastic.runner[place->slot].state == RUNNER_BOOTING)
			booted(place, news);
		break;
	case NEWS_FAILED:
		free(place->why);
		place->why = xstrdup(news->text);
		break;
	default:
		call = call_on(place, news->call);
		if (call)
			call_news(host, call, news);
	}
}

static void close_wire(struct place *place)
{
	if (place->wire.fd < 0)
		return;
	loop_remove(place->host->loop, &place->wire);
	fd_close(&place->wire.fd);
	forget_parcels(place);
}

static void hear_all(struct place *place)
{
	static _Alignas(struct news) char buf[WIRE_MAX];
	int fds[WIRE_FDS];
	size_t fds_nr;
	ssize_t n;

	while ((n = wire_receive(place->wire.fd, buf, fds, &fds_nr)) == sizeof(struct news)) {
		wire_close_fds(fds);
		hear(place, (struct news *)buf);
	}
	if (n >= 0 || errno != EAGAIN)
		close_wire(place);   /* it is about to end; we hear of that as its parent */
}

static void wire_ready(struct loop_fd *handle, uint32_t events)
{
	struct place *place = (struct place *)((char *)handle - offsetof(struct place, wire));

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		hear_all(place);
	if (place->wire.fd >= 0 && place->first)
		send_parcels(place);
}

/* Booting */

static void runner_command(struct strvec *argv, const struct place *place)
{
	const struct host *host = place->host;
	const struct start_args *args = host->args;

	strvec_push(argv, "wp-pool");
	strvec_push(argv, "runner");
	for (size_t i = 0; i < host->sync.nr; i++) {
		strvec_push(argv, "--sync");
		strvec_push(argv, host->sync.v[i]);
	}
	if (host->cgroup) {
		strvec_push(argv, "--cgroup");
		strvec_push(argv, host->cgroup);
	}
	strvec_push(argv, "--");
	strvec_push(argv, host->name);
	strvec_pushf(argv, "%llu", number(place));
	if (!host->backend)
		return;
	strvec_push(argv, host->backend);
	strvec_push_all(argv, (const char *const *)args->backend_args.v);
}

static pid_t start(struct place *place, int wire)
{
	struct spawn spawn = SPAWN_INIT;
	struct strvec argv = STRVEC_INIT;
	pid_t pid;

	runner_command(&argv, place);
	/* The very file that we are, though another may have been installed in its place. */
	spawn.path = "/proc/self/exe";
	spawn.argv = argv.v;
	spawn.out = spawn.err = STDERR_FILENO;
	spawn.keep[0] = wire;
	spawn.keep[1] = place->host->running[1];
	/* It sees our death as the end of the connection, and ends what runs in it first. */
	spawn.death_signal = 0;
	spawn.same_group = true;     /* until it makes a session of its own, which the leader of a group cannot */
	pid = spawn_start(&spawn);
	strvec_release(&argv);
	return pid;
}

static int boot(struct place *place)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno("cannot make a pair of sockets");
	place->pid = start(place, ends[1]);
	close(ends[1]);
	if (place->pid > 0 && fd_nonblock(ends[0], true) == 0
	    && loop_add(place->host->loop, &place->wire, ends[0], EPOLLIN, wire_ready) == 0)
		return 0;
	close(ends[0]);
	place->wire.fd = -1;
	return -1;
}

static void failed(struct place *place, const char *why)
{
	struct host *host = place->host;

	err_warn("pool \"%s\": runner %llu did not boot: %s", host->name, number(place), why);
	if (place->growth)
		run_hook(place, "on-grow-end", host->args->on_grow_end, elastic_staying(&host->elastic) - 1, why);
}

void place_boot(struct host *host, size_t slot)
{
	struct place *place = &host->places[slot];

	place->growth = elastic_staying(&host->elastic) > host->limits.elastic.min;
	place->failed = 0;
	place->wall = clock_wall();
	host->changed = true;
	host_log(host, LOG_INFO, "runner %llu boots", number(place));
	if (place->growth)
		run_hook(place, "on-grow-start", host->args->on_grow_start, elastic_staying(&host->elastic), NULL);
	if (boot(place) == 0)
		return;
	if (place->pid > 0) {
		free(place->why);
		place->why = xstrdup(err_message());     /* it sees the end of the connection, and ends */
	} else {
		place->pid = 0;
		failed(place, err_message());
		elastic_gone(&host->elastic, slot, clock_now());
	}
	err_clear();
}

/* Ending */

void place_shut(struct host *host, size_t slot)
{
	const struct order order = { .what = ORDER_SHUT };
	struct place *place = &host->places[slot];

	host->changed = true;
	host_log(host, LOG_INFO, "runner %llu is shut", number(place));
	run_hook(place, "on-shrink", host->args->on_shrink, elastic_staying(&host->elastic), NULL);
	place_order(place, &order, NULL, 0);
}

/* What runs there is killed by the runner's guard. */
void place_kill(struct host *host, size_t slot)
{
	struct place *place = &host->places[slot];
	bool booting = host->elastic.runner[slot].state == RUNNER_BOOTING;

	if (place->pid <= 0)
		return;
	free(place->why);
	place->why = xstrdup(host->stopping ? "the pool was stopped" : booting ? "it took too long" : "it did not end in time");
	kill(place->pid, SIGKILL);
}

static bool place_has(const struct host *host, pid_t pid)
{
	for (size_t i = 0; i < host->elastic.top; i++)
		if (host->places[i].pid == pid)
			return true;
	return false;
}

static size_t find_guard(const struct host *host, pid_t pid)
{
	size_t i = 0;

	while (i < host->guards_nr && host->guards[i] != pid)
		i++;
	return i;
}

static bool is_known(pid_t pid, void *ctx)
{
	const struct host *host = ctx;

	return pid == guard_pid() || place_has(host, pid) || hooks_has(&host->hooks, pid) || is_heir(host, pid)
		|| find_guard(host, pid) < host->guards_nr;
}

/* What the commands of a killed runner had left behind is our child now, and so is its guard, which first has to kill the
 * others. A backend's boot is left to its guard, which gives it time. */
static void kill_strays(struct host *host)
{
	if (!host->backend && !host->guards_nr)
		strays_kill(is_known, host);
}

static void adopt_guard(struct host *host, pid_t guard)
{
	grow_array(&host->guards, &host->guards_alloc, host->guards_nr + 1, sizeof(*host->guards));
	host->guards[host->guards_nr++] = guard;
}

static bool guard_reaped(struct host *host, pid_t pid)
{
	size_t i = find_guard(host, pid);

	if (i == host->guards_nr)
		return false;
	host->guards[i] = host->guards[--host->guards_nr];
	kill_strays(host);
	return true;
}

static char *reason(const struct place *place, int wait_status)
{
	struct strbuf why = STRBUF_INIT;

	if (place->why)
		strbuf_addstr(&why, place->why);
	else if (WIFSIGNALED(wait_status))
		strbuf_addf(&why, "it was killed by signal %d", WTERMSIG(wait_status));
	else
		strbuf_addf(&why, "it ended with exit status %d", WEXITSTATUS(wait_status));
	return strbuf_detach(&why, NULL);
}

static void lose_calls(struct place *place, const char *why)
{
	struct strbuf text = STRBUF_INIT;
	struct pool_item *item;

	strbuf_addf(&text, "runner %llu was lost: %s", number(place), why);
	while ((item = pool_head(&place->host->pool, place->slot)))
		call_lost(place->host, call_of(item), text.buf);
	strbuf_release(&text);
}

static void say_end(struct place *place, enum runner_state state, const char *why)
{
	struct host *host = place->host;

	if (state == RUNNER_BOOTING && !host->stopping) {
		failed(place, why);
	} else if (state == RUNNER_READY) {
		err_warn("pool \"%s\": runner %llu was lost: %s", host->name, number(place), why);
		run_hook(place, "on-shrink", host->args->on_shrink, elastic_staying(&host->elastic) - 1, why);
	} else {
		host_log(host, LOG_INFO, "runner %llu has ended", number(place));
	}
}

static void remove_groups(const struct place *place)
{
	struct strbuf runner = STRBUF_INIT;

	strbuf_addf(&runner, "%llu", number(place));
	cgroup_remove_all(place->host->cgroup, runner.buf);
	strbuf_release(&runner);
}

static void ended(struct place *place, int wait_status)
{
	struct host *host = place->host;
	char *why;

	if (place->wire.fd >= 0)
		hear_all(place);     /* its last words */
	close_wire(place);
	host->now = clock_now();
	host->changed = true;
	why = reason(place, wait_status);
	say_end(place, host->elastic.runner[place->slot].state, why);
	place->pid = 0;
	lose_calls(place, why);
	elastic_gone(&host->elastic, place->slot, host->now);
	if (WIFSIGNALED(wait_status) && place->guard)
		adopt_guard(host, place->guard);
	else if (WIFSIGNALED(wait_status))
		kill_strays(host);
	place->guard = 0;
	if (WIFSIGNALED(wait_status) && host->cgroup)
		remove_groups(place);
	free(why);
	free(place->why);
	free(place->handle);
	place->why = place->handle = NULL;
}

bool place_reaped(struct host *host, pid_t pid, int wait_status)
{
	for (size_t i = 0; i < host->elastic.top; i++)
		if (host->places[i].pid == pid) {
			ended(&host->places[i], wait_status);
			return true;
		}
	forget_heir(host, pid);
	return guard_reaped(host, pid);
}

void places_release(struct host *host)
{
	/* A backend's boot that a guard gives time to end is left to it. */
	if (host->places && (!host->backend || !host->guards_nr))
		strays_end(is_known, host, STRAYS_LIMIT);
	for (size_t i = 0; host->places && i < RUNNERS_MAX; i++) {
		close_wire(&host->places[i]);
		free(host->places[i].handle);
		free(host->places[i].why);
	}
	free(host->places);
	free(host->guards);
	free(host->heirs);
}
