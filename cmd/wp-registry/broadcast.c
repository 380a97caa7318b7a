/* broadcast: the same message to many consumers. */

#include "delivery.h"

#include "err.h"
#include "json.h"

#include <fnmatch.h>
#include <string.h>

struct broadcast_args {
	struct delivery_args delivery;
	const char *match;
	struct strvec meta;
	bool running, failures;
};

struct broadcasting {
	struct delivery delivery;
	const struct broadcast_args *args;
	struct strvec handles;       /* who is meant, as of event SEEN */
	int64_t seen;
};

/* "KEY=VALUE" of the meta's object, the value as an argument shows it. */
static bool has_meta(const char *meta, const char *pair)
{
	const char *equals = strchr(pair, '=');
	struct strbuf value = STRBUF_INIT;
	bool same = json_text_member(&value, meta, strlen(meta), pair, (size_t)(equals - pair)) == 0 && !strcmp(value.buf, equals + 1);

	err_clear();
	strbuf_release(&value);
	return same;
}

static bool is_meant(const struct broadcast_args *a, const struct consumer *c)
{
	if (c->process || (a->running && !c->life))
		return false;
	if (a->match && fnmatch(a->match, c->handle, 0) != 0)
		return false;
	for (size_t i = 0; i < a->meta.nr; i++)
		if (!has_meta(c->meta, a->meta.v[i]))
			return false;
	return true;
}

static void add_handle(const struct consumer *c, const struct counts *live, void *ctx)
{
	struct broadcasting *b = ctx;

	if (!is_meant(b->args, c))
		return;
	strvec_push(&b->handles, c->handle);
	courier_expect(&b->delivery.courier, c);
}

/* Whoever has come or gone since the last message. */
static int find_all(struct broadcasting *b)
{
	int64_t seen = registry_last_event(&b->delivery.registry);

	if (seen < 0 || seen == b->seen)
		return seen < 0 ? -1 : 0;
	strvec_clear(&b->handles);
	if (registry_list(&b->delivery.registry, b->delivery.stack, add_handle, b) < 0)
		return -1;
	b->seen = seen;
	return 0;
}

static int post_all(struct broadcasting *b, const char *text, size_t len, uint64_t line)
{
	if (find_all(b) < 0)
		return -1;
	for (size_t i = 0; i < b->handles.nr; i++)
		courier_post(&b->delivery.courier, b->delivery.stack, b->handles.v[i], text, len, line);
	return 0;
}

static int broadcast_line(struct delivery *d, const char *line, size_t len)
{
	return post_all((struct broadcasting *)d, line, len, d->lines.number);
}

static int check(const struct broadcast_args *a)
{
	for (size_t i = 0; i < a->meta.nr; i++)
		if (!strchr(a->meta.v[i], '='))
			return err_usage("broadcast", "invalid value \"%s\" for --meta: not KEY=VALUE", a->meta.v[i]);
	return 0;
}

static int begin(struct broadcasting *b, const struct globals *globals, const char *message)
{
	if (delivery_open(&b->delivery, globals, &b->args->delivery) < 0)
		return -1;
	return message ? post_all(b, message, strlen(message), 0) : delivery_read(&b->delivery);
}

static int broadcast_run(void *globals, void *args, int n, char **operands)
{
	const struct broadcast_args *a = args;
	struct broadcasting b = {
		.delivery = { .line = broadcast_line, .failures_only = a->failures }, .args = a, .handles = STRVEC_INIT, .seen = -1 };
	int status = check(a);

	if (status)
		return status;
	status = begin(&b, globals, operands[0]) < 0 ? err_report() : delivery_run(&b.delivery);
	delivery_close(&b.delivery);
	strvec_release(&b.handles);
	return status;
}

static const struct broadcast_args defaults = { .delivery = DELIVERY_DEFAULTS, .meta = STRVEC_INIT };

static const struct opt options[] = {
	DELIVERY_OPTIONS(struct broadcast_args, delivery),
	OPT_STRING(0, "match", "GLOB", struct broadcast_args, match, NULL, "only those whose handle matches (glob(7))"),
	OPT_LIST('m', "meta", "KEY=VALUE", struct broadcast_args, meta, NULL, "only those whose metadata has that; may be given several times"),
	OPT_FLAG(0, "running", struct broadcast_args, running, NULL, "only those that have a process, and start none"),
	OPT_FLAG(0, "failures", struct broadcast_args, failures, NULL, "print only what was not delivered"),
	OPT_END
};

const struct verb verb_broadcast = {
	.name = "broadcast", .args = "[MESSAGE]", .summary = "deliver a message, or each line of stdin, to many consumers",
	.options = options, .size = sizeof(struct broadcast_args), .defaults = &defaults, .max_operands = 1, .run = broadcast_run,
};
