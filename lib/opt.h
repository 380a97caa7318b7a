/*
 * opt.h - verbs and options from const tables.
 *
 * A program is a table of verbs, a verb a table of options; usage, --help, the
 * completions and the check of the man pages are made from the same tables.
 *
 *     static const struct opt options[] = {
 *         OPT_STRING('q', "queue", "NAME", struct args, queue, "WP_JOBS_QUEUE", "the queue to add to"),
 *         OPT_INT(0, "priority", "N", struct args, priority, INT32_MIN, INT32_MAX, NULL, "lower runs first"),
 *         OPT_END
 *     };
 *     const struct verb verb_add = {
 *         .name = "add", .args = "[PAYLOAD...]", .summary = "put jobs into a queue",
 *         .options = options, .size = sizeof(struct args), .defaults = &defaults, .run = add_run,
 *     };
 *
 * The parsed values land in a struct of the verb's own; offsets in the table say
 * where. Long options may be shortened while unambiguous, "--opt=value" and
 * "--opt value" are the same, "-j8" and "-j 8" too, "--" ends the options. For a
 * verb with .command, options also end at the first operand (so that the
 * COMMAND's own options are its own). An environment variable is used
 * when the option is not given, and is checked the same way.
 */
#ifndef WP_OPT_H
#define WP_OPT_H

#include "clock.h"
#include "strvec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_FLAG,       /* bool */
	OPT_KIND_STRING,     /* const char *, not owned */
	OPT_KIND_LIST,       /* struct strvec: may be given several times */
	OPT_KIND_INT,        /* int64_t within min..max */
	OPT_KIND_DURATION,   /* usec_t */
	OPT_KIND_TIME,       /* usec_t since 1970 */
	OPT_KIND_CHOICE      /* int: index into choices; one word of "a|b|c" in arg */
};

struct opt {
	enum opt_kind kind;
	char letter;              /* 0: long form only */
	const char *name;
	const char *arg;          /* how help names the value; for CHOICE its words, "now|soon" */
	size_t offset;
	int64_t min, max;
	const char *env;          /* NULL: none */
	const char *help;
	int group;                /* of options with the same non-zero group only one may be given */
};

#define OPT_FLAG(l, n, type, field, e, h) \
	{ .kind = OPT_KIND_FLAG, .letter = l, .name = n, .offset = offsetof(type, field), .env = e, .help = h }
#define OPT_STRING(l, n, a, type, field, e, h) \
	{ .kind = OPT_KIND_STRING, .letter = l, .name = n, .arg = a, .offset = offsetof(type, field), .env = e, .help = h }
#define OPT_LIST(l, n, a, type, field, e, h) \
	{ .kind = OPT_KIND_LIST, .letter = l, .name = n, .arg = a, .offset = offsetof(type, field), .env = e, .help = h }
#define OPT_INT(l, n, a, type, field, lo, hi, e, h) \
	{ .kind = OPT_KIND_INT, .letter = l, .name = n, .arg = a, .offset = offsetof(type, field), .min = lo, .max = hi, .env = e, .help = h }
#define OPT_DURATION(l, n, a, type, field, e, h) \
	{ .kind = OPT_KIND_DURATION, .letter = l, .name = n, .arg = a, .offset = offsetof(type, field), .env = e, .help = h }
#define OPT_TIME(l, n, a, type, field, e, h) \
	{ .kind = OPT_KIND_TIME, .letter = l, .name = n, .arg = a, .offset = offsetof(type, field), .env = e, .help = h }
#define OPT_CHOICE(l, n, a, type, field, e, h) \
	{ .kind = OPT_KIND_CHOICE, .letter = l, .name = n, .arg = a, .offset = offsetof(type, field), .env = e, .help = h }
#define OPT_END { .kind = OPT_KIND_END }

struct verb {
	const char *name;
	const char *args;               /* operands as help shows them, "" when none */
	const char *summary;            /* one line, no full stop */
	const struct opt *options;      /* ends with OPT_END */
	const struct opt *more;         /* a table shared by several verbs, or NULL; same struct offsets base */
	size_t more_offset;             /* where in the verb's struct the shared struct lies */
	size_t size;                    /* of the verb's struct */
	const void *defaults;           /* copied there first; NULL: zeros */
	bool internal;                  /* for our own programs: named nowhere */
	bool command;                   /* ends with [--] COMMAND [ARG...] */
	int min_operands, max_operands; /* -1: any number */
	/* GLOBALS is the program's struct of global options, ARGS the verb's.
	 * OPERANDS is NULL-terminated. Returns the exit status. */
	int (*run)(void *globals, void *args, int n, char **operands);
};

struct program {
	const char *name;
	const char *summary;
	const struct opt *globals;      /* also taken after the verb */
	size_t globals_size;
	const struct verb *const *verbs;/* ends with NULL */
};

/* The whole of main(): sees to it that descriptors 0 to 2 are taken, ignores SIGPIPE, parses, runs, closes stdout. Also answers
 * --help, --version, "VERB --help", and --list-options [VERB], which prints what
 * completions and the man page check read: a line an option, tab-separated:
 * letter or "-", long name, value name or "-", environment variable or "-", help. Without VERB and
 * with no global before it, it also prints a line "verb<TAB>NAME<TAB>SUMMARY" for each verb. */
int program_main(const struct program *program, int argc, char **argv);

/* Was the option called NAME given (on the command line or by its variable)?
 * For the verb being run. */
bool opt_given(const char *name);
/* How many of the operands came after "--"; -1: there was none. */
int opt_after_end(void);

#endif
