/*
 * tap.h - tests that speak TAP (https://testanything.org), for programs of one file.
 *
 *     int main(void)
 *     {
 *         is_int(1 + 1, 2, "sums");
 *         return done_testing();
 *     }
 *
 * Every check prints a line with a number and goes on; done_testing() prints the plan
 * and returns 1 when any check failed. A program that dies before has no plan, which
 * counts as a failure.
 */
#ifndef WP_TAP_H
#define WP_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_UNUSED __attribute__((unused))

static int tap_count, tap_failures;

__attribute__((format(printf, 2, 0))) TAP_UNUSED
static bool tap_result(bool good, const char *fmt, va_list ap)
{
	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	vprintf(fmt, ap);
	putchar('\n');
	tap_failures += !good;
	return good;
}

__attribute__((format(printf, 2, 3))) TAP_UNUSED
static bool ok(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_result(good, fmt, ap);
	va_end(ap);
	return good;
}

__attribute__((format(printf, 3, 4))) TAP_UNUSED
static bool is_int(long long got, long long expected, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!tap_result(got == expected, fmt, ap))
		printf("#      got: %lld\n# expected: %lld\n", got, expected);
	va_end(ap);
	return got == expected;
}

TAP_UNUSED static void tap_show(const char *what, const char *s)
{
	printf("# %8s: ", what);
	if (!s)
		printf("NULL");
	for (; s && *s; s++)
		printf(*s == '\n' ? "\\n" : "%c", *s);
	putchar('\n');
}

/* Two strings that are equal, or both NULL. */
__attribute__((format(printf, 3, 4))) TAP_UNUSED
static bool is_str(const char *got, const char *expected, const char *fmt, ...)
{
	bool same = got == expected || (got && expected && strcmp(got, expected) == 0);
	va_list ap;

	va_start(ap, fmt);
	if (!tap_result(same, fmt, ap)) {
		tap_show("got", got);
		tap_show("expected", expected);
	}
	va_end(ap);
	return same;
}

TAP_UNUSED static int done_testing(void)
{
	printf("1..%d\n", tap_count);
	if (tap_count == 0 || fflush(stdout) != 0)
		return 1;
	return tap_failures ? 1 : 0;
}

/* The test itself cannot go on. */
_Noreturn TAP_UNUSED static void bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	fflush(stdout);
	exit(1);
}

/* What a function did in a process of its own. Free out and err. */
struct captured {
	int status;          /* exit status, or 128+n */
	char *out, *err;
};

TAP_UNUSED static char *tap_slurp(FILE *file)
{
	long size;
	char *text;

	if (fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0)
		bail_out("ftell");
	rewind(file);
	text = calloc((size_t)size + 1, 1);
	if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
		bail_out("fread");
	fclose(file);
	return text;
}

/* Run FN(CTX) with stdout and stderr caught; what it returns is the exit status. */
TAP_UNUSED static struct captured capture(int (*fn)(void *ctx), void *ctx)
{
	FILE *out = tmpfile(), *err = tmpfile();
	struct captured c;
	int status;
	pid_t pid;

	if (!out || !err)
		bail_out("tmpfile");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (dup2(fileno(out), STDOUT_FILENO) < 0 || dup2(fileno(err), STDERR_FILENO) < 0)
			_exit(99);
		status = fn(ctx);
		fflush(stdout);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bail_out("fork");
	c.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	c.out = tap_slurp(out);
	c.err = tap_slurp(err);
	return c;
}

TAP_UNUSED static void captured_release(struct captured *c)
{
	free(c->out);
	free(c->err);
}

#endif
