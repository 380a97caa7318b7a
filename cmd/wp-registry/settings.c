#include "settings.h"

#include "alloc.h"
#include "err.h"
#include "json.h"
#include "parse.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void settings_release(struct settings *s)
{
	strvec_release(&s->command);
	strvec_release(&s->environment);
	free(s->directory);
	free(s->log);
}

/* Arguments and variables need not be UTF-8, which JSON is: what is not is kept as a list of its bytes. */
static void add_bytes(struct strbuf *text, const char *s)
{
	strbuf_addch(text, '[');
	for (const char *p = s; *p; p++)
		strbuf_addf(text, "%s%d", p == s ? "" : ",", (unsigned char)*p);
	strbuf_addch(text, ']');
}

static void add_string(struct strbuf *text, const char *s)
{
	if (utf8_valid(s, strlen(s)))
		json_add_string(text, s, strlen(s));
	else
		add_bytes(text, s);
}

static void add_strings(struct strbuf *text, const char *name, const struct strvec *v)
{
	strbuf_addf(text, ",\"%s\":[", name);
	for (size_t i = 0; i < v->nr; i++) {
		strbuf_addstr(text, i ? "," : "");
		add_string(text, v->v[i]);
	}
	strbuf_addch(text, ']');
}

void settings_add(struct strbuf *text, const struct settings *s)
{
	strbuf_addf(text, "{\"warm\":%s,\"hibernation\":%d,\"max_pending\":%lld,\"timeout\":%lld,\"shutdown_timeout\":%lld",
		s->warm ? "true" : "false", s->hibernation, (long long)s->max_pending, (long long)s->timeout, (long long)s->shutdown_timeout);
	add_strings(text, "command", &s->command);
	if (s->directory) {
		strbuf_addstr(text, ",\"directory\":");
		add_string(text, s->directory);
		add_strings(text, "environment", &s->environment);
	}
	if (s->log) {
		strbuf_addstr(text, ",\"log\":");
		add_string(text, s->log);
	}
	strbuf_addch(text, '}');
}

static char *string_from(const json_t *value)
{
	struct strbuf bytes = STRBUF_INIT;

	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	if (!json_is_array(value))
		return NULL;
	for (size_t i = 0; i < json_array_size(value); i++)
		strbuf_addch(&bytes, (char)json_integer_value(json_array_get(value, i)));
	return strbuf_detach(&bytes, NULL);
}

static void strings_from(struct strvec *v, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		char *s = string_from(json_array_get(value, i));

		if (s)
			strvec_push_owned(v, s);
	}
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
	strings_from(&s->command, json_object_get(root, "command"));
	s->directory = string_from(json_object_get(root, "directory"));
	strings_from(&s->environment, json_object_get(root, "environment"));
	s->log = string_from(json_object_get(root, "log"));
	json_decref(root);
	return 0;
}
