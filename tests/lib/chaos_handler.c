/*
 * usage: chaos_handler once|warm HISTORY LOCKS
 *        chaos_handler call HISTORY LOCKS NUMBER WORD...
 *        chaos_handler message|messages HISTORY LOCKS NUMBER
 *        chaos_handler hold HISTORY LOCKS NUMBER WORD...
 *
 * What runs jobs, calls, messages and children in tests/chaos. It says what it does in HISTORY, a line each, which is one write and begins with
 * nanoseconds of the monotonic clock: a record that knows nothing of the programs under test.
 *
 * once: a job as wp-jobs work gives it to a command, warm: many, as it gives them to one that stays. Lines:
 *	TIME start ID ATTEMPT LEASE PID POOL PAYLOAD
 *	TIME finish ID ATTEMPT LEASE STATUS PAYLOAD
 *	TIME overlap ID			somebody else has the job in hand at this moment
 * LEASE is - when it is not told. What to do is in the payload, a string: "never" in it is a job that fails for good, "again" one
 * whose first attempt fails, "later" one that is put off now and then, "slow" one that takes long enough to be seen to run.
 *
 * call: a command that has something to do for a moment. It has the byte NUMBER of LOCKS meanwhile:
 *	TIME start WORD...
 *	TIME finish WORD...
 *
 * message: a message as wp-registry gives it to a command, messages: many, as it gives those that are durable to one that stays.
 * "again" in it is one that fails now and then.
 *	TIME start HANDLE OFFSET MESSAGE
 *	TIME finish HANDLE OFFSET STATUS MESSAGE
 *
 * hold: a child that ends when a signal kills it. It has the byte NUMBER of LOCKS for its life, and exits with 3 if another has it:
 *	TIME up WORD... PID PARENT
 *	TIME overlap NUMBER
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int history;
static int locks;

struct job {
	int64_t id;
	long attempt;
	char *lease;
	char *payload;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	char *text, *line;
	va_list args;
	int n;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		err(70, "memory");
	va_end(args);
	n = asprintf(&line, "%" PRId64 " %s\n", now_ns(), text);
	if (n < 0 || write(history, line, (size_t)n) != n)
		err(74, "history");
	free(line);
	free(text);
}

/* One byte for each job or child, whose lock goes with this process, however it ends. False: somebody has it. */
static bool take(int64_t number, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = number, .l_len = 1 };

	if (!fcntl(locks, F_OFD_SETLK, &lock))
		return true;
	note("overlap %" PRId64, number);
	return false;
}

static void spend(int ms)
{
	poll(NULL, 0, ms);
}

static bool has(const struct job *job, const char *word)
{
	return strstr(job->payload, word);
}

static const char *work_on(const struct job *job)
{
	bool mine;
	const char *status = "ok";

	note("start %" PRId64 " %ld %s %d %d %s", job->id, job->attempt, job->lease, (int)getpid(), (int)getppid(), job->payload);
	mine = take(job->id, F_WRLCK);
	spend(has(job, "slow") ? 120 : (int)(job->id % 4));
	if (has(job, "never"))
		status = "fail";
	else if (has(job, "again") && job->attempt == 1)
		status = "retry";
	else if (has(job, "later") && now_ns() / 1000 % 2)
		status = "snooze";
	note("finish %" PRId64 " %ld %s %s %s", job->id, job->attempt, job->lease, status, job->payload);
	if (mine)
		take(job->id, F_UNLCK);
	return status;
}

static char *read_line(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, stdin);

	if (n < 0) {
		free(line);
		return NULL;
	}
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	return line;
}

static long number_of(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		errx(64, "no %s", name);
	return strtol(value, NULL, 10);
}

/* A put-off job of a command would be gone for 30 seconds: it fails instead. */
static int once(void)
{
	struct job job = { number_of("WP_JOB_ID"), number_of("WP_JOB_ATTEMPT"), strdup("-"), read_line() };
	const char *status;

	if (!job.payload)
		errx(65, "no payload");
	status = work_on(&job);
	free(job.payload);
	free(job.lease);
	return !strcmp(status, "ok") ? 0 : !strcmp(status, "fail") ? 65 : 1;
}

/* What stands behind "NAME": in the line, up to the end of the value; the lines are known to be plain. */
static char *member(const char *line, const char *name)
{
	char *want;
	const char *at;

	if (asprintf(&want, "\"%s\":", name) < 0)
		err(70, "memory");
	at = strstr(line, want);
	if (!at)
		errx(65, "no %s in %s", want, line);
	at += strlen(want);
	free(want);
	at += *at == '"';
	return strndup(at, strcspn(at, "\",}"));
}

static void answer(const char *line)
{
	char *id = member(line, "id"), *attempt = member(line, "attempt");
	struct job job = { strtoll(id, NULL, 10), strtol(attempt, NULL, 10), member(line, "lease"), member(line, "payload") };
	const char *status = work_on(&job);

	printf("{\"status\":\"%s\"%s}\n", status, !strcmp(status, "snooze") ? ",\"delay\":0.1" : "");
	free(id);
	free(attempt);
	free(job.lease);
	free(job.payload);
}

static int warm(void)
{
	char *line;

	while ((line = read_line())) {
		answer(line);
		free(line);
		if (fflush(stdout))
			err(74, "stdout");
	}
	return 0;
}

/* Each behind a space; to be freed. */
static char *join(char **words)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		err(70, "memory");
	for (int i = 0; words[i]; i++)
		fprintf(f, " %s", words[i]);
	if (fclose(f))
		err(70, "memory");
	return text;
}

static int call(int64_t number, char **words)
{
	char *text = join(words);

	note("start%s", text);
	take(number, F_WRLCK);
	spend((int)(number % 5 * 20));
	note("finish%s", text);
	free(text);
	return 0;
}

static bool deal_with(const char *handle, const char *offset, const char *message)
{
	bool ok;

	note("start %s %s %s", handle, offset, message);
	spend(strstr(message, "slow") ? 30 : 0);
	ok = !strstr(message, "again") || now_ns() / 1000 % 3;
	note("finish %s %s %s %s", handle, offset, ok ? "ok" : "fail", message);
	return ok;
}

static int message(int64_t number)
{
	const char *offset = getenv("WP_REGISTRY_OFFSET");
	char *text = read_line();
	bool ok = take(number, F_WRLCK) && text && deal_with(getenv("WP_REGISTRY_HANDLE"), offset ? offset : "-", text);

	free(text);
	return ok ? 0 : 1;
}

/* Who stays says no by ending. */
static int messages(int64_t number)
{
	bool ok = take(number, F_WRLCK);
	char *line;

	while (ok && (line = read_line())) {
		char *offset = member(line, "offset"), *event = member(line, "event");

		ok = deal_with(getenv("WP_REGISTRY_HANDLE"), offset, event);
		if (ok && (puts("done") < 0 || fflush(stdout)))
			err(74, "stdout");
		free(offset);
		free(event);
		free(line);
	}
	return ok ? 0 : 1;
}

static int hold(int64_t number, char **words)
{
	char *text = join(words);

	if (!take(number, F_WRLCK))
		return 3;
	note("up%s %d %d", text, (int)getpid(), (int)getppid());
	free(text);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	bool numbered = argc > 1 && strcmp(argv[1], "once") && strcmp(argv[1], "warm");

	if (argc < 4 + numbered)
		errx(64, "usage: chaos_handler once|warm|call|message|messages|hold HISTORY LOCKS [NUMBER WORD...]");
	history = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	locks = open(argv[3], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (history < 0 || locks < 0)
		err(74, "%s, %s", argv[2], argv[3]);
	if (!strcmp(argv[1], "once"))
		return once();
	if (!strcmp(argv[1], "warm"))
		return warm();
	int64_t number = numbered ? strtoll(argv[4], NULL, 10) : 0;
	if (!strcmp(argv[1], "call"))
		return call(number, argv + 5);
	if (!strcmp(argv[1], "message"))
		return message(number);
	if (!strcmp(argv[1], "messages"))
		return messages(number);
	if (!strcmp(argv[1], "hold"))
		return hold(number, argv + 5);
	errx(64, "unknown word \"%s\"", argv[1]);
}
