/* publish: many messages, each to its consumer. */

#include "delivery.h"

#include "err.h"
#include "json.h"
#include "name.h"

#include <string.h>

struct publish_args {
	struct delivery_args delivery;
	bool failures;
};

struct publishing {
	struct delivery delivery;
	struct strbuf to, stack;
};

/* {"to":HANDLE,"event":ANY}, and where it is not the stack of --stack, "stack":STACK. */
struct message {
	struct json_slice to, stack, event;
};

static int parse(struct message *m, const char *line, size_t len)
{
	struct json_scan scan;
	struct json_slice key, value;
	int r;

	*m = (struct message){ 0 };
	if (json_check(line, len) < 0)
		return -1;
	if (json_object_begin(&scan, line, len) < 0)
		return err_set(WP_DATA, "not a JSON object");
	while ((r = json_object_next(&scan, &key, &value)) > 0) {
		if (json_slice_is(key, "to"))
			m->to = value;
		else if (json_slice_is(key, "stack"))
			m->stack = value;
		else if (json_slice_is(key, "event"))
			m->event = value;
	}
	return r;
}

static int name_from(struct strbuf *name, const char *what, struct json_slice value)
{
	strbuf_reset(name);
	if (!value.p)
		return err_set(WP_DATA, "no member \"%s\"", what);
	if (!json_is_string(value) || json_add_decoded(name, value) < 0)
		return err_set(WP_DATA, "member \"%s\" is not a text without NUL", what);
	return name_check(what, name->buf);
}

static int publish_line(struct delivery *d, const char *line, size_t len)
{
	struct publishing *p = (struct publishing *)d;
	struct message m;

	if (parse(&m, line, len) < 0 || name_from(&p->to, "to", m.to) < 0 || (m.stack.p && name_from(&p->stack, "stack", m.stack) < 0))
		return -1;
	if (!m.event.p)
		return err_set(WP_DATA, "no member \"event\"");
	courier_post(&d->courier, m.stack.p ? p->stack.buf : d->stack, p->to.buf, m.event.p, m.event.len, d->lines.number);
	return 0;
}

static int publish_run(void *globals, void *args, int n, char **operands)
{
	const struct publish_args *a = args;
	struct publishing p = { .delivery = { .line = publish_line, .failures_only = a->failures }, .to = STRBUF_INIT, .stack = STRBUF_INIT };
	int status;

	if (delivery_open(&p.delivery, globals, &a->delivery) < 0 || delivery_read(&p.delivery) < 0)
		status = err_report();
	else
		status = delivery_run(&p.delivery);
	delivery_close(&p.delivery);
	strbuf_release(&p.to);
	strbuf_release(&p.stack);
	return status;
}

static const struct publish_args defaults = { .delivery = DELIVERY_DEFAULTS };

static const struct opt options[] = {
	DELIVERY_OPTIONS(struct publish_args, delivery),
	OPT_FLAG(0, "failures", struct publish_args, failures, NULL, "print only what was not delivered"),
	OPT_END
};

const struct verb verb_publish = {
	.name = "publish", .args = "", .summary = "deliver the messages on stdin, each to its consumer",
	.options = options, .size = sizeof(struct publish_args), .defaults = &defaults, .run = publish_run,
};
