#include "clock.h"
#include "tap.h"

#include <limits.h>
#include <stdint.h>

static void is_time(usec_t wall, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	clock_add_rfc3339(&sb, wall);
	is_str(sb.buf, expected, "%lld is %s", (long long)wall, expected);
	strbuf_release(&sb);
}

static void is_seconds(usec_t duration, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	clock_add_seconds(&sb, duration);
	is_str(sb.buf, expected, "%lld us are %s s", (long long)duration, expected);
	strbuf_release(&sb);
}

int main(void)
{
	usec_t before = clock_now();

	ok(clock_now() >= before, "the monotonic clock does not go back");
	ok(clock_wall() > 1700000000 * USEC_SEC, "the wall clock is after 2023");
	is_time(0, "1970-01-01T00:00:00.000000Z");
	is_time(1769860800000000, "2026-01-31T12:00:00.000000Z");
	is_time(1769860800000001, "2026-01-31T12:00:00.000001Z");
	is_time(-1, "1969-12-31T23:59:59.999999Z");
	is_time(-USEC_SEC, "1969-12-31T23:59:59.000000Z");
	is_time(253402300799 * USEC_SEC, "9999-12-31T23:59:59.000000Z");
	is_seconds(0, "0");
	is_seconds(12000, "0.012");
	is_seconds(1, "0.000001");
	is_seconds(1500000, "1.5");
	is_seconds(100 * USEC_SEC, "100");
	is_seconds(-500000, "-0.5");
	is_seconds(-1500000, "-1.5");
	is_seconds(-2 * USEC_SEC, "-2");
	is_seconds(INT64_MAX, "9223372036854.775807");
	ok(clock_backoff(100, 1000, 0) == 100, "the first pause");
	ok(clock_backoff(100, 1000, 3) == 800, "doubled each time");
	ok(clock_backoff(100, 1000, 4) == 1000, "but never longer than the longest");
	ok(clock_backoff(100, 1000, UINT_MAX) == 1000, "however often it has failed");
	return done_testing();
}
