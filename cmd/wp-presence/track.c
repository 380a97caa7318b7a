/* track: be present as long as a command, a process or a descriptor lives. */

#include "verbs.h"

#include "err.h"
#include "held_fd.h"
#include "name.h"
#include "process.h"
#include "wrap.h"

#include <stdio.h>

struct track_args {
	const char *topic, *ref, *meta;
	int64_t capacity, in_use, pid, fd;
};

static int check(const struct track_args *a, const char *key)
{
	if (name_check("topic", a->topic) < 0 || name_check("key", key) < 0)
		return -1;
	if (a->ref && name_check("ref", a->ref) < 0)
		return -1;
	return meta_check(a->meta);
}

static int join_and_print(struct presence *p, const struct presence_entry *entry)
{
	struct strbuf ref = STRBUF_INIT;
	int r = presence_join(p, entry, NULL, &ref, true);

	if (r > 0)
		puts(ref.buf);
	strbuf_release(&ref);
	return r < 0 ? -1 : 0;
}

/* When PID was started; one that is no more is an error. */
static int start_of(pid_t pid, int64_t *start)
{
	int r = process_start(pid, start);

	if (r == 0)
		return err_set(WP_NO, "no process %ld", (long)pid);
	return r < 0 ? -1 : 0;
}

static int track_process(struct presence *p, struct presence_entry *entry)
{
	entry->lock = "";
	if (start_of(entry->pid, &entry->process) < 0)
		return -1;
	return join_and_print(p, entry);
}

static int track_descriptor(struct presence *p, struct presence_entry *entry, const struct track_args *a)
{
	struct strbuf lock = STRBUF_INIT;
	int r = held_fd_lock(p, (int)a->fd, &lock);

	/* With --pid it is the shell's evaluation that calls: what it opened for us must be there. */
	if (r == 0 && a->pid) {
		r = err_set(WP_NO, "descriptor %d is none of the lock files in \"%s\"", (int)a->fd, p->state.live_dir);
	} else if (r == 0) {
		held_fd_print(p, entry, (int)a->fd);
	} else if (r > 0) {
		entry->lock = lock.buf;
		r = a->pid ? start_of(entry->pid, &entry->process) : 0;
		if (r >= 0)
			r = join_and_print(p, entry);
	}
	strbuf_release(&lock);
	return r < 0 ? -1 : 0;
}

static int track_other(const struct globals *globals, const struct track_args *a, struct presence_entry *entry)
{
	struct presence p;
	int r = presence_open(&p, globals->state);
	if (r == 0) {
		r = a->fd >= 0 ? track_descriptor(&p, entry, a) : track_process(&p, entry);
		presence_close(&p);
	}
	return r;
}

/* Of what it evaluates a shell sees what we print, and not our exit status. */
static int failed(const struct track_args *a)
{
	if (a->fd >= 0 && !a->pid)
		puts("false");
	return err_report();
}

static int track_run(void *globals, void *args, int n, char **operands)
{
	const struct globals *g = globals;
	struct track_args *a = args;
	struct presence_entry entry = {
		.topic = a->topic, .key = operands[0], .ref = a->ref, .meta = a->meta, .capacity = a->capacity, .in_use = a->in_use,
		.pid = (pid_t)a->pid,
	};

	if (n > 1 && (a->pid || a->fd >= 0))
		return err_usage("track", "a command excludes --pid and --fd");
	if (n == 1 && !a->pid && a->fd < 0)
		return err_usage("track", "nothing to be present with: a command, --pid or --fd");
	if (check(a, operands[0]) < 0)
		return failed(a);
	if (n > 1)
		return wrap(g->state, &entry, operands + 1);
	return track_other(g, a, &entry) < 0 ? failed(a) : WP_OK;
}

static const struct track_args defaults = { .topic = PRESENCE_TOPIC, .meta = "{}", .capacity = 1, .fd = -1 };

static const struct opt options[] = {
	OPT_STRING('t', "topic", "TOPIC", struct track_args, topic, "WP_PRESENCE_TOPIC", "the topic (default: " PRESENCE_TOPIC ")"),
	OPT_INT('c', "capacity", "N", struct track_args, capacity, 0, PRESENCE_CAPACITY_MAX, NULL, "how much it can carry (default: 1)"),
	OPT_INT('u', "in-use", "N", struct track_args, in_use, 0, PRESENCE_CAPACITY_MAX, NULL, "how much of that is in use (default: 0)"),
	OPT_STRING('m', "meta", "JSON", struct track_args, meta, NULL, "an object with whatever else is to be known"),
	OPT_STRING(0, "ref", "REF", struct track_args, ref, NULL, "the entry's own name (default: made up)"),
	OPT_INT('p', "pid", "PID", struct track_args, pid, 1, INT32_MAX, NULL, "as long as this process lives"),
	OPT_INT(0, "fd", "FD", struct track_args, fd, 3, INT32_MAX, NULL, "as long as the shell has this descriptor open: prints what it is to eval"),
	OPT_END
};

const struct verb verb_track = {
	.name = "track", .args = "KEY [-- COMMAND [ARG...]]", .summary = "be present as long as a command, process or descriptor lives",
	.options = options, .size = sizeof(struct track_args), .defaults = &defaults,
	.min_operands = 1, .max_operands = -1, .run = track_run,
};
