/* The small values of options and files, each taken within its bounds or refused with a reason. */
#include "fuzz.h"

#include "backoff.h"
#include "err.h"
#include "json.h"
#include "name.h"
#include "parse.h"

static void refused(void)
{
	require(err_status() != 0 && *err_message());
	err_clear();
}

static void size_of(const char *s)
{
	int64_t bytes;

	if (parse_size(&bytes, s) == 0)
		require(bytes >= 1);
	else
		refused();
}

static void weighted(const char *s)
{
	size_t len;
	int weight;

	if (parse_weighted(s, &len, &weight) == 0)
		require(weight >= 1 && weight <= 1000 && len <= strlen(s) && (!s[len] || s[len] == '='));
	else
		refused();
}

static void backoff(const char *s)
{
	struct backoff b;

	if (backoff_parse(&b, s) < 0) {
		refused();
		return;
	}
	require(b.base >= 0 && b.max >= 0);
	for (int64_t attempt = 1; attempt < INT64_MAX / 4; attempt *= 4) {
		usec_t delay = backoff_delay(&b, attempt);

		require(delay >= 0 && delay <= b.max + b.max / 4 + 1);
	}
}

static void name(const char *s)
{
	if (name_check("key", s) == 0)
		require(*s && utf8_valid(s, strlen(s)) && strlen(s) <= NAME_MAX_BYTES);
	else
		refused();
	if (meta_check(s) == 0)
		require(json_check(s, strlen(s)) == 0 && strlen(s) <= META_MAX_BYTES);
	else
		refused();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = fuzz_string(data, size);

	size_of(s);
	weighted(s);
	backoff(s);
	name(s);
	free(s);
	return 0;
}
