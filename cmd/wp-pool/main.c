#include "opt.h"

#include "verbs.h"

static const struct verb *const verbs[] = {
	&verb_map, &verb_start, &verb_call, &verb_cast, &verb_place, &verb_set, &verb_status, &verb_drain, &verb_stop, &verb_wait,
	&verb_runner, NULL
};

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "WP_STATE", "the state directory"),
	OPT_END
};

static const struct program program = {
	.name = "wp-pool", .summary = "run commands, many at a time, here or on elastic pools",
	.globals = globals, .globals_size = sizeof(struct globals), .verbs = verbs,
};

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
