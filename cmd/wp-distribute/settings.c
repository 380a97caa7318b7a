#include "settings.h"

#include "err.h"
#include "words.h"

#include <stdlib.h>

void settings_release(struct settings *s)
{
	strvec_release(&s->command);
	strvec_release(&s->environment);
	free(s->directory);
	*s = (struct settings)SETTINGS_INIT;
}

void settings_add(struct strbuf *text, const struct settings *s)
{
	strbuf_addf(text, "{\"max_restarts\":%lld,\"within\":%lld,\"stop_signal\":%lld,\"shutdown_timeout\":%lld,"
		"\"handover_timeout\":%lld,\"command\":", (long long)s->max_restarts, (long long)s->within, (long long)s->stop_signal,
		(long long)s->shutdown_timeout, (long long)s->handover_timeout);
	words_add(text, &s->command);
	strbuf_addstr(text, ",\"environment\":");
	words_add(text, &s->environment);
	strbuf_addstr(text, ",\"directory\":");
	words_add_string(text, s->directory);
	strbuf_addch(text, '}');
}

int settings_parse(struct settings *s, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);

	words_from(&s->command, json_object_get(root, "command"));
	words_from(&s->environment, json_object_get(root, "environment"));
	s->directory = words_string_from(json_object_get(root, "directory"));
	s->max_restarts = json_integer_value(json_object_get(root, "max_restarts"));
	s->within = json_integer_value(json_object_get(root, "within"));
	s->stop_signal = json_integer_value(json_object_get(root, "stop_signal"));
	s->shutdown_timeout = json_integer_value(json_object_get(root, "shutdown_timeout"));
	s->handover_timeout = json_integer_value(json_object_get(root, "handover_timeout"));
	json_decref(root);
	if (s->directory)
		return 0;
	return err_set(WP_DATA, "the state file says something of a child that is not understood");
}
