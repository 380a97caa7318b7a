/* wp-registry - find consumers by name, and deliver to them. */

#include "verbs.h"

#include "err.h"
#include "name.h"

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "WP_STATE", "the state directory"),
	OPT_END
};

static const struct verb *const verbs[] = {
	&verb_register, &verb_define, &verb_start, &verb_whereis, &verb_name, &verb_list, &verb_count, &verb_send, &verb_publish,
	&verb_broadcast, &verb_suspend, &verb_remove, &verb_watch, &verb_consumer,
	NULL
};

static const struct program program = {
	.name = "wp-registry",
	.summary = "find consumers by name, and deliver to them",
	.globals = globals, .globals_size = sizeof(struct globals),
	.verbs = verbs,
};

int stack_of(const struct stack_args *args, const char **stack)
{
	*stack = args->all ? NULL : args->stack ? args->stack : REGISTRY_STACK;
	return *stack ? name_check("stack", *stack) : 0;
}

int check_address(const char **stack, const char *handle)
{
	if (!*stack)
		*stack = REGISTRY_STACK;
	return name_check("stack", *stack) < 0 ? -1 : name_check("handle", handle);
}

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
