/*
 * opt_help.h - what program_main() prints about a program from its tables. Everything
 * goes to stdout.
 */
#ifndef WP_OPT_HELP_H
#define WP_OPT_HELP_H

#include "opt.h"

/* BUILTIN is the table of the options that every program and verb has. */
void help_program(const struct program *program, const struct opt *builtin);
void help_verb(const struct program *program, const struct verb *verb, const struct opt *builtin);

/* For completions and checks, see program_main(). VERB NULL: the program itself. */
void list_options(const struct program *program, const struct verb *verb, const struct opt *builtin);

#endif
