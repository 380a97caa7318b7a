#include "opt.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "opt_help.h"
#include "parse.h"

#include <getopt.h>
#include <signal.h>

/* Options that every program and verb has. Without help text: not shown. */
struct builtin {
	bool help, version, list;
};

static const struct opt builtin_options[] = {
	OPT_FLAG('h', "help", struct builtin, help, NULL, "display this help"),
	OPT_FLAG('V', "version", struct builtin, version, NULL, "display the version"),
	OPT_FLAG(0, "list-options", struct builtin, list, NULL, NULL),
	OPT_END
};

/* One option that may be given now, and whether it was. */
struct slot {
	const struct opt *opt;
	const struct opt *table;     /* groups are a table's own */
	char *base;                  /* the struct that opt->offset counts from */
	bool given;
};

/* All that is known of the command line. Later slots come before earlier ones, so
 * that a verb can use a letter which is a global option's elsewhere. */
static struct {
	struct slot *slots;
	size_t nr, alloc;
	struct builtin builtin;
	int after;                   /* words after "--"; -1: there is none */
} now;

/* getopt_long() reports a long option by this plus its slot; smaller numbers are letters. */
enum { LONG_BASE = 256 };

static void add_slots(const struct opt *table, void *base)
{
	for (const struct opt *o = table; o && o->kind != OPT_KIND_END; o++) {
		grow_array(&now.slots, &now.alloc, now.nr + 1, sizeof(*now.slots));
		now.slots[now.nr++] = (struct slot){ .opt = o, .table = table, .base = base };
		if (o->kind == OPT_KIND_LIST)
			strvec_init((struct strvec *)((char *)base + o->offset));
	}
}

static void forget_slots(void)
{
	for (size_t i = 0; i < now.nr; i++)
		if (now.slots[i].opt->kind == OPT_KIND_LIST)
			strvec_release((struct strvec *)(now.slots[i].base + now.slots[i].opt->offset));
	free(now.slots);
	memset(&now, 0, sizeof(now));
}

static struct slot *find_letter(int letter)
{
	for (size_t i = now.nr; i-- > 0; )
		if (now.slots[i].opt->letter == letter)
			return &now.slots[i];
	err_bug("no option \"-%c\" here", letter);
}

bool opt_given(const char *name)
{
	for (size_t i = now.nr; i-- > 0; )
		if (strcmp(now.slots[i].opt->name, name) == 0)
			return now.slots[i].given;
	err_bug("no option \"%s\" here", name);
}

int opt_after_end(void)
{
	return now.after;
}

/* Values */

static int choice_index(const char *words, const char *s)
{
	size_t len = strlen(s);

	for (int i = 0; ; i++) {
		size_t word = strcspn(words, "|");

		if (word == len && memcmp(words, s, len) == 0)
			return i;
		if (!words[word])
			return -1;
		words += word + 1;
	}
}

static int store_choice(const struct opt *opt, int *out, const char *s)
{
	int i = choice_index(opt->arg, s);

	if (i < 0)
		return err_set(WP_USAGE, "invalid %s \"%s\": not one of %s", opt->name, s, opt->arg);
	*out = i;
	return 0;
}

/* A flag on the command line has no value, a variable has one. */
static int store_flag(const struct opt *opt, bool *out, const char *s)
{
	static const char words[] = "0|no|false|1|yes|true";
	int i = s ? choice_index(words, s) : 3;

	if (i < 0)
		return err_set(WP_USAGE, "invalid %s \"%s\": not one of %s", opt->name, s, words);
	*out = i >= 3;
	return 0;
}

static int store_value(const struct slot *slot, const char *s)
{
	const struct opt *opt = slot->opt;
	void *out = slot->base + opt->offset;

	switch (opt->kind) {
	case OPT_KIND_FLAG:
		return store_flag(opt, out, s);
	case OPT_KIND_STRING:
		*(const char **)out = s;
		return 0;
	case OPT_KIND_LIST:
		strvec_push(out, s);
		return 0;
	case OPT_KIND_INT:
		return parse_int(out, s, opt->name, opt->min, opt->max);
	case OPT_KIND_DURATION:
		return parse_duration(out, s);
	case OPT_KIND_TIME:
		return parse_time(out, s);
	case OPT_KIND_CHOICE:
		return store_choice(opt, out, s);
	case OPT_KIND_END:
		break;
	}
	err_bug("option \"%s\" is of no kind", opt->name);
}

/* From the command line. Messages that do not name the option get its name. */
static int store(struct slot *slot, const char *s)
{
	slot->given = true;
	if (store_value(slot, s) == 0)
		return 0;
	if (slot->opt->kind == OPT_KIND_DURATION || slot->opt->kind == OPT_KIND_TIME)
		return err_prefix("--%s", slot->opt->name);
	return -1;
}

/* The command line */

static bool same_group(const struct slot *a, const struct slot *b)
{
	return a->opt->group && a->opt->group == b->opt->group && a->table == b->table;
}

static bool takes_value(const struct opt *opt)
{
	return opt->kind != OPT_KIND_FLAG;
}

static struct option *long_options(void)
{
	struct option *options = xcalloc(now.nr + 1, sizeof(*options));

	/* The last first: getopt_long() takes the first of two with one name, and a verb's own
	 * --state is meant after the verb, not the program's. */
	for (size_t i = 0; i < now.nr; i++)
		options[now.nr - 1 - i] = (struct option){
			.name = now.slots[i].opt->name,
			.has_arg = takes_value(now.slots[i].opt) ? required_argument : no_argument,
			.val = LONG_BASE + (int)i,
		};
	return options;
}

/* The leading ':' lets a missing value be told from an unknown option; '+' stops at the first operand. */
static void add_letters(struct strbuf *letters, bool in_order)
{
	strbuf_addstr(letters, in_order ? "+:" : ":");
	for (size_t i = 0; i < now.nr; i++) {
		const struct opt *opt = now.slots[i].opt;

		if (!opt->letter || find_letter(opt->letter) != &now.slots[i])
			continue;
		strbuf_addch(letters, opt->letter);
		if (takes_value(opt))
			strbuf_addch(letters, ':');
	}
}

/* A long option that getopt_long() did not take: no option begins like that, or several do. */
static int refuse_long(const char *word)
{
	const char *first = NULL;
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < now.nr; i++) {
		const char *name = now.slots[i].opt->name;

		if (strncmp(name, word + 2, len - 2) != 0)
			continue;
		if (first)
			return err_set(WP_USAGE, "option \"%.*s\" is ambiguous: --%s or --%s", (int)len, word, first, name);
		first = name;
	}
	return err_set(WP_USAGE, "unknown option \"%.*s\"", (int)len, word);
}

static int refuse_unknown(char **argv)
{
	if (optopt >= LONG_BASE)
		return err_set(WP_USAGE, "option \"--%s\" takes no value", now.slots[optopt - LONG_BASE].opt->name);
	if (optopt)
		return err_set(WP_USAGE, "unknown option \"-%c\"", optopt);
	return refuse_long(argv[optind - 1]);
}

static int refuse_valueless(void)
{
	if (optopt >= LONG_BASE)
		return err_set(WP_USAGE, "option \"--%s\" needs a value", now.slots[optopt - LONG_BASE].opt->name);
	return err_set(WP_USAGE, "option \"-%c\" needs a value", optopt);
}

static int take_option(int c, char **argv)
{
	if (c == '?')
		return refuse_unknown(argv);
	if (c == ':')
		return refuse_valueless();
	return store(c >= LONG_BASE ? &now.slots[c - LONG_BASE] : find_letter(c), optarg);
}

/* The first "--" that is no option's value. getopt_long() moves the words about, so WORDS are as they were; those that it has
 * taken for values are NULL. */
static int words_after_end(int argc, char *const *words)
{
	for (int i = 1; i < argc; i++) {
		if (words[i] && strcmp(words[i], "--") == 0)
			return argc - i - 1;
	}
	return -1;
}

static void strike_out(char **words, int argc, const char *value)
{
	for (int i = 1; i < argc; i++) {
		if (words[i] == value)
			words[i] = NULL;
	}
}

/* Takes the options of ARGV; optind is the first operand afterwards. */
static int parse_words(int argc, char **argv, bool in_order)
{
	struct option *longs = long_options();
	struct strbuf letters = STRBUF_INIT;
	char **words = xcalloc((size_t)argc + 1, sizeof(*words));
	int c, result = 0;

	memcpy(words, argv, (size_t)argc * sizeof(*words));
	add_letters(&letters, in_order);
	opterr = 0;
	optind = 0;     /* glibc: start anew */
	while (result == 0 && (c = getopt_long(argc, argv, letters.buf, longs, NULL)) != -1) {
		strike_out(words, argc, optarg);
		result = take_option(c, argv);
	}
	now.after = words_after_end(argc, words);
	free(words);
	strbuf_release(&letters);
	free(longs);
	return result;
}

static int check_groups(void)
{
	for (size_t i = 0; i < now.nr; i++)
		for (size_t j = 0; j < i && now.slots[i].given; j++)
			if (now.slots[j].given && same_group(&now.slots[i], &now.slots[j]))
				return err_set(WP_USAGE, "options --%s and --%s exclude each other",
					now.slots[j].opt->name, now.slots[i].opt->name);
	return 0;
}

/* Variables */

static bool group_given(const struct slot *slot)
{
	for (size_t i = 0; i < now.nr; i++)
		if (now.slots[i].given && same_group(slot, &now.slots[i]))
			return true;
	return false;
}

static int take_variable(struct slot *slot)
{
	const char *value = slot->opt->env ? getenv(slot->opt->env) : NULL;

	if (!value || !*value || slot->given || group_given(slot))
		return 0;
	if (store_value(slot, value) < 0)
		return err_prefix("%s", slot->opt->env);
	slot->given = slot->opt->kind != OPT_KIND_FLAG || *(bool *)(slot->base + slot->opt->offset);
	return 0;
}

static int take_variables(void)
{
	for (size_t i = 0; i < now.nr; i++)
		if (take_variable(&now.slots[i]) < 0)
			return -1;
	return 0;
}

/* Verbs */

static int check_operands(const struct verb *verb, int n, char **operands)
{
	if (n < verb->min_operands)
		return err_set(WP_USAGE, "missing argument: %s", verb->args);
	if (verb->max_operands >= 0 && n > verb->max_operands)
		return err_set(WP_USAGE, "unexpected argument \"%s\"", operands[verb->max_operands]);
	return 0;
}

static int usage(const struct verb *verb)
{
	return err_usage(verb ? verb->name : NULL, "%s", err_message());
}

static int print_version(const struct program *program)
{
	printf("%s (workplane) %s\n", program->name, WP_VERSION);
	return WP_OK;
}

static const struct verb *find_verb(const struct program *program, const char *name)
{
	for (const struct verb *const *v = program->verbs; *v; v++)
		if (strcmp((*v)->name, name) == 0)
			return *v;
	err_set(WP_USAGE, "unknown verb \"%s\"", name);
	return NULL;
}

static int run_verb(const struct program *program, const struct verb *verb, void *globals, void *args,
	int argc, char **argv)
{
	if (parse_words(argc, argv, verb->command) < 0)
		return usage(verb);
	if (now.builtin.version)
		return print_version(program);
	if (now.builtin.help || now.builtin.list) {
		(now.builtin.help ? help_verb : list_options)(program, verb, builtin_options);
		return WP_OK;
	}
	if (check_groups() < 0 || take_variables() < 0 || check_operands(verb, argc - optind, argv + optind) < 0)
		return usage(verb);
	return verb->run(globals, args, argc - optind, argv + optind);
}

static int prepare_verb(const struct program *program, const struct verb *verb, void *globals, int argc, char **argv)
{
	char *args = xcalloc(1, verb->size);
	int status;

	if (verb->defaults)
		memcpy(args, verb->defaults, verb->size);
	add_slots(verb->options, args);
	add_slots(verb->more, args + verb->more_offset);
	status = run_verb(program, verb, globals, args, argc, argv);
	forget_slots();
	free(args);
	return status;
}

static int list_for(const struct program *program, const char *name)
{
	const struct verb *verb = name ? find_verb(program, name) : NULL;

	if (name && !verb)
		return usage(NULL);
	list_options(program, verb, builtin_options);
	return WP_OK;
}

static int run_program(const struct program *program, void *globals, int argc, char **argv)
{
	const struct verb *verb;

	if (parse_words(argc, argv, true) < 0)
		return usage(NULL);
	if (now.builtin.version)
		return print_version(program);
	if (now.builtin.list)
		return list_for(program, argv[optind]);
	if (now.builtin.help) {
		help_program(program, builtin_options);
		return WP_OK;
	}
	if (optind == argc)
		return err_usage(NULL, "no verb given");
	verb = find_verb(program, argv[optind]);
	return verb ? prepare_verb(program, verb, globals, argc - optind, argv + optind) : usage(NULL);
}

int program_main(const struct program *program, int argc, char **argv)
{
	void *globals = xcalloc(1, program->globals_size);
	int status;

	err_program(program->name);
	if (fd_reserve_standard() < 0)
		err_bug("cannot open \"/dev/null\"");
	/* A reader that went away is seen as EPIPE, so that work in hand is finished in order. */
	signal(SIGPIPE, SIG_IGN);
	err_clear();
	add_slots(builtin_options, &now.builtin);
	add_slots(program->globals, globals);
	status = argc > 0 ? run_program(program, globals, argc, argv) : WP_USAGE;
	forget_slots();
	free(globals);
	return err_close_stdout(status);
}
