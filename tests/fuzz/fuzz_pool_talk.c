/* A message to a pool, or from it, that is taken can be written, and what is written is taken as the same message. The same bytes
 * as a command written down are a command or none. */
#include "fuzz.h"

#include "err.h"
#include "parse.h"
#include "spec.h"
#include "talk.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Text that is no UTF-8 is written as far as it is. */
static bool same_text(const char *back, const char *text)
{
	return !utf8_valid(text, strlen(text)) || !strcmp(back, text);
}

static void reread_request(const struct request *request)
{
	struct strbuf sb = STRBUF_INIT;
	struct request back;

	request_add(&sb, request);
	require(!memchr(sb.buf, '\n', sb.len));
	require(request_parse(&back, sb.buf, sb.len) == 0);
	require(back.ask == request->ask && back.timeout == request->timeout && back.priority == request->priority);
	require(back.no_link == request->no_link && back.watch == request->watch && same_text(back.what, request->what));
	strbuf_release(&sb);
}

static void reread_answer(const struct answer *answer)
{
	struct strbuf sb = STRBUF_INIT;
	struct answer back;

	answer_add(&sb, answer);
	require(answer_parse(&back, sb.buf, sb.len) == 0);
	require(back.tell == answer->tell && back.status == answer->status && same_text(back.text, answer->text));
	strbuf_release(&sb);
}

static void read_spec(const uint8_t *data, size_t size)
{
	int fd = memfd_create("spec", MFD_CLOEXEC);
	struct spec spec;

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (spec_read(&spec, fd, 1) == 0) {
		size_t n = 0;

		require(spec.argv[0] && spec.dir);
		while (spec.argv[n])
			n++;
		for (size_t i = 0; i < spec.env_nr; i++)
			require(spec.envp[i] != NULL);
	} else {
		require(err_status() && *err_message());
	}
	spec_release(&spec);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct passed_signal passed;
	struct request request;
	struct answer answer;

	if (request_parse(&request, (const char *)data, size) == 0)
		reread_request(&request);
	else
		require(err_status() == WP_DATA && *err_message());
	if (answer_parse(&answer, (const char *)data, size) == 0)
		reread_answer(&answer);
	(void)signal_parse(&passed, (const char *)data, size);
	read_spec(data, size);
	return 0;
}
