#include "settings.h"

#include "err.h"
#include "parse.h"

#include <string.h>

static int parse_idle(int64_t *out, const char *option, const char *text)
{
	if (!strcmp(text, "never")) {
		*out = USEC_NEVER;
		return 0;
	}
	return parse_duration(out, text) < 0 ? err_prefix("option --%s", option) : 0;
}

/* Each setting by its name, and where it is in a request. */
#define EACH_NUMBER(X) \
	X("min", min) X("max", max) X("max-concurrency", max_concurrency) X("spare", spare) X("grow-when", grow_when) \
	X("timeout", timeout) X("boot-timeout", boot_timeout) X("shutdown-timeout", shutdown_timeout) X("kill-after", kill_after)

int settings_to_request(struct request *request, const struct settings *s, bool given_only)
{
#define COPY(name, field) if (!given_only || opt_given(name)) request->field = s->field;
	EACH_NUMBER(COPY)
#undef COPY
	if ((!given_only || opt_given("idle-shutdown-after"))
	    && parse_idle(&request->idle_shutdown_after, "idle-shutdown-after", s->idle_shutdown_after) < 0)
		return -1;
	if ((!given_only || opt_given("min-idle-shutdown-after"))
	    && parse_idle(&request->min_idle_shutdown_after, "min-idle-shutdown-after", s->min_idle_shutdown_after) < 0)
		return -1;
	return 0;
}

static void set_size(size_t *field, int64_t value)
{
	if (value != TALK_NONE && value >= 0)
		*field = (size_t)value;
}

static void set_time(usec_t *field, int64_t value)
{
	if (value != TALK_NONE && value >= 0)
		*field = value > LONGEST_TIME && value != USEC_NEVER ? LONGEST_TIME : value;
}

/* 0 is no limit. */
static void set_limit(usec_t *field, int64_t value)
{
	set_time(field, value == 0 ? USEC_NEVER : value);
}

static int check(const struct limits *l)
{
	const struct elastic_config *e = &l->elastic;

	if (e->max < 1 || e->max > RUNNERS_MAX)
		return err_set(WP_USAGE, "--max is out of range: 1 to %d", RUNNERS_MAX);
	if (e->max < e->min)
		return err_set(WP_USAGE, "--max %zu is less than --min %zu", e->max, e->min);
	if (l->max_concurrency < 1 || l->max_concurrency > RUNNER_CALLS_MAX)
		return err_set(WP_USAGE, "--max-concurrency is out of range: 1 to %d", RUNNER_CALLS_MAX);
	if (e->grow_when < 1)
		return err_set(WP_USAGE, "--grow-when is out of range: at least 1");
	return 0;
}

int limits_change(struct limits *limits, const struct request *request)
{
	struct limits l = *limits;

	set_size(&l.elastic.min, request->min);
	set_size(&l.elastic.max, request->max);
	set_size(&l.elastic.spare, request->spare);
	set_size(&l.elastic.grow_when, request->grow_when);
	set_size(&l.max_concurrency, request->max_concurrency);
	set_time(&l.timeout, request->timeout == USEC_NEVER ? 0 : request->timeout);
	set_limit(&l.elastic.boot_timeout, request->boot_timeout);
	set_time(&l.elastic.shutdown_timeout, request->shutdown_timeout == USEC_NEVER ? LONGEST_TIME : request->shutdown_timeout);
	set_time(&l.kill_after, request->kill_after == USEC_NEVER ? LONGEST_TIME : request->kill_after);
	set_time(&l.elastic.idle_after, request->idle_shutdown_after);
	set_time(&l.elastic.min_idle_after, request->min_idle_shutdown_after);
	if (check(&l) < 0)
		return -1;
	*limits = l;
	return 0;
}
