#include "carriers.h"

#include "err.h"
#include "name.h"

#include <string.h>

const char *carriers_topic(const char *text, bool *bad)
{
	static const char word[] = "presence";
	const char *rest = text + strlen(word);

	*bad = false;
	if (strncmp(text, word, strlen(word)) || (*rest && *rest != ':'))
		return NULL;
	if (!*rest)
		return PRESENCE_TOPIC;
	*bad = name_check("topic", rest + 1) < 0;
	return rest + 1;
}

static int read_totals(struct carriers *c)
{
	struct presence_totals totals;

	if (presence_totals(&c->p, c->topic, &totals) < 0)
		return -1;
	if (totals.in_use > c->in_use)
		c->risen += totals.in_use - c->in_use;
	c->in_use = totals.in_use;
	c->free = totals.free;
	return 0;
}

static void on_changed(void *ctx)
{
	struct carriers *c = ctx;

	if (read_totals(c) < 0)
		c->failed(c);
	else
		c->changed(c);
}

static void on_failed(void *ctx)
{
	struct carriers *c = ctx;

	c->failed(c);
}

int carriers_open(struct carriers *c, struct loop *loop, const char *state)
{
	if (presence_open(&c->p, state) < 0)
		return -1;
	c->roster = (struct roster){ .changed = on_changed, .failed = on_failed, .ctx = c };
	if (roster_open(&c->roster, loop, &c->p) < 0 || read_totals(c) < 0)
		return -1;
	c->risen = 0;
	return 0;
}

void carriers_close(struct carriers *c)
{
	roster_close(&c->roster);
	if (c->p.db)
		presence_close(&c->p);
}

int64_t carriers_demand(struct carriers *c, struct inhand *jobs)
{
	/* Which of them began is not known, nor does it matter much: those that have waited longest. */
	if (c->risen)
		inhand_begin(jobs, c->risen);
	c->risen = 0;
	return c->free - (int64_t)(jobs->count - inhand_begun(jobs));
}
