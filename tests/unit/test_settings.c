/* What the state file keeps of a consumer's settings is what they were. */
#include "json.h"                    /* before jansson's */
#include "../../cmd/wp-registry/settings.c"

#include "alloc.h"
#include "tap.h"

static struct settings back;

/* Through the text and back. */
static void round_trip(const struct settings *s, const char *what)
{
	struct strbuf text = STRBUF_INIT;

	settings_release(&back);
	back = (struct settings)SETTINGS_INIT;
	settings_add(&text, s);
	ok(json_check(text.buf, text.len) == 0, "%s: the text is JSON", what);
	ok(!strchr(text.buf, '\n'), "%s: on one line", what);
	is_int(settings_parse(&back, text.buf), 0, "%s: and is understood", what);
	strbuf_release(&text);
}

static void same_strings(const struct strvec *got, const struct strvec *want, const char *what)
{
	bool same = got->nr == want->nr;

	for (size_t i = 0; same && i < got->nr; i++)
		same = !strcmp(got->v[i], want->v[i]);
	ok(same, "%s: all %zu are the same, to the byte", what, want->nr);
	ok(got->v && got->v[got->nr] == NULL, "%s: and a NULL ends them", what);
}

static void numbers(void)
{
	struct settings s = SETTINGS_INIT;

	s.warm = true;
	s.hibernation = HIBERNATION_SIGNAL;
	s.max_pending = INT32_MAX;
	s.timeout = 1;
	s.shutdown_timeout = INT64_MAX;
	strvec_push(&s.command, "cat");
	round_trip(&s, "numbers");
	ok(back.warm, "numbers: warm");
	is_int(back.hibernation, HIBERNATION_SIGNAL, "numbers: hibernation");
	is_int(back.max_pending, INT32_MAX, "numbers: max-pending");
	is_int(back.timeout, 1, "numbers: timeout");
	is_int(back.shutdown_timeout, INT64_MAX, "numbers: the longest time");
	settings_release(&s);

	s = (struct settings)SETTINGS_INIT;
	s.shutdown_timeout = 0;
	strvec_push(&s.command, "cat");
	round_trip(&s, "others");
	ok(!back.warm, "others: not warm");
	is_int(back.hibernation, HIBERNATION_STOP, "others: hibernation");
	is_int(back.max_pending, 1000, "others: max-pending");
	is_int(back.timeout, 0, "others: no timeout");
	is_int(back.shutdown_timeout, 0, "others: no time to end");
	ok(!back.directory && !back.log && !back.environment.nr, "others: no directory, log or environment where there was none");
	settings_release(&s);
}

/* Every byte that an argument can have. */
static char *all_bytes(void)
{
	char *s = xcalloc(256, 1);

	for (int i = 1; i < 256; i++)
		s[i - 1] = (char)i;
	return s;
}

static void strings(void)
{
	static const char *const words[] = {
		"sh", "", " ", "-c", "\"quoted\" \\ and $more", "\x01\t\n\r\x1f\x7f", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb1",
		"\xef\xbf\xbf", "\xef\xbb\xbf", "\xe2\x80\xa8", "[1,2]", "null", "\\u0000",
		/* No UTF-8 */
		"\xff", "caf\xe9", "\xc3", "\xc3(", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "a\xff" "b", "KEY=\xfe\xff",
	};
	struct settings s = SETTINGS_INIT;
	char *bytes = all_bytes();

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		strvec_push(&s.command, words[i]);
		strvec_push(&s.environment, words[i]);
	}
	strvec_push(&s.command, bytes);
	s.directory = xstrdup("/tmp/caf\xe9\n");
	s.log = xstrdup("/tmp/\xff.log");
	round_trip(&s, "strings");
	same_strings(&back.command, &s.command, "command");
	same_strings(&back.environment, &s.environment, "environment");
	is_str(back.directory, s.directory, "a directory that is no UTF-8");
	is_str(back.log, s.log, "a log that is none");
	settings_release(&s);
	free(bytes);
}

static void large(void)
{
	enum { COUNT = 2000, LENGTH = 100 };
	struct settings s = SETTINGS_INIT;

	for (int i = 0; i < COUNT; i++)
		strvec_pushf(&s.command, "%d %0*d", i, LENGTH, i);
	s.directory = xstrdup("/");
	round_trip(&s, "large");
	same_strings(&back.command, &s.command, "large");
	same_strings(&back.environment, &s.environment, "an environment that is empty");
	settings_release(&s);
}

/* As it can be in a file that somebody has written to: an error or settings, and no more. */
static void others(void)
{
	static const char *const wrong[] = { "", "{", "[]", "null", "7", "\"x\"", "{}}", "{\"command\":[\"\xff\"]}", "{\"command\":[\"\\u0000\"]}" };
	static const char *const odd[] = { "{}", "{\"command\":7,\"environment\":{},\"directory\":false,\"log\":null}", "{\"command\":[null,[],[1,256,\"x\"],{}]}",
		"{\"warm\":1,\"max_pending\":\"x\",\"timeout\":1e99,\"more\":[]}", "{\"directory\":[0]}" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct settings s = SETTINGS_INIT;

		ok(settings_parse(&s, wrong[i]) == -1 && err_status() == WP_DATA, "not understood: %s", i == 7 ? "bytes that are no UTF-8" : wrong[i]);
		err_clear();
		settings_release(&s);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct settings s = SETTINGS_INIT;

		is_int(settings_parse(&s, odd[i]), 0, "passed over: %s", odd[i]);
		settings_release(&s);
	}
}

int main(void)
{
	numbers();
	strings();
	large();
	others();
	settings_release(&back);
	return done_testing();
}
