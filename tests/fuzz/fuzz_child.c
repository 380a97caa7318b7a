/* A line of wp-distribute start --file is a child that can run, or refused with a reason; what it hands over is what it was. */
#include "fuzz.h"

#include "alloc.h"
#include "base64.h"
#include "err.h"
#include "settings.h"
#include "spec.h"

static void check_child(const struct child *child, bool has_command)
{
	struct settings s = SETTINGS_INIT;

	require(child->name && *child->name);
	require(child->replicas >= 1 && child->requires && child->meta && child->restart);
	require((child->strategy == PLACEMENT_GUIDED) == (child->guide != NULL));
	require(child->settings || has_command);
	if (child->settings)
		require(settings_parse(&s, child->settings) == 0 && s.command.nr > 0 && s.directory);
	settings_release(&s);
}

static void line(const uint8_t *data, size_t size, bool has_command)
{
	struct settings s = SETTINGS_INIT;
	struct strbuf settings = STRBUF_INIT;
	char *text = fuzz_string(data, size);
	struct child child, base = { .requires = (char *)"{}", .meta = (char *)"{}", .restart = (char *)"permanent", .replicas = 1 };

	s.directory = xstrdup("/");
	if (has_command)
		strvec_push(&s.command, "true");
	settings_add(&settings, &s);
	base.settings = settings.buf;
	if (spec_line(&child, &base, has_command, text, size) == 0) {
		check_child(&child, has_command);
		child_release(&child);
	} else {
		require(err_status() != 0 && *err_message());
		err_clear();
	}
	settings_release(&s);
	strbuf_release(&settings);
	free(text);
}

static void handover(const uint8_t *data, size_t size)
{
	struct strbuf coded = STRBUF_INIT, back = STRBUF_INIT;

	base64_add(&coded, (const char *)data, size);
	base64_add_decoded(&back, coded.buf, coded.len);
	require(back.len == size && !memcmp(back.buf, data, size));
	strbuf_reset(&back);
	base64_add_decoded(&back, (const char *)data, size);
	strbuf_release(&coded);
	strbuf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	line(data, size, false);
	line(data, size, true);
	handover(data, size);
	return 0;
}
