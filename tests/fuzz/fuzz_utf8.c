/* UTF-8 against a decoder that encodes again what it decoded; and strings written as JSON. */
#include "fuzz.h"

#include "json.h"
#include "parse.h"

static size_t encode(uint8_t *out, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(lead[n] | c);
	return n;
}

/* The length of the sequence at P, 0 when decoding and encoding it does not give it back. */
static size_t sequence(const uint8_t *p, size_t len)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);
	uint8_t again[4];

	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return encode(again, c) == n && memcmp(again, p, n) == 0 ? n : 0;
}

static void write_and_read(const char *s, size_t len, int valid)
{
	struct strbuf sb = STRBUF_INIT, back = STRBUF_INIT;

	json_add_string(&sb, s, len);
	require(json_check(sb.buf, sb.len) == 0);
	if (valid && !memchr(s, '\0', len)) {
		require(json_add_decoded(&back, (struct json_slice){ sb.buf, sb.len }) == 0);
		require(back.len == len && memcmp(back.buf, s, len) == 0);
	}
	strbuf_release(&sb);
	strbuf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t good = 0, n;

	if (size == 0)
		return 0;
	while (good < size && (n = sequence(data + good, size - good)) > 0)
		good += n;
	require(utf8_prefix((const char *)data, size) == good);
	require(utf8_valid((const char *)data, size) == (good == size));
	write_and_read((const char *)data, size, good == size);
	return 0;
}
