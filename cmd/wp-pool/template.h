/*
 * template.h - COMMAND with its placeholders, and what becomes of it for one line.
 *
 *     {}        the line; of a job its payload, a JSON string decoded
 *     {key}     member KEY of the line (of the payload), which must be a JSON object
 *     {{key}}   the text {key} itself; {{}} the text {}
 *
 * KEY is [A-Za-z_][A-Za-z0-9_-]*; other braces are ordinary text. There is no shell
 * in between: an argument stays one argument whatever the line holds.
 */
#ifndef WP_POOL_TEMPLATE_H
#define WP_POOL_TEMPLATE_H

#include "strbuf.h"

#include <stdbool.h>

struct template {
	struct template_arg *args;
	size_t nr;
	bool json;                /* {} is a JSON value */
	bool placeholders;        /* there are some */
	bool append;              /* the line is one more argument at the end */
	char **argv;              /* of the line made last */
	struct strbuf text;       /* what its arguments point into */
	size_t *offsets;
};

/* COMMAND stays the caller's and must outlive the template. */
void template_init(struct template *t, char *const *command, bool json);
void template_release(struct template *t);

/* Does the command's own name have a placeholder? */
bool template_varies(const struct template *t);

/* The arguments for a line, NULL-terminated, valid until the next call. NULL with err
 * recorded (65): no such member, no object, a NUL inside. */
char **template_fill(struct template *t, const char *line, size_t len);

/* ARGV as a shell would take it, without a line break in it whatever the arguments hold. */
void template_add_quoted(struct strbuf *sb, char *const *argv);

#endif
