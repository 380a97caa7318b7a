#include "results.h"

#include "err.h"
#include "json.h"

#include <string.h>

static const char *const names[OUTCOMES] = {
	[OUTCOME_DELIVERED] = "delivered", [OUTCOME_ACCEPTED] = "accepted", [OUTCOME_STORED] = "stored", [OUTCOME_FAILED] = "failed",
	[OUTCOME_FULL] = "full", [OUTCOME_CRASHED] = "crashed", [OUTCOME_UNKNOWN] = "unknown", [OUTCOME_REMOVED] = "removed",
	[OUTCOME_UNREACHABLE] = "unreachable", [OUTCOME_TIMED_OUT] = "timed-out",
};

bool outcome_good(enum outcome outcome)
{
	return outcome == OUTCOME_DELIVERED || outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_STORED;
}

void reply_add(struct strbuf *sb, const char *text, size_t len)
{
	if (json_check(text, len) == 0) {
		json_add_one_line(sb, text, len);
	} else {
		err_clear();
		json_add_string(sb, text, len);
	}
}

static void add_text(struct strbuf *sb, const struct result *result)
{
	if (!result->text)
		return;
	if (result->why) {
		strbuf_addstr(sb, ",\"reason\":");
		json_add_string(sb, result->text, result->len);
	} else if (result->len) {
		strbuf_addstr(sb, ",\"reply\":");
		reply_add(sb, result->text, result->len);
	}
}

void result_add(struct strbuf *sb, const struct parcel *parcel, const struct result *result)
{
	strbuf_addstr(sb, "{\"to\":");
	json_add_string(sb, parcel->handle, strlen(parcel->handle));
	strbuf_addstr(sb, ",\"stack\":");
	json_add_string(sb, parcel->stack, strlen(parcel->stack));
	if (parcel->line) {
		strbuf_addstr(sb, ",\"line\":");
		strbuf_addint(sb, (long long)parcel->line);
	}
	strbuf_addstr(sb, ",\"result\":\"");
	strbuf_addstr(sb, names[result->outcome]);
	strbuf_addch(sb, '"');
	if (result->outcome == OUTCOME_FAILED) {
		strbuf_addstr(sb, ",\"exit\":");
		strbuf_addint(sb, result->status);
	}
	if (parcel->offset) {
		strbuf_addstr(sb, ",\"offset\":");
		strbuf_addint(sb, parcel->offset);
	}
	add_text(sb, result);
	strbuf_addstr(sb, ",\"duration\":");
	clock_add_seconds(sb, clock_now() - parcel->posted);
	strbuf_addstr(sb, "}\n");
}
