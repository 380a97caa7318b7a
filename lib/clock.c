#include "clock.h"

#include "err.h"

static usec_t read_clock(clockid_t which)
{
	struct timespec now;

	if (clock_gettime(which, &now) < 0)
		err_bug("clock %d cannot be read", (int)which);
	return (usec_t)now.tv_sec * USEC_SEC + now.tv_nsec / 1000;
}

usec_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

usec_t clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

usec_t clock_backoff(usec_t first, usec_t longest, unsigned times)
{
	usec_t pause = first;

	while (times-- > 0 && pause < longest)
		pause *= 2;
	return clock_earlier(pause, longest);
}

void clock_add_rfc3339(struct strbuf *sb, usec_t wall)
{
	usec_t fraction = wall % USEC_SEC;
	time_t seconds = (time_t)(wall / USEC_SEC);
	struct tm tm;

	if (fraction < 0) {
		fraction += USEC_SEC;
		seconds--;
	}
	if (!gmtime_r(&seconds, &tm))
		err_bug("time %lld has no date", (long long)seconds);
	strbuf_addf(sb, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
}

static void add_fraction(struct strbuf *sb, unsigned micro)
{
	char digits[7] = ".";
	size_t len = sizeof(digits);

	for (size_t i = len; i-- > 1; micro /= 10)
		digits[i] = (char)('0' + micro % 10);
	while (digits[len - 1] == '0')
		len--;
	strbuf_add(sb, digits, len);
}

void clock_add_seconds(struct strbuf *sb, usec_t duration)
{
	usec_t seconds = duration / USEC_SEC, micro = duration % USEC_SEC;

	if (duration < 0 && seconds == 0)
		strbuf_addch(sb, '-');
	strbuf_addint(sb, seconds);
	if (micro)
		add_fraction(sb, (unsigned)(micro < 0 ? -micro : micro));
}
