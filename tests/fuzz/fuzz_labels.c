/* Labels, a line each, are refused with a reason or are an object of as many strings. */
#include "fuzz.h"

#include "labels.h"

#include "err.h"
#include "json.h"

static size_t members(const struct strbuf *text)
{
	struct json_slice key, value;
	struct json_scan scan;
	size_t n = 0;
	int r;

	require(json_object_begin(&scan, text->buf, text->len) == 0);
	for (; (r = json_object_next(&scan, &key, &value)) == 1; n++)
		require(json_is_string(value));
	require(r == 0);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *at = text;
	struct strvec labels = STRVEC_INIT;
	struct strbuf object = STRBUF_INIT;

	for (char *line; labels.nr < 50 && (line = strsep(&at, "\n")); )
		strvec_push(&labels, line);
	if (labels_add(&object, &labels) == 0) {
		require(json_check(object.buf, object.len) == 0);
		require(members(&object) == labels.nr);
	} else {
		require(err_status() == WP_USAGE && *err_message());
	}
	strbuf_release(&object);
	strvec_release(&labels);
	free(text);
	return 0;
}
