/* capacity and topics: sums over those present. */

#include "verbs.h"

#include "alloc.h"
#include "err.h"
#include "metrics.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topic_sums {
	char *topic;
	struct presence_totals totals;
};

struct sums {
	struct topic_sums *topics;
	size_t nr, alloc;
};

static struct presence_totals *sums_of(struct sums *s, const char *topic)
{
	for (size_t i = s->nr; i-- > 0; ) {
		if (!strcmp(s->topics[i].topic, topic))
			return &s->topics[i].totals;
	}
	grow_array(&s->topics, &s->alloc, s->nr + 1, sizeof(*s->topics));
	s->topics[s->nr] = (struct topic_sums){ .topic = xstrdup(topic) };
	return &s->topics[s->nr++].totals;
}

static void add(const struct presence_entry *e, void *ctx)
{
	struct presence_totals *t = sums_of(ctx, e->topic);

	t->entries++;
	t->capacity += e->capacity;
	t->in_use += e->in_use;
	t->free += e->capacity > e->in_use ? e->capacity - e->in_use : 0;
}

static int by_topic(const void *a, const void *b)
{
	return strcmp(((const struct topic_sums *)a)->topic, ((const struct topic_sums *)b)->topic);
}

static int sum_up(const struct globals *globals, const char *topic, struct sums *s)
{
	struct presence p;
	int r;

	r = presence_open_existing(&p, globals->state);
	if (r > 0) {
		r = presence_scan(&p, topic, add, s);
		presence_close(&p);
	}
	if (s->nr)
		qsort(s->topics, s->nr, sizeof(*s->topics), by_topic);
	return r;
}

static void sums_release(struct sums *s)
{
	for (size_t i = 0; i < s->nr; i++)
		free(s->topics[i].topic);
	free(s->topics);
}

/* capacity */

enum figure { FIGURE_CAPACITY, FIGURE_FREE, FIGURE_IN_USE, FIGURE_ENTRIES };

struct capacity_args {
	struct topic_args topic;
	bool free, in_use;
	int format;
	const char *textfile;
};

static int64_t figure(const struct presence_totals *t, enum figure which)
{
	switch (which) {
	case FIGURE_FREE: return t->free;
	case FIGURE_IN_USE: return t->in_use;
	case FIGURE_ENTRIES: return t->entries;
	case FIGURE_CAPACITY: break;
	}
	return t->capacity;
}

static void print_number(const struct capacity_args *a, const struct sums *s)
{
	enum figure which = a->free ? FIGURE_FREE : a->in_use ? FIGURE_IN_USE : FIGURE_CAPACITY;
	int64_t sum = 0;

	for (size_t i = 0; i < s->nr; i++)
		sum += figure(&s->topics[i].totals, which);
	printf("%lld\n", (long long)sum);
}

static int write_metrics(const struct capacity_args *a, const struct sums *s)
{
	static const struct {
		enum figure which;
		const char *name, *help;
	} gauges[] = {
		{ FIGURE_ENTRIES, "workplane_presence_entries", "Entries present." },
		{ FIGURE_CAPACITY, "workplane_presence_capacity", "What those present can carry." },
		{ FIGURE_IN_USE, "workplane_presence_in_use", "How much of the capacity is in use." },
		{ FIGURE_FREE, "workplane_presence_free", "Capacity that is not in use." },
	};
	struct strbuf text = STRBUF_INIT;
	int r;

	for (size_t g = 0; g < sizeof(gauges) / sizeof(gauges[0]); g++) {
		metrics_family(&text, gauges[g].name, "gauge", gauges[g].help);
		for (size_t i = 0; i < s->nr; i++) {
			const char *labels[] = { "topic", s->topics[i].topic, NULL };
			metrics_sample(&text, gauges[g].name, labels, figure(&s->topics[i].totals, gauges[g].which));
		}
	}
	metrics_end(&text);
	r = metrics_write(&text, a->textfile);
	strbuf_release(&text);
	return r;
}

enum { FORMAT_NUMBER, FORMAT_OPENMETRICS };

static int capacity_run(void *globals, void *args, int n, char **operands)
{
	const struct capacity_args *a = args;
	struct sums s = { 0 };
	const char *topic;
	int r;

	(void)n;
	(void)operands;
	if (a->textfile && a->format != FORMAT_OPENMETRICS)
		return err_usage("capacity", "--textfile goes with --format openmetrics");
	if ((a->free || a->in_use) && a->format == FORMAT_OPENMETRICS)
		return err_usage("capacity", "--format openmetrics has all the figures");
	if (topic_of(&a->topic, &topic) < 0)
		return err_report();
	r = sum_up(globals, topic, &s);
	if (r == 0 && topic && s.nr == 0)
		sums_of(&s, topic);      /* nobody there: that is a figure too */
	if (r == 0 && a->format == FORMAT_OPENMETRICS)
		r = write_metrics(a, &s);
	else if (r == 0)
		print_number(a, &s);
	sums_release(&s);
	return r < 0 ? err_report() : WP_OK;
}

static const struct opt capacity_options[] = {
	TOPIC_OPTIONS(struct capacity_args, topic),
	{ .kind = OPT_KIND_FLAG, .letter = 'f', .name = "free", .offset = offsetof(struct capacity_args, free),
		.help = "what is not in use", .group = 1 },
	{ .kind = OPT_KIND_FLAG, .letter = 'u', .name = "in-use", .offset = offsetof(struct capacity_args, in_use),
		.help = "what is in use", .group = 1 },
	OPT_CHOICE(0, "format", "number|openmetrics", struct capacity_args, format, NULL, "a number, or figures for a monitoring system"),
	OPT_STRING(0, "textfile", "FILE", struct capacity_args, textfile, NULL, "with openmetrics: into FILE, by renaming"),
	OPT_END
};

const struct verb verb_capacity = {
	.name = "capacity", .args = "", .summary = "print how much those present can carry",
	.options = capacity_options, .size = sizeof(struct capacity_args), .run = capacity_run,
};

/* topics */

enum column { COL_TOPIC, COL_ENTRIES, COL_CAPACITY, COL_IN_USE, COL_FREE };

static const struct table_column topic_columns[] = {
	[COL_TOPIC] = { "TOPIC", TABLE_TEXT, 0 },
	[COL_ENTRIES] = { "ENTRIES", TABLE_NUMBER, 0 },
	[COL_CAPACITY] = { "CAPACITY", TABLE_NUMBER, 0 },
	[COL_IN_USE] = { "IN-USE", TABLE_NUMBER, 0 },
	[COL_FREE] = { "FREE", TABLE_NUMBER, 0 },
	{ NULL, TABLE_TEXT, 0 }
};

struct topics_args {
	struct table_args table;
};

static int topics_run(void *globals, void *args, int n, char **operands)
{
	const struct topics_args *a = args;
	struct sums s = { 0 };
	struct table *t;
	int r;

	(void)n;
	(void)operands;
	if (table_open(&t, "topics", topic_columns, &a->table) < 0)
		return err_report();
	r = sum_up(globals, NULL, &s);
	for (size_t i = 0; i < s.nr; i++) {
		table_row(t);
		table_set(t, COL_TOPIC, s.topics[i].topic);
		table_set_int(t, COL_ENTRIES, s.topics[i].totals.entries);
		table_set_int(t, COL_CAPACITY, s.topics[i].totals.capacity);
		table_set_int(t, COL_IN_USE, s.topics[i].totals.in_use);
		table_set_int(t, COL_FREE, s.topics[i].totals.free);
	}
	sums_release(&s);
	if (r == 0)
		r = table_print(t);
	else
		table_free(t);
	return r < 0 ? err_report() : WP_OK;
}

static const struct opt topics_options[] = { OPT_END };

const struct verb verb_topics = {
	.name = "topics", .args = "", .summary = "list the topics that somebody is present under",
	.options = topics_options, .more = table_options, .more_offset = offsetof(struct topics_args, table),
	.size = sizeof(struct topics_args), .run = topics_run,
};
