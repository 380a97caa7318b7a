/* call, cast, place: have a command run by a named pool. */

#include "verbs.h"

#include "client.h"
#include "err.h"
#include "io.h"
#include "parse.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct call_args {
	int64_t priority, retries, nice;
	usec_t timeout, cpu;
	const char *memory, *output;
	bool no_link, detach, track, no_track;
};

struct talk {
	struct client client;
	int signals;             /* signalfd(2); -1: none */
	bool started;
	bool keeps;              /* its standard input and output, because the command may be tried again */
	int interrupts;
	usec_t give_up;          /* when a pool that sees to the time itself must have said something */
};

/* What is asked for */

static int limits_of(struct spawn_limits *limits, const struct call_args *args)
{
	*limits = (struct spawn_limits){ .nice = (int)args->nice, .cpu = (args->cpu + USEC_SEC - 1) / USEC_SEC };
	return args->memory ? parse_size(&limits->memory, args->memory) : 0;
}

static struct request request_for(const struct call_args *args, char *const *command)
{
	struct request request = REQUEST_INIT;

	request.ask = ASK_CALL;
	request.priority = args->priority;
	request.retries = args->retries;
	request.no_link = args->no_link;
	request.track = args->track;
	request.no_track = args->no_track;
	if (opt_given("timeout"))
		request.timeout = args->timeout;
	request_describe(&request, command);
	return request;
}

static int open_call(struct talk *talk, const struct globals *globals, const struct call_args *args, char **operands, int *spec)
{
	struct spawn_limits limits;

	talk->client.fd = talk->client.state.fd = talk->signals = *spec = -1;
	if (limits_of(&limits, args) < 0 || client_open(&talk->client, globals->state, operands[0]) < 0)
		return -1;
	*spec = spec_write(operands + 1, environ, &limits);
	return *spec < 0 ? -1 : 0;
}

/* Signals: for the command once it runs; before, we leave the queue. */

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

static int watch_signals(struct talk *talk)
{
	struct sigaction action;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, passed_on[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno("cannot block signals");
	talk->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return talk->signals < 0 ? err_errno("cannot make a signalfd") : 0;
}

/* Whoever asks three times does not get an answer: the end of the connection ends the command, too. */
static bool is_last_straw(struct talk *talk, int signo)
{
	enum { PATIENCE = 3 };

	if (signo == SIGUSR1 || signo == SIGUSR2)
		return false;
	return !talk->started || ++talk->interrupts >= PATIENCE;
}

/* 0, or the exit status of our own end. */
static int pass_signals(struct talk *talk)
{
	struct signalfd_siginfo info;

	while (read(talk->signals, &info, sizeof(info)) == sizeof(info)) {
		struct passed_signal passed = { (int64_t)info.ssi_signo };
		struct strbuf text = STRBUF_INIT;

		if (is_last_straw(talk, (int)info.ssi_signo))
			return 128 + (int)info.ssi_signo;
		signal_add(&text, &passed);
		(void)wire_send(talk->client.fd, text.buf, text.len, NULL, 0);   /* a pool that is gone shows by itself */
		strbuf_release(&text);
	}
	return 0;
}

/* The end of it */

/* The command has them now, and who is at the other end is to see when it closes them. */
static void let_go_of_streams(const struct talk *talk)
{
	int null = talk->keeps ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
}

/* True: it is over, with *STATUS. */
static bool take_answer(struct talk *talk, int *status)
{
	struct answer answer;
	int r = client_answer(&talk->client, &answer, USEC_NEVER);

	if (r == 0)
		client_lost(&talk->client);
	if (r <= 0) {
		*status = err_report();
		return true;
	}
	switch (answer.tell) {
	case TELL_STARTED:
		talk->started = true;
		let_go_of_streams(talk);
		return false;
	case TELL_ENDED:
		*status = (int)answer.status;
		return true;
	case TELL_FAILED:
		err_set((int)answer.status, "%s", answer.text);
		*status = err_report();
		return true;
	default:
		return false;
	}
}

/* In milliseconds; -1: for ever. */
static int time_left(const struct talk *talk)
{
	usec_t left = talk->give_up == USEC_NEVER ? 0 : talk->give_up - clock_now();

	if (talk->give_up == USEC_NEVER)
		return -1;
	if (left < 0)
		return 0;
	return left / USEC_MS < INT32_MAX ? (int)(left / USEC_MS) + 1 : INT32_MAX;
}

static int wait_for_end(struct talk *talk)
{
	struct pollfd fds[] = { { .fd = talk->client.fd, .events = POLLIN }, { .fd = talk->signals, .events = POLLIN } };
	int status = 0;

	for (;;) {
		int r = poll(fds, 2, time_left(talk));

		if (r == 0)
			err_set(WP_TIMEOUT, "timed out: the pool \"%s\" does not answer: it may be stopped", talk->client.name);
		else if (r < 0 && errno != EINTR)
			err_errno("cannot wait");
		if (r == 0 || (r < 0 && errno != EINTR))
			return err_report();
		/* Whether the command runs says what a signal means: so all answers first. */
		if (fds[0].revents) {
			if (take_answer(talk, &status))
				return status;
		} else if (fds[1].revents && (status = pass_signals(talk))) {
			return status;
		}
	}
}

static int run_linked(void *globals, const struct call_args *args, char **operands, bool forever)
{
	struct request request = request_for(args, operands + 1);
	int fds[WIRE_FDS] = { -1, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	struct talk talk = { .started = false };
	int status;

	request.forever = forever;
	talk.keeps = args->retries > 0;
	talk.give_up = args->timeout && !forever ? clock_now() + args->timeout + CLIENT_LIMIT : USEC_NEVER;
	if (open_call(&talk, globals, args, operands, &fds[0]) < 0 || watch_signals(&talk) < 0
	    || client_ask(&talk.client, &request, fds, WIRE_FDS) < 0)
		status = err_report();
	else
		status = wait_for_end(&talk);
	fd_close(&fds[0]);
	client_close(&talk.client);
	return status;
}

/* cast: what the command says goes to a file, or to the pool's own stderr */

static int open_output(int fds[WIRE_FDS], const char *file)
{
	fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[2] = fds[3] = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fds[1] < 0)
		return err_errno("cannot open \"/dev/null\"");
	return fds[2] < 0 ? err_errno("cannot open \"%s\"", file) : 0;
}

/* The id of a call that goes on without us. */
static int post(struct client *client, const struct request *request, const int fds[WIRE_FDS], size_t fds_nr, int64_t *id)
{
	struct answer answer;
	int r;

	if (client_ask(client, request, fds, fds_nr) < 0)
		return -1;
	do
		r = client_answer(client, &answer, USEC_NEVER);
	while (r > 0 && answer.tell != TELL_FAILED && answer.tell != (request->detach ? TELL_ACCEPTED : TELL_STARTED));
	if (r <= 0)
		return r < 0 ? r : client_lost(client);
	*id = answer.id;
	return answer.tell == TELL_FAILED ? err_set((int)answer.status, "%s", answer.text) : 0;
}

static int run_detached(void *globals, const struct call_args *args, char **operands, struct request *request)
{
	int fds[WIRE_FDS] = { -1, -1, -1, -1 };
	struct talk talk = { .started = false };
	int status = WP_OK;
	int64_t id = 0;

	if (open_call(&talk, globals, args, operands, &fds[0]) < 0 || (args->output && open_output(fds, args->output) < 0)
	    || post(&talk.client, request, fds, args->output ? WIRE_FDS : 1, &id) < 0)
		status = err_report();
	else
		printf("%lld\n", (long long)id);
	if (args->output)
		fd_close(&fds[2]);
	fd_close(&fds[1]);
	fd_close(&fds[0]);
	client_close(&talk.client);
	return status;
}

static int call_run(void *globals, void *args, int n, char **operands)
{
	return run_linked(globals, args, operands, false);
}

static int cast_run(void *globals, void *arguments, int n, char **operands)
{
	const struct call_args *args = arguments;
	struct request request = request_for(args, operands + 1);

	request.detach = true;
	return run_detached(globals, args, operands, &request);
}

static int place_run(void *globals, void *arguments, int n, char **operands)
{
	const struct call_args *args = arguments;
	struct request request = request_for(args, operands + 1);

	if (args->output && !args->detach)
		return err_usage("place", "option --output needs --detach");
	if (!args->detach)
		return run_linked(globals, args, operands, true);
	request.until_started = request.forever = request.no_link = true;
	return run_detached(globals, args, operands, &request);
}

#define TRACK_GROUP 1

#define COMMON_OPTIONS(timeout_help) \
	OPT_DURATION(0, "timeout", "DURATION", struct call_args, timeout, "WP_POOL_TIMEOUT", timeout_help), \
	OPT_INT(0, "priority", "N", struct call_args, priority, INT32_MIN, INT32_MAX, NULL, "lower runs first (default 0)"), \
	OPT_STRING(0, "memory", "SIZE", struct call_args, memory, NULL, "limit the memory of each process (512M, 4G)"), \
	OPT_DURATION(0, "cpu", "DURATION", struct call_args, cpu, NULL, "limit the processor time of each process, in whole seconds"), \
	OPT_INT('n', "nice", "N", struct call_args, nice, -20, 19, NULL, "add N to its nice value"), \
	{ .kind = OPT_KIND_FLAG, .name = "track-resources", .offset = offsetof(struct call_args, track), .group = TRACK_GROUP, \
		.help = "hold its slot until its whole process group is gone" }, \
	{ .kind = OPT_KIND_FLAG, .name = "no-track-resources", .offset = offsetof(struct call_args, no_track), .group = TRACK_GROUP, \
		.help = "free its slot when the command itself has ended" }

#define RETRIES OPT_INT(0, "retries", "N", struct call_args, retries, 0, RETRIES_MAX, NULL, \
	"run it up to N more times when it fails or its runner is lost")
#define OUTPUT(help) OPT_STRING('o', "output", "FILE", struct call_args, output, NULL, help)

static const struct opt call_options[] = {
	COMMON_OPTIONS("for waiting and running together (default: the pool's; 0: none)"),
	RETRIES,
	OPT_FLAG(0, "no-link", struct call_args, no_link, NULL, "if we die, the command may go on for the pool's --shutdown-timeout"),
	OPT_END
};

static const struct opt cast_options[] = {
	COMMON_OPTIONS("for waiting and running together (default: the pool's; 0: none)"),
	RETRIES,
	OUTPUT("append what it writes to FILE (default: the pool's stderr)"),
	OPT_END
};

static const struct opt place_options[] = {
	COMMON_OPTIONS("for waiting, until it runs (default: the pool's; 0: none)"),
	OPT_FLAG('d', "detach", struct call_args, detach, NULL, "return when it runs, and print its id; it lives until the pool ends"),
	OUTPUT("with --detach, append what it writes to FILE (default: the pool's stderr)"),
	OPT_END
};

const struct verb verb_call = {
	.name = "call", .args = "NAME -- COMMAND [ARG...]", .summary = "run a command on a pool, as if it ran here",
	.options = call_options, .size = sizeof(struct call_args),
	.min_operands = 2, .max_operands = -1, .run = call_run,
};

const struct verb verb_cast = {
	.name = "cast", .args = "NAME -- COMMAND [ARG...]", .summary = "have a command run on a pool, and do not wait for it",
	.options = cast_options, .size = sizeof(struct call_args),
	.min_operands = 2, .max_operands = -1, .run = cast_run,
};

const struct verb verb_place = {
	.name = "place", .args = "NAME -- COMMAND [ARG...]", .summary = "run a long-lived command on a pool, which holds a slot",
	.options = place_options, .size = sizeof(struct call_args),
	.min_operands = 2, .max_operands = -1, .run = place_run,
};
