/* wp-presence - who is alive, and how much they can carry. */

#include "verbs.h"

#include "err.h"
#include "name.h"

static const struct opt globals[] = {
	OPT_STRING(0, "state", "DIR", struct globals, state, "WP_STATE", "the state directory"),
	OPT_END
};

static const struct verb *const verbs[] = {
	&verb_track, &verb_untrack, &verb_update, &verb_list, &verb_get, &verb_capacity, &verb_topics, &verb_watch, &verb_wait,
	NULL
};

static const struct program program = {
	.name = "wp-presence",
	.summary = "who is alive, and how much they can carry",
	.globals = globals, .globals_size = sizeof(struct globals),
	.verbs = verbs,
};

int topic_of(const struct topic_args *args, const char **topic)
{
	*topic = args->topic ? args->topic : PRESENCE_TOPIC;
	if (args->all) {
		*topic = NULL;
		return 0;
	}
	return name_check("topic", *topic);
}

int main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
