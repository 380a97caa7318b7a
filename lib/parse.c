#include "parse.h"

#include "err.h"

#include <stdbool.h>

/* ctype.h without the locale and its traps for negative chars. */
static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int invalid(const char *what, const char *s)
{
	return err_set(WP_USAGE, "invalid %s \"%s\"", what, s);
}

/* Numbers */

static int out_of_range(const char *what, const char *s, int64_t min, int64_t max)
{
	if (max == INT64_MAX)
		return err_set(WP_USAGE, "%s \"%s\" is out of range: at least %lld", what, s, (long long)min);
	return err_set(WP_USAGE, "%s \"%s\" is out of range: %lld to %lld", what, s, (long long)min, (long long)max);
}

int parse_int(int64_t *out, const char *s, const char *what, int64_t min, int64_t max)
{
	const char *p = s + (*s == '-');
	int64_t value = 0;
	bool overflow = false;

	if (!is_digit(*p))
		return invalid(what, s);
	for (; is_digit(*p); p++) {
		/* Downwards for negative numbers: INT64_MIN has no positive counterpart. */
		int digit = *s == '-' ? '0' - *p : *p - '0';

		overflow = overflow || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value);
	}
	if (*p)
		return invalid(what, s);
	if (overflow || value < min || value > max)
		return out_of_range(what, s, min, max);
	*out = value;
	return 0;
}

/* Durations */

static const usec_t LONGEST = (usec_t)36525 * 86400 * USEC_SEC;

static const struct unit {
	const char *name;
	size_t len;
	usec_t length;
} units[] = {
	{ "ms", 2, USEC_MS },      /* before "m" */
	{ "s", 1, USEC_SEC },
	{ "m", 1, 60 * USEC_SEC },
	{ "h", 1, 3600 * USEC_SEC },
	{ "d", 1, 86400 * USEC_SEC },
};

static const struct unit *find_unit(const char *p)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strncmp(p, units[i].name, units[i].len) == 0)
			return &units[i];
	return NULL;
}

/* The digits at *P, as many as there are, as WANTED digits: padded with zeros or cut. *P moves behind them. */
static int64_t read_fraction(const char **p, int wanted)
{
	int64_t value = 0;

	for (; is_digit(**p); (*p)++)
		if (wanted > 0) {
			value = value * 10 + (**p - '0');
			wanted--;
		}
	while (wanted-- > 0)
		value *= 10;
	return value;
}

/* 15 digits of a fraction are less than a microsecond away from the whole even in days. */
enum { FRACTION_DIGITS = 15 };
static const int64_t FRACTION_SCALE = 1000000000000000;

struct decimal {
	int64_t whole, fraction;
};

/* Numbers that are too large become the largest, so that they are out of range whatever the unit, and not wrapped. */
static int read_decimal(struct decimal *number, const char **p)
{
	*number = (struct decimal){ 0, 0 };
	if (!is_digit(**p))
		return -1;
	for (; is_digit(**p); (*p)++) {
		bool fits = number->whole <= (INT64_MAX - 9) / 10;

		number->whole = fits ? number->whole * 10 + (**p - '0') : INT64_MAX;
	}
	if (**p != '.')
		return 0;
	(*p)++;
	if (!is_digit(**p))
		return -1;
	number->fraction = read_fraction(p, FRACTION_DIGITS);
	return 0;
}

__extension__ typedef __int128 wide;

/* One "1.5h"; 1 when there is one, 0 when the text is none. */
static int read_part(wide *sum, const char **p)
{
	const struct unit *unit;
	struct decimal number;

	if (read_decimal(&number, p) < 0)
		return 0;
	unit = find_unit(*p);
	if (!unit)
		return 0;
	*p += unit->len;
	*sum += (wide)number.whole * unit->length + (wide)number.fraction * unit->length / FRACTION_SCALE;
	return 1;
}

/* Sizes */

int parse_size(int64_t *out, const char *s)
{
	static const char letters[] = "KMGTP";
	const char *p = s, *unit;
	struct decimal number;
	int shift = 0;
	wide size;

	if (read_decimal(&number, &p) < 0)
		return invalid("size", s);
	if (*p && (unit = strchr(letters, *p))) {
		shift = 10 * (int)(unit - letters + 1);
		p++;
	}
	if (*p)
		return invalid("size", s);
	size = ((wide)number.whole << shift) + ((wide)number.fraction << shift) / FRACTION_SCALE;
	/* The largest may stand for something larger. */
	if (size < 1 || size >= INT64_MAX)
		return err_set(WP_USAGE, "size \"%s\" is out of range", s);
	*out = (int64_t)size;
	return 0;
}

static int invalid_duration(const char *s)
{
	invalid("duration", s);
	err_hint("a duration is a number and its unit, as in 250ms, 30s, 5m, 2h, 1d, 1h30m");
	return -1;
}

int parse_duration(usec_t *out, const char *s)
{
	const char *p = s;
	wide sum = 0;

	if (strcmp(s, "0") == 0) {
		*out = 0;
		return 0;
	}
	do {
		if (!read_part(&sum, &p))
			return invalid_duration(s);
		if (sum > LONGEST)
			sum = (wide)LONGEST + 1;
	} while (*p);
	if (sum > LONGEST)
		return err_set(WP_USAGE, "duration \"%s\" is out of range: at most 100 years", s);
	*out = (usec_t)sum;
	return 0;
}

/* Times */

struct date_time {
	struct tm tm;           /* tm_year and tm_mon as struct tm has them */
	usec_t fraction;
	bool has_offset;
	long offset;            /* seconds east of UTC */
};

/* Exactly DIGITS digits, then THEN (unless it is NUL). */
static int read_field(int *out, const char **p, int digits, char then)
{
	*out = 0;
	while (digits-- > 0) {
		if (!is_digit(**p))
			return -1;
		*out = *out * 10 + (*(*p)++ - '0');
	}
	if (then && *(*p)++ != then)
		return -1;
	return 0;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int read_date(struct tm *tm, const char **p)
{
	int year, month;

	if (read_field(&year, p, 4, '-') < 0 || read_field(&month, p, 2, '-') < 0 ||
		read_field(&tm->tm_mday, p, 2, '\0') < 0)
		return -1;
	if (year < 1 || month < 1 || month > 12 || tm->tm_mday < 1 || tm->tm_mday > days_in(year, month))
		return -1;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return 0;
}

static int read_clock_time(struct date_time *t, const char **p)
{
	if (read_field(&t->tm.tm_hour, p, 2, ':') < 0 || read_field(&t->tm.tm_min, p, 2, ':') < 0 ||
		read_field(&t->tm.tm_sec, p, 2, '\0') < 0)
		return -1;
	if (t->tm.tm_hour > 23 || t->tm.tm_min > 59 || t->tm.tm_sec > 60)
		return -1;
	if (**p != '.')
		return 0;
	(*p)++;
	if (!is_digit(**p))
		return -1;
	t->fraction = read_fraction(p, 6);
	return 0;
}

/* "Z" or "+02:00"; nothing at all is no offset. */
static int read_offset(struct date_time *t, const char **p)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;

	if (!**p)
		return 0;
	t->has_offset = true;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -1;
	(*p)++;
	if (read_field(&hours, p, 2, ':') < 0 || read_field(&minutes, p, 2, '\0') < 0 || hours > 23 || minutes > 59)
		return -1;
	t->offset = sign * (hours * 3600L + minutes * 60L);
	return 0;
}

static int read_date_time(struct date_time *t, const char *p)
{
	*t = (struct date_time){ .tm = { .tm_isdst = -1 } };
	if (read_date(&t->tm, &p) < 0)
		return -1;
	if (!*p)
		return 0;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return -1;
	p++;
	if (read_clock_time(t, &p) < 0 || read_offset(t, &p) < 0)
		return -1;
	return *p ? -1 : 0;
}

/* mktime() moves a time that the clocks here pass over (the hour lost in spring) to
 * one that exists. That is not what was asked for. */
static int local_seconds(int64_t *seconds, struct tm tm)
{
	struct tm asked = tm;

	tm.tm_wday = -1;
	*seconds = mktime(&tm);
	if (tm.tm_wday < 0)
		return -1;
	return tm.tm_mday == asked.tm_mday && tm.tm_hour == asked.tm_hour && tm.tm_min == asked.tm_min ? 0 : -1;
}

static int to_seconds(int64_t *seconds, struct date_time *t)
{
	/* A leap second has no number of its own: it is the second after the 59th. */
	int leap = t->tm.tm_sec == 60;

	t->tm.tm_sec -= leap;
	if (t->has_offset)
		*seconds = timegm(&t->tm) - t->offset;
	else if (local_seconds(seconds, t->tm) < 0)
		return -1;
	*seconds += leap;
	return 0;
}

/* The last second of the year 9999, where dates of four digits end. */
static const int64_t LAST_SECOND = 253402300799;

static int parse_epoch(usec_t *out, const char *s)
{
	const char *p = s + 1;
	struct decimal number;

	if (read_decimal(&number, &p) < 0 || *p)
		return invalid("time", s);
	if (number.whole > LAST_SECOND)
		return err_set(WP_USAGE, "time \"%s\" is out of range: at most @%lld", s, (long long)LAST_SECOND);
	*out = number.whole * USEC_SEC + number.fraction / (FRACTION_SCALE / USEC_SEC);
	return 0;
}

int parse_time(usec_t *out, const char *s)
{
	struct date_time t;
	int64_t seconds;

	if (*s == '@')
		return parse_epoch(out, s);
	if (read_date_time(&t, s) < 0 || to_seconds(&seconds, &t) < 0) {
		invalid("time", s);
		err_hint("a time is written as in 2026-01-31, 2026-01-31T12:00:00, 2026-01-31T12:00:00Z or @1769860800");
		return -1;
	}
	*out = seconds * USEC_SEC + t.fraction;
	return 0;
}

/* Names with weights */

int parse_weighted(const char *s, size_t *name_len, int *weight)
{
	const char *equals = strrchr(s, '=');
	int64_t n = 1;

	*name_len = strlen(s);
	if (equals && equals[1] && !equals[1 + strspn(equals + 1, "0123456789")]) {
		if (parse_int(&n, equals + 1, "weight", 1, 1000) < 0)
			return -1;
		*name_len = (size_t)(equals - s);
	}
	if (*name_len == 0)
		return err_set(WP_USAGE, "empty name in \"%s\"", s);
	*weight = (int)n;
	return 0;
}

/* UTF-8 */

/* The length of the sequence at P, 0 when there is none (RFC 3629, section 4). */
static size_t sequence(const unsigned char *p, size_t len)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	unsigned char low = 0x80, high = 0xbf;

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static int all_ascii(const char *p)
{
	uint64_t eight;

	memcpy(&eight, p, sizeof(eight));
	return (eight & UINT64_C(0x8080808080808080)) == 0;
}

size_t utf8_prefix(const char *s, size_t len)
{
	size_t i = 0, n;

	while (i < len) {
		if (len - i >= 8 && all_ascii(s + i)) {
			i += 8;
			continue;
		}
		n = sequence((const unsigned char *)s + i, len - i);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

int utf8_valid(const char *s, size_t len)
{
	return utf8_prefix(s, len) == len;
}
