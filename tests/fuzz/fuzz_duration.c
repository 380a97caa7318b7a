/* A duration that is taken is within its bounds, and its seconds are taken as the same duration. */
#include "fuzz.h"

#include "err.h"
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const usec_t most = 36525 * (86400 * USEC_SEC);
	char *s = fuzz_string(data, size);
	struct strbuf sb = STRBUF_INIT;
	usec_t d, back;

	if (parse_duration(&d, s) == 0) {
		require(d >= 0 && d <= most);
		clock_add_seconds(&sb, d);
		strbuf_addch(&sb, 's');
		require(parse_duration(&back, sb.buf) == 0 && back == d);
	} else {
		require(err_status() == WP_USAGE && *err_message());
	}
	strbuf_release(&sb);
	free(s);
	return 0;
}
