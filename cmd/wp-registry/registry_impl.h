/*
 * registry_impl.h - what the parts of the registry share. For registry*.c alone.
 */
#ifndef WP_REGISTRY_REGISTRY_IMPL_H
#define WP_REGISTRY_REGISTRY_IMPL_H

#include "registry.h"

/* The row that ROWS stands on. */
void consumer_from(struct consumer *c, struct db_rows *rows);
/* NULL when it is below 0: never. */
struct db_value registry_duration(usec_t duration);
/* The one row of a statement: 1, 0, negative (db.h). */
int consumer_read(struct registry *r, enum sql_id sql, struct db_value first, struct db_value second, struct consumer *c);
int registry_read_int(struct registry *r, enum sql_id sql, struct db_value first, struct db_value second, int64_t *n);

/* Why it is dead: NULL when it lives or has no process. *FAILED is set, with err recorded, when that cannot be told. */
const char *consumer_dead(const struct registry *r, struct alive_look *look, const struct consumer *c, bool *failed);

/* Inside a writing transaction */
int registry_begin(struct registry *r);
int registry_tell(struct registry *r, int64_t id, const char *event, const char *reason, int64_t *seq);
/* The end of a life that is dead for REASON, which it could not say itself. */
int registry_bury_dead(struct registry *r, const struct consumer *c, const char *reason);
/* End the transaction: below 0 nothing has happened; else commit, and remove what ended lives have left. RESULT, or -1. */
int registry_finish(struct registry *r, int result);

#endif
