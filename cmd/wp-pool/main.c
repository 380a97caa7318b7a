#include "opt.h"

#include "verbs.h"

static const struct verb *const verbs[] = { &verb_map, NULL };

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "WP_STATE", "the state directory"),
	OPT_END
};

static const struct program program = {
	.name = "wp-pool", .summary = "run commands, many at a time",
	.globals = globals, .globals_size = sizeof(struct globals), .verbs = verbs,
};

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
