/*
 * schema.h - the tables in a database, and their version.
 *
 * The state file has the tables of all programs; whichever comes first makes them, and one that is
 * newer upgrades them. In Postgres an administrator does that on purpose (wp-jobs init).
 */
#ifndef WP_SCHEMA_H
#define WP_SCHEMA_H

#include "db.h"

/* Make or upgrade the schema. 0, or -1 with err recorded; one from a newer program is refused (69). */
int schema_init(struct db *db);
/* Is it there, in our version? The state file's is made or upgraded on the way; in Postgres a missing or older one
 * is an error that says what to run. 0, or -1 with err recorded. */
int schema_check(struct db *db);

#endif
