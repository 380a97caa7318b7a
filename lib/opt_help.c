#include "opt_help.h"

#include "strbuf.h"

#include <ctype.h>

/* Longer left columns push their help to a line of its own. */
enum { LEFT_MAX = 30 };

static bool has_any(const struct opt *table)
{
	return table && table->kind != OPT_KIND_END;
}

/* " -q, --queue NAME" */
static void set_left(struct strbuf *left, const struct opt *opt)
{
	strbuf_reset(left);
	if (opt->letter)
		strbuf_addf(left, " -%c, --%s", opt->letter, opt->name);
	else
		strbuf_addf(left, "     --%s", opt->name);
	if (opt->arg)
		strbuf_addf(left, " %s", opt->arg);
}

static int widest_option(const struct opt *table, int width)
{
	struct strbuf left = STRBUF_INIT;

	for (; has_any(table); table++) {
		set_left(&left, table);
		if (table->help && left.len <= LEFT_MAX && (int)left.len > width)
			width = (int)left.len;
	}
	strbuf_release(&left);
	return width;
}

static void print_left(const char *left, int width)
{
	if (strlen(left) > (size_t)width)
		printf("%s\n%*s", left, width, "");
	else
		printf("%-*s", width, left);
}

static void print_options(const struct opt *table, int width)
{
	struct strbuf left = STRBUF_INIT;

	for (; has_any(table); table++) {
		if (!table->help)
			continue;
		set_left(&left, table);
		print_left(left.buf, width);
		printf("  %s", table->help);
		if (table->env)
			printf(" [%s]", table->env);
		putchar('\n');
	}
	strbuf_release(&left);
}

/* Tables say "put jobs into a queue", as a list of verbs has it; here it is a sentence. */
static void print_summary(const char *summary)
{
	printf("\n%c%s.\n", toupper((unsigned char)summary[0]), summary + 1);
}

static void print_verbs(const struct verb *const *verbs)
{
	int width = 0;

	for (const struct verb *const *v = verbs; *v; v++)
		if (!(*v)->internal && (int)strlen((*v)->name) > width)
			width = (int)strlen((*v)->name);
	puts("\nVerbs:");
	for (const struct verb *const *v = verbs; *v; v++)
		if (!(*v)->internal)
			printf(" %-*s  %s\n", width, (*v)->name, (*v)->summary);
}

void help_program(const struct program *program, const struct opt *builtin)
{
	int width = widest_option(builtin, widest_option(program->globals, 0));

	printf("Usage:\n %s [global options] VERB [options] [arguments]\n", program->name);
	print_summary(program->summary);
	print_verbs(program->verbs);
	puts("\nGlobal options:");
	print_options(program->globals, width);
	print_options(builtin, width);
	printf("\n'%s VERB --help' tells more about a verb, %s(1) more about all.\n", program->name, program->name);
}

static void print_usage(const struct program *program, const struct verb *verb)
{
	bool options = has_any(verb->options) || has_any(verb->more);
	bool args = verb->args && *verb->args;

	printf("Usage:\n %s %s%s%s%s\n", program->name, verb->name, options ? " [options]" : "",
		args ? " " : "", args ? verb->args : "");
}

void help_verb(const struct program *program, const struct verb *verb, const struct opt *builtin)
{
	int width = widest_option(verb->options, widest_option(verb->more, 0));

	width = widest_option(builtin, widest_option(program->globals, width));
	print_usage(program, verb);
	print_summary(verb->summary);
	if (has_any(verb->options) || has_any(verb->more))
		puts("\nOptions:");
	print_options(verb->options, width);
	print_options(verb->more, width);
	puts("\nGlobal options:");
	print_options(program->globals, width);
	print_options(builtin, width);
	printf("\nFor more see %s(1).\n", program->name);
}

static void list_table(const struct opt *table)
{
	for (; has_any(table); table++)
		if (table->help)
			printf("%c\t%s\t%s\t%s\t%s\n", table->letter ? table->letter : '-', table->name,
				table->arg ? table->arg : "-", table->env ? table->env : "-", table->help);
}

void list_options(const struct program *program, const struct verb *verb, const struct opt *builtin)
{
	if (verb) {
		list_table(verb->options);
		list_table(verb->more);
	}
	list_table(program->globals);
	list_table(builtin);
	for (const struct verb *const *v = program->verbs; !verb && *v; v++)
		if (!(*v)->internal)
			printf("verb\t%s\t%s\n", (*v)->name, (*v)->summary);
}
