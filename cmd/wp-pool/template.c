#include "template.h"

#include "alloc.h"
#include "err.h"
#include "json.h"

enum { PIECE_TEXT, PIECE_LINE, PIECE_MEMBER };

struct piece {
	int kind;
	const char *s;       /* text, or the member's name */
	size_t len;
};

struct template_arg {
	char *constant;      /* the whole argument when it has no placeholder and no escape */
	struct piece *pieces;
	size_t nr, alloc;
};

/* Reading the command */

static bool key_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool key_char(char c)
{
	return key_start(c) || (c >= '0' && c <= '9') || c == '-';
}

/* The length of "{key}" or "{}" at P, 0 when it is something else. */
static size_t braces(const char *p)
{
	size_t n = 1;

	if (p[0] != '{')
		return 0;
	if (key_start(p[n]))
		while (key_char(p[n]))
			n++;
	return p[n] == '}' ? n + 1 : 0;
}

static void add_piece(struct template_arg *arg, int kind, const char *s, size_t len)
{
	if (kind == PIECE_TEXT && !len)
		return;
	grow_array(&arg->pieces, &arg->alloc, arg->nr + 1, sizeof(*arg->pieces));
	arg->pieces[arg->nr++] = (struct piece){ .kind = kind, .s = s, .len = len };
}

/* Where the next placeholder or escape begins, or the end. */
static const char *next_braces(const char *p)
{
	while (*p && !braces(p) && !(p[0] == '{' && braces(p + 1)))
		p++;
	return p;
}

/* Takes what begins at P; the place behind it. "{{x}" without the second closing
 * brace is a brace and a placeholder. */
static const char *read_braces(struct template *t, struct template_arg *arg, const char *p)
{
	size_t n = braces(p);

	if (!n) {
		n = braces(p + 1);
		if (p[1 + n] == '}') {
			add_piece(arg, PIECE_TEXT, p + 1, n);
			return p + n + 2;
		}
		add_piece(arg, PIECE_TEXT, p, 1);
		p++;
	}
	t->placeholders = true;
	add_piece(arg, n > 2 ? PIECE_MEMBER : PIECE_LINE, p + 1, n - 2);
	return p + n;
}

static void read_arg(struct template *t, struct template_arg *arg, char *text)
{
	const char *p = text, *found = next_braces(p);

	if (!*found) {
		arg->constant = text;
		return;
	}
	for (; *p; found = next_braces(p)) {
		add_piece(arg, PIECE_TEXT, p, (size_t)(found - p));
		p = *found ? read_braces(t, arg, found) : found;
	}
}

void template_init(struct template *t, char *const *command, bool json)
{
	*t = (struct template){ .json = json, .text = STRBUF_INIT };
	while (command[t->nr])
		t->nr++;
	t->args = xcalloc(t->nr, sizeof(*t->args));
	for (size_t i = 0; i < t->nr; i++)
		read_arg(t, &t->args[i], command[i]);
	t->argv = xcalloc(t->nr + 2, sizeof(*t->argv));
	t->offsets = xcalloc(t->nr + 1, sizeof(*t->offsets));
}

void template_release(struct template *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->args[i].pieces);
	free(t->args);
	free(t->argv);
	free(t->offsets);
	strbuf_release(&t->text);
}

bool template_varies(const struct template *t)
{
	for (size_t i = 0; i < t->args[0].nr; i++)
		if (t->args[0].pieces[i].kind != PIECE_TEXT)
			return true;
	return false;
}

/* Filling it */

static int add_line(struct template *t, const char *line, size_t len)
{
	if (t->json)
		return json_text_value(&t->text, line, len);
	if (memchr(line, '\0', len))
		return err_set(WP_DATA, "the line contains a NUL");
	strbuf_add(&t->text, line, len);
	return 0;
}

static int fill_piece(struct template *t, const struct piece *piece, const char *line, size_t len)
{
	switch (piece->kind) {
	case PIECE_LINE:
		return add_line(t, line, len);
	case PIECE_MEMBER:
		return json_text_member(&t->text, line, len, piece->s, piece->len);
	default:
		strbuf_add(&t->text, piece->s, piece->len);
		return 0;
	}
}

static int fill_arg(struct template *t, const struct template_arg *arg, const char *line, size_t len)
{
	for (size_t i = 0; i < arg->nr; i++)
		if (fill_piece(t, &arg->pieces[i], line, len) < 0)
			return -1;
	strbuf_addch(&t->text, '\0');
	return 0;
}

char **template_fill(struct template *t, const char *line, size_t len)
{
	size_t argc = t->nr;

	strbuf_reset(&t->text);
	strbuf_shrink(&t->text, 64 << 10);
	for (size_t i = 0; i < t->nr; i++) {
		t->offsets[i] = t->text.len;
		if (!t->args[i].constant && fill_arg(t, &t->args[i], line, len) < 0)
			return NULL;
	}
	if (t->append) {
		t->offsets[argc++] = t->text.len;
		if (add_line(t, line, len) < 0)
			return NULL;
	}
	/* Only now: the text moves while it grows. */
	for (size_t i = 0; i < t->nr; i++)
		t->argv[i] = t->args[i].constant ? t->args[i].constant : t->text.buf + t->offsets[i];
	if (t->append)
		t->argv[t->nr] = t->text.buf + t->offsets[t->nr];
	t->argv[argc] = NULL;
	return t->argv;
}

/* Quoting */

static bool needs_no_quotes(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!key_char(*s) && !strchr("%+,./:=@^", *s))
			return false;
	return true;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

/* bash, ksh, zsh and POSIX.1-2024 have $'...'. */
static void add_dollar_quoted(struct strbuf *sb, const char *s)
{
	strbuf_addstr(sb, "$'");
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			strbuf_addch(sb, '\\');
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			strbuf_addf(sb, "\\%03o", (unsigned char)*s);
		else
			strbuf_addch(sb, *s);
	}
	strbuf_addch(sb, '\'');
}

static void add_single_quoted(struct strbuf *sb, const char *s)
{
	strbuf_addch(sb, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			strbuf_addstr(sb, "'\\'");
		strbuf_addch(sb, *s);
	}
	strbuf_addch(sb, '\'');
}

void template_add_quoted(struct strbuf *sb, char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			strbuf_addch(sb, ' ');
		if (needs_no_quotes(argv[i]))
			strbuf_addstr(sb, argv[i]);
		else if (has_control(argv[i]))
			add_dollar_quoted(sb, argv[i]);
		else
			add_single_quoted(sb, argv[i]);
	}
}
