/* whereis and count: who runs. name: what a consumer is called in a message. */

#include "verbs.h"

#include "err.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

struct where_args {
	const char *stack;
};

static const struct opt where_options[] = {
	STACK_OPTION(struct where_args, stack),
	OPT_END
};

static int whereis_run(void *globals, void *args, int n, char **operands)
{
	const char *stack = ((struct where_args *)args)->stack;
	struct registry registry;
	pid_t pid = 0;
	int r = check_address(&stack, operands[0]);

	if (r == 0)
		r = registry_open_existing(&registry, ((struct globals *)globals)->state);
	if (r > 0) {
		r = registry_where(&registry, stack, operands[0], &pid);
		registry_close(&registry);
	}
	if (r > 0)
		printf("%d\n", (int)pid);
	return r < 0 ? err_report() : r > 0 ? WP_OK : WP_NO;
}

const struct verb verb_whereis = {
	.name = "whereis", .args = "HANDLE", .summary = "print the process of a consumer; exit status 1: it has none",
	.options = where_options, .size = sizeof(struct where_args), .min_operands = 1, .max_operands = 1, .run = whereis_run,
};

static int name_run(void *globals, void *args, int n, char **operands)
{
	const char *stack = ((struct where_args *)args)->stack;
	struct strbuf line = STRBUF_INIT;

	if (check_address(&stack, operands[0]) < 0)
		return err_report();
	strbuf_addstr(&line, "{\"to\":");
	json_add_string(&line, operands[0], strlen(operands[0]));
	strbuf_addstr(&line, ",\"stack\":");
	json_add_string(&line, stack, strlen(stack));
	strbuf_addstr(&line, "}");
	puts(line.buf);
	strbuf_release(&line);
	return WP_OK;
}

const struct verb verb_name = {
	.name = "name", .args = "HANDLE", .summary = "print the address of a consumer, as a line of publish has it",
	.options = where_options, .size = sizeof(struct where_args), .min_operands = 1, .max_operands = 1, .run = name_run,
};

/* count */

static void count_one(const struct consumer *c, const struct counts *live, void *ctx)
{
	*(long long *)ctx += c->life || c->process;
}

static int count_run(void *globals, void *args, int n, char **operands)
{
	struct registry registry;
	const char *stack;
	long long count = 0;
	int r = stack_of(args, &stack);

	if (r == 0)
		r = registry_open_existing(&registry, ((struct globals *)globals)->state);
	if (r > 0) {
		r = registry_list(&registry, stack, count_one, &count);
		registry_close(&registry);
	}
	if (r >= 0)
		printf("%lld\n", count);
	return r < 0 ? err_report() : WP_OK;
}

struct count_args {
	struct stack_args stack;
};

static const struct opt count_options[] = {
	STACKS_OPTIONS(struct count_args, stack),
	OPT_END
};

const struct verb verb_count = {
	.name = "count", .args = "", .summary = "print how many consumers have a process",
	.options = count_options, .size = sizeof(struct count_args), .run = count_run,
};
