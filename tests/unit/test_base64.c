/* Bytes as text. */
#include "../../cmd/wp-distribute/base64.c"

#include "tap.h"

/* RFC 4648, section 10. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
};

static void known(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct strbuf text = STRBUF_INIT, bytes = STRBUF_INIT;

		base64_add(&text, vectors[i].bytes, strlen(vectors[i].bytes));
		is_str(text.buf, vectors[i].text, "\"%s\" as text", vectors[i].bytes);
		base64_add_decoded(&bytes, vectors[i].text, strlen(vectors[i].text));
		is_str(bytes.buf, vectors[i].bytes, "and back");
		strbuf_release(&text);
		strbuf_release(&bytes);
	}
}

static bool survives(const char *bytes, size_t len)
{
	struct strbuf text = STRBUF_INIT, back = STRBUF_INIT;
	bool same;

	base64_add(&text, bytes, len);
	base64_add_decoded(&back, text.buf, text.len);
	same = text.len == (len + 2) / 3 * 4 && back.len == len && memcmp(back.buf, bytes, len) == 0;
	strbuf_release(&text);
	strbuf_release(&back);
	return same;
}

static void all_bytes(void)
{
	char bytes[3 * 256];
	int lost = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	for (size_t from = 0; from < 256; from++) {
		for (size_t len = 0; len < 256; len += 5)
			lost += !survives(bytes + from, len);
	}
	is_int(lost, 0, "any bytes of any length come back, those that are 0 as well");
}

static void added(void)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb, "x");
	base64_add(&sb, "\xff\xff\xff\0", 4);
	is_str(sb.buf, "x////AA==", "what is there already stays");
	strbuf_release(&sb);
}

static void ends(void)
{
	static const char *const texts[] = { "Zm9v=YmFy", "Zm9v\nYmFy", "Zm9v YmFy", "Zm9v-YmFy", "Zm9v\xff" "YmFy" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct strbuf sb = STRBUF_INIT;

		base64_add_decoded(&sb, texts[i], strlen(texts[i]));
		is_str(sb.buf, "foo", "up to the first character that is none of it (%zu)", i);
		strbuf_release(&sb);
	}
	struct strbuf sb = STRBUF_INIT;

	base64_add_decoded(&sb, "Zm9v\0YmFy", 9);
	is_int((long long)sb.len, 3, "a zero byte is none of it");
	strbuf_release(&sb);
}

int main(void)
{
	known();
	all_bytes();
	added();
	ends();
	return done_testing();
}
