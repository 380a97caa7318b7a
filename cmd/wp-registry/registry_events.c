/* registry_events.c - what has happened, for those who watch. */
#include "registry_impl.h"

#include "err.h"

int64_t registry_last_event(struct registry *r)
{
	int64_t seq = 0;

	return registry_read_int(r, SQL_REGISTRY_LAST_EVENT, db_null(), db_null(), &seq) < 0 ? -1 : seq;
}

int64_t registry_events(struct registry *r, int64_t seq, void (*fn)(const struct registry_event *event, void *ctx), void *ctx)
{
	struct db_rows *rows;
	int result = db_run(r->db, &rows, SQL_REGISTRY_EVENTS, db_int(seq));

	while (result >= 0 && (result = db_next(rows)) > 0) {
		struct registry_event event = {
			.seq = db_col_int(rows, 0), .at = db_col_int(rows, 1), .event = db_col_text(rows, 2, NULL), .reason = db_col_text(rows, 3, NULL),
			.stack = db_col_text(rows, 4, NULL), .handle = db_col_text(rows, 5, NULL), .pid = (pid_t)db_col_int(rows, 6),
		};

		if (event.seq != seq + 1)
			return err_set(WP_TEMPFAIL, "fell behind: some events are not kept any more");
		fn(&event, ctx);
		seq = event.seq;
	}
	return result < 0 ? -1 : seq;
}
