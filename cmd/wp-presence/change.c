/* untrack and update: entries changed from anywhere. */

#include "verbs.h"

#include "err.h"
#include "name.h"

#include <stdio.h>
#include <string.h>

/* The refs of the entries that are meant. */
struct meant {
	const char *ref;         /* NULL: all of the key */
	struct strvec refs;
};

static void note(const struct presence_entry *entry, void *ctx)
{
	struct meant *m = ctx;

	if (!m->ref || !strcmp(m->ref, entry->ref))
		strvec_push(&m->refs, entry->ref);
}

static int find(struct presence *p, struct meant *m, const char *topic, const char *key)
{
	if (presence_list(p, topic, key, note, m) < 0)
		return -1;
	if (m->refs.nr)
		return 0;
	if (m->ref)
		return err_set(WP_NO, "key \"%s\" is not tracked with ref \"%s\"", key, m->ref);
	return err_set(WP_NO, "key \"%s\" is not tracked", key);
}

static int check(const char *topic, const char *key, const char *ref)
{
	if (name_check("topic", topic) < 0 || name_check("key", key) < 0)
		return -1;
	return ref ? name_check("ref", ref) : 0;
}

struct untrack_args {
	const char *topic, *ref;
	bool dry_run;
};

static int untrack(struct presence *p, const struct untrack_args *a, const char *key)
{
	struct meant m = { .ref = a->ref, .refs = STRVEC_INIT };
	int r = find(p, &m, a->topic, key);

	for (size_t i = 0; i < m.refs.nr && r >= 0; i++) {
		if (!a->dry_run)
			r = presence_leave(p, m.refs.v[i], PRESENCE_UNTRACKED);
		if (r >= 0)
			puts(m.refs.v[i]);
	}
	strvec_release(&m.refs);
	return r < 0 ? -1 : 0;
}

static int untrack_run(void *globals, void *args, int n, char **operands)
{
	const struct globals *g = globals;
	const struct untrack_args *a = args;
	struct presence p;
	int r;

	(void)n;
	if (check(a->topic, operands[0], a->ref) < 0 || presence_open(&p, g->state) < 0)
		return err_report();
	r = untrack(&p, a, operands[0]);
	presence_close(&p);
	return r < 0 ? err_report() : WP_OK;
}

static const struct untrack_args untrack_defaults = { .topic = PRESENCE_TOPIC };

static const struct opt untrack_options[] = {
	OPT_STRING('t', "topic", "TOPIC", struct untrack_args, topic, "WP_PRESENCE_TOPIC", "the topic (default: " PRESENCE_TOPIC ")"),
	OPT_STRING(0, "ref", "REF", struct untrack_args, ref, NULL, "only the entry of this name (default: all of the key)"),
	OPT_FLAG('n', "dry-run", struct untrack_args, dry_run, NULL, "only say which entries it would be"),
	OPT_END
};

const struct verb verb_untrack = {
	.name = "untrack", .args = "KEY", .summary = "remove entries, whoever they belong to",
	.options = untrack_options, .size = sizeof(struct untrack_args), .defaults = &untrack_defaults,
	.min_operands = 1, .max_operands = 1, .run = untrack_run,
};

struct update_args {
	const char *topic, *ref, *meta;
	int64_t capacity, in_use;
};

static int update(struct presence *p, const struct update_args *a, const char *key)
{
	struct presence_change change = { .capacity = a->capacity, .in_use = a->in_use, .meta = a->meta };
	struct meant m = { .ref = a->ref, .refs = STRVEC_INIT };
	int r = find(p, &m, a->topic, key);

	if (r >= 0 && m.refs.nr > 1) {
		r = err_set(WP_USAGE, "key \"%s\" is tracked %zu times", key, m.refs.nr);
		err_hint("say which entry is meant with --ref; 'wp-presence get' lists them");
	}
	if (r >= 0)
		r = presence_update(p, m.refs.v[0], &change, true);
	if (r == PRESENCE_GONE)
		r = err_set(WP_NO, "key \"%s\" is not tracked", key);
	strvec_release(&m.refs);
	return r < 0 ? -1 : 0;
}

static int update_run(void *globals, void *args, int n, char **operands)
{
	const struct globals *g = globals;
	const struct update_args *a = args;
	struct presence p;
	int r;

	(void)n;
	if (a->capacity < 0 && a->in_use < 0 && !a->meta)
		return err_usage("update", "nothing to change: --capacity, --in-use or --meta");
	if (check(a->topic, operands[0], a->ref) < 0 || (a->meta && meta_check(a->meta) < 0) ||
			presence_open(&p, g->state) < 0)
		return err_report();
	r = update(&p, a, operands[0]);
	presence_close(&p);
	return r < 0 ? err_report() : WP_OK;
}

static const struct update_args update_defaults = { .topic = PRESENCE_TOPIC, .capacity = -1, .in_use = -1 };

static const struct opt update_options[] = {
	OPT_STRING('t', "topic", "TOPIC", struct update_args, topic, "WP_PRESENCE_TOPIC", "the topic (default: " PRESENCE_TOPIC ")"),
	OPT_STRING(0, "ref", "REF", struct update_args, ref, NULL, "the entry of this name, where the key has several"),
	OPT_INT('c', "capacity", "N", struct update_args, capacity, 0, PRESENCE_CAPACITY_MAX, NULL, "how much it can carry"),
	OPT_INT('u', "in-use", "N", struct update_args, in_use, 0, PRESENCE_CAPACITY_MAX, NULL, "how much of that is in use"),
	OPT_STRING('m', "meta", "JSON", struct update_args, meta, NULL, "an object in the place of the one it has"),
	OPT_END
};

const struct verb verb_update = {
	.name = "update", .args = "KEY", .summary = "change what is known of an entry",
	.options = update_options, .size = sizeof(struct update_args), .defaults = &update_defaults,
	.min_operands = 1, .max_operands = 1, .run = update_run,
};
