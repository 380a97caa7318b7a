#include "changes.h"

#include "alloc.h"
#include "jobs.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

void changes_release(struct changes *c)
{
	for (size_t i = 0; i < c->nr; i++)
		free(c->queues[i].queue);
	for (size_t i = 0; i < c->notices_nr; i++)
		free(c->notices[i].text);
	free(c->queues);
	free(c->notices);
	*c = (struct changes)CHANGES_INIT;
}

static struct queue_changes *changes_of(struct changes *c, const char *queue)
{
	/* from the end: a batch is mostly of one queue */
	for (size_t i = c->nr; i-- > 0; ) {
		if (!strcmp(c->queues[i].queue, queue))
			return &c->queues[i];
	}
	grow_array(&c->queues, &c->alloc, c->nr + 1, sizeof(*c->queues));
	c->queues[c->nr] = (struct queue_changes){ .queue = xstrdup(queue) };
	return &c->queues[c->nr++];
}

static void notice_add(struct changes *c, const char *channel, const char *text)
{
	if (!text)
		return;
	grow_array(&c->notices, &c->notices_alloc, c->notices_nr + 1, sizeof(*c->notices));
	c->notices[c->notices_nr++] = (struct notice){ .channel = channel, .text = xstrdup(text) };
}

static void changes_row(struct changes *c, const char *queue, const char *notify, const char *state)
{
	struct queue_changes *q = changes_of(c, queue);

	c->count++;
	c->ended = true;
	if (!strcmp(state, "completed")) {
		q->completed++;
		notice_add(c, "workplane.completed", notify);
	} else if (!strcmp(state, "failed")) {
		q->failed++;
		notice_add(c, "workplane.failed", notify);
	} else if (!strcmp(state, "retry")) {
		q->retried++;
		q->released = true;
		notice_add(c, "workplane.retry", notify);
	} else if (!strcmp(state, "available") || !strcmp(state, "scheduled")) {
		q->released = true;
	} else if (!strcmp(state, "reserved") || !strcmp(state, "in_progress")) {
		c->stop_asked = true;
	}
}

int changes_read(struct changes *c, struct db_rows *rows, void (*seen)(struct db_rows *, void *), void *ctx)
{
	int r;

	while ((r = db_next(rows)) > 0) {
		changes_row(c, db_col_text(rows, 1, NULL), db_col_text(rows, 2, NULL), db_col_text(rows, 3, NULL));
		if (seen)
			seen(rows, ctx);
	}
	return r;
}

int changes_read_done(struct changes *c, struct db_rows *rows, int64_t *count)
{
	int r;

	*count = 0;
	while ((r = db_next(rows)) > 0) {
		int64_t n = db_col_int(rows, 2);
		if (n == 0)
			continue;
		changes_of(c, db_col_text(rows, 0, NULL))->completed += n;
		notice_add(c, "workplane.completed", db_col_text(rows, 1, NULL));   /* as often as one likes: it is sent once */
		*count += n;
	}
	c->count += *count;
	c->ended = true;
	return r;
}

static int publish_queue(struct queue_changes *q, struct db *db)
{
	int r = 0;

	if (q->completed || q->retried || q->failed)
		r = db_run(db, NULL, SQL_JOBS_TALLY, db_text(q->queue), db_int(q->completed), db_int(q->retried),
			db_int(q->failed));
	if (r >= 0 && q->released)
		r = db_bell_ring(db, store_queue_bell(q->queue));
	return r;
}

int changes_publish(struct changes *c, struct db *db)
{
	int r = 0;

	for (size_t i = 0; i < c->nr && r >= 0; i++)
		r = publish_queue(&c->queues[i], db);
	for (size_t i = 0; i < c->notices_nr && r >= 0; i++)
		r = db_run(db, NULL, SQL_JOBS_NOTIFY, db_text(c->notices[i].channel), db_text(c->notices[i].text));
	if (r >= 0 && c->ended)
		r = db_bell_ring(db, BELL_SETTLED);
	if (r >= 0 && c->stop_asked)
		r = db_bell_ring(db, BELL_CANCEL);
	return r;
}
