#include "schema.h"

#include "err.h"

/* What this program's share/sql/ makes. */
static int64_t our_version(const struct db *db)
{
	return db_kind(db) == DB_SQLITE ? 4 : 1;
}

/* -1 on failure, also when there is no schema (DB_MISSING has said what to run). */
static int64_t version_of(struct db *db)
{
	struct db_rows *rows;
	int64_t version = 0;
	int r = db_run(db, &rows, SQL_SCHEMA_VERSION);

	while (r >= 0 && (r = db_next(rows)) > 0)
		version = db_col_int(rows, 0);
	return r < 0 ? -1 : version;
}

/* The same with 0 for none. */
static int64_t version_or_none(struct db *db)
{
	struct db_rows *rows;
	bool present = false;
	int r = db_run(db, &rows, SQL_SCHEMA_PRESENT);

	while (r >= 0 && (r = db_next(rows)) > 0)
		present = db_col_bool(rows, 0);
	if (r < 0)
		return -1;
	return present ? version_of(db) : 0;
}

static int refuse_newer(const struct db *db, int64_t version)
{
	if (version <= our_version(db))
		return 0;
	return err_set(WP_UNAVAILABLE, "the schema in the database is version %lld, newer than this program's %lld",
		(long long)version, (long long)our_version(db));
}

int schema_init(struct db *db)
{
	int64_t version;

	if (db_begin(db, DB_DURABLE) < 0)
		return -1;
	version = version_or_none(db);
	if (version < 0 || refuse_newer(db, version) < 0 || db_script(db, SQL_SCHEMA_INIT) < 0
	    || (db_kind(db) == DB_SQLITE && db_script(db, SQL_SCHEMA_CLUSTER) < 0)) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db) < 0 ? -1 : 0;
}

int schema_check(struct db *db)
{
	int64_t version = version_of(db);

	if (version < 0 || refuse_newer(db, version) < 0)
		return -1;
	if (version == our_version(db))
		return 0;
	if (db_kind(db) == DB_SQLITE)
		return schema_init(db);
	err_set(WP_UNAVAILABLE, "the schema in the database is version %lld, older than this program's %lld",
		(long long)version, (long long)our_version(db));
	err_hint("run 'wp-jobs init' with the same --db, or hand the output of 'wp-jobs init --print' to your database administrator");
	return -1;
}
