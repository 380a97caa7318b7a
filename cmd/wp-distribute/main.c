/* wp-distribute - place processes over nodes, and keep them there. */

#include "verbs.h"

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "WP_STATE", "the state directory"),
	OPT_END
};

static const struct verb *const verbs[] = {
	&verb_node, &verb_start, &verb_stop, &verb_terminate, &verb_await, &verb_list, &verb_lookup, &verb_nodes, &verb_plan, &verb_drain,
	&verb_redistribute, &verb_explain, &verb_quorum, &verb_watch,
	NULL
};

static const struct program program = {
	.name = "wp-distribute",
	.summary = "place processes over nodes, and keep them there",
	.globals = globals, .globals_size = sizeof(struct globals),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
