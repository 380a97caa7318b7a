#include "json.h"

#include "err.h"
#include "parse.h"

#include <errno.h>
#include <math.h>

enum { DEPTH_MAX = 512 };

/* The grammar. Each skip_*() takes the text at P and returns the place behind what it
 * skipped, or NULL with *FAULT at the byte that does not fit (END: the text stops too early). */

struct walk {
	const char *end;
	const char *fault;
};

static const char *fault_at(struct walk *w, const char *p)
{
	w->fault = p;
	return NULL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *skip_escape(struct walk *w, const char *p)
{
	if (++p == w->end)
		return fault_at(w, p);
	if (*p != 'u')
		return *p && strchr("\"\\/bfnrt", *p) ? p + 1 : fault_at(w, p);
	for (int i = 0; i < 4; i++)
		if (++p == w->end || hex_value(*p) < 0)
			return fault_at(w, p);
	return p + 1;
}

static bool is_plain(char c)
{
	return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

/* Eight bytes at a time: is a quote, a backslash or a control character among them?
 * (The test for a zero byte in a word; see "Bit Twiddling Hacks" by S. E. Anderson.) */
static bool eight_plain(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
	uint64_t word, quote, backslash;

	memcpy(&word, p, sizeof(word));
	quote = word ^ (ones * '"');
	backslash = word ^ (ones * '\\');
	return ((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word)) &
		tops) == 0;
}

static const char *skip_plain(const char *p, const char *end)
{
	while (end - p >= 8 && eight_plain(p))
		p += 8;
	while (p < end && is_plain(*p))
		p++;
	return p;
}

static const char *skip_string(struct walk *w, const char *p)
{
	if (p == w->end || *p != '"')
		return fault_at(w, p);
	p = skip_plain(p + 1, w->end);
	while (p < w->end && *p == '\\') {
		p = skip_escape(w, p);
		if (!p)
			return NULL;
		p = skip_plain(p, w->end);
	}
	return p < w->end && *p == '"' ? p + 1 : fault_at(w, p);
}

static const char *skip_digits(struct walk *w, const char *p)
{
	if (p == w->end || !is_digit(*p))
		return fault_at(w, p);
	while (p < w->end && is_digit(*p))
		p++;
	return p;
}

static const char *skip_exponent(struct walk *w, const char *p)
{
	p++;
	if (p < w->end && (*p == '+' || *p == '-'))
		p++;
	return skip_digits(w, p);
}

static const char *skip_number(struct walk *w, const char *p)
{
	if (*p == '-')
		p++;
	if (p < w->end && *p == '0')
		p++;
	else
		p = skip_digits(w, p);
	if (p && p < w->end && *p == '.')
		p = skip_digits(w, p + 1);
	if (p && p < w->end && (*p == 'e' || *p == 'E'))
		p = skip_exponent(w, p);
	return p;
}

static const char *skip_word(struct walk *w, const char *p, const char *word)
{
	for (; *word; word++, p++)
		if (p == w->end || *p != *word)
			return fault_at(w, p);
	return p;
}

static const char *skip_scalar(struct walk *w, const char *p)
{
	if (p == w->end)
		return fault_at(w, p);
	switch (*p) {
	case '"':
		return skip_string(w, p);
	case 't':
		return skip_word(w, p, "true");
	case 'f':
		return skip_word(w, p, "false");
	case 'n':
		return skip_word(w, p, "null");
	default:
		return *p == '-' || is_digit(*p) ? skip_number(w, p) : fault_at(w, p);
	}
}

/* Which of the open brackets are braces: a bit a level. */
struct nesting {
	int depth;
	uint64_t braces[DEPTH_MAX / 64];
};

static bool push(struct nesting *open, int most, bool brace)
{
	uint64_t bit;

	if (open->depth == most)
		return false;
	bit = UINT64_C(1) << (open->depth % 64);
	if (brace)
		open->braces[open->depth / 64] |= bit;
	else
		open->braces[open->depth / 64] &= ~bit;
	open->depth++;
	return true;
}

static bool in_braces(const struct nesting *open)
{
	int top = open->depth - 1;

	return open->braces[top / 64] >> (top % 64) & 1;
}

/* "key":  up to the value. */
static const char *skip_key(struct walk *w, const char *p)
{
	p = skip_string(w, skip_space(p, w->end));
	if (!p)
		return NULL;
	p = skip_space(p, w->end);
	if (p == w->end || *p != ':')
		return fault_at(w, p);
	return skip_space(p + 1, w->end);
}

/* From the start of a value through opening brackets and keys to its first scalar (to be
 * skipped) or its first empty container (*EMPTY: skipped already). */
static const char *descend(struct walk *w, const char *p, struct nesting *open, int most, bool *empty)
{
	*empty = false;
	while (p < w->end && (*p == '{' || *p == '[')) {
		char closing = *p == '{' ? '}' : ']';

		if (!push(open, most, *p == '{'))
			return fault_at(w, p);
		p = skip_space(p + 1, w->end);
		if (p < w->end && *p == closing) {
			open->depth--;
			*empty = true;
			return p + 1;
		}
		if (closing == '}') {
			p = skip_key(w, p);
			if (!p)
				return NULL;
		}
	}
	return p;
}

/* Behind a value: closes what closes here. *MORE: another value follows at the place returned. */
static const char *ascend(struct walk *w, const char *p, struct nesting *open, bool *more)
{
	*more = false;
	while (open->depth > 0) {
		p = skip_space(p, w->end);
		if (p == w->end)
			return fault_at(w, p);
		if (*p == ',') {
			*more = true;
			return in_braces(open) ? skip_key(w, p + 1) : skip_space(p + 1, w->end);
		}
		if (*p != (in_braces(open) ? '}' : ']'))
			return fault_at(w, p);
		open->depth--;
		p++;
	}
	return p;
}

/* Any value; without recursion, because DEPTH_MAX comes from strangers. */
static const char *skip_container(struct walk *w, const char *p, int most)
{
	struct nesting open = { 0 };
	bool more, empty;

	do {
		p = descend(w, p, &open, most, &empty);
		if (p && !empty)
			p = skip_scalar(w, p);
		if (p)
			p = ascend(w, p, &open, &more);
	} while (p && more);
	return p;
}

static const char *skip_value(struct walk *w, const char *p, int most)
{
	if (p < w->end && (*p == '{' || *p == '['))
		return skip_container(w, p, most);
	return skip_scalar(w, p);
}

/* One whole value and white space around it. */
static int whole_value(struct walk *w, const char *text, struct json_slice *value)
{
	const char *p = skip_space(text, w->end);
	const char *behind = skip_value(w, p, DEPTH_MAX);

	if (!behind)
		return -1;
	*value = (struct json_slice){ p, (size_t)(behind - p) };
	p = skip_space(behind, w->end);
	if (p < w->end) {
		w->fault = p;
		return -1;
	}
	return 0;
}

/* Reports */

static size_t column(const char *text, const char *at)
{
	size_t n = 1;

	for (; text < at; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int refuse(const char *text, const struct walk *w)
{
	const char *p = w->fault;
	size_t n = column(text, p);

	if (p == w->end)
		return err_set(WP_DATA, "invalid JSON: it ends too early at column %zu", n);
	if (*p == '{' || *p == '[')
		return err_set(WP_DATA, "invalid JSON: nested too deep or misplaced '%c' at column %zu", *p, n);
	if ((unsigned char)*p < 0x20 || *p == 0x7f)
		return err_set(WP_DATA, "invalid JSON: control character 0x%02x at column %zu", (unsigned char)*p, n);
	if ((unsigned char)*p >= 0x80)
		return err_set(WP_DATA, "invalid JSON: unexpected character at column %zu", n);
	return err_set(WP_DATA, "invalid JSON: unexpected '%c' at column %zu", *p, n);
}

int json_check(const char *text, size_t len)
{
	struct walk w = { .end = text + len };
	size_t good = utf8_prefix(text, len);
	struct json_slice value;

	if (good < len)
		return err_set(WP_DATA, "invalid JSON: not UTF-8 at column %zu", column(text, text + good));
	return whole_value(&w, text, &value) < 0 ? refuse(text, &w) : 0;
}

/* The member scanner */

int json_object_begin(struct json_scan *s, const char *text, size_t len)
{
	*s = (struct json_scan){ .p = skip_space(text, text + len), .end = text + len, .first = true };
	if (s->p == s->end || *s->p != '{')
		return -1;
	s->p++;
	return 0;
}

/* Nothing can be read after a fault or after the end. */
static int stop(struct json_scan *s, int result)
{
	s->p = s->end;
	return result;
}

/* What stands between members: 1 another follows at s->p, 0 the object is complete, -1 neither. */
static int next_member(struct json_scan *s)
{
	const char *p = skip_space(s->p, s->end);

	if (p == s->end)
		return -1;
	if (*p == '}')
		return skip_space(p + 1, s->end) == s->end ? 0 : -1;
	if (!s->first) {
		if (*p != ',')
			return -1;
		p = skip_space(p + 1, s->end);
	}
	s->first = false;
	s->p = p;
	return 1;
}

int json_object_next(struct json_scan *s, struct json_slice *key, struct json_slice *value)
{
	struct walk w = { .end = s->end };
	int more = next_member(s);
	const char *p, *behind;

	if (more != 1)
		return stop(s, more);
	p = skip_string(&w, s->p);
	if (!p)
		return stop(s, -1);
	*key = (struct json_slice){ s->p + 1, (size_t)(p - s->p) - 2 };
	p = skip_space(p, s->end);
	if (p == s->end || *p != ':')
		return stop(s, -1);
	p = skip_space(p + 1, s->end);
	behind = skip_value(&w, p, DEPTH_MAX - 1);
	if (!behind)
		return stop(s, -1);
	*value = (struct json_slice){ p, (size_t)(behind - p) };
	s->p = behind;
	return 1;
}

bool json_is_string(struct json_slice s)
{
	return s.p && s.len >= 2 && s.p[0] == '"';
}

/* Numbers */

int json_int(struct json_slice s, int64_t *out)
{
	bool negative = s.p && s.len > 0 && s.p[0] == '-';
	size_t i = negative;
	int64_t value = 0;

	if (!s.p || i == s.len || (s.p[i] == '0' && s.len > i + 1))
		return -1;
	for (; i < s.len; i++) {
		int digit = s.p[i] - '0';

		if (!is_digit(s.p[i]) || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, negative ? -digit : digit, &value))
			return -1;
	}
	*out = value;
	return 0;
}

/* Up to 15 digits and a fraction: both the digits and the power of ten are exact in a
 * double, so one division gives the nearest double. 0 when the number is of another kind. */
static bool short_decimal(struct json_slice s, double *out)
{
	bool negative = s.p[0] == '-', point = false;
	double scale = 1;
	int64_t digits = 0;

	if (s.len > 16)
		return false;
	for (size_t i = negative; i < s.len; i++) {
		if (s.p[i] == '.') {
			point = true;
			continue;
		}
		if (!is_digit(s.p[i]))
			return false;
		digits = digits * 10 + (s.p[i] - '0');
		if (point)
			scale *= 10;
	}
	*out = (negative ? -(double)digits : (double)digits) / scale;
	return true;
}

int json_double(struct json_slice s, double *out)
{
	struct strbuf copy = STRBUF_INIT;
	struct walk w;

	if (!s.p || s.len == 0 || !(s.p[0] == '-' || is_digit(s.p[0])))
		return -1;
	w = (struct walk){ .end = s.p + s.len };
	if (skip_number(&w, s.p) != w.end)
		return -1;
	if (short_decimal(s, out))
		return 0;
	strbuf_add(&copy, s.p, s.len);
	*out = strtod(copy.buf, NULL);
	strbuf_release(&copy);
	return isfinite(*out) ? 0 : -1;
}

/* Strings */

static void add_utf8(struct strbuf *sb, unsigned c)
{
	char bytes[4];
	size_t n = 0;

	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | c >> 6);
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	}
	strbuf_add(sb, bytes, n);
}

/* The four hex digits at P, which the grammar has checked. */
static unsigned read_hex(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | (unsigned)hex_value(p[i]);
	return value;
}

static bool is_low_surrogate(unsigned c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

/* \uXXXX at P, and its second half where it needs one; the place behind, or NULL. */
static const char *decode_unicode(struct strbuf *sb, const char *p, const char *end)
{
	unsigned c = read_hex(p + 2), low;

	p += 6;
	if (c == 0 || is_low_surrogate(c))
		return NULL;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
			return NULL;
		low = read_hex(p + 2);
		if (!is_low_surrogate(low))
			return NULL;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	add_utf8(sb, c);
	return p;
}

static const char *decode_escape(struct strbuf *sb, const char *p, const char *end)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";

	if (p[1] == 'u')
		return decode_unicode(sb, p, end);
	strbuf_addch(sb, bytes[strchr(names, p[1]) - names]);
	return p + 2;
}

int json_add_decoded(struct strbuf *sb, struct json_slice s)
{
	size_t before = sb->len;
	struct walk w;
	const char *p, *end, *plain;

	if (!json_is_string(s))
		return -1;
	w = (struct walk){ .end = s.p + s.len };
	if (skip_string(&w, s.p) != w.end)
		return -1;
	end = w.end - 1;
	for (p = s.p + 1; p && p < end; p = decode_escape(sb, plain, end)) {
		plain = skip_plain(p, end);
		strbuf_add(sb, p, (size_t)(plain - p));
		if (plain == end)
			return 0;
	}
	if (!p)
		strbuf_setlen(sb, before);
	return p ? 0 : -1;
}

static bool key_is(struct json_slice raw, const char *key, size_t keylen)
{
	struct strbuf decoded = STRBUF_INIT;
	struct json_slice quoted = { raw.p - 1, raw.len + 2 };
	bool same;

	if (!memchr(raw.p, '\\', raw.len))
		return raw.len == keylen && memcmp(raw.p, key, keylen) == 0;
	same = json_add_decoded(&decoded, quoted) == 0 && decoded.len == keylen &&
		memcmp(decoded.buf, key, keylen) == 0;
	strbuf_release(&decoded);
	return same;
}

/* Without the white space between tokens. */
static void add_compact(struct strbuf *sb, struct json_slice s)
{
	struct walk w = { .end = s.p + s.len };
	const char *p = s.p, *behind;

	while (p < w.end) {
		behind = *p == '"' ? skip_string(&w, p) : p + 1;
		if (!is_space(*p))
			strbuf_add(sb, p, (size_t)(behind - p));
		p = behind;
	}
}

/* A string decoded; with the reason recorded when that does not work. */
static int add_string_value(struct strbuf *sb, struct json_slice s)
{
	if (json_add_decoded(sb, s) < 0)
		return err_set(WP_DATA, "the string contains a NUL or half a surrogate pair");
	return 0;
}

/* Of members with the same key the last one counts, as everywhere. */
static int find_member(struct json_slice *found, const char *text, size_t len, const char *key, size_t keylen)
{
	struct json_scan scan;
	struct json_slice name, value;
	int result;

	*found = (struct json_slice){ NULL, 0 };
	if (json_object_begin(&scan, text, len) < 0)
		return err_set(WP_DATA, "not a JSON object");
	while ((result = json_object_next(&scan, &name, &value)) == 1)
		if (key_is(name, key, keylen))
			*found = value;
	if (result < 0)
		return err_set(WP_DATA, "not a JSON object");
	if (!found->p)
		return err_set(WP_DATA, "no member \"%.*s\"", (int)keylen, key);
	return 0;
}

int json_text_member(struct strbuf *sb, const char *text, size_t len, const char *key, size_t keylen)
{
	struct json_slice value;

	if (find_member(&value, text, len, key, keylen) < 0)
		return -1;
	if (json_is_string(value)) {
		if (add_string_value(sb, value) < 0)
			return err_prefix("member \"%.*s\"", (int)keylen, key);
		return 0;
	}
	if (!json_slice_is(value, "null"))
		add_compact(sb, value);
	return 0;
}

int json_text_value(struct strbuf *sb, const char *text, size_t len)
{
	struct walk w = { .end = text + len };
	struct json_slice value;

	if (whole_value(&w, text, &value) < 0)
		return refuse(text, &w);
	if (json_is_string(value))
		return add_string_value(sb, value);
	strbuf_add(sb, value.p, value.len);
	return 0;
}

/* Writing */

static void add_escaped(struct strbuf *sb, unsigned char c)
{
	static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *at = c ? strchr(bytes, c) : NULL;

	if (!at) {
		strbuf_addf(sb, "\\u%04x", c);
		return;
	}
	strbuf_addch(sb, '\\');
	strbuf_addch(sb, names[at - bytes]);
}

/* The bytes of valid UTF-8 from P to END. */
static void add_quotable(struct strbuf *sb, const char *p, const char *end)
{
	while (p < end) {
		const char *plain = skip_plain(p, end);

		strbuf_add(sb, p, (size_t)(plain - p));
		if (plain == end)
			return;
		add_escaped(sb, (unsigned char)*plain);
		p = plain + 1;
	}
}

void json_add_string(struct strbuf *sb, const char *s, size_t len)
{
	size_t good;

	strbuf_addch(sb, '"');
	while ((good = utf8_prefix(s, len)) < len) {
		add_quotable(sb, s, s + good);
		strbuf_addstr(sb, "\xef\xbf\xbd");
		s += good + 1;
		len -= good + 1;
	}
	add_quotable(sb, s, s + len);
	strbuf_addch(sb, '"');
}

/* Inside strings JSON has no raw line breaks, so all of them stand between tokens. */
void json_add_one_line(struct strbuf *sb, const char *text, size_t len)
{
	char *p, *end;

	strbuf_grow(sb, len);
	p = sb->buf + sb->len;
	end = p + len;
	strbuf_add(sb, text, len);
	for (; p < end; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}
