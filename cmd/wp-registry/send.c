/* send: one message to one consumer. */

#include "delivery.h"

#include "err.h"
#include "name.h"
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sending {
	struct delivery delivery;
	int status;
};

static int refused(const struct parcel *parcel, const struct result *result)
{
	switch (result->outcome) {
	case OUTCOME_FAILED:
		if (result->why)
			return err_set(result->status, "consumer \"%s\" has failed: %.*s", parcel->handle, (int)result->len, result->text);
		return err_set(result->status, "consumer \"%s\" has failed: exit status %d", parcel->handle, result->status);
	case OUTCOME_FULL:
		return err_set(WP_TEMPFAIL, "too many messages are pending for consumer \"%s\"", parcel->handle);
	case OUTCOME_TIMED_OUT:
		return err_set(WP_TEMPFAIL, "timed out: consumer \"%s\" has not answered", parcel->handle);
	case OUTCOME_CRASHED:
		return err_set(WP_NO, "consumer \"%s\" has crashed: %.*s", parcel->handle, (int)result->len, result->text ? result->text : "");
	case OUTCOME_REMOVED:
		return err_set(WP_NO, "consumer \"%s\" was removed or is suspended still", parcel->handle);
	case OUTCOME_UNREACHABLE:
		if (result->why)
			return err_set(result->status, "consumer \"%s\" cannot be reached: %.*s", parcel->handle, (int)result->len, result->text);
		return err_set(WP_NO, "consumer \"%s\" has no inbox", parcel->handle);
	default:
		return err_set(WP_NO, "there is no consumer \"%s\"", parcel->handle);
	}
}

static void on_done(struct delivery *d, const struct parcel *parcel, const struct result *result)
{
	struct sending *s = (struct sending *)d;

	if (result->text && result->len && !result->why) {
		fwrite(result->text, 1, result->len, stdout);
		putchar('\n');
	}
	if (outcome_good(result->outcome))
		return;
	(void)refused(parcel, result);
	s->status = err_report();
}

static int read_message(struct strbuf *text)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			strbuf_add(text, buf, (size_t)n);
		if (text->len > POST_TEXT_MAX)
			return err_set(WP_DATA, "the message is longer than %zu bytes", POST_TEXT_MAX);
	}
	if (n < 0)
		return err_errno("cannot read stdin");
	if (text->len && text->buf[text->len - 1] == '\n')
		strbuf_setlen(text, text->len - 1);
	return 0;
}

static int post(struct sending *s, const char *handle, const char *message)
{
	struct strbuf text = STRBUF_INIT;
	int r = 0;

	if (message && strlen(message) > POST_TEXT_MAX)
		r = err_set(WP_DATA, "the message is longer than %zu bytes", POST_TEXT_MAX);
	else if (message)
		strbuf_addstr(&text, message);
	else
		r = read_message(&text);
	if (r == 0)
		courier_post(&s->delivery.courier, s->delivery.stack, handle, text.buf, text.len, 0);
	strbuf_release(&text);
	return r;
}

static int send_run(void *globals, void *args, int n, char **operands)
{
	const struct delivery_args *a = args;
	struct sending s = { .delivery = { .done = on_done } };
	int status;

	if (name_check("handle", operands[0]) < 0 || delivery_open(&s.delivery, globals, a) < 0 || post(&s, operands[0], operands[1]) < 0)
		status = err_report();
	else
		status = delivery_run(&s.delivery);
	delivery_close(&s.delivery);
	return s.status ? s.status : status;
}

static const struct delivery_args defaults = DELIVERY_DEFAULTS;

struct send_args {
	struct delivery_args delivery;
};

static const struct opt options[] = {
	DELIVERY_OPTIONS(struct send_args, delivery),
	OPT_END
};

const struct verb verb_send = {
	.name = "send", .args = "HANDLE [MESSAGE]", .summary = "deliver a message, from stdin or as given, and print the reply",
	.options = options, .size = sizeof(struct send_args), .defaults = &defaults, .min_operands = 1, .max_operands = 2, .run = send_run,
};
