#include "strbuf.h"
#include "tap.h"

#include <stdint.h>

static void starts_empty(void)
{
	struct strbuf sb = STRBUF_INIT;

	is_str(sb.buf, "", "a new strbuf is an empty string");
	is_int((long long)sb.alloc, 0, "and holds no memory");
	strbuf_add(&sb, "", 0);
	is_int((long long)sb.alloc, 0, "nor after nothing was added");
	strbuf_reset(&sb);
	strbuf_shrink(&sb, 0);
	strbuf_release(&sb);
	is_str(sb.buf, "", "a released strbuf is an empty string again");
}

static void adds(void)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb, "ab");
	strbuf_addch(&sb, 'c');
	strbuf_add(&sb, "d\0e", 3);
	is_int((long long)sb.len, 6, "NULs count");
	ok(memcmp(sb.buf, "abcd\0e", 7) == 0, "bytes come in order, a NUL follows");
	strbuf_reset(&sb);
	is_str(sb.buf, "", "reset empties");
	ok(sb.alloc > 0, "reset keeps the memory");
	strbuf_addf(&sb, "%s-%d", "x", 7);
	is_str(sb.buf, "x-7", "addf");
	strbuf_reset(&sb);
	strbuf_addf(&sb, "%1000d", 1);
	is_int((long long)sb.len, 1000, "addf of more than there is room for");
	ok(sb.buf[999] == '1' && sb.buf[1000] == '\0', "is whole");
	strbuf_release(&sb);
}

static void adds_ints(void)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addint(&sb, 0);
	strbuf_addch(&sb, ' ');
	strbuf_addint(&sb, -42);
	strbuf_addch(&sb, ' ');
	strbuf_addint(&sb, INT64_MAX);
	strbuf_addch(&sb, ' ');
	strbuf_addint(&sb, INT64_MIN);
	is_str(sb.buf, "0 -42 9223372036854775807 -9223372036854775808", "addint from end to end");
	strbuf_release(&sb);
}

static void cuts(void)
{
	struct strbuf sb = STRBUF_INIT;
	size_t len;
	char *s;

	strbuf_addstr(&sb, "0123456789");
	strbuf_remove(&sb, 2, 3);
	is_str(sb.buf, "0156789", "remove in the middle");
	strbuf_remove(&sb, 5, 2);
	is_str(sb.buf, "01567", "remove at the end");
	strbuf_setlen(&sb, 2);
	is_str(sb.buf, "01", "setlen cuts");
	s = strbuf_detach(&sb, &len);
	is_str(s, "01", "detach hands the string over");
	is_int((long long)len, 2, "with its length");
	is_str(sb.buf, "", "and leaves an empty strbuf");
	free(s);
	s = strbuf_detach(&sb, NULL);
	is_str(s, "", "detach of an empty one is a string of its own");
	free(s);
}

static void shrinks(void)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_grow(&sb, 100000);
	ok(sb.alloc > 100000, "grow makes room");
	strbuf_addstr(&sb, "kept");
	strbuf_shrink(&sb, 200000);
	ok(sb.alloc > 100000, "shrink leaves what is small enough");
	strbuf_shrink(&sb, 1000);
	is_int((long long)sb.alloc, 1000, "shrink gives back the rest");
	strbuf_shrink(&sb, 2);
	is_int((long long)sb.alloc, 5, "but never what is in use");
	is_str(sb.buf, "kept", "the text stays");
	strbuf_reset(&sb);
	strbuf_shrink(&sb, 0);
	is_int((long long)sb.alloc, 0, "shrink of an empty one to 0 frees it");
}

static int set_too_long(void *ctx)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_setlen(&sb, 1);
	return 0;
}

static int remove_too_much(void *ctx)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb, "abc");
	strbuf_remove(&sb, 2, SIZE_MAX);
	return 0;
}

static void refuses_misuse(void)
{
	struct captured c = capture(set_too_long, NULL);

	is_int(c.status, 70, "setlen beyond the memory is a bug");
	is_str(c.err, "workplane: internal error: string length 1 is beyond its 0 bytes\n", "and says so");
	captured_release(&c);
	c = capture(remove_too_much, NULL);
	is_int(c.status, 70, "removing beyond the end is a bug");
	captured_release(&c);
}

int main(void)
{
	starts_empty();
	adds();
	adds_ints();
	cuts();
	shrinks();
	refuses_misuse();
	return done_testing();
}
