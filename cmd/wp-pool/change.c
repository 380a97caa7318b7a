/* set, drain, stop, wait: what can be asked of a pool while it runs. */

#include "verbs.h"

#include "client.h"
#include "err.h"
#include "io.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

static usec_t deadline_of(usec_t timeout)
{
	return timeout ? clock_now() + timeout : USEC_NEVER;
}

/* set */

struct set_args {
	struct settings settings;
};

static const struct opt set_options[] = { SETTINGS_OPTIONS(struct set_args, settings), OPT_END };

static const struct set_args set_defaults = { SETTINGS_DEFAULTS };

static bool anything_given(const struct request *request)
{
	struct request none = REQUEST_INIT;
	struct strbuf asked = STRBUF_INIT, nothing = STRBUF_INIT;
	bool given;

	/* As text: between the members there may be anything. */
	none.ask = request->ask;
	request_add(&asked, request);
	request_add(&nothing, &none);
	given = strcmp(asked.buf, nothing.buf) != 0;
	strbuf_release(&asked);
	strbuf_release(&nothing);
	return given;
}

static int set(const struct globals *globals, const char *name, const struct request *request)
{
	struct client client;
	int r;

	if (client_open(&client, globals->state, name) < 0)
		return -1;
	r = client_do(&client, request, clock_now() + CLIENT_LIMIT);
	if (r < 0)
		client_silent(&client);
	client_close(&client);
	return r;
}

static int set_run(void *globals, void *arguments, int n, char **operands)
{
	const struct set_args *args = arguments;
	struct request request = REQUEST_INIT;

	if (settings_to_request(&request, &args->settings, true) < 0)
		return err_usage("set", "%s", err_message());
	if (!anything_given(&request))
		return err_usage("set", "nothing to set");
	request.ask = ASK_SET;
	return set(globals, operands[0], &request) < 0 ? err_report() : WP_OK;
}

const struct verb verb_set = {
	.name = "set", .args = "NAME", .summary = "change a pool while it runs",
	.options = set_options, .size = sizeof(struct set_args), .defaults = &set_defaults,
	.min_operands = 1, .max_operands = 1, .run = set_run,
};

/* drain and stop */

struct end_args {
	usec_t timeout;
	bool no_wait, undo, now, dry_run;
};

static int drain(struct client *client, const struct end_args *args)
{
	struct request request = REQUEST_INIT;

	request.ask = ASK_DRAIN;
	request.undo = args->undo;
	return args->no_wait ? client_ask(client, &request, NULL, 0) : client_do(client, &request, deadline_of(args->timeout));
}

static int end_run(const struct globals *globals, const char *name, int (*fn)(struct client *client, const struct end_args *args),
	const struct end_args *args)
{
	struct client client;
	int r = client_open(&client, globals->state, name);

	if (r < 0)
		return err_report();
	r = fn(&client, args);
	client_close(&client);
	return r < 0 ? err_report() : WP_OK;
}

static int drain_run(void *globals, void *args, int n, char **operands)
{
	return end_run(globals, operands[0], drain, args);
}

static const struct opt drain_options[] = {
	OPT_DURATION(0, "timeout", "DURATION", struct end_args, timeout, NULL, "give up waiting then, with status 75"),
	OPT_FLAG(0, "no-wait", struct end_args, no_wait, NULL, "do not wait until all calls have ended"),
	OPT_FLAG(0, "undo", struct end_args, undo, NULL, "have it take calls again"),
	OPT_END
};

const struct verb verb_drain = {
	.name = "drain", .args = "NAME", .summary = "let a pool take no more calls, and wait until those it has have ended",
	.options = drain_options, .size = sizeof(struct end_args),
	.min_operands = 1, .max_operands = 1, .run = drain_run,
};

/* It says nothing any more: the end of the connection is its end. */
static int wait_for_end(struct client *client, usec_t deadline)
{
	struct answer answer;
	int r;

	while ((r = client_answer(client, &answer, deadline)) > 0)
		if (answer.tell == TELL_FAILED)
			return err_set((int)answer.status, "%s", answer.text);
	return r;
}

static int say_what_would_end(struct client *client)
{
	struct request request = REQUEST_INIT;
	usec_t deadline = clock_now() + CLIENT_LIMIT;
	int r;

	request.ask = ASK_STATUS;
	request.calls = true;
	if (client_ask(client, &request, NULL, 0) < 0)
		return -1;
	while ((r = client_hear(client, deadline)) > 0)
		if (!strncmp(client->text, "{\"kind\":\"call\"", strlen("{\"kind\":\"call\"")))
			printf("%s\n", client->text);
	return r < 0 ? client_silent(client) : r;
}

static int stop(struct client *client, const struct end_args *args)
{
	struct request request = REQUEST_INIT;

	request.ask = ASK_STOP;
	request.now = args->now;
	if (args->dry_run)
		return say_what_would_end(client);
	if (client_ask(client, &request, NULL, 0) < 0)
		return err_status() == WP_FAILED ? 0 : -1;       /* it is just ending */
	return args->no_wait ? 0 : wait_for_end(client, deadline_of(args->timeout));
}

static int stop_run(void *globals, void *args, int n, char **operands)
{
	return end_run(globals, operands[0], stop, args);
}

static const struct opt stop_options[] = {
	OPT_FLAG(0, "now", struct end_args, now, NULL, "end what runs at once: SIGTERM, and SIGKILL after --kill-after"),
	OPT_DURATION(0, "timeout", "DURATION", struct end_args, timeout, NULL, "give up waiting then, with status 75"),
	OPT_FLAG(0, "no-wait", struct end_args, no_wait, NULL, "do not wait for its end"),
	OPT_FLAG(0, "dry-run", struct end_args, dry_run, NULL, "end nothing: print the calls that it would end"),
	OPT_END
};

const struct verb verb_stop = {
	.name = "stop", .args = "NAME", .summary = "end a pool: calls that wait are sent away, those that run get its --shutdown-timeout",
	.options = stop_options, .size = sizeof(struct end_args),
	.min_operands = 1, .max_operands = 1, .run = stop_run,
};

/* wait */

struct wait_args {
	usec_t timeout;
};

static int sleep_until_event(int inotify, usec_t deadline)
{
	int r = fd_wait_readable(inotify, deadline);

	fd_discard(inotify);
	return r < 0 ? err_errno("cannot wait") : r == 0 ? err_set(WP_TEMPFAIL, "timed out") : 0;
}

/* 1 it is ready, 0 it is not there, -1 with err recorded. */
static int ask_ready(const struct globals *globals, const char *name, usec_t deadline)
{
	struct request request = REQUEST_INIT;
	struct client client;
	int r;

	if (client_open(&client, globals->state, name) < 0)
		return err_status() == WP_UNAVAILABLE ? 0 : -1;
	request.ask = ASK_WAIT;
	r = client_do(&client, &request, deadline);
	client_close(&client);
	if (r == 0)
		return 1;
	return err_status() == WP_FAILED ? 0 : -1;      /* it ended while we waited: another may come */
}

static int wait_ready(const struct globals *globals, const char *name, usec_t deadline)
{
	struct state state;
	int inotify, r;

	if (state_open(&state, globals->state) < 0)
		return -1;
	inotify = wire_watch(&state);
	r = inotify < 0 ? -1 : 0;
	while (r == 0 && (r = ask_ready(globals, name, deadline)) == 0)
		r = sleep_until_event(inotify, deadline);
	fd_close(&inotify);
	state_release(&state);
	return r < 0 ? -1 : 0;
}

static int wait_run(void *globals, void *arguments, int n, char **operands)
{
	const struct wait_args *args = arguments;
	int r = address_check(operands[0]);

	if (r < 0)
		return err_usage("wait", "%s", err_message());
	r = wait_ready(globals, operands[0], deadline_of(args->timeout));
	if (r == 0)
		err_clear();
	return r < 0 ? err_report() : WP_OK;
}

static const struct opt wait_options[] = {
	OPT_DURATION(0, "timeout", "DURATION", struct wait_args, timeout, NULL, "give up then, with status 75"),
	OPT_END
};

const struct verb verb_wait = {
	.name = "wait", .args = "NAME", .summary = "wait until a pool is there, with its --min runners",
	.options = wait_options, .size = sizeof(struct wait_args),
	.min_operands = 1, .max_operands = 1, .run = wait_run,
};
