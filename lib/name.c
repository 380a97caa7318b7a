#include "name.h"

#include "err.h"
#include "json.h"
#include "parse.h"

#include <string.h>

int name_check(const char *what, const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return err_set(WP_DATA, "the %s is empty", what);
	if (len > NAME_MAX_BYTES)
		return err_set(WP_DATA, "the %s is longer than %d bytes", what, NAME_MAX_BYTES);
	if (!utf8_valid(name, len))
		return err_set(WP_DATA, "the %s is not valid UTF-8", what);
	return 0;
}

int meta_check(const char *meta)
{
	size_t len = strlen(meta);
	struct json_scan scan;

	if (len > META_MAX_BYTES)
		return err_set(WP_DATA, "the meta is longer than %d bytes", META_MAX_BYTES);
	if (json_check(meta, len) < 0)
		return err_prefix("meta");
	if (json_object_begin(&scan, meta, len) < 0)
		return err_set(WP_DATA, "the meta is not a JSON object");
	return 0;
}
