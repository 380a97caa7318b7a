/* start: have children run. await: until they do. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "name.h"
#include "outcome.h"
#include "spec.h"

#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1 << 20 };
enum { ON_FAILURE_CONTINUE, ON_FAILURE_ROLLBACK };

struct start_args {
	struct spec_args spec;
	const char *file;
	bool await, no_check_existing;
	int on_failure;
	struct strvec init_cids;
	usec_t timeout, await_timeout, up_for;
};

static const struct start_args defaults = {
	.spec = SPEC_DEFAULTS, .init_cids = STRVEC_INIT, .timeout = 10 * USEC_SEC, .await_timeout = 60 * USEC_SEC,
};

static const struct opt options[] = {
	SPEC_OPTIONS(struct start_args, spec),
	OPT_STRING('f', "file", "FILE", struct start_args, file, NULL, "read children from FILE, a JSON object a line; - is the standard input"),
	OPT_FLAG('w', "await", struct start_args, await, NULL, "wait until they run, and say where"),
	OPT_DURATION('t', "timeout", "DURATION", struct start_args, timeout, NULL, "how long they may take to be started (default 10s)"),
	OPT_DURATION(0, "up-for", "DURATION", struct start_args, up_for, NULL, "with --await: count one as started when it has run for so long"),
	OPT_DURATION(0, "await-timeout", "DURATION", struct start_args, await_timeout, NULL,
		"how long to wait at most, also for those that are stopped again (default 1m)"),
	OPT_FLAG(0, "no-check-existing", struct start_args, no_check_existing, NULL, "leave alone those that are there already, and start the others"),
	OPT_CHOICE(0, "on-failure", "continue|rollback", struct start_args, on_failure, NULL, "when one cannot be started: go on, or stop the others again"),
	OPT_LIST(0, "init-cids", "ID", struct start_args, init_cids, NULL, "it is enough when ID runs; may be given several times (default: all)"),
	OPT_END
};

struct starting {
	const struct start_args *args;
	struct cluster cluster;
	struct child base;
	bool has_command;            /* of BASE */
	struct child *children;
	size_t nr, alloc;
	struct strvec names;         /* as in CHILDREN */
	void *tree;                  /* of them, tsearch(3) */
	enum outcome *outcomes;
	size_t bad_lines;
	usec_t end;                  /* of all waiting */
};

/* Names, by which children are found again */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_there(const struct starting *s, const char *name)
{
	return tfind(name, &s->tree, by_name) != NULL;
}

/* The tree has the strings that NAMES has. */
static void add_child(struct starting *s, const struct child *child)
{
	grow_array(&s->children, &s->alloc, s->nr + 1, sizeof(*s->children));
	s->children[s->nr++] = *child;
	if (!tsearch(strvec_push(&s->names, child->name), &s->tree, by_name))
		err_bug("out of memory");
}

static void keep_name(void *name)
{
}

static int add_named(struct starting *s, char *const *names, int n)
{
	for (int i = 0; i < n; i++) {
		struct child child;

		if (is_there(s, names[i]))
			return err_set(WP_USAGE, "child \"%s\" is given twice", names[i]);
		if (spec_for(&child, &s->base, names[i]) < 0)
			return -1;
		add_child(s, &child);
	}
	return 0;
}

static void take_line(struct starting *s, const char *line, size_t len, unsigned long long number)
{
	struct child child;

	if (spec_line(&child, &s->base, s->has_command, line, len) == 0) {
		if (!is_there(s, child.name)) {
			add_child(s, &child);
			return;
		}
		err_set(WP_DATA, "child \"%s\" is there twice", child.name);
		child_release(&child);
	}
	err_warn("line %llu: %s", number, err_message());
	err_clear();
	s->bad_lines++;
}

static int read_lines(struct starting *s, int fd)
{
	struct lines in;
	enum lines_result r;
	char *line;
	size_t len;

	lines_init(&in, fd, '\n', LINE_MAX_BYTES);
	while ((r = lines_next(&in, &line, &len)) == LINES_OK || r == LINES_TOO_LONG) {
		if (r == LINES_TOO_LONG) {
			err_warn("line %llu: longer than %d bytes", in.number, LINE_MAX_BYTES);
			s->bad_lines++;
		} else if (line[strspn(line, " \t\r")] != '\0' || strlen(line) < len) {
			take_line(s, line, len, in.number);
		}
	}
	lines_release(&in);
	return r == LINES_ERROR ? err_errno("cannot read \"%s\"", s->args->file) : 0;
}

static int read_file(struct starting *s)
{
	bool standard = !strcmp(s->args->file, "-");
	int fd = standard ? STDIN_FILENO : open(s->args->file, O_RDONLY | O_CLOEXEC);
	int result = fd < 0 ? err_errno("cannot open \"%s\"", s->args->file) : read_lines(s, fd);

	if (!standard)
		fd_close(&fd);
	return result;
}

/* Asking */

static void add_existing(struct strbuf *text, const char *name)
{
	strbuf_addf(text, "%s\"%s\"", text->len ? ", " : "", name);
}

/* *COMMON: those of all that have none of their own, once somebody has needed them. */
static int64_t settings_of(struct starting *s, const struct child *child, int64_t *common)
{
	if (child->settings)
		return cluster_add_settings(&s->cluster, child->settings);
	if (!*common)
		*common = cluster_add_settings(&s->cluster, s->base.settings);
	return *common;
}

/* Those that are there already are told all together. */
static int ask(struct starting *s)
{
	struct strbuf existing = STRBUF_INIT;
	int result = cluster_begin(&s->cluster);
	int64_t common = 0;

	if (result < 0)
		return -1;
	for (size_t i = 0; i < s->nr && result >= 0; i++) {
		int64_t settings = settings_of(s, &s->children[i], &common);

		result = settings < 0 ? -1 : cluster_add(&s->cluster, &s->children[i], settings);
		if (result == 0) {
			add_existing(&existing, s->children[i].name);
			s->outcomes[i] = OUTCOME_GOOD;
		}
	}
	if (result >= 0 && existing.len && !s->args->no_check_existing)
		result = err_set(WP_NO, "started already: %s", existing.buf);
	strbuf_release(&existing);
	return cluster_finish(&s->cluster, result) < 0 ? -1 : 0;
}

/* Undoing */

static int stop_mine(struct starting *s, const bool *mine)
{
	int result = cluster_begin(&s->cluster);

	for (size_t i = 0; i < s->nr && result >= 0; i++) {
		struct replicas replicas = { 0 };

		if (mine[i])
			result = cluster_replicas(&s->cluster, s->children[i].name, &replicas);
		for (size_t j = 0; j < replicas.nr && result >= 0; j++)
			if (replicas.v[j].child.id == s->children[i].id)
				result = cluster_stop(&s->cluster, &replicas.v[j], STOP_IN_TIME);
		replicas_release(&replicas);
	}
	return cluster_finish(&s->cluster, result);
}

/* What this call has started is stopped again; the lines say so. */
static int roll_back(struct starting *s, const bool *mine)
{
	enum outcome *outcomes = xcalloc(s->nr + 1, sizeof(*outcomes));
	int64_t pending;

	for (size_t i = 0; i < s->nr; i++)
		outcomes[i] = mine[i] ? OUTCOME_PENDING : OUTCOME_GOOD;
	pending = stop_mine(s, mine) < 0 ? -1 : outcome_wait(&s->cluster, &s->names, outcomes,
		&(struct outcome_wish){ .gone = true, .deadline = s->end });
	free(outcomes);
	return pending < 0 ? -1 : 0;
}

/* Waiting */

static bool counts(const struct starting *s, const char *name)
{
	for (size_t i = 0; i < s->args->init_cids.nr; i++) {
		if (!strcmp(s->args->init_cids.v[i], name))
			return true;
	}
	return s->args->init_cids.nr == 0;
}

static int status_of(const struct starting *s)
{
	int status = s->bad_lines ? WP_NO : WP_OK;

	for (size_t i = 0; i < s->nr; i++) {
		if (counts(s, s->names.v[i]) && s->outcomes[i] == OUTCOME_PENDING)
			return WP_TEMPFAIL;
		if (counts(s, s->names.v[i]) && s->outcomes[i] == OUTCOME_BAD)
			status = WP_NO;
	}
	return status;
}

static int see_them_start(struct starting *s, const bool *mine)
{
	const struct outcome_wish wish = { .up_for = s->args->up_for, .deadline = clock_earlier(clock_now() + s->args->timeout, s->end) };
	int64_t pending = outcome_wait(&s->cluster, &s->names, s->outcomes, &wish);
	int status;

	if (pending < 0)
		return err_report();
	status = status_of(s);
	if (status && s->args->on_failure == ON_FAILURE_ROLLBACK && roll_back(s, mine) < 0)
		return err_report();
	return status;
}

static int start_them(struct starting *s)
{
	bool *mine;
	int status = s->bad_lines ? WP_NO : WP_OK;

	s->outcomes = xcalloc(s->nr + 1, sizeof(*s->outcomes));
	if (ask(s) < 0)
		return err_report();
	mine = xcalloc(s->nr + 1, sizeof(*mine));
	for (size_t i = 0; i < s->nr; i++) {
		mine[i] = s->outcomes[i] == OUTCOME_PENDING;
		if (!mine[i] || !s->args->await)
			outcome_print(s->names.v[i], mine[i] ? "initiated" : "exists", NULL);
	}
	if (s->args->await)
		status = see_them_start(s, mine);
	free(mine);
	return status;
}

static int check(const struct start_args *a, int ids, int words)
{
	if (words == 0)
		return err_usage("start", "a command is needed after --");
	if (ids == 0 && !a->file)
		return err_usage("start", "no children: an id is needed, or --file");
	if (words < 0 && !a->file)
		return err_usage("start", "a command is needed after --");
	if (a->on_failure == ON_FAILURE_ROLLBACK && !a->await)
		return err_usage("start", "--on-failure rollback needs --await");
	if (a->init_cids.nr && !a->await)
		return err_usage("start", "--init-cids needs --await");
	return 0;
}

static int check_init_cids(const struct starting *s)
{
	for (size_t i = 0; i < s->args->init_cids.nr; i++) {
		if (!is_there(s, s->args->init_cids.v[i]))
			return err_set(WP_USAGE, "--init-cids: \"%s\" is none of the children", s->args->init_cids.v[i]);
	}
	return 0;
}

/* All children are known before any is asked for. */
static int collect(struct starting *s, char **operands, int ids, const char *const *command)
{
	s->has_command = command[0] != NULL;
	if (spec_make(&s->base, &s->args->spec, (char *const *)command) < 0 || add_named(s, operands, ids) < 0
	    || (s->args->file && read_file(s) < 0))
		return -1;
	if (s->bad_lines && s->args->on_failure == ON_FAILURE_ROLLBACK)
		return err_set(WP_DATA, "nothing is started: %zu line%s bad", s->bad_lines, s->bad_lines == 1 ? " is" : "s are");
	if (s->nr == 0)
		return err_set(WP_DATA, "no children");
	return check_init_cids(s);
}

static int start_run(void *globals, void *args, int n, char **operands)
{
	const struct start_args *a = args;
	struct starting s = { .args = a, .cluster = { .state.fd = -1 }, .names = STRVEC_INIT };
	int words = opt_after_end(), ids = words < 0 ? n : n - words;
	const char *none[] = { NULL };
	int status = check(a, ids, words);

	s.end = clock_now() + a->await_timeout;
	if (status)
		return status;
	if (collect(&s, operands, ids, words > 0 ? (const char *const *)operands + ids : none) < 0
	    || cluster_open(&s.cluster, ((struct globals *)globals)->state) < 0) {
		status = err_report();
	} else {
		status = start_them(&s);
		cluster_close(&s.cluster);
	}
	for (size_t i = 0; i < s.nr; i++)
		child_release(&s.children[i]);
	free(s.children);
	free(s.outcomes);
	child_release(&s.base);
	tdestroy(s.tree, keep_name);
	strvec_release(&s.names);
	return status;
}

const struct verb verb_start = {
	.name = "start", .args = "[ID...] [-- COMMAND [ARG...]]", .summary = "have children run, each on a node of its own choice or ours",
	.options = options, .size = sizeof(struct start_args), .defaults = &defaults, .max_operands = -1, .run = start_run,
};

/* await */

struct await_args {
	usec_t timeout, up_for;
};
static const struct await_args await_defaults = { .timeout = 60 * USEC_SEC };

static const struct opt await_options[] = {
	OPT_DURATION('t', "timeout", "DURATION", struct await_args, timeout, NULL, "how long to wait at most (default 1m)"),
	OPT_DURATION(0, "up-for", "DURATION", struct await_args, up_for, NULL, "until they have run for so long"),
	OPT_END
};

static int await_run(void *globals, void *args, int n, char **operands)
{
	const struct await_args *a = args;
	struct cluster cluster;
	struct strvec names = STRVEC_INIT;
	enum outcome *outcomes = xcalloc((size_t)n, sizeof(*outcomes));
	const struct outcome_wish wish = { .up_for = a->up_for, .deadline = clock_now() + a->timeout };
	int status = WP_OK;

	for (int i = 0; i < n && status == WP_OK; i++) {
		strvec_push(&names, operands[i]);
		if (name_check("child", operands[i]) < 0)
			status = err_report();
	}
	if (status == WP_OK && cluster_open(&cluster, ((struct globals *)globals)->state) < 0) {
		status = err_report();
	} else if (status == WP_OK) {
		status = outcome_wait(&cluster, &names, outcomes, &wish) < 0 ? err_report()
			: outcome_status(outcomes, names.nr);
		cluster_close(&cluster);
	}
	strvec_release(&names);
	free(outcomes);
	return status;
}

const struct verb verb_await = {
	.name = "await", .args = "ID...", .summary = "wait until children run",
	.options = await_options, .size = sizeof(struct await_args), .defaults = &await_defaults,
	.min_operands = 1, .max_operands = -1, .run = await_run,
};
