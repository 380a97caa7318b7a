/* The first line is an argument with placeholders, the rest the line that fills them. What
 * comes out is quoted to one line without control characters. */
#include "fuzz.h"

#include "err.h"
#include "template.h"

#include <stdlib.h>
#include <string.h>

static void check_quoted(char **argv)
{
	struct strbuf quoted = STRBUF_INIT;

	template_add_quoted(&quoted, argv);
	for (size_t i = 0; i < quoted.len; i++)
		require((unsigned char)quoted.buf[i] >= 0x20 && quoted.buf[i] != 0x7f);
	strbuf_release(&quoted);
}

static void fill(char *argument, const char *line, size_t len, bool json)
{
	char *command[] = { (char *)"command", argument, NULL };
	struct template t;
	char **argv;

	template_init(&t, command, json);
	t.append = !t.placeholders;
	argv = template_fill(&t, line, len);
	if (argv) {
		require(!strcmp(argv[0], "command") && argv[1] && !argv[t.append ? 3 : 2]);
		check_quoted(argv);
	} else {
		require(err_status() == WP_DATA && *err_message());
	}
	template_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = memchr(text, '\n', size);
	size_t n = end ? (size_t)(end - text) : size;
	char *argument;

	if (memchr(text, '\0', n))
		return 0;
	argument = strndup(text, n);
	require(argument != NULL);
	fill(argument, text + (end ? n + 1 : n), size - (end ? n + 1 : n), false);
	fill(argument, text + (end ? n + 1 : n), size - (end ? n + 1 : n), true);
	free(argument);
	return 0;
}
