#include "map.h"

#include "err.h"
#include "opt.h"
#include "parse.h"
#include "spawn.h"
#include "verbs.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCS_MAX 4096
#define WINDOW_MAX 1024

static const struct opt options[] = {
	OPT_INT('j', "max-procs", "N", struct map_args, max_procs, 1, PROCS_MAX, "WP_POOL_MAX_PROCS",
		"run up to N commands at once (default: one a CPU)"),
	OPT_FLAG('0', "null", struct map_args, null, NULL, "lines end with NUL instead of newline"),
	OPT_FLAG(0, "stdin", struct map_args, feed_stdin, NULL, "give the line to the command's stdin"),
	OPT_FLAG('u', "ungroup", struct map_args, ungroup, NULL, "let commands write to our stdout and stderr directly"),
	OPT_FLAG('k', "keep-order", struct map_args, keep_order, NULL, "write output in the order of the input"),
	OPT_DURATION(0, "timeout", "DURATION", struct map_args, timeout, "WP_POOL_TIMEOUT",
		"end a command that takes longer"),
	OPT_DURATION(0, "kill-after", "DURATION", struct map_args, kill_after, NULL,
		"SIGKILL so long after SIGTERM (default 5s)"),
	OPT_DURATION(0, "grace", "DURATION", struct map_args, grace, "WP_POOL_GRACE",
		"when told to stop, let running commands go on so long (default 30s)"),
	OPT_INT(0, "retries", "N", struct map_args, retries, 0, RETRIES_MAX, NULL,
		"run a failed line up to N more times"),
	OPT_STRING(0, "halt", "WHEN,fail=N", struct map_args, halt, NULL,
		"stop when N (or N%) lines have failed: \"soon\" lets running ones end, \"now\" ends them"),
	OPT_STRING(0, "joblog", "FILE", struct map_args, joblog, NULL, "record every line and its end in FILE"),
	OPT_FLAG(0, "resume", struct map_args, resume, NULL, "pass over the lines that succeeded according to the joblog"),
	OPT_FLAG(0, "progress", struct map_args, progress, NULL, "show progress when stderr is a terminal"),
	OPT_CHOICE(0, "results", "raw|ndjson", struct map_args, results, NULL,
		"write output as it is, or a JSON object a line"),
	OPT_FLAG(0, "dry-run", struct map_args, dry_run, NULL, "print the commands and run nothing"),
	OPT_FLAG(0, "jobs", struct map_args, jobs, NULL, "read job lines and write result lines"),
	OPT_INT(0, "output-fd", "FD", struct map_args, output_fd, 3, INT32_MAX, NULL,
		"with --jobs, also write the commands' stdout to descriptor FD"),
	OPT_INT(0, "hold-fd", "FD", struct map_args, hold_fd, 3, INT32_MAX, NULL,
		"keep descriptor FD open until no command can be running any more"),
	OPT_FLAG(0, "warm", struct map_args, warm, NULL, "keep the commands alive: a line in, a line out"),
	OPT_INT(0, "window", "N", struct map_args, window, 1, WINDOW_MAX, NULL,
		"with --warm, send up to N lines ahead of the answers (default 1)"),
	OPT_STRING(0, "pool", "NAME", struct map_args, pool, NULL, "run the commands on the pool NAME (default --max-procs: its capacity)"),
	OPT_STRING(0, "name", "NAME", struct map_args, name, "WP_NAME", "the key under which it is present (default: wp-pool-PID)"),
	OPT_FLAG(0, "untracked", struct map_args, untracked, NULL, "do not appear among the workers (see wp-presence)"),
	OPT_END
};

static const struct map_args defaults = {
	.window = 1, .kill_after = 5 * USEC_SEC, .grace = 30 * USEC_SEC, .output_fd = -1, .hold_fd = -1,
};

/* Setting up */

/* "soon,fail=" or "now,fail=" at the start of TEXT: what follows, or NULL. */
static const char *halt_when(enum pool_halt *when, const char *text)
{
	static const char soon[] = "soon,fail=", now[] = "now,fail=";
	bool is_soon = !strncmp(text, soon, strlen(soon));

	*when = is_soon ? POOL_HALT_SOON : POOL_HALT_NOW;
	if (is_soon)
		return text + strlen(soon);
	return strncmp(text, now, strlen(now)) ? NULL : text + strlen(now);
}

static int halt_policy(struct pool_config *config, const char *text)
{
	const char *rest = text ? halt_when(&config->halt, text) : NULL;
	struct strbuf number = STRBUF_INIT;
	int64_t n;
	int result;

	if (!text)
		return 0;
	if (!rest)
		return err_set(WP_USAGE, "invalid halt policy \"%s\": now or soon, then \",fail=\" and a number", text);
	strbuf_addstr(&number, rest);
	if (number.len && number.buf[number.len - 1] == '%') {
		config->halt_percent = true;
		strbuf_setlen(&number, number.len - 1);
	}
	result = parse_int(&n, number.buf, "number of failures", 1, config->halt_percent ? 100 : INT64_MAX);
	if (!result)
		config->halt_fail = (uint64_t)n;
	strbuf_release(&number);
	return result;
}

static size_t online_cpus(void)
{
	cpu_set_t set;
	long n;

	if (!sched_getaffinity(0, sizeof(set), &set))
		return (size_t)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (size_t)n : 1;
}

static int find_slots(size_t *slots, const struct map_args *args, const struct globals *globals)
{
	int64_t capacity;

	*slots = args->max_procs ? (size_t)args->max_procs : online_cpus();
	if (!args->pool || args->max_procs)
		return 0;
	if (far_capacity(globals->state, args->pool, &capacity) < 0)
		return -1;
	*slots = capacity < PROCS_MAX ? (size_t)capacity : PROCS_MAX;
	return 0;
}

static int pool_config(struct pool_config *config, const struct map_args *args)
{
	*config = (struct pool_config){
		.per_slot = args->warm ? (size_t)args->window : 1,
		.timeout = args->timeout, .kill_after = args->kill_after, .grace = args->grace,
		.retries = (unsigned)args->retries,
	};
	return halt_policy(config, args->halt);
}

/* Options that say opposite things, or need another one. */
struct rule {
	const char *option;
	bool must;               /* OTHER must be there too, else it must not */
	const char *other;
};

static const struct rule rules[] = {
	{ "resume", true, "joblog" }, { "window", true, "warm" }, { "output-fd", true, "jobs" },
	{ "null", false, "jobs" }, { "null", false, "warm" },
	{ "stdin", false, "jobs" }, { "stdin", false, "warm" },
	{ "ungroup", false, "keep-order" }, { "ungroup", false, "jobs" },
	{ "ungroup", false, "warm" }, { "ungroup", false, "results" },
	{ "keep-order", false, "jobs" }, { "results", false, "jobs" },
	{ "retries", false, "jobs" }, { "joblog", false, "jobs" },
	{ "pool", false, "warm" }, { "pool", false, "dry-run" }, { "pool", false, "hold-fd" },
	{ "dry-run", false, "jobs" }, { "dry-run", false, "warm" }, { "dry-run", false, "joblog" }, { "output-fd", false, "warm" },
};

static int check_rules(void)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!opt_given(rules[i].option) || opt_given(rules[i].other) == rules[i].must)
			continue;
		if (rules[i].must)
			return err_set(WP_USAGE, "option --%s needs --%s", rules[i].option, rules[i].other);
		return err_set(WP_USAGE, "options --%s and --%s exclude each other", rules[i].option, rules[i].other);
	}
	return 0;
}

static int check_open(int64_t fd)
{
	if (fd >= 0 && fcntl((int)fd, F_GETFD) < 0)
		return err_set(WP_USAGE, "descriptor %d is not open", (int)fd);
	return 0;
}

static int check_args(const struct map *map)
{
	const struct map_args *args = map->args;

	if (check_rules() < 0)
		return -1;
	if (args->warm && map->template.placeholders)
		return err_set(WP_USAGE, "a warm command takes no placeholders: it gets the lines on its stdin");
	return check_open(args->output_fd) < 0 ? -1 : check_open(args->hold_fd);
}

static void init_template(struct map *map)
{
	const struct map_args *args = map->args;

	template_init(&map->template, map->command, args->jobs);
	map->template.append = !map->template.placeholders && !args->jobs && !args->warm && !args->feed_stdin;
}

/* Results that nobody takes any more are of jobs that nobody can settle: whoever hands out more of them has to hear of it, also when
 * he waits for those that are lost. */
static int mind_reader(struct map *map)
{
	return map->args->jobs ? sink_mind(&map->output.out) : 0;
}

static void init_output(struct map *map)
{
	const struct map_args *args = map->args;
	struct output *o = &map->output;

	output_init(o, map->loop, &map->lines);
	o->keep_order = args->keep_order;
	o->stream = args->keep_order && !args->retries && args->results == RESULTS_RAW;
	if (args->jobs) {
		o->limit_out = RESULTS_JOB_OUTPUT_MAX + 1;
		o->calls_out = NULL;
	}
	if (args->output_fd >= 0) {
		o->limit_out = SIZE_MAX;
		sink_init(&o->extra, map->loop, (int)args->output_fd);
		o->calls_out = &o->extra;
	}
	if (args->results == RESULTS_NDJSON) {
		o->limit_out = o->limit_err = RESULTS_OUTPUT_MAX;
		o->render = results_add_ndjson;
	}
}

static int find_command(struct map *map)
{
	if (template_varies(&map->template))
		return 0;
	map->path = spawn_find(map->command[0]);
	return map->path ? 0 : -1;
}

static int open_map(struct map *map, const struct pool_config *config, const struct globals *globals)
{
	if (map->args->jobs)
		guard_holds_too(STDOUT_FILENO);   /* whoever reads the results takes their end for that of all commands */
	if ((!map->args->pool && find_command(map) < 0)
	    || groups_init(&map->groups, config->slots, (int)map->args->hold_fd) < 0 || loop_init(&map->loop) < 0)
		return -1;
	/* Freed blocks go back to the system whatever was large before. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	/* Two pipes a call, three a worker, and the files of what waits to be written. */
	(void)spawn_raise_files();
	pool_init(&map->pool, config);
	environment_init(&map->environment);
	init_output(map);
	announcer_init(&map->announcer, map->loop, &map->output.out.buf);
	progress_init(map);
	if (mind_reader(map) < 0 || map_watch_signals(map) < 0 || input_init(map) < 0 || joblog_init(map) < 0)
		return -1;
	if (map->args->pool && far_init(map, globals) < 0)
		return -1;
	return map->args->warm ? warm_init(map) : proc_init(map);
}

static int track(struct map *map, const struct globals *globals)
{
	if (map->args->untracked)
		return 0;
	map->tracked.dir = globals->state;
	map->tracked.capacity = (int64_t)map->pool.config.slots;
	if (tracked_describe(&map->tracked, &map->tracked_text, "wp-pool", map->args->name, NULL, map->command) < 0)
		return -1;
	tracked_join_later(&map->tracked, map->loop);
	return 0;
}

static void close_map(struct map *map)
{
	if (map->loop) {
		tracked_leave(&map->tracked, PRESENCE_EXITED);
		strbuf_release(&map->tracked_text);
		progress_release(map);
		loop_timer_cancel(map->loop, &map->announcer.timer);
		input_release(map);
		joblog_release(map);
		warm_release(map);
		far_release(map);
		proc_release(map);
		output_release(&map->output);
		environment_release(&map->environment);
		pool_release(&map->pool);
	}
	line_list_free(&map->lines);
	groups_release(&map->groups);
	loop_free(map->loop);
	template_release(&map->template);
	free(map->path);
}

static int map_run(void *globals, void *args, int n, char **operands)
{
	struct map map = { .args = args, .command = operands, .tracked = TRACKED_INIT, .tracked_text = STRBUF_INIT };
	struct pool_config config;
	int status;

	init_template(&map);
	if (pool_config(&config, args) < 0 || check_args(&map) < 0)
		status = err_usage("map", "%s", err_message());
	else if (map.args->dry_run)
		status = dry_run(&map);
	else if (find_slots(&config.slots, args, globals) < 0 || open_map(&map, &config, globals) < 0 || track(&map, globals) < 0)
		status = err_report();
	else
		status = map_loop(&map);
	close_map(&map);
	return status;
}

const struct verb verb_map = {
	.name = "map", .args = "[--] COMMAND [ARG...]",
	.summary = "run a command for every line of stdin",
	.options = options, .size = sizeof(struct map_args), .defaults = &defaults,
	.command = true, .min_operands = 1, .max_operands = -1, .run = map_run,
};
