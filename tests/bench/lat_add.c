/*
 * usage: lat_add COUNT QUEUE [CONNINFO [SQL GAP_MS]]
 *
 * Latency of an idle queue: adds one job at a time and waits until the handler has started,
 * which a worker with the handler `echo_worker stamp` says through the FIFO BENCH_STAMPS. With
 * CONNINFO the job is added by workplane.add_job() in a transaction, and its commit is known
 * to the microsecond; without, by `wp-jobs add`, and the commit has happened when the id is printed.
 * SQL is what adds a job to the queue $1 of somebody else. A worker that polls is met at any time of its round when the
 * gaps between two jobs are up to GAP_MS longer, at random (with the same seed each time).
 * Prints, in microseconds from the return of the commit to the start of the handler:
 * median, p95, p99; then the same from before the commit (from before the start of `wp-jobs add`).
 */
#include "bench_times.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* Between two jobs, so that the worker has settled the last one and is idle. */
#define PAUSE_MS 20
#define PATIENCE_MS 30000

struct commit {
	int64_t before, after;
};

static int stamps;

static void expect(PGconn *conn, PGresult *result, ExecStatusType status)
{
	if (PQresultStatus(result) != status)
		errx(1, "%s", PQerrorMessage(conn));
	PQclear(result);
}

/* Whether it is a SELECT or an INSERT. */
static void added(PGconn *conn, PGresult *result)
{
	expect(conn, result, PQresultStatus(result) == PGRES_COMMAND_OK ? PGRES_COMMAND_OK : PGRES_TUPLES_OK);
}

static struct commit add_by_sql(PGconn *conn, const char *sql, const char *queue)
{
	const char *values[] = { queue };
	struct commit commit;

	expect(conn, PQexec(conn, "BEGIN"), PGRES_COMMAND_OK);
	added(conn, PQexecParams(conn, sql, 1, NULL, values, NULL, NULL, 0));
	commit.before = now_us(CLOCK_REALTIME);
	expect(conn, PQexec(conn, "COMMIT"), PGRES_COMMAND_OK);
	commit.after = now_us(CLOCK_REALTIME);
	return commit;
}

/* Takes over the write end OUT. */
static pid_t start_add(const char *queue, int out)
{
	char *argv[] = { "wp-jobs", "add", "-q", (char *)queue, "1", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions) || posix_spawn_file_actions_adddup2(&actions, out, 1))
		errx(71, "posix_spawn_file_actions");
	int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (error)
		errx(127, "wp-jobs: %s", strerror(error));
	posix_spawn_file_actions_destroy(&actions);
	close(out);
	return pid;
}

static struct commit add_by_command(const char *queue)
{
	struct commit commit = { .before = now_us(CLOCK_REALTIME) };
	int out[2], status;
	char buf[64];

	if (pipe2(out, O_CLOEXEC))
		err(71, "pipe");
	pid_t pid = start_add(queue, out[1]);
	if (read(out[0], buf, sizeof(buf)) <= 0)
		errx(1, "wp-jobs add printed no id");
	commit.after = now_us(CLOCK_REALTIME);
	close(out[0]);
	if (waitpid(pid, &status, 0) < 0 || status)
		errx(1, "wp-jobs add failed");
	return commit;
}

static int64_t read_stamp(void)
{
	struct pollfd p = { .fd = stamps, .events = POLLIN };
	int64_t stamp;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		errx(1, "the handler was not started within %d ms", PATIENCE_MS);
	if (read(stamps, &stamp, sizeof(stamp)) != sizeof(stamp))
		err(74, "BENCH_STAMPS");
	return stamp;
}

/* Nothing may come in the pause: a second start would spoil the next figure. */
static void pause_idle(long more)
{
	struct pollfd p = { .fd = stamps, .events = POLLIN };

	if (poll(&p, 1, PAUSE_MS + (more ? (int)(random() % more) : 0)))
		errx(1, "the handler was started twice for one job");
}

static void print_quantiles(int64_t *times, long n)
{
	printf("%lld\t%lld\t%lld", quantile(times, n, 50), quantile(times, n, 95), quantile(times, n, 99));
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 6 || argc == 5)
		errx(64, "usage: lat_add COUNT QUEUE [CONNINFO [SQL GAP_MS]]");
	long count = number(argv[1], 1, 1000000), gap = argc > 5 ? number(argv[5], 0, 60000) : 0;
	const char *sql = argc > 5 ? argv[4] : "SELECT workplane.add_job($1, '1')";
	int64_t *after = times_alloc(count), *before = times_alloc(count);
	PGconn *conn = argc > 3 ? PQconnectdb(argv[3]) : NULL;
	const char *path = getenv("BENCH_STAMPS");

	if (conn && PQstatus(conn) != CONNECTION_OK)
		errx(69, "%s", PQerrorMessage(conn));
	/* Also for writing: the FIFO has no end while the worker comes and goes. */
	stamps = open(path ? path : "", O_RDWR | O_CLOEXEC);
	if (stamps < 0)
		err(66, "BENCH_STAMPS");
	for (long i = -1; i < count; i++) {
		struct commit commit = conn ? add_by_sql(conn, sql, argv[2]) : add_by_command(argv[2]);
		int64_t start = read_stamp();

		/* The first job waits for the worker to come up. */
		if (i >= 0) {
			after[i] = start - commit.after;
			before[i] = start - commit.before;
		}
		pause_idle(gap);
	}
	print_quantiles(after, count);
	putchar('\t');
	print_quantiles(before, count);
	putchar('\n');
	return 0;
}
