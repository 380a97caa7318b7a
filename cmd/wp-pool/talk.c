#include "talk.h"

#include "err.h"
#include "json.h"
#include "parse.h"

#include <string.h>

enum kind { INT, BOOL, TEXT };

struct member {
	const char *name;
	enum kind kind;
	size_t offset;
	size_t size;             /* of a TEXT */
};

#define AN_INT(type, field) { #field, INT, offsetof(type, field), 0 }
#define A_BOOL(type, field) { #field, BOOL, offsetof(type, field), 0 }
#define A_TEXT(type, field) { #field, TEXT, offsetof(type, field), sizeof(((type *)NULL)->field) }

static const struct member of_request[] = {
	AN_INT(struct request, ask), A_TEXT(struct request, what),
	AN_INT(struct request, timeout), AN_INT(struct request, priority), AN_INT(struct request, retries),
	A_BOOL(struct request, no_link), A_BOOL(struct request, forever), A_BOOL(struct request, detach),
	A_BOOL(struct request, until_started),
	A_BOOL(struct request, track), A_BOOL(struct request, no_track),
	AN_INT(struct request, min), AN_INT(struct request, max), AN_INT(struct request, max_concurrency),
	AN_INT(struct request, spare), AN_INT(struct request, grow_when), AN_INT(struct request, boot_timeout),
	AN_INT(struct request, shutdown_timeout), AN_INT(struct request, kill_after),
	AN_INT(struct request, idle_shutdown_after), AN_INT(struct request, min_idle_shutdown_after),
	A_BOOL(struct request, watch), A_BOOL(struct request, calls), A_BOOL(struct request, undo), A_BOOL(struct request, now),
	{ .name = NULL }
};

static const struct member of_answer[] = {
	AN_INT(struct answer, tell), AN_INT(struct answer, id), AN_INT(struct answer, runner), AN_INT(struct answer, slot),
	AN_INT(struct answer, pid), AN_INT(struct answer, status), A_TEXT(struct answer, text),
	{ .name = NULL }
};

static const struct member of_signal[] = { AN_INT(struct passed_signal, signo), { .name = NULL } };

/* Writing */

static bool is_given(const struct member *m, const void *field)
{
	switch (m->kind) {
	case INT:
		return *(const int64_t *)field != TALK_NONE;
	case BOOL:
		return *(const bool *)field;
	default:
		return *(const char *)field;
	}
}

static void add_object(struct strbuf *sb, const struct member *m, const void *object)
{
	const char *before = "";

	strbuf_addch(sb, '{');
	for (; m->name; m++) {
		const void *field = (const char *)object + m->offset;

		if (!is_given(m, field))
			continue;
		strbuf_addf(sb, "%s\"%s\":", before, m->name);
		before = ",";
		if (m->kind == INT)
			strbuf_addint(sb, *(const int64_t *)field);
		else if (m->kind == BOOL)
			strbuf_addstr(sb, "true");
		else
			json_add_string(sb, field, strlen(field));
	}
	strbuf_addch(sb, '}');
}

void request_describe(struct request *request, char *const *command)
{
	struct strbuf what = STRBUF_INIT;
	size_t len;

	for (; *command && what.len < sizeof(request->what); command++)
		strbuf_addf(&what, "%s%s", what.len ? " " : "", *command);
	len = what.len < sizeof(request->what) ? what.len : sizeof(request->what) - 1;
	len = utf8_prefix(what.buf, len);
	memcpy(request->what, what.buf, len);
	request->what[len] = '\0';
	strbuf_release(&what);
}

void request_add(struct strbuf *sb, const struct request *request)
{
	add_object(sb, of_request, request);
}

void answer_add(struct strbuf *sb, const struct answer *answer)
{
	add_object(sb, of_answer, answer);
}

void signal_add(struct strbuf *sb, const struct passed_signal *passed)
{
	add_object(sb, of_signal, passed);
}

/* Reading */

static int set_text(char *field, size_t size, struct json_slice value)
{
	struct strbuf text = STRBUF_INIT;
	int r = json_add_decoded(&text, value);

	if (r == 0) {
		size_t len = text.len < size - 1 ? text.len : size - 1;

		memcpy(field, text.buf, len);
		field[len] = '\0';
	}
	strbuf_release(&text);
	return r;
}

static int set_field(const struct member *m, void *object, struct json_slice value)
{
	void *field = (char *)object + m->offset;

	switch (m->kind) {
	case INT:
		return json_int(value, field);
	case BOOL:
		*(bool *)field = json_slice_is(value, "true");
		return 0;
	default:
		return set_text(field, m->size, value);
	}
}

static const struct member *find(const struct member *m, struct json_slice key)
{
	while (m->name && !json_slice_is(key, m->name))
		m++;
	return m->name ? m : NULL;
}

static int parse_object(const struct member *members, void *object, const char *text, size_t len)
{
	struct json_slice key, value;
	struct json_scan scan;
	int r = json_object_begin(&scan, text, len);

	if (r < 0)
		return err_set(WP_DATA, "the message is no JSON object");
	while ((r = json_object_next(&scan, &key, &value)) == 1) {
		const struct member *m = find(members, key);

		if (m && set_field(m, object, value) < 0)
			return err_set(WP_DATA, "member \"%s\" of the message is not what it should be", m->name);
	}
	return r < 0 ? err_set(WP_DATA, "the message is no JSON object") : 0;
}

int request_parse(struct request *request, const char *text, size_t len)
{
	*request = (struct request)REQUEST_INIT;
	request->ask = TALK_NONE;
	return parse_object(of_request, request, text, len);
}

int answer_parse(struct answer *answer, const char *text, size_t len)
{
	*answer = (struct answer)ANSWER_INIT;
	answer->tell = TALK_NONE;
	return parse_object(of_answer, answer, text, len);
}

int signal_parse(struct passed_signal *passed, const char *text, size_t len)
{
	passed->signo = TALK_NONE;
	return parse_object(of_signal, passed, text, len);
}
