#include "parse.h"

#include "err.h"
#include "tap.h"

static void is_refused(int result, const char *message)
{
	is_int(result, -1, "refused: %s", message);
	is_str(err_message(), message, "with that reason");
	is_int(err_status(), WP_USAGE, "as a mistake in usage");
	err_clear();
}

/* Numbers */

static void good_int(const char *s, int64_t expected)
{
	int64_t n = -99;

	is_int(parse_int(&n, s, "n", INT64_MIN, INT64_MAX), 0, "\"%s\" is a number", s);
	is_int(n, expected, "namely %lld", (long long)expected);
}

static void bad_int(const char *s)
{
	int64_t n = -99;

	is_int(parse_int(&n, s, "n", INT64_MIN, INT64_MAX), -1, "\"%s\" is none", s);
	is_int(n, -99, "and nothing is stored");
}

static void ints(void)
{
	int64_t n;

	good_int("0", 0);
	good_int("-7", -7);
	good_int("9223372036854775807", INT64_MAX);
	good_int("-9223372036854775808", INT64_MIN);
	bad_int("");
	bad_int("-");
	bad_int("+1");
	bad_int(" 1");
	bad_int("1 ");
	bad_int("1.0");
	bad_int("0x10");
	bad_int("--1");
	bad_int("9223372036854775808");
	bad_int("-9223372036854775809");
	bad_int("18446744073709551617");
	is_refused(parse_int(&n, "x", "priority", 0, 10), "invalid priority \"x\"");
	is_refused(parse_int(&n, "99", "priority", 0, 10), "priority \"99\" is out of range: 0 to 10");
	is_refused(parse_int(&n, "-1", "limit", 0, INT64_MAX), "limit \"-1\" is out of range: at least 0");
	is_refused(parse_int(&n, "99999999999999999999", "n", 0, 10), "n \"99999999999999999999\" is out of range: 0 to 10");
	is_refused(parse_int(&n, "99999999999999999999x", "n", 0, 10), "invalid n \"99999999999999999999x\"");
}

/* Durations */

static void good_duration(const char *s, usec_t expected)
{
	usec_t d = -99;

	is_int(parse_duration(&d, s), 0, "\"%s\" is a duration", s);
	is_int(d, expected, "of %lld us", (long long)expected);
}

static void bad_duration(const char *s)
{
	usec_t d;

	is_int(parse_duration(&d, s), -1, "\"%s\" is no duration", s);
}

static void durations(void)
{
	usec_t d;

	good_duration("0", 0);
	good_duration("0s", 0);
	good_duration("250ms", 250 * USEC_MS);
	good_duration("30s", 30 * USEC_SEC);
	good_duration("5m", 300 * USEC_SEC);
	good_duration("2h", 7200 * USEC_SEC);
	good_duration("1d", 86400 * USEC_SEC);
	good_duration("1.5s", 1500000);
	good_duration("0.25ms", 250);
	good_duration("1h30m", 5400 * USEC_SEC);
	good_duration("1m1.5s1ms", 61501 * USEC_MS);
	good_duration("0.000001s", 1);
	good_duration("0.0000009s", 0);
	good_duration("0.00000000001d", 0);
	good_duration("0.0000000001d", 8);
	good_duration("36525d", 36525 * (86400 * USEC_SEC));
	bad_duration("");
	bad_duration("5");
	bad_duration("00");
	bad_duration("s");
	bad_duration("-5s");
	bad_duration("+5s");
	bad_duration(" 5s");
	bad_duration("5 s");
	bad_duration("5s ");
	bad_duration(".5s");
	bad_duration("5.s");
	bad_duration("5S");
	bad_duration("1h30");
	bad_duration("1e3s");
	bad_duration("5us");
	is_refused(parse_duration(&d, "5x"), "invalid duration \"5x\"");
	is_refused(parse_duration(&d, "36526d"), "duration \"36526d\" is out of range: at most 100 years");
	is_refused(parse_duration(&d, "99999999999999999999999999999999d99999999999999999999h"),
		"duration \"99999999999999999999999999999999d99999999999999999999h\" is out of range: at most 100 years");
}

/* Times */

static void good_time(const char *s, usec_t expected)
{
	usec_t t = -99;

	is_int(parse_time(&t, s), 0, "\"%s\" is a time", s);
	is_int(t, expected, "namely %lld", (long long)expected);
}

static void bad_time(const char *s)
{
	usec_t t;

	is_int(parse_time(&t, s), -1, "\"%s\" is no time", s);
}

static const usec_t NOON = 1769860800 * USEC_SEC;      /* 2026-01-31T12:00:00Z */

static void set_zone(const char *name)
{
	if (setenv("TZ", name, 1) < 0)
		bail_out("setenv");
	tzset();
}

static void times(void)
{
	good_time("2026-01-31T12:00:00Z", NOON);
	good_time("2026-01-31t12:00:00z", NOON);
	good_time("2026-01-31 12:00:00Z", NOON);
	good_time("2026-01-31T12:00:00.5Z", NOON + 500000);
	good_time("2026-01-31T12:00:00.1234567Z", NOON + 123456);
	good_time("2026-01-31T14:30:00+02:30", NOON);
	good_time("2026-01-31T07:00:00-05:00", NOON);
	good_time("1969-12-31T23:59:59Z", -USEC_SEC);
	good_time("1969-12-31T23:59:59.5Z", -500000);
	good_time("2024-02-29T00:00:00Z", 1709164800 * USEC_SEC);
	good_time("2016-12-31T23:59:60Z", 1483228800 * USEC_SEC);
	good_time("0001-01-01T00:00:00Z", -62135596800 * USEC_SEC);
	good_time("9999-12-31T23:59:59Z", 253402300799 * USEC_SEC);
	good_time("@0", 0);
	good_time("@1769860800", NOON);
	good_time("@1769860800.25", NOON + 250000);
	bad_time("");
	bad_time("@");
	bad_time("@-1");
	bad_time("@1.");
	bad_time("@1x");
	bad_time("@253402300800");
	bad_time("@99999999999999999999999");
	bad_time("2026-02-30");
	bad_time("2026-02-29T00:00:00Z");
	bad_time("2100-02-29");
	bad_time("2026-00-01");
	bad_time("2026-13-01");
	bad_time("2026-01-00");
	bad_time("2026-1-1");
	bad_time("0000-01-01");
	bad_time("2026-01-31T");
	bad_time("2026-01-31T24:00:00Z");
	bad_time("2026-01-31T12:60:00Z");
	bad_time("2026-01-31T12:00:61Z");
	bad_time("2026-01-31T12:00:00.Z");
	bad_time("2026-01-31T12:00:00+2:00");
	bad_time("2026-01-31T12:00:00+24:00");
	bad_time("2026-01-31T12:00:00+02");
	bad_time("2026-01-31T12:00:00ZZ");
	bad_time("2026-01-31X12:00:00");
	bad_time("tomorrow");
	is_refused(parse_time(&(usec_t){ 0 }, "2026-02-30"), "invalid time \"2026-02-30\"");
}

static void local_times(void)
{
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	good_time("2026-01-31T13:00:00", NOON);
	good_time("2026-01-31 13:00:00.25", NOON + 250000);
	good_time("2026-01-31", NOON - 13 * 3600 * USEC_SEC);
	good_time("2026-07-01T02:00:00", 1782864000 * USEC_SEC);
	/* The night when the clocks go forward from 2 to 3. */
	bad_time("2026-03-29T02:30:00");
	good_time("2026-03-29T03:00:00", 1774746000 * USEC_SEC);
	good_time("1970-01-01T00:59:59", -USEC_SEC);
	set_zone("UTC");
	good_time("2026-01-31T12:00:00", NOON);
}

/* Names with weights */

static void good_weighted(const char *s, size_t name_len, int weight)
{
	size_t len = 99;
	int n = -1;

	is_int(parse_weighted(s, &len, &n), 0, "\"%s\" is a name", s);
	is_int((long long)len, (long long)name_len, "of that length");
	is_int(n, weight, "with weight %d", weight);
}

static void good_size(const char *text, int64_t expected)
{
	int64_t size = -1;

	is_int(parse_size(&size, text), 0, "size \"%s\"", text);
	is_int(size, expected, "is %lld", (long long)expected);
}

static void sizes(void)
{
	static const char *const bad[] = { "", "K", "-1", "+1", " 1", "1 ", "1KB", "1k", "1Ki", "1.K", ".5K", "1e3", "0x10", "1K1" };
	static const char *const beyond[] = { "0", "0.4", "8192P", "9223372036854775807", "9223372036854775808", "99999999999999999999999P" };
	int64_t size;

	good_size("1", 1);
	good_size("4096", 4096);
	good_size("512K", 512 << 10);
	good_size("1.5G", (int64_t)3 << 29);
	good_size("0.5K", 512);
	good_size("4T", (int64_t)4 << 40);
	good_size("8191P", (int64_t)8191 << 50);
	good_size("9223372036854775799", INT64_MAX - 8);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(parse_size(&size, bad[i]), -1, "\"%s\" is no size", bad[i]);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		is_int(parse_size(&size, beyond[i]), -1, "\"%s\" is too small or too large", beyond[i]);
	is_refused(parse_size(&size, "5x"), "invalid size \"5x\"");
	is_refused(parse_size(&size, "0"), "size \"0\" is out of range");
}

static void weighted(void)
{
	size_t len;
	int n;

	good_weighted("mail", 4, 1);
	good_weighted("mail=3", 4, 3);
	good_weighted("mail=1000", 4, 1000);
	good_weighted("a=b", 3, 1);
	good_weighted("a=b=2", 3, 2);
	good_weighted("a=", 2, 1);
	good_weighted("a=1x", 4, 1);
	good_weighted("a=-1", 4, 1);
	is_refused(parse_weighted("a=0", &len, &n), "weight \"0\" is out of range: 1 to 1000");
	is_refused(parse_weighted("a=1001", &len, &n), "weight \"1001\" is out of range: 1 to 1000");
	is_refused(parse_weighted("", &len, &n), "empty name in \"\"");
	is_refused(parse_weighted("=5", &len, &n), "empty name in \"=5\"");
}

/* UTF-8 */

static void prefix(const char *s, size_t expected, const char *name)
{
	is_int((long long)utf8_prefix(s, strlen(s)), (long long)expected, "UTF-8: %s", name);
	is_int(utf8_valid(s, strlen(s)), expected == strlen(s), "all or not");
}

static void utf8(void)
{
	prefix("", 0, "nothing");
	prefix("plain text of more than eight bytes", 35, "ASCII");
	prefix("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "two, three and four bytes");
	prefix("abcdefgh\xc3\xa9", 10, "behind eight plain bytes");
	prefix("\xed\x9f\xbf\xee\x80\x80", 6, "around the surrogates");
	prefix("\xf4\x8f\xbf\xbf", 4, "the last code point");
	prefix("ab\xff", 2, "a byte that never occurs");
	prefix("ab\x80", 2, "a lone continuation");
	prefix("\xc0\x80", 0, "an overlong NUL");
	prefix("\xc1\xbf", 0, "overlong, two bytes");
	prefix("\xe0\x9f\xbf", 0, "overlong, three bytes");
	prefix("\xf0\x8f\xbf\xbf", 0, "overlong, four bytes");
	prefix("\xed\xa0\x80", 0, "a surrogate");
	prefix("\xf4\x90\x80\x80", 0, "beyond the last code point");
	prefix("\xf5\x80\x80\x80", 0, "a lead byte beyond that");
	prefix("a\xe2\x82", 1, "cut off");
	prefix("a\xe2\x82x", 1, "interrupted");
	is_int((long long)utf8_prefix("a\0b", 3), 3, "UTF-8: NUL is a character");
	is_int((long long)utf8_prefix("\xc3\xa9", 1), 0, "UTF-8: what is behind the length is not looked at");
}

int main(void)
{
	set_zone("UTC");
	ints();
	durations();
	times();
	local_times();
	sizes();
	weighted();
	utf8();
	return done_testing();
}
