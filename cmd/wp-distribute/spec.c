#include "json.h"                    /* before jansson's, whose macros have some of its names */
#include "spec.h"

#include "alloc.h"
#include "err.h"
#include "labels.h"
#include "name.h"
#include "parse.h"
#include "restart.h"
#include "settings.h"
#include "spawn.h"
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const strategies[] = { "bounded", "hash", "guided", "balanced", NULL };
static const char *const modes[] = { "active-active", "active-passive", NULL };
static const char *const migrations[] = { "cold", "hot", NULL };
static const char *const restarts[] = { "permanent", "transient", "temporary", NULL };

/* TERM, SIGTERM or 15. */
static int parse_signal(int64_t *out, const char *s)
{
	const char *name = strncasecmp(s, "SIG", 3) ? s : s + 3;
	int64_t number;

	for (int i = 1; i < SIGRTMIN; i++) {
		if (sigabbrev_np(i) && !strcasecmp(name, sigabbrev_np(i))) {
			*out = i;
			return 0;
		}
	}
	if (parse_int(&number, s, "signal", 1, SIGRTMAX) < 0) {
		err_clear();
		return err_set(WP_USAGE, "\"%s\" is no signal", s);
	}
	*out = number;
	return 0;
}

static int check(const struct child *child, bool has_command)
{
	if ((child->strategy == PLACEMENT_GUIDED) != (child->guide != NULL))
		return err_set(WP_USAGE, child->guide ? "a node can be named only with strategy guided" : "strategy guided needs a node");
	if (child->guide && child->replicas > 1)
		return err_set(WP_USAGE, "one node cannot have several replicas");
	if ((child->guide && name_check("node", child->guide) < 0) || (child->apart && name_check("word", child->apart) < 0))
		return -1;
	return child->name && !has_command ? err_set(WP_USAGE, "child \"%s\" has no command", child->name) : 0;
}

static void finish(struct child *child, const struct settings *s)
{
	struct strbuf text = STRBUF_INIT;

	settings_add(&text, s);
	free(child->settings);
	child->settings = strbuf_detach(&text, NULL);
}

/* A mistake is told to whoever made it, not to the node that runs it. */
static int find_command(const struct strvec *command)
{
	char *path = command->nr ? spawn_find(command->v[0]) : NULL;

	free(path);
	return !command->nr || path ? 0 : -1;
}

/* As at(1) has it: it will run as if it were started now and here. */
static int remember(struct settings *s)
{
	s->directory = getcwd(NULL, 0);
	if (!s->directory)
		return err_errno("cannot find out the working directory");
	strvec_push_all(&s->environment, (const char *const *)environ);
	return 0;
}

int spec_make(struct child *child, const struct spec_args *args, char *const *command)
{
	struct settings s = SETTINGS_INIT;
	struct strbuf labels = STRBUF_INIT;
	int result = -1;

	*child = (struct child){ .strategy = (enum placement_strategy)args->strategy, .guide = args->node ? xstrdup(args->node) : NULL,
		.apart = args->apart ? xstrdup(args->apart) : NULL, .replicas = args->replicas, .passive = args->mode == 1,
		.hot = args->migration == 1, .restart = xstrdup(restarts[args->restart]), .meta = xstrdup(args->meta ? args->meta : "{}") };
	if (args->node && !opt_given("strategy"))
		child->strategy = PLACEMENT_GUIDED;
	s.max_restarts = args->max_restarts;
	s.within = args->within;
	s.shutdown_timeout = args->shutdown_timeout;
	s.handover_timeout = args->handover_timeout;
	strvec_push_all(&s.command, (const char *const *)command);
	if ((!args->meta || meta_check(args->meta) == 0) && (!args->stop_signal || parse_signal(&s.stop_signal, args->stop_signal) == 0)
	    && labels_add(&labels, &args->requires) == 0 && check(child, true) == 0 && find_command(&s.command) == 0 && remember(&s) == 0) {
		finish(child, &s);
		result = 0;
	}
	child->requires = strbuf_detach(&labels, NULL);
	settings_release(&s);
	return result;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void copy_child(struct child *child, const struct child *base, const char *name)
{
	*child = *base;
	child->name = copy(name);
	child->guide = copy(base->guide);
	child->requires = copy(base->requires);
	child->apart = copy(base->apart);
	child->restart = copy(base->restart);
	child->settings = NULL;
	child->meta = copy(base->meta);
}

int spec_for(struct child *child, const struct child *base, const char *name)
{
	if (name_check("child", name) < 0)
		return -1;
	copy_child(child, base, name);
	return 0;
}

/* Lines */

static int bad(const char *key, const char *what)
{
	return err_set(WP_DATA, "\"%s\" is no %s", key, what);
}

static int take_text(char **out, const json_t *root, const char *key)
{
	const json_t *value = json_object_get(root, key);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return bad(key, "string");
	free(*out);
	*out = xstrdup(json_string_value(value));
	return 0;
}

static int take_object(char **out, const json_t *root, const char *key, bool of_strings)
{
	json_t *value = json_object_get(root, key), *member;
	const char *name;

	if (!value)
		return 0;
	if (!json_is_object(value))
		return bad(key, "object");
	json_object_foreach(value, name, member) {
		if (of_strings && !json_is_string(member))
			return bad(key, "object of strings");
	}
	free(*out);
	*out = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	return *out ? 0 : bad(key, "object");
}

static int take_word(int *out, const json_t *root, const char *key, const char *const *words)
{
	const json_t *value = json_object_get(root, key);

	if (!value)
		return 0;
	for (int i = 0; json_is_string(value) && words[i]; i++) {
		if (!strcmp(words[i], json_string_value(value))) {
			*out = i;
			return 0;
		}
	}
	return bad(key, "word that is known here");
}

static int take_number(int64_t *out, const json_t *root, const char *key, int64_t min, int64_t max)
{
	const json_t *value = json_object_get(root, key);

	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
		return bad(key, "number in its range");
	*out = json_integer_value(value);
	return 0;
}

/* "5s", or a number of seconds. */
static int take_duration(usec_t *out, const json_t *root, const char *key)
{
	const json_t *value = json_object_get(root, key);

	if (!value)
		return 0;
	if (json_is_string(value) && parse_duration(out, json_string_value(value)) == 0)
		return 0;
	err_clear();
	if (!json_is_number(value) || json_number_value(value) < 0 || json_number_value(value) > 1e9)
		return bad(key, "duration");
	*out = (usec_t)(json_number_value(value) * USEC_SEC);
	return 0;
}

static int take_command(struct strvec *command, const json_t *root)
{
	const json_t *value = json_object_get(root, "command");

	if (!value)
		return 0;
	strvec_clear(command);
	words_from(command, value);
	if (!json_is_array(value) || command->nr != json_array_size(value) || command->nr == 0)
		return bad("command", "list of strings");
	return find_command(command);
}

/* Added to what there is. */
static int take_environment(struct strvec *environment, const json_t *root)
{
	json_t *value = json_object_get(root, "env"), *member;
	struct strvec all = STRVEC_INIT, more = STRVEC_INIT;
	const char *name;
	char **envp;

	if (!value)
		return 0;
	if (!json_is_object(value))
		return bad("env", "object");
	json_object_foreach(value, name, member) {
		if (!json_is_string(member) || !*name || strchr(name, '=')) {
			strvec_release(&more);
			return bad("env", "object of strings");
		}
		strvec_pushf(&more, "%s=%s", name, json_string_value(member));
	}
	envp = spawn_environment(environment->v, &more);
	strvec_push_all(&all, (const char *const *)envp);
	free(envp);
	strvec_release(&more);
	strvec_release(environment);
	*environment = all;
	return 0;
}

static int take_signal(int64_t *out, const json_t *root)
{
	const json_t *value = json_object_get(root, "stop_signal");

	if (!value || (json_is_string(value) && parse_signal(out, json_string_value(value)) == 0))
		return 0;
	err_clear();
	return bad("stop_signal", "signal");
}

/* From here, not from where the node is. */
static int take_directory(char **directory, const json_t *root)
{
	struct strbuf path = STRBUF_INIT;
	char *here = xstrdup(*directory);

	if (take_text(directory, root, "dir") < 0) {
		free(here);
		return -1;
	}
	if (**directory != '/') {
		strbuf_addf(&path, "%s/%s", here, *directory);
		free(*directory);
		*directory = strbuf_detach(&path, NULL);
	}
	free(here);
	return 0;
}

static int take_settings(struct settings *s, const json_t *root)
{
	if (take_command(&s->command, root) < 0 || take_environment(&s->environment, root) < 0 || take_directory(&s->directory, root) < 0
	    || take_number(&s->max_restarts, root, "max_restarts", 0, 1000) < 0 || take_duration(&s->within, root, "within") < 0
	    || take_signal(&s->stop_signal, root) < 0 || take_duration(&s->shutdown_timeout, root, "shutdown_timeout") < 0
	    || take_duration(&s->handover_timeout, root, "handover_timeout") < 0)
		return -1;
	return 0;
}

static int take_child(struct child *child, const json_t *root)
{
	int strategy = child->strategy, mode = child->passive, migration = child->hot, restart = (int)restart_from(child->restart);

	if (take_text(&child->guide, root, "node") < 0)
		return -1;
	if (json_object_get(root, "node"))
		strategy = PLACEMENT_GUIDED;
	if (take_word(&strategy, root, "strategy", strategies) < 0 || take_object(&child->requires, root, "require", true) < 0
	    || take_text(&child->apart, root, "anti_affinity") < 0 || take_number(&child->replicas, root, "replicas", 1, 1000) < 0
	    || take_word(&mode, root, "mode", modes) < 0 || take_word(&migration, root, "migration", migrations) < 0
	    || take_word(&restart, root, "restart", restarts) < 0 || take_object(&child->meta, root, "metadata", false) < 0)
		return -1;
	child->strategy = (enum placement_strategy)strategy;
	child->passive = mode == 1;
	child->hot = migration == 1;
	free(child->restart);
	child->restart = xstrdup(restarts[restart]);
	return 0;
}

static bool has_settings(const json_t *root)
{
	static const char *const keys[] = {
		"command", "env", "dir", "max_restarts", "within", "stop_signal", "shutdown_timeout", "handover_timeout" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (json_object_get(root, keys[i]))
			return true;
	}
	return false;
}

/* Those that are BASE's are not said again. */
static int take_all(struct child *child, const struct child *base, bool has_command, const json_t *root)
{
	struct settings s = SETTINGS_INIT;
	int result;

	if (!has_settings(root))
		return take_child(child, root) < 0 ? -1 : check(child, has_command);
	result = settings_parse(&s, base->settings);
	if (result == 0)
		result = take_settings(&s, root);
	if (result == 0)
		result = take_child(child, root);
	if (result == 0)
		result = check(child, s.command.nr > 0);
	if (result == 0)
		finish(child, &s);
	if (result == 0 && !strcmp(child->settings, base->settings)) {
		free(child->settings);
		child->settings = NULL;
	}
	settings_release(&s);
	return result;
}

int spec_line(struct child *child, const struct child *base, bool has_command, const char *line, size_t len)
{
	json_error_t error;
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	const char *name = json_string_value(json_object_get(root, "id"));
	int result = -1;

	*child = (struct child){ 0 };
	if (!root)
		err_set(WP_DATA, "invalid JSON: %s at column %d", error.text, error.column);
	else if (!json_is_object(root))
		err_set(WP_DATA, "no object");
	else if (!name)
		err_set(WP_DATA, "no \"id\" that is a string");
	else if (name_check("child", name) == 0) {
		copy_child(child, base, name);
		result = take_all(child, base, has_command, root);
	}
	json_decref(root);
	if (result < 0)
		child_release(child);
	return result;
}
