#include "map.h"

#include "err.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* What goes wrong */

void map_fail(struct map *map, int status)
{
	progress_hide(map);
	sink_flush(&map->output.err);
	err_report();
	if (!map->fatal)
		map->fatal = status;
	pool_halt(&map->pool);
}

void map_complain(struct map *map, const struct line *line)
{
	progress_hide(map);
	sink_flush(&map->output.err);
	err_prefix("line %llu", (unsigned long long)line->item.seq);
	err_report();
}

void map_bad_line(struct map *map, struct line *line, int exit)
{
	line->started = map->now;
	line->exit = exit;
	line->status = RESULT_FAIL;
	strbuf_addstr(&line->error, err_message());
	if (map->args->jobs)
		err_clear();
	else
		map_complain(map, line);
	pool_ended(&map->pool, &line->item, POOL_BAD, map->now);
}

/* Nobody can run a command that is not there: the line goes back unharmed, or counts as
 * failed where it cannot go back. */
static void command_gone(struct map *map, struct line *line)
{
	int status = err_status();

	line->exit = status;
	map_fail(map, status);
	pool_ended(&map->pool, &line->item, map->args->jobs ? POOL_UNSTARTED : POOL_BAD, map->now);
}

void map_start_failed(struct map *map, struct line *line, int error)
{
	if (err_status() == WP_FAILED) {
		if (pool_refused(&map->pool, &line->item, map->now)) {
			err_clear();
			return;
		}
		map_bad_line(map, line, WP_FAILED);
		line->status = RESULT_RETRY;
	} else if (error == E2BIG || template_varies(&map->template)) {
		map_bad_line(map, line, err_status());
	} else {
		command_gone(map, line);
	}
}

/* The turns of the loop */

static void report(struct map *map, struct line *line)
{
	map->input.ahead -= line_size(line);
	progress_done(map, line->text.len);
	if (line->ran || line->item.verdict == POOL_FAILURE)
		joblog_add(map, line);
	if (map->args->jobs && !line->answered)
		results_add_job(&map->output.out.buf, line, map->args->timeout);
	if (map->args->warm && !map->args->jobs && line->ran && line->item.verdict == POOL_FAILURE) {
		err_set(WP_NO, "%s", line->error.buf);
		map_complain(map, line);
	}
	output_ended(&map->output, line);
}

static void slot_free(struct map *map, size_t slot)
{
	pool_slot_down(&map->pool, slot);
	if (map->warm)
		warm_slot_free(map, slot);
}

static bool act(struct map *map)
{
	struct pool_item *item;
	size_t slot;

	switch (pool_next(&map->pool, map->now, &item, &slot)) {
	case POOL_START:
		if (map->warm)
			warm_start(map, line_of(item));
		else
			proc_start(map, line_of(item));
		return true;
	case POOL_TERM:
		if (map->warm)
			warm_signal(map, slot);
		if (map->far)
			far_term(map, slot);
		groups_term(&map->groups, slot);
		return true;
	case POOL_KILL:
		if (map->far)
			far_kill(map, slot);
		if (groups_kill(&map->groups, slot))
			slot_free(map, slot);
		return true;
	case POOL_REPORT:
		report(map, line_of(item));
		return true;
	default:
		return false;
	}
}

static void free_swept(struct map *map)
{
	ssize_t slot;

	while ((slot = groups_swept(&map->groups)) >= 0)
		slot_free(map, (size_t)slot);
}

static void check_stdout(struct map *map)
{
	struct sink *out = map->output.out.error ? &map->output.out : &map->output.extra;

	if (!out->error || map->fatal)
		return;
	/* Whoever closes a pipe knows that he did. */
	if (out->error != EPIPE) {
		errno = out->error;
		err_errno("write error");
		map_fail(map, WP_IO);
	}
	map->fatal = WP_IO;
	pool_stop(&map->pool);
}

/* Output that nobody takes must not keep us for ever once we were told to stop. */
static bool output_done(struct map *map)
{
	if (output_idle(&map->output))
		return true;
	if (map->pool.stage != POOL_STOPS)
		return false;
	if (!map->give_up)
		map->give_up = map->now + map->args->kill_after;
	if (map->now < map->give_up)
		return false;
	output_abandon(&map->output);
	map->fatal = map->fatal ? map->fatal : WP_IO;
	return true;
}

static bool finished(struct map *map)
{
	if (!pool_finished(&map->pool))
		return false;
	if (map->warm)
		warm_close(map);
	return !map->groups.alive && output_done(map);
}

static void wake(struct loop_timer *timer)
{
	/* Being awake is all that is wanted: turn() follows. */
}

static void set_timer(struct map *map)
{
	usec_t deadline = pool_deadline(&map->pool);

	if (groups_deadline(&map->groups) < deadline)
		deadline = groups_deadline(&map->groups);
	if (map->give_up && map->give_up < deadline)
		deadline = map->give_up;
	if (deadline == USEC_NEVER)
		loop_timer_cancel(map->loop, &map->timer);
	else
		loop_timer_set(map->loop, &map->timer, deadline, wake);
}

/* After every batch of events. */
static void turn(void *ctx)
{
	struct map *map = ctx;

	map->now = clock_now();
	if (map->now >= groups_deadline(&map->groups))
		free_swept(map);
	do {
		while (act(map))
			;
		if (map->output.first)
			progress_hide(map);
		output_pump(&map->output);
		check_stdout(map);
	} while (input_feed(map) || map->pool.reports.first);
	if (map->warm)
		warm_flush(map);
	joblog_flush(map);
	input_watch(map);
	if (finished(map))
		loop_stop(map->loop);
	while (act(map))
		;
	/* With a window, more lines may be on their way to a slot than it works on. */
	tracked_in_use(&map->tracked, (int64_t)(map->pool.running < map->pool.config.slots ?
		map->pool.running : map->pool.config.slots));
	set_timer(map);
}

/* Events */

static void child_ended(pid_t pid, int wait_status, void *ctx)
{
	struct map *map = ctx;
	ssize_t slot = groups_find(&map->groups, pid);
	bool free;

	if (pid == guard_pid()) {
		if (guard_start(map->pool.config.slots, (int)map->args->hold_fd) < 0)
			map_fail(map, err_status());
		else
			err_warn("the guard process was killed; another was started");
		return;
	}
	if (slot < 0) {
		free_swept(map);
		return;
	}
	free = groups_reaped(&map->groups, (size_t)slot, pool_slot_termed(&map->pool, (size_t)slot));
	if (map->warm)
		warm_ended(map, (size_t)slot, wait_status);
	else
		proc_ended(map, (size_t)slot, spawn_exit_status(wait_status),
			WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0);
	if (free)
		slot_free(map, (size_t)slot);
}

static void told_to_stop(int signo, void *ctx)
{
	struct map *map = ctx;

	if (!map->signals++)
		pool_drain(&map->pool, clock_now());
	else
		pool_stop(&map->pool);
}

int map_watch_signals(struct map *map)
{
	if (loop_stop_signals(map->loop, told_to_stop, map) < 0)
		return -1;
	return loop_children(map->loop, child_ended, map);
}

/* Ending */

static void say_failures(struct map *map)
{
	uint64_t failed = map->pool.failed + map->bad_lines;
	uint64_t all = map->pool.offered + map->bad_lines + map->skipped;

	if (failed)
		err_say("%llu of %llu failed", (unsigned long long)failed, (unsigned long long)all);
	if (map->pool.interrupted)
		err_say("%llu not finished", (unsigned long long)map->pool.interrupted);
}

static int exit_status(const struct map *map)
{
	bool all_read = map->pool.eof && !map->pool.interrupted;

	if (map->fatal)
		return map->fatal;
	if (map->output.failed)
		return WP_IO;
	if (!map->args->jobs && !map->pool.halted && !all_read)
		return WP_TEMPFAIL;
	return map->pool.failed || map->bad_lines ? WP_NO : WP_OK;
}

int map_loop(struct map *map)
{
	turn(map);
	loop_after(map->loop, turn, map);
	if (!finished(map) && loop_run(map->loop) < 0)
		return err_report();
	progress_release(map);
	say_failures(map);
	return exit_status(map);
}
