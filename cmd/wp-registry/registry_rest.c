/* registry_rest.c - when the consumers of a stack go to rest. */
#include "registry_impl.h"

int registry_set_rest(struct registry *r, const char *stack, const struct rest_times *rest)
{
	int result = registry_begin(r);

	if (result < 0)
		return -1;
	result = db_run(r->db, NULL, SQL_REGISTRY_REST, db_text(stack), registry_duration(rest->hibernate_after), registry_duration(rest->jitter),
		registry_duration(rest->suspend_after));
	if (result >= 0)
		result = db_run(r->db, NULL, SQL_REGISTRY_REST_LATER, db_text(stack), registry_duration(rest->hibernate_after),
			registry_duration(rest->jitter), registry_duration(rest->suspend_after));
	return registry_finish(r, result) < 0 ? -1 : 0;
}

int registry_rest_of(struct registry *r, const char *stack, struct rest_times *rest)
{
	struct db_rows *rows;
	int result = db_run(r->db, &rows, SQL_REGISTRY_REST_OF, db_text(stack));

	while (result >= 0 && (result = db_next(rows)) > 0) {
		rest->hibernate_after = db_col_null(rows, 0) ? -1 : db_col_int(rows, 0);
		rest->jitter = db_col_null(rows, 1) ? -1 : db_col_int(rows, 1);
		rest->suspend_after = db_col_null(rows, 2) ? -1 : db_col_int(rows, 2);
	}
	return result < 0 ? -1 : 0;
}
