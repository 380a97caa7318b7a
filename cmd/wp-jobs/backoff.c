#include "backoff.h"

#include "alloc.h"
#include "err.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { "constant:", "linear:", "exponential:" };

static const char *parse_kind(struct backoff *b, const char *s)
{
	b->kind = BACKOFF_EXPONENTIAL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strncmp(s, kinds[i], strlen(kinds[i]))) {
			b->kind = (enum backoff_kind)i;
			return s + strlen(kinds[i]);
		}
	}
	return s;
}

int backoff_parse(struct backoff *b, const char *s)
{
	const char *times = parse_kind(b, s), *comma = strchr(times, ',');
	char *base = comma ? xstrndup(times, (size_t)(comma - times)) : xstrdup(times);
	int r = parse_duration(&b->base, base);

	free(base);
	if (r == 0 && comma)
		r = parse_duration(&b->max, comma + 1);
	else
		b->max = b->base > 3600 * USEC_SEC ? b->base : 3600 * USEC_SEC;
	if (r == 0 && b->max < b->base)
		r = err_set(WP_USAGE, "its longest wait is shorter than its first");
	return r < 0 ? err_prefix("backoff \"%s\"", s) : 0;
}

static usec_t multiplied(usec_t base, usec_t max, int64_t factor)
{
	return factor > 0 && base > max / factor ? max : base * factor;
}

usec_t backoff_delay(const struct backoff *b, int64_t attempt)
{
	int64_t n = attempt < 1 ? 1 : attempt;
	usec_t delay, half;

	if (b->kind == BACKOFF_CONSTANT)
		delay = b->base;
	else if (b->kind == BACKOFF_LINEAR)
		delay = multiplied(b->base, b->max, n);
	else
		delay = multiplied(b->base, b->max, n > 62 ? INT64_MAX : INT64_C(1) << (n - 1));
	half = delay / 2;
	return delay - delay / 4 + (usec_t)((double)half * ((double)random() / (double)RAND_MAX));
}
