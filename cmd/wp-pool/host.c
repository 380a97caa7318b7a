#include "host.h"

#include "cgroup.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "notify.h"
#include "spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* For the end of a pool of the same name. */
#define NAME_LIMIT (5 * USEC_SEC)
#define TELL_EVERY (100 * USEC_MS)
/* What hooks have left when all else is over. */
#define HOOKS_GRACE (5 * USEC_SEC)

void host_log(const struct host *host, int level, const char *fmt, ...)
{
	struct strbuf text = STRBUF_INIT;
	va_list ap;

	if (level > host->args->log)
		return;
	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	err_say("pool \"%s\": %s", host->name, text.buf);
	strbuf_release(&text);
}

int64_t host_capacity(const struct host *host)
{
	return (int64_t)(host->limits.elastic.max * host->limits.max_concurrency);
}

int host_set(struct host *host, const struct request *request)
{
	if (limits_change(&host->limits, request) < 0)
		return -1;
	host->pool.config.kill_after = host->limits.kill_after;
	host->pool.config.grace = host->limits.elastic.shutdown_timeout;
	if (host->pool.config.per_slot != host->limits.max_concurrency)
		pool_set_per_slot(&host->pool, host->limits.max_concurrency);
	elastic_set(&host->elastic, &host->limits.elastic);
	tracked_capacity(&host->tracked, host_capacity(host));
	host->changed = true;
	return 0;
}

/* Being told to stop */

void host_stop(struct host *host, bool now)
{
	if (!host->stopping) {
		notify_systemd("STOPPING=1");
		host_log(host, LOG_INFO, "is being stopped");
	}
	host->refusing = host->stopping = host->changed = true;
	elastic_stop(&host->elastic);
	if (now) {
		pool_stop(&host->pool);
		host->elastic.config.shutdown_timeout = host->limits.kill_after;
	} else {
		pool_drain(&host->pool, clock_now());
	}
}

static void told_to_stop(int signo, void *ctx)
{
	struct host *host = ctx;

	host_stop(host, host->signals++ > 0);
}

/* The turns of the loop */

static bool act(struct host *host)
{
	struct pool_item *item;
	size_t slot;

	switch (pool_next(&host->pool, host->now, &item, &slot)) {
	case POOL_START:
		call_start(host, call_of(item));
		return true;
	case POOL_TERM:
		call_signal(host, call_of(item), SIGTERM);
		return true;
	case POOL_KILL:
		call_signal(host, call_of(item), SIGKILL);
		return true;
	case POOL_ABANDON:
		place_kill(host, slot);
		return true;
	case POOL_REPORT:
		call_report(host, call_of(item));
		return true;
	default:
		return false;
	}
}

static bool resize(struct host *host)
{
	size_t slot;

	switch (elastic_next(&host->elastic, host->now, &slot)) {
	case ELASTIC_BOOT:
		place_boot(host, slot);
		return true;
	case ELASTIC_CHECK:
		place_check(host, slot);
		return true;
	case ELASTIC_SHUT:
		place_shut(host, slot);
		return true;
	case ELASTIC_KILL:
		place_kill(host, slot);
		return true;
	default:
		return false;
	}
}

static void become_ready(struct host *host)
{
	/* One that was idle too long before the last of them came counts as well. */
	if (host->ready || host->stopping
	    || elastic_count(&host->elastic, RUNNER_READY) + host->elastic.rested < host->limits.elastic.min)
		return;
	host->ready = host->changed = true;
	host_log(host, LOG_INFO, "is ready");
	notify_systemd("READY=1");
	notify_ready_fd(&host->ready_fd);
	callers_done(host, WANTS_READY);
}

static void wake(struct loop_timer *timer)
{
	/* Being awake is all that is wanted: turn() follows. */
}

/* Not more often than people can read, and who has not read the last one gets no next one. */
static void tell_watchers(struct host *host)
{
	if (!host->changed)
		return;
	if (host->now < host->told + TELL_EVERY) {
		if (!host->watch.due.index)
			loop_timer_set(host->loop, &host->watch, host->told + TELL_EVERY, wake);
		return;
	}
	host->changed = false;
	host->told = host->now;
	for (struct caller *c = host->callers; c; c = c->next)
		if (c->wants == WANTS_STATUS && !c->first)
			c->due = host->asked = true;
}

static bool finished(struct host *host)
{
	if (!host->stopping || !pool_finished(&host->pool) || host->calls || elastic_all(&host->elastic))
		return false;
	if (!host->hooks_end)
		host->hooks_end = host->now + HOOKS_GRACE;
	return !host->hooks.alive || host->now >= host->hooks_end;
}

static void set_timer(struct host *host)
{
	usec_t deadline = clock_earlier(pool_deadline(&host->pool), elastic_deadline(&host->elastic));

	if (host->hooks_end)
		deadline = clock_earlier(deadline, host->hooks_end);
	if (deadline == USEC_NEVER)
		loop_timer_cancel(host->loop, &host->timer);
	else
		loop_timer_set(host->loop, &host->timer, deadline, wake);
}

static void turn(void *ctx)
{
	struct host *host = ctx;

	host->now = clock_now();
	do
		while (act(host))
			;
	while (resize(host));
	become_ready(host);
	if (host->refusing && !host->pool.live)
		callers_done(host, WANTS_DRAINED);
	tracked_in_use(&host->tracked, (int64_t)host->pool.running);
	tell_watchers(host);
	if (host->asked)
		callers_report(host);
	if (finished(host))
		loop_stop(host->loop);
	set_timer(host);
}

static void child_ended(pid_t pid, int wait_status, void *ctx)
{
	struct host *host = ctx;

	if (pid == guard_pid()) {
		if (guard_start(HOOKS_MAX, host->lock.fd) < 0)
			err_report();
		return;
	}
	if (!hooks_reaped(&host->hooks, pid, wait_status))
		place_reaped(host, pid, wait_status);
}

/* Setting up */

static pid_t who_listens(const struct host *host)
{
	int fd = address_connect(&host->state, host->name);
	pid_t pid = fd < 0 ? 0 : wire_peer(fd);

	fd_close(&fd);
	return pid;
}

static int hold_name(struct host *host)
{
	return alive_hold(&host->lock, host->state.live_dir, host->address);
}

/* Of two pools of one name the first stays. One that is just ending is waited for, and so is somebody who clears away what a
 * dead one has left: letting go of the lock is an event. */
static int wait_for_name(struct host *host, int inotify)
{
	usec_t until = clock_now() + NAME_LIMIT;
	pid_t pid = 0;
	int r;

	while ((r = hold_name(host)) < 0 && err_status() == WP_TEMPFAIL && !(pid = who_listens(host))
	       && fd_wait_readable(inotify, until) > 0)
		fd_discard(inotify);
	if (r == 0 || (err_status() != WP_TEMPFAIL && err_status() != WP_UNAVAILABLE && !pid))
		return r;
	if (pid)
		return err_set(WP_TEMPFAIL, "there is a pool \"%s\" already: process %ld", host->name, (long)pid);
	return err_set(WP_TEMPFAIL, "there is a pool \"%s\" already, which is just starting or ending", host->name);
}

static int take_name(struct host *host)
{
	int inotify = fd_inotify(host->state.live_dir, IN_CLOSE_WRITE | IN_DELETE);
	int r = inotify < 0 ? -1 : wait_for_name(host, inotify);

	fd_close(&inotify);
	return r;
}

static int track(struct host *host, const struct globals *globals)
{
	host->tracked.dir = globals->state;
	host->tracked.topic = "pools";
	host->tracked.key = host->name;
	host->tracked.capacity = host_capacity(host);
	strbuf_addstr(&host->meta, "{\"program\":\"wp-pool\",\"backend\":");
	json_add_string(&host->meta, host->args->backend, strlen(host->args->backend));
	strbuf_addch(&host->meta, '}');
	host->tracked.meta = host->meta.buf;
	return tracked_join(&host->tracked, host->loop);
}

static void init_machines(struct host *host)
{
	const struct pool_config config = {
		.own = true, .slots = RUNNERS_MAX, .per_slot = host->limits.max_concurrency, .per_slot_max = RUNNER_CALLS_MAX,
		.single_use = host->args->single_use, .pack = host->args->pack,
		.kill_after = host->limits.kill_after, .grace = host->limits.elastic.shutdown_timeout,
	};

	pool_init(&host->pool, &config);
	elastic_init(&host->elastic, &host->pool, &host->limits.elastic);
	places_init(host);
}

int host_open(struct host *host, const struct globals *globals)
{
	(void)spawn_raise_files();   /* a call has some: with fewer, fewer wait */
	init_machines(host);
	host->address = address_of(host->name);
	if (state_open(&host->state, globals->state) < 0 || take_name(host) < 0)
		return -1;
	host->socket_path = wire_path(&host->state, host->address);
	if (pipe2(host->running, O_CLOEXEC) < 0)
		return err_errno("cannot make a pipe");
	guard_awaits(host->running[0]);
	guard_unlinks(host->socket_path);
	guard_unlinks(host->lock.path);
	if (!host->backend)
		host->cgroup = cgroup_delegate();
	if (loop_init(&host->loop) < 0 || groups_init(&host->groups, HOOKS_MAX, host->lock.fd) < 0)
		return -1;
	hooks_init(&host->hooks, host->loop, &host->groups, 0, host);
	if (loop_stop_signals(host->loop, told_to_stop, host) < 0 || loop_children(host->loop, child_ended, host) < 0)
		return -1;
	host->now = clock_now();
	return callers_open(host) < 0 ? -1 : track(host, globals);
}

int host_run(struct host *host)
{
	turn(host);
	loop_after(host->loop, turn, host);
	return loop_run(host->loop);
}

void host_close(struct host *host)
{
	if (host->loop) {
		callers_close(host);
		loop_timer_cancel(host->loop, &host->timer);
		loop_timer_cancel(host->loop, &host->watch);
		tracked_leave(&host->tracked, PRESENCE_EXITED);
	}
	while (host->calls)
		call_free(host, host->calls);
	hooks_release(&host->hooks);
	groups_release(&host->groups);
	places_release(host);        /* and what hooks have left behind */
	elastic_release(&host->elastic);
	pool_release(&host->pool);
	numbers_release(&host->numbers);
	strbuf_release(&host->meta);
	fd_close(&host->running[0]);
	fd_close(&host->running[1]);
	if (host->lock.path)
		alive_release(&host->lock);
	state_release(&host->state);
	loop_free(host->loop);
	free(host->backend);
	free(host->socket_path);
	free(host->address);
	free(host->cgroup);
	strvec_release(&host->sync);
}
