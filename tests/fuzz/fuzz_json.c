/* Our reader of JSON against jansson's, on any text; and our readers against one another. */
#include "fuzz.h"

#include "json.h"
#include "parse.h"

#include <jansson.h>

static int depth_of(json_t *value)
{
	int deepest = 0, depth;
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach(value, i, member)
		if ((depth = depth_of(member)) > deepest)
			deepest = depth;
	json_object_foreach(value, key, member)
		if ((depth = depth_of(member)) > deepest)
			deepest = depth;
	return json_is_array(value) || json_is_object(value) ? deepest + 1 : 0;
}

/* jansson refuses some well-formed text: numbers that do not fit, NUL in a key, half a surrogate pair. */
static int jansson_may_refuse(const json_error_t *error, const char *text, size_t len)
{
	enum json_error_code code = json_error_code(error);

	if (code == json_error_numeric_overflow || code == json_error_null_byte_in_key)
		return 1;
	for (; len >= 4; text++, len--)
		if (text[0] == '\\' && text[1] == 'u' && (text[2] == 'd' || text[2] == 'D') && strchr("89abcdefABCDEF", text[3]))
			return 1;
	return 0;
}

static void compare_string(json_t *value, const char *text, size_t len)
{
	struct strbuf sb = STRBUF_INIT;
	int has_nul = memchr(json_string_value(value), '\0', json_string_length(value)) != NULL;

	require(json_text_value(&sb, text, len) == (has_nul ? -1 : 0));
	if (!has_nul)
		require(sb.len == json_string_length(value) && memcmp(sb.buf, json_string_value(value), sb.len) == 0);
	strbuf_release(&sb);
}

static void compare_member(json_t *value, const char *key, const char *text, size_t len)
{
	struct strbuf sb = STRBUF_INIT;
	int result = json_text_member(&sb, text, len, key, strlen(key));

	if (json_is_string(value)) {
		int has_nul = memchr(json_string_value(value), '\0', json_string_length(value)) != NULL;

		require(result == (has_nul ? -1 : 0));
		require(has_nul || strcmp(sb.buf, json_string_value(value)) == 0);
	} else {
		require(result == 0);
		require(json_is_null(value) ? sb.len == 0 : json_check(sb.buf, sb.len) == 0);
	}
	strbuf_release(&sb);
}

static void compare_object(json_t *value, const char *text, size_t len)
{
	const char *key;
	json_t *member;

	json_object_foreach(value, key, member)
		compare_member(member, key, text, len);
}

/* The scanner takes exactly the objects that json_check() takes, UTF-8 apart. */
static void compare_scanner(const char *text, size_t len, int good)
{
	struct json_slice key, value;
	struct json_scan scan;
	int result;

	if (json_object_begin(&scan, text, len) < 0)
		return;
	while ((result = json_object_next(&scan, &key, &value)) == 1)
		require(value.p >= text && value.p + value.len <= text + len);
	require(json_object_next(&scan, &key, &value) == -1);
	require(good ? result == 0 : result == -1 || !utf8_valid(text, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	int good = json_check(text, size) == 0;
	json_error_t error;
	json_t *value = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	/* jansson takes a NUL byte behind a value for the end of the text. */
	if (value)
		require(good || depth_of(value) > 512 || memchr(text, '\0', size));
	else
		require(!good || jansson_may_refuse(&error, text, size));
	if (good && json_is_string(value))
		compare_string(value, text, size);
	if (good && json_is_object(value))
		compare_object(value, text, size);
	compare_scanner(text, size, good);
	json_decref(value);
	return 0;
}
