/* registry_kept.c - messages that are in the state file. */
#include "registry_impl.h"

int64_t registry_store(struct registry *r, int64_t id, const char *text, size_t len)
{
	struct db_rows *rows;
	int64_t seq = 0;
	int result = db_run(r->db, &rows, SQL_REGISTRY_STORE, db_int(id), db_textn(text, len));

	while (result >= 0 && (result = db_next(rows)) > 0)
		seq = db_col_int(rows, 0);
	return result < 0 ? -1 : seq;
}

int registry_stored(struct registry *r, int64_t id, int64_t seq, int64_t n, void (*fn)(int64_t seq, const char *text, size_t len, void *ctx),
	void *ctx)
{
	struct db_rows *rows;
	int result = db_run(r->db, &rows, SQL_REGISTRY_STORED, db_int(id), db_int(seq), db_int(n));

	while (result >= 0 && (result = db_next(rows)) > 0) {
		size_t len;
		const char *text = db_col_text(rows, 1, &len);

		fn(db_col_int(rows, 0), text, len, ctx);
	}
	return result < 0 ? -1 : 0;
}

int registry_acknowledge(struct registry *r, int64_t id, int64_t seq)
{
	return db_run(r->db, NULL, SQL_REGISTRY_ACKNOWLEDGE, db_int(id), db_int(seq)) < 0 ? -1 : 0;
}
