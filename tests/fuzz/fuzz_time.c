/* A time that is taken prints as RFC 3339, and that is taken as the same time. */
#include "fuzz.h"

#include "err.h"
#include "parse.h"

/* A zone where some local times do not exist and some exist twice. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	require(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) == 0);
	tzset();
	return 0;
}

/* An offset can lead out of the years that have four digits. */
static int has_four_digits(usec_t t)
{
	return t >= -62135596800 * USEC_SEC && t < 253402300800 * USEC_SEC;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = fuzz_string(data, size);
	struct strbuf sb = STRBUF_INIT;
	usec_t t, back;

	if (parse_time(&t, s) < 0) {
		require(err_status() == WP_USAGE && *err_message());
	} else if (has_four_digits(t)) {
		clock_add_rfc3339(&sb, t);
		require(parse_time(&back, sb.buf) == 0 && back == t);
	}
	strbuf_release(&sb);
	free(s);
	return 0;
}
