/*
 * err.h - one way to fail, one place that decides exit statuses.
 *
 * A library function that fails records why with err_set() (or one of its
 * relatives) and returns -1; callers hand the -1 up without touching the
 * record, and the verb that cannot go on ends with `return err_report();`.
 * There is one record a process: these programs have one thread. A later
 * failure replaces an earlier one.
 *
 * Messages are lower case, the cause first, the subject in double quotes, no
 * full stop. Control characters in them are printed as '?', so that a hostile
 * file name cannot drive the terminal.
 */
#ifndef WP_ERR_H
#define WP_ERR_H

/* Exit statuses: sysexits.h where it has a number, timeout(1)'s and the
 * shell's for programs that run a command for somebody. */
enum {
	WP_OK = 0,           /* done, or yes */
	WP_NO = 1,           /* no: not found, some items failed */
	WP_USAGE = 64,
	WP_DATA = 65,        /* bad input */
	WP_UNAVAILABLE = 69, /* database or other service cannot be reached */
	WP_SOFTWARE = 70,    /* internal: a promise of ours does not hold */
	WP_CANTCREAT = 73,
	WP_IO = 74,
	WP_TEMPFAIL = 75,    /* timed out, busy: try again later */
	WP_NOPERM = 77,
	WP_TIMEOUT = 124,    /* the command ran out of time */
	WP_FAILED = 125,     /* workplane itself failed while running a command */
	WP_CANNOT_EXEC = 126,
	WP_NOT_FOUND = 127
};

/* The name in front of every message. NAME must outlive the process. */
void err_program(const char *name);
const char *err_program_name(void);

/* Record a failure with the exit status it calls for. Always return -1.
 * err_errno() appends ": " and strerror(errno), and picks the status from
 * errno (EACCES/EPERM 77, ENOSPC/EIO and the like 74, ...). */
int err_set(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Add advice to the record; printed on a line of its own as "hint: ...". */
void err_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Put "PREFIX: " in front of the recorded message, e.g. "line 17". Returns -1. */
int err_prefix(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The record: "" and 0 when nothing was recorded since err_clear(). */
const char *err_message(void);
int err_status(void);
void err_clear(void);

/* Print the record to stderr as "PROGRAM: error: MESSAGE" and, where there is
 * one, "PROGRAM: hint: HINT"; clear it; return its exit status. */
int err_report(void);

/* Talk on stderr without failing: "PROGRAM: warning: ..." and "PROGRAM: ...". */
void err_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void err_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A mistake on the command line: prints the one line and
 * "Try 'PROGRAM VERB --help'", returns WP_USAGE. VERB may be NULL. */
int err_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A promise inside the program is broken: print and _exit with WP_SOFTWARE. */
_Noreturn void err_bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Flush stdout and stderr and close stdout, as every program does last: returns
 * STATUS, or WP_IO with a message when stdout could not be written (ENOSPC,
 * /dev/full). A closed pipe (EPIPE) is no message: it returns WP_IO quietly
 * unless STATUS is already a failure. */
int err_close_stdout(int status);

#endif
