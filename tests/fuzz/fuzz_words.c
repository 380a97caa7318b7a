/* Strings of any bytes, as JSON and back, are what they were; and any JSON is a list of strings, perhaps of none. */
#include "fuzz.h"

#include "json.h"
#include "words.h"

static void there_and_back(const uint8_t *data, size_t size)
{
	struct strvec words = STRVEC_INIT, back = STRVEC_INIT;
	struct strbuf text = STRBUF_INIT;
	json_t *value;

	/* A word ends at each NUL. */
	for (size_t at = 0; at < size; at += strlen(words.v[words.nr - 1]) + 1) {
		char *word = fuzz_string(data + at, size - at);

		strvec_push_owned(&words, word);
	}
	words_add(&text, &words);
	require(json_check(text.buf, text.len) == 0);
	value = json_loadb(text.buf, text.len, 0, NULL);
	require(value);
	words_from(&back, value);
	require(back.nr == words.nr);
	for (size_t i = 0; i < words.nr; i++)
		require(!strcmp(back.v[i], words.v[i]));
	json_decref(value);
	strbuf_release(&text);
	strvec_release(&words);
	strvec_release(&back);
}

static void from_anything(const uint8_t *data, size_t size)
{
	json_t *value = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	struct strvec words = STRVEC_INIT;
	char *word;

	if (!value)
		return;
	words_from(&words, value);
	require(words.nr <= json_array_size(value));
	word = words_string_from(value);
	require(word || !(json_is_string(value) || json_is_array(value)));
	free(word);
	strvec_release(&words);
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	there_and_back(data, size);
	from_anything(data, size);
	return 0;
}
