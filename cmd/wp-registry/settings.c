#include "settings.h"

#include "err.h"
#include "words.h"

#include <stdlib.h>

void settings_release(struct settings *s)
{
	strvec_release(&s->command);
	strvec_release(&s->environment);
	free(s->directory);
	free(s->log);
}

void settings_add(struct strbuf *text, const struct settings *s)
{
	strbuf_addf(text, "{\"warm\":%s,\"hibernation\":%d,\"max_pending\":%lld,\"timeout\":%lld,\"shutdown_timeout\":%lld",
		s->warm ? "true" : "false", s->hibernation, (long long)s->max_pending, (long long)s->timeout, (long long)s->shutdown_timeout);
	strbuf_addstr(text, ",\"command\":");
	words_add(text, &s->command);
	if (s->directory) {
		strbuf_addstr(text, ",\"directory\":");
		words_add_string(text, s->directory);
		strbuf_addstr(text, ",\"environment\":");
		words_add(text, &s->environment);
	}
	if (s->log) {
		strbuf_addstr(text, ",\"log\":");
		words_add_string(text, s->log);
	}
	strbuf_addch(text, '}');
}

int settings_parse(struct settings *s, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);

	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(WP_DATA, "the state file says something of a consumer that is not understood");
	}
	s->warm = json_is_true(json_object_get(root, "warm"));
	s->hibernation = (int)json_integer_value(json_object_get(root, "hibernation"));
	s->max_pending = json_integer_value(json_object_get(root, "max_pending"));
	s->timeout = json_integer_value(json_object_get(root, "timeout"));
	s->shutdown_timeout = json_integer_value(json_object_get(root, "shutdown_timeout"));
	words_from(&s->command, json_object_get(root, "command"));
	s->directory = words_string_from(json_object_get(root, "directory"));
	words_from(&s->environment, json_object_get(root, "environment"));
	s->log = words_string_from(json_object_get(root, "log"));
	json_decref(root);
	return 0;
}
