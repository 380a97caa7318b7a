#include "opt.h"

#include "verbs.h"

static const struct verb *const verbs[] = { &verb_map, NULL };

static const struct opt globals[] = { OPT_END };

static const struct program program = {
	.name = "wp-pool", .summary = "run commands, many at a time",
	.globals = globals, .verbs = verbs,
};

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
