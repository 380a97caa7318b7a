/* What is read as a consumer's settings can be written, and what is written is read as the same settings. */
#include "fuzz.h"

#include "err.h"
#include "settings.h"

static void same_strings(const struct strvec *a, const struct strvec *b)
{
	require(a->nr == b->nr);
	for (size_t i = 0; i < a->nr; i++)
		require(!strcmp(a->v[i], b->v[i]));
}

static void same_string(const char *a, const char *b)
{
	require(!a == !b);
	require(!a || !strcmp(a, b));
}

static void reread(const struct settings *s)
{
	struct strbuf text = STRBUF_INIT;
	struct settings back = SETTINGS_INIT;

	settings_add(&text, s);
	require(!strchr(text.buf, '\n'));
	require(settings_parse(&back, text.buf) == 0);
	require(back.warm == s->warm && back.hibernation == s->hibernation && back.max_pending == s->max_pending);
	require(back.timeout == s->timeout && back.shutdown_timeout == s->shutdown_timeout);
	same_strings(&back.command, &s->command);
	same_string(back.directory, s->directory);
	same_string(back.log, s->log);
	/* It goes with the directory, without which there is nobody to start. */
	if (s->directory)
		same_strings(&back.environment, &s->environment);
	settings_release(&back);
	strbuf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s = SETTINGS_INIT;
	char *text = fuzz_string(data, size);

	if (settings_parse(&s, text) == 0)
		reread(&s);
	else
		require(err_status() == WP_DATA && *err_message());
	settings_release(&s);
	free(text);
	return 0;
}
