#include "err.h"

#include "io.h"
#include "parse.h"
#include "strbuf.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <unistd.h>

static const char *program_name = "workplane";

static struct {
	int status;
	struct strbuf message, hint;
} record = { .message = STRBUF_INIT, .hint = STRBUF_INIT };

void err_program(const char *name)
{
	program_name = name;
}

const char *err_program_name(void)
{
	return program_name;
}

/* The arguments may point into the record itself, so it is replaced last. */
static void replace(struct strbuf *into, struct strbuf *with)
{
	while (with->len > 0 && with->buf[with->len - 1] == '\n')
		strbuf_setlen(with, with->len - 1);
	strbuf_release(into);
	*into = *with;
}

static int status_of_errno(int number)
{
	switch (number) {
	case EACCES:
	case EPERM:
		return WP_NOPERM;
	case EAGAIN:
	case EBUSY:
	case EDEADLK:
	case EINTR:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ETIMEDOUT:
	case ETXTBSY:
		return WP_TEMPFAIL;
	case EEXIST:
	case EROFS:
		return WP_CANTCREAT;
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return WP_UNAVAILABLE;
	case EFAULT:
	case EINVAL:
	case ENOSYS:
		return WP_SOFTWARE;
	default:
		return WP_IO;
	}
}

int err_set(int status, const char *fmt, ...)
{
	struct strbuf message = STRBUF_INIT;
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	replace(&record.message, &message);
	strbuf_reset(&record.hint);
	record.status = status;
	errno = saved;
	return -1;
}

int err_errno(const char *fmt, ...)
{
	struct strbuf message = STRBUF_INIT;
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	strbuf_addf(&message, ": %s", strerror(saved));
	replace(&record.message, &message);
	strbuf_reset(&record.hint);
	record.status = status_of_errno(saved);
	errno = saved;
	return -1;
}

void err_hint(const char *fmt, ...)
{
	struct strbuf hint = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&hint, fmt, ap);
	va_end(ap);
	replace(&record.hint, &hint);
}

int err_prefix(const char *fmt, ...)
{
	struct strbuf message = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	strbuf_addf(&message, ": %s", record.message.buf);
	replace(&record.message, &message);
	return -1;
}

const char *err_message(void)
{
	return record.message.buf;
}

int err_status(void)
{
	return record.status;
}

void err_clear(void)
{
	strbuf_release(&record.message);
	strbuf_release(&record.hint);
	record.status = 0;
}

/* The length of the control character at P, 0 when there is none: C0, DEL, and C1 as UTF-8 writes it. */
static size_t control_at(const char *p)
{
	unsigned char c = (unsigned char)p[0], next = (unsigned char)p[1];

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

/* Bytes that are not UTF-8 are replaced too: a terminal may take them for C1 controls. */
static void add_printable(struct strbuf *sb, const char *s)
{
	size_t len = strlen(s), i = 0, skip;

	while (i < len) {
		size_t good = i + utf8_prefix(s + i, len - i);

		while (i < good) {
			skip = control_at(s + i);
			strbuf_addch(sb, skip ? '?' : s[i]);
			i += skip ? skip : 1;
		}
		if (i < len) {
			strbuf_addch(sb, '?');
			i++;
		}
	}
}

static void add_line(struct strbuf *sb, const char *kind, const char *text)
{
	strbuf_addstr(sb, program_name);
	strbuf_addstr(sb, kind);
	add_printable(sb, text);
	strbuf_addch(sb, '\n');
}

/* In one write, so that the lines of several processes stay whole. Where stderr
 * cannot be written there is nobody left to tell. */
static void talk(struct strbuf *lines)
{
	int saved = errno;

	(void)!write_full(STDERR_FILENO, lines->buf, lines->len);
	strbuf_release(lines);
	errno = saved;
}

static void vtalk(const char *kind, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void vtalk(const char *kind, const char *fmt, va_list ap)
{
	struct strbuf text = STRBUF_INIT, line = STRBUF_INIT;

	strbuf_vaddf(&text, fmt, ap);
	add_line(&line, kind, text.buf);
	strbuf_release(&text);
	talk(&line);
}

int err_report(void)
{
	struct strbuf lines = STRBUF_INIT;
	int status = record.status;

	add_line(&lines, ": error: ", record.message.buf);
	if (record.hint.len)
		add_line(&lines, ": hint: ", record.hint.buf);
	talk(&lines);
	err_clear();
	return status ? status : WP_SOFTWARE;
}

void err_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtalk(": warning: ", fmt, ap);
	va_end(ap);
}

void err_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtalk(": ", fmt, ap);
	va_end(ap);
}

int err_usage(const char *verb, const char *fmt, ...)
{
	struct strbuf lines = STRBUF_INIT, text = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	add_line(&lines, ": error: ", text.buf);
	strbuf_release(&text);
	if (record.hint.len)
		add_line(&lines, ": hint: ", record.hint.buf);
	strbuf_addf(&lines, "Try '%s%s%s --help'\n", program_name, verb ? " " : "", verb ? verb : "");
	talk(&lines);
	err_clear();
	return WP_USAGE;
}

_Noreturn void err_bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtalk(": internal error: ", fmt, ap);
	va_end(ap);
	_exit(WP_SOFTWARE);
}

/* The error number of an earlier failed write is gone; the pipe itself still tells. */
static int reader_is_gone(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

int err_close_stdout(int status)
{
	int pending = __fpending(stdout) > 0;
	int gone = reader_is_gone();
	int failed = ferror(stdout);

	errno = 0;
	/* A program that was started with stdout closed and wrote nothing did nothing wrong. */
	if (fclose(stdout) != 0 && (failed || pending || errno != EBADF))
		failed = 1;
	if (failed && (errno == EPIPE || gone))
		return status ? status : WP_IO;
	if (failed) {
		if (errno)
			err_errno("write error");
		else
			err_set(WP_IO, "write error");
		err_report();
		return WP_IO;
	}
	if (fflush(stderr) != 0 || ferror(stderr))
		return status ? status : WP_IO;
	return status;
}
