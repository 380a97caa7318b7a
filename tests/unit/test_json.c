#include "json.h"

#include "err.h"
#include "tap.h"

/* TEXT in memory of exactly its length, so that a sanitizer sees every byte read beyond it. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (!copy)
		bail_out("malloc");
	memcpy(copy, text, len);
	return copy;
}

static int check(const char *text, size_t len)
{
	char *copy = exact(text, len);
	int result = json_check(copy, len);

	free(copy);
	return result;
}

static void good(const char *text)
{
	is_int(check(text, strlen(text)), 0, "good: %s", text);
}

static void bad(const char *text, const char *message)
{
	is_int(check(text, strlen(text)), -1, "bad: %s", text);
	is_str(err_message(), message, "with that reason");
	is_int(err_status(), WP_DATA, "as bad data");
	err_clear();
}

static void checks_good_text(void)
{
	good("null");
	good(" true ");
	good("\t\r\n false\n");
	good("0");
	good("-0");
	good("12345678901234567890123456789");
	good("1.10");
	good("-1e5");
	good("1E+400");
	good("0.5e-3");
	good("\"\"");
	good("\"a \\\"quoted\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9 \\uD83D\\uDE00\"");
	good("\"longer than eight bytes without an escape\"");
	good("\"h\xc3\xa9\"");
	good("\"\x7f\"");
	good("\"\\u0000\"");
	good("[]");
	good("{}");
	good("[ ]");
	good("{ }");
	good("[1,\"a\",null,[],{},[[1]]]");
	good("{\"a\":1,\"b\":{\"c\":[1,2,{\"d\":null}]},\"a\":2}");
	good(" { \"a\" : [ 1 , 2 ] , \"b\" : { } } ");
}

static void checks_bad_text(void)
{
	bad("", "invalid JSON: it ends too early at column 1");
	bad("  ", "invalid JSON: it ends too early at column 3");
	bad("x", "invalid JSON: unexpected 'x' at column 1");
	bad("nul", "invalid JSON: it ends too early at column 4");
	bad("nulL", "invalid JSON: unexpected 'L' at column 4");
	bad("1 2", "invalid JSON: unexpected '2' at column 3");
	bad("01", "invalid JSON: unexpected '1' at column 2");
	bad("+1", "invalid JSON: unexpected '+' at column 1");
	bad("-", "invalid JSON: it ends too early at column 2");
	bad(".5", "invalid JSON: unexpected '.' at column 1");
	bad("1.", "invalid JSON: it ends too early at column 3");
	bad("1.e5", "invalid JSON: unexpected 'e' at column 3");
	bad("1e", "invalid JSON: it ends too early at column 3");
	bad("NaN", "invalid JSON: unexpected 'N' at column 1");
	bad("\"a", "invalid JSON: it ends too early at column 3");
	bad("\"a\\", "invalid JSON: it ends too early at column 4");
	bad("\"\\x\"", "invalid JSON: unexpected 'x' at column 3");
	bad("\"\\u12g4\"", "invalid JSON: unexpected 'g' at column 6");
	bad("\"a\nb\"", "invalid JSON: control character 0x0a at column 3");
	bad("\"\xc3\xa9\" x", "invalid JSON: unexpected 'x' at column 5");
	bad("\"\xff\"", "invalid JSON: not UTF-8 at column 2");
	bad("\xc3\xa9", "invalid JSON: unexpected character at column 1");
	bad("[1,]", "invalid JSON: unexpected ']' at column 4");
	bad("[,1]", "invalid JSON: unexpected ',' at column 2");
	bad("[1 2]", "invalid JSON: unexpected '2' at column 4");
	bad("[1}", "invalid JSON: unexpected '}' at column 3");
	bad("[", "invalid JSON: it ends too early at column 2");
	bad("[]]", "invalid JSON: unexpected ']' at column 3");
	bad("{\"a\"}", "invalid JSON: unexpected '}' at column 5");
	bad("{\"a\":}", "invalid JSON: unexpected '}' at column 6");
	bad("{\"a\":1,}", "invalid JSON: unexpected '}' at column 8");
	bad("{a:1}", "invalid JSON: unexpected 'a' at column 2");
	bad("{1:1}", "invalid JSON: unexpected '1' at column 2");
	bad("{\"a\":1]", "invalid JSON: unexpected ']' at column 7");
	bad("{'a':1}", "invalid JSON: unexpected ''' at column 2");
	is_int(check("1\0", 2), -1, "bad: a NUL after the value");
	is_int(check("\"\0\"", 3), -1, "bad: a NUL in a string");
	is_int(check("\"\\\0\"", 4), -1, "bad: a NUL after a backslash");
}

static void nest(struct strbuf *sb, int depth, const char *open, const char *close)
{
	strbuf_reset(sb);
	for (int i = 0; i < depth; i++)
		strbuf_addstr(sb, open);
	strbuf_addch(sb, '1');
	for (int i = 0; i < depth; i++)
		strbuf_addstr(sb, close);
}

static int count_members(const char *text, size_t len)
{
	struct json_slice key, value;
	struct json_scan scan;
	int n = 0, result;

	if (json_object_begin(&scan, text, len) < 0)
		return -1;
	while ((result = json_object_next(&scan, &key, &value)) == 1)
		n++;
	return result < 0 ? -1 : n;
}

static void minds_the_depth(void)
{
	struct strbuf sb = STRBUF_INIT;

	nest(&sb, 512, "[", "]");
	is_int(json_check(sb.buf, sb.len), 0, "512 arrays deep");
	nest(&sb, 513, "[", "]");
	is_int(json_check(sb.buf, sb.len), -1, "513 are too deep");
	nest(&sb, 512, "{\"a\":", "}");
	is_int(json_check(sb.buf, sb.len), 0, "512 objects deep");
	is_int(count_members(sb.buf, sb.len), 1, "for the scanner too");
	nest(&sb, 513, "{\"a\":", "}");
	is_int(json_check(sb.buf, sb.len), -1, "513 are too deep");
	is_int(count_members(sb.buf, sb.len), -1, "for the scanner too");
	nest(&sb, 100000, "[", "]");
	is_int(json_check(sb.buf, sb.len), -1, "100,000 are refused as well");
	strbuf_release(&sb);
}

static void is_slice(struct json_slice s, const char *expected, const char *name)
{
	char *copy = s.p ? strndup(s.p, s.len) : NULL;

	is_str(copy, expected, "%s", name);
	free(copy);
}

static void scans_members(void)
{
	static const char text[] = " { \"id\" : 7 ,\"a\\nb\": \"x\\\"y\" , \"o\":{\"p\":[1, 2]} } ";
	struct json_slice key, value;
	struct json_scan scan;

	is_int(json_object_begin(&scan, text, strlen(text)), 0, "it is an object");
	is_int(json_object_next(&scan, &key, &value), 1, "with a first member");
	is_slice(key, "id", "its key");
	is_slice(value, "7", "its value without blanks");
	is_int(json_object_next(&scan, &key, &value), 1, "a second");
	is_slice(key, "a\\nb", "keys are not unescaped");
	is_slice(value, "\"x\\\"y\"", "strings keep their quotes");
	is_int(json_object_next(&scan, &key, &value), 1, "a third");
	is_slice(value, "{\"p\":[1, 2]}", "values are the text as it stands");
	is_int(json_object_next(&scan, &key, &value), 0, "and no fourth");
}

static void refuses_members(void)
{
	static const char *const texts[] = {
		"", " ", "1", "[]", "\"{\"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}",
		"{\"a\":1}x", "{\"a\":1}{}", "{\"a\":1 \"b\":2}", "{\"a\":01}", "{\"a\":[}", "{\"a\\x\":1}", "{\"a\" 1}", "{}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *copy = exact(texts[i], strlen(texts[i]));

		is_int(count_members(copy, strlen(texts[i])), -1, "no object: %s", texts[i]);
		free(copy);
	}
	is_int(count_members("{}", 2), 0, "an empty object is one");
}

static struct json_slice slice(const char *text)
{
	return (struct json_slice){ text, strlen(text) };
}

static void is_number(const char *text, int64_t expected)
{
	int64_t n = -99;

	is_int(json_int(slice(text), &n), 0, "%s is a whole number", text);
	is_int(n, expected, "namely %lld", (long long)expected);
}

static void reads_ints(void)
{
	static const char *const none[] = {
		"", "-", "1.0", "1e2", "01", "-01", "\"1\"", "null", "9223372036854775808", "-9223372036854775809", "1 ",
	};
	int64_t n;

	is_number("0", 0);
	is_number("-0", 0);
	is_number("42", 42);
	is_number("9223372036854775807", INT64_MAX);
	is_number("-9223372036854775808", INT64_MIN);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		is_int(json_int(slice(none[i]), &n), -1, "\"%s\" is no whole number", none[i]);
	is_int(json_int((struct json_slice){ NULL, 0 }, &n), -1, "nor is what is not there");
}

static void is_double(const char *text, double expected)
{
	double d = -99;

	is_int(json_double(slice(text), &d), 0, "%s is a number", text);
	ok(d == expected, "and the nearest double to it (%.17g)", d);
}

static void reads_doubles(void)
{
	static const char *const none[] = { "", "-", "1.", ".5", "1e", "1e999", "\"1\"", "nan", "0x10", "1 ", "1.2.3" };
	double d;

	is_double("0", 0);
	is_double("0.012", 0.012);
	is_double("-1.5", -1.5);
	is_double("123456789.123456", 123456789.123456);
	is_double("9999999999999999", 9999999999999999.0);
	is_double("0.1234567890123456789", 0.1234567890123456789);
	is_double("1e3", 1000);
	is_double("2.5E-3", 0.0025);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		is_int(json_double(slice(none[i]), &d), -1, "\"%s\" is no number", none[i]);
}

static void decodes(const char *text, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb, "<");
	is_int(json_add_decoded(&sb, slice(text)), expected ? 0 : -1, "%s %s", text, expected ? "decodes" : "does not decode");
	is_str(sb.buf + 1, expected ? expected : "", "and adds %s", expected ? expected : "nothing");
	strbuf_release(&sb);
}

static void decodes_strings(void)
{
	decodes("\"\"", "");
	decodes("\"plain\"", "plain");
	decodes("\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\te\"", "a\"b\\c/d\b\f\n\r\te");
	decodes("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac");
	decodes("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80");
	decodes("\"x\\ud83d\"", NULL);
	decodes("\"x\\ud83dy\"", NULL);
	decodes("\"x\\ud83d\\n12345\"", NULL);
	decodes("\"x\\ud83d\\u0041\"", NULL);
	decodes("\"x\\ude00\"", NULL);
	decodes("\"x\\u0000\"", NULL);
	decodes("\"x", NULL);
	decodes("\"", NULL);
	decodes("\"a\"b\"", NULL);
	decodes("1", NULL);
}

static void is_member(const char *text, const char *key, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	is_int(json_text_member(&sb, text, strlen(text), key, strlen(key)), 0, "%s has \"%s\"", text, key);
	is_str(sb.buf, expected, "which is %s", expected);
	strbuf_release(&sb);
}

static void no_member(const char *text, const char *key, const char *message)
{
	struct strbuf sb = STRBUF_INIT;

	is_int(json_text_member(&sb, text, strlen(text), key, strlen(key)), -1, "%s has no \"%s\"", text, key);
	is_str(err_message(), message, "for that reason");
	is_str(sb.buf, "", "and nothing is added");
	err_clear();
	strbuf_release(&sb);
}

static void finds_members(void)
{
	is_member("{\"src\":\"a b.png\"}", "src", "a b.png");
	is_member("{\"n\":1.10}", "n", "1.10");
	is_member("{\"n\":123456789012345678901234567890}", "n", "123456789012345678901234567890");
	is_member("{\"n\":null}", "n", "");
	is_member("{\"n\":false}", "n", "false");
	is_member("{\"o\": { \"a\" : [ 1 , \"x y\" ] } }", "o", "{\"a\":[1,\"x y\"]}");
	is_member("{\"k\":1,\"k\":2}", "k", "2");
	is_member("{\"\\u006b\":1}", "k", "1");
	is_member("{\"kk\":1,\"k\":2}", "k", "2");
	no_member("{\"a\":1}", "b", "no member \"b\"");
	no_member("[1]", "a", "not a JSON object");
	no_member("{\"a\":1", "a", "not a JSON object");
	no_member("{\"a\":\"x\\u0000\"}", "a", "member \"a\": the string contains a NUL or half a surrogate pair");
}

static void is_value(const char *text, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	is_int(json_text_value(&sb, text, strlen(text)), expected ? 0 : -1, "the value of %s", text);
	is_str(sb.buf, expected ? expected : "", "is %s", expected ? expected : "refused");
	strbuf_release(&sb);
}

static void shows_values(void)
{
	is_value("\"a\\nb\"", "a\nb");
	is_value(" {\"a\": 1} ", "{\"a\": 1}");
	is_value("null", "null");
	is_value("\"\\u0000\"", NULL);
	is_value("1 2", NULL);
	is_value("", NULL);
}

static void is_written(const char *bytes, size_t len, const char *expected)
{
	struct strbuf sb = STRBUF_INIT, back = STRBUF_INIT;

	json_add_string(&sb, bytes, len);
	is_str(sb.buf, expected, "written as %s", expected);
	is_int(json_check(sb.buf, sb.len), 0, "which is JSON");
	if (!memchr(bytes, 0, len) && !strstr(expected, "\xef\xbf\xbd")) {
		is_int(json_add_decoded(&back, slice(sb.buf)), 0, "which can be read");
		is_str(back.buf, bytes, "and is what it was");
	}
	strbuf_release(&sb);
	strbuf_release(&back);
}

static void writes_strings(void)
{
	struct strbuf sb = STRBUF_INIT;

	is_written("", 0, "\"\"");
	is_written("plain text", 10, "\"plain text\"");
	is_written("a\"b\\c/\b\f\n\r\t", 11, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\"");
	is_written("\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\"");
	is_written("a\0b", 3, "\"a\\u0000b\"");
	is_written("h\xc3\xa9 \xf0\x9f\x98\x80", 8, "\"h\xc3\xa9 \xf0\x9f\x98\x80\"");
	is_written("a\xff" "b\xc3", 4, "\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"");
	json_add_one_line(&sb, "{\n\t\"a\":\r\n1\n}", 12);
	is_str(sb.buf, "{ \t\"a\":  1 }", "one line");
	strbuf_release(&sb);
}

int main(void)
{
	checks_good_text();
	checks_bad_text();
	minds_the_depth();
	scans_members();
	refuses_members();
	reads_ints();
	reads_doubles();
	decodes_strings();
	finds_members();
	shows_values();
	writes_strings();
	return done_testing();
}
