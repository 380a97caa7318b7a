/* init: the schema, made or shown. */

#include "err.h"
#include "jobs.h"
#include "schema.h"
#include "sql.h"
#include "store.h"

#include <stdio.h>

struct init_args {
	bool print;
};

static int print_schema(const struct globals *globals)
{
	const struct sql_text *schema = &sql_texts[SQL_SCHEMA_INIT];

	printf("BEGIN;\n%s\nCOMMIT;\n", globals->db ? schema->postgres : schema->sqlite);
	return WP_OK;
}

static int init_run(void *globals, void *args, int n, char **operands)
{
	struct init_args *a = args;
	struct store store;
	int r;

	(void)n;
	(void)operands;
	if (a->print)
		return print_schema(globals);
	if (store_open_raw(&store, globals) < 0)
		return err_report();
	r = schema_init(store.db);
	store_close(&store);
	return r < 0 ? err_report() : WP_OK;
}

static const struct opt options[] = {
	OPT_FLAG(0, "print", struct init_args, print, NULL, "print the SQL instead of running it"),
	OPT_END
};

const struct verb verb_init = {
	.name = "init", .args = "", .summary = "create or upgrade the schema",
	.options = options, .size = sizeof(struct init_args), .run = init_run,
};
