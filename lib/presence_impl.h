/*
 * presence_impl.h - what the parts of presence share. For presence*.c alone.
 */
#ifndef WP_PRESENCE_IMPL_H
#define WP_PRESENCE_IMPL_H

#include "presence.h"

/* The columns that every look at entries begins with. */
enum { ENTRY_ID, ENTRY_REF, ENTRY_BOOT, ENTRY_PID, ENTRY_PROCESS, ENTRY_LOCK, ENTRY_CAPACITY, ENTRY_IN_USE, ENTRY_TOPIC, ENTRY_KEY,
	ENTRY_META, ENTRY_JOINED, ENTRY_UPDATED };

/* Does the entry that ROWS stands on live? NULL: yes; else why it left. *FAILED is set, with err recorded, when
 * that cannot be told: it counts as alive then. */
const char *presence_dead(struct presence *p, struct alive_look *look, struct db_rows *rows, bool *failed);

/* Inside a writing transaction: the entry ID becomes an event, and goes. 0, or negative (db.h). */
int presence_remove(struct presence *p, int64_t id, const char *lock, const char *reason);
/* End the transaction: with R below 0 nothing has happened; else commit, and remove the lock files that are nobody's any
 * more. R, or -1. */
int presence_end(struct presence *p, int r);

#endif
