/* presence_event.c - what has happened, as rows and as lines. */
#include "presence.h"

#include "err.h"
#include "json.h"

#include <string.h>

enum { EVENT_SEQ, EVENT_AT, EVENT_EVENT, EVENT_REASON, EVENT_TOPIC, EVENT_KEY, EVENT_REF, EVENT_ID, EVENT_PID, EVENT_PROCESS, EVENT_CAPACITY,
	EVENT_IN_USE, EVENT_META };

int64_t presence_last_event(struct presence *p)
{
	struct db_rows *rows;
	int64_t seq = 0;
	int r = db_run(p->db, &rows, SQL_PRESENCE_LAST_EVENT);

	while (r >= 0 && (r = db_next(rows)) > 0)
		seq = db_col_int(rows, 0);
	return r < 0 ? -1 : seq;
}

static void fill_event(struct presence_event *event, struct db_rows *rows)
{
	*event = (struct presence_event){
		.seq = db_col_int(rows, EVENT_SEQ), .at = db_col_int(rows, EVENT_AT),
		.event = db_col_text(rows, EVENT_EVENT, NULL), .reason = db_col_text(rows, EVENT_REASON, NULL),
		.entry = {
			.id = db_col_int(rows, EVENT_ID), .topic = db_col_text(rows, EVENT_TOPIC, NULL),
			.key = db_col_text(rows, EVENT_KEY, NULL), .ref = db_col_text(rows, EVENT_REF, NULL),
			.pid = (pid_t)db_col_int(rows, EVENT_PID), .process = db_col_int(rows, EVENT_PROCESS),
			.capacity = db_col_int(rows, EVENT_CAPACITY),
			.in_use = db_col_int(rows, EVENT_IN_USE), .meta = db_col_text(rows, EVENT_META, NULL),
		},
	};
}

int64_t presence_events(struct presence *p, int64_t seq, void (*fn)(const struct presence_event *event, void *ctx), void *ctx)
{
	struct presence_event event;
	struct db_rows *rows;
	int r = db_run(p->db, &rows, SQL_PRESENCE_EVENTS, db_int(seq));

	while (r >= 0 && (r = db_next(rows)) > 0) {
		fill_event(&event, rows);
		if (event.seq != seq + 1)
			return err_set(WP_TEMPFAIL, "%lld events are not kept any more: read too slowly",
				(long long)(event.seq - seq - 1));
		fn(&event, ctx);
		seq = event.seq;
	}
	return r < 0 ? -1 : seq;
}

static void add_member(struct strbuf *sb, const char *name, const char *value)
{
	strbuf_addstr(sb, name);
	json_add_string(sb, value, strlen(value));
}

void presence_entry_add(struct strbuf *sb, const struct presence_entry *e)
{
	add_member(sb, "\"topic\":", e->topic);
	add_member(sb, ",\"key\":", e->key);
	add_member(sb, ",\"ref\":", e->ref);
	strbuf_addf(sb, ",\"pid\":%lld,\"capacity\":%lld,\"in_use\":%lld,\"meta\":", (long long)e->pid,
		(long long)e->capacity, (long long)e->in_use);
	json_add_one_line(sb, e->meta, strlen(e->meta));
}

void presence_event_add(struct strbuf *sb, const struct presence_event *event)
{
	add_member(sb, "{\"event\":", event->event);
	strbuf_addstr(sb, ",\"at\":\"");
	clock_add_rfc3339(sb, event->at);
	strbuf_addstr(sb, "\",");
	presence_entry_add(sb, &event->entry);
	if (event->reason)
		add_member(sb, ",\"reason\":", event->reason);
	strbuf_addstr(sb, "}\n");
}
