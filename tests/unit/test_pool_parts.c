/* The small parts of named pools, each by itself. */
#include "../../cmd/wp-pool/numbers.c"
#include "../../cmd/wp-pool/spec.c"
#include "../../cmd/wp-pool/talk.c"
#include "../../cmd/wp-pool/waits.c"

#include "tap.h"

#include "err.h"

#include <fcntl.h>

/* Numbers */

static void test_numbers(void)
{
	struct numbers n = { 0 };
	bool smallest = true;

	for (uint64_t i = 1; i <= 200; i++)
		smallest = smallest && numbers_take(&n) == i;
	ok(smallest, "numbers count from 1");
	numbers_give(&n, 130);
	numbers_give(&n, 7);
	numbers_give(&n, 64);
	is_int((int64_t)numbers_take(&n), 7, "the smallest free one is next");
	is_int((int64_t)numbers_take(&n), 64, "then the next, the last bit of a word");
	is_int((int64_t)numbers_take(&n), 130, "then the last of them");
	is_int((int64_t)numbers_take(&n), 201, "and then a new one");
	numbers_release(&n);
}

/* Waits */

static void test_waits(void)
{
	struct waits w = { 0 };

	is_int(waits_percentile(&w, 99), 0, "nobody has waited");
	waits_add(&w, 0);
	is_int(waits_percentile(&w, 50), 0, "one that did not wait");
	for (int i = 0; i < 98; i++)
		waits_add(&w, 100);
	waits_add(&w, 1000000);
	is_int((int64_t)w.all, 100, "all are counted");
	is_int(w.max, 1000000, "the longest wait is exact");
	is_int(w.sum, 1009800, "and so is the sum");
	ok(waits_percentile(&w, 50) >= 100 && waits_percentile(&w, 50) <= 200, "the median is at most twice what it is");
	ok(waits_percentile(&w, 99) <= 200, "the 99th of 100 is not the longest");
	is_int(waits_percentile(&w, 100), 1000000, "the 100th is");
	waits_add(&w, USEC_NEVER / 2);
	is_int(w.max, USEC_NEVER / 2, "a wait of ages falls into the last class");
}

/* Talk */

static void test_request(void)
{
	struct request out = REQUEST_INIT, in;
	struct strbuf text = STRBUF_INIT;

	out.ask = ASK_CALL;
	out.priority = -5;
	out.timeout = 1500000;
	out.no_link = true;
	request_describe(&out, (char *const *)(const char *const[]){ "sh", "-c", "echo \"\\\n\x01\"", NULL });
	request_add(&text, &out);
	ok(!memchr(text.buf, '\n', text.len), "a request is one line");
	is_int(request_parse(&in, text.buf, text.len), 0, "and can be read");
	ok(in.ask == ASK_CALL && in.priority == -5 && in.timeout == 1500000 && in.no_link && !in.forever, "it says what was meant");
	is_str(in.what, "sh -c echo \"\\\n\x01\"", "text arrives as it was");
	ok(in.min == TALK_NONE && in.max == TALK_NONE, "what was not given is not there");
	strbuf_release(&text);
}

static void test_long_command(void)
{
	struct request request = REQUEST_INIT;
	char *word = xmalloc(1001);

	memset(word, 'x', 1000);
	memcpy(word + 250, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 8);
	word[1000] = '\0';
	request_describe(&request, (char *const *)(const char *const[]){ word, "more", NULL });
	ok(strlen(request.what) < sizeof(request.what), "a long command is cut");
	ok(utf8_valid(request.what, strlen(request.what)), "but not within a character");
	free(word);
}

static void refuse(const char *text, const char *what)
{
	struct request request;

	is_int(request_parse(&request, text, strlen(text)), -1, "%s", what);
	ok(*err_message(), "and says why");
	err_clear();
}

static void test_bad_requests(void)
{
	struct request request;
	const char *later = "{\"ask\":1,\"colour\":{\"a\":[1,2]},\"watch\":true}";

	refuse("", "nothing is no request");
	refuse("[]", "nor is a list");
	refuse("{\"ask\":\"call\"}", "a number has to be one");
	refuse("{\"ask\":1e99}", "and a whole one");
	refuse("{\"what\":17}", "text has to be text");
	refuse("{\"ask\":1", "an object has an end");
	is_int(request_parse(&request, later, strlen(later)), 0, "members of a later version are passed over");
	ok(request.ask == ASK_STATUS && request.watch, "and the others read");
	is_int(request_parse(&request, "{}", 2), 0, "an empty object asks for nothing");
	ok(request.ask == TALK_NONE, "and that can be seen");
}

static void test_answer(void)
{
	struct answer out = ANSWER_INIT, in;
	struct strbuf text = STRBUF_INIT;

	out.tell = TELL_FAILED;
	out.status = 124;
	memset(out.text, 'y', sizeof(out.text) - 1);
	answer_add(&text, &out);
	is_int(answer_parse(&in, text.buf, text.len), 0, "an answer can be read");
	ok(in.tell == TELL_FAILED && in.status == 124 && in.id == TALK_NONE, "it says what was meant");
	is_int((int64_t)strlen(in.text), sizeof(in.text) - 1, "the longest text arrives whole");
	strbuf_release(&text);
}

/* Specs */

static void test_spec(void)
{
	const struct spawn_limits limits = { .memory = INT64_C(1) << 40, .cpu = 7, .nice = -3 };
	const char *const argv[] = { "cmd", "", "two words", "-x\n", NULL }, *const envp[] = { "A=1", "B=", NULL };
	int fd = spec_write((char *const *)argv, (char *const *)envp, &limits);
	struct spec spec;

	ok(fd >= 0, "a command is written down");
	is_int(spec_read(&spec, fd, 2), 0, "and read");
	ok(spec.limits.memory == limits.memory && spec.limits.cpu == 7 && spec.limits.nice == -3, "with its limits");
	is_str(spec.argv[1], "", "an empty argument arrives");
	is_str(spec.argv[3], "-x\n", "and one with a newline");
	ok(!spec.argv[4], "the arguments have an end");
	is_int((int64_t)spec.env_nr, 2, "the environment");
	is_str(spec.envp[1], "B=", "is what was given");
	ok(*spec.dir == '/', "the directory is ours");
	spec_release(&spec);
	close(fd);
}

static void refuse_spec(const char *bytes, size_t len, const char *what)
{
	int fd = memfd_create("spec", MFD_CLOEXEC);
	struct spec spec;

	ok(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "some bytes");
	is_int(spec_read(&spec, fd, 0), -1, "%s", what);
	spec_release(&spec);
	err_clear();
	close(fd);
}

#define BYTES(text) text, sizeof(text) - 1

static void test_bad_specs(void)
{
	int ends[2];
	struct spec spec;

	refuse_spec("", 0, "an empty file is no command");
	refuse_spec(BYTES("no end"), "nor is one without a NUL at its end");
	refuse_spec(BYTES("/\0" "022\0" "0\0" "0\0" "0\0" "1\0"), "nor one without arguments");
	refuse_spec(BYTES("/\0" "022\0" "0\0" "0\0" "0\0" "3\0" "a\0" "b\0"), "nor one with too few");
	refuse_spec(BYTES("/\0" "999\0" "0\0" "0\0" "0\0" "1\0" "a\0"), "nor one with an umask that is none");
	refuse_spec(BYTES("/\0" "18\0" "-1\0" "0\0" "0\0" "1\0" "a\0"), "nor one with a limit below nothing");
	refuse_spec(BYTES("/\0" "18\0" "0\0" "0\0" "99\0" "1\0" "a\0"), "nor one with a nice value that is none");
	is_int(pipe(ends), 0, "a pipe");
	is_int(spec_read(&spec, ends[0], 0), -1, "is no file");
	spec_release(&spec);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	test_numbers();
	test_waits();
	test_request();
	test_long_command();
	test_bad_requests();
	test_answer();
	test_spec();
	test_bad_specs();
	return done_testing();
}
