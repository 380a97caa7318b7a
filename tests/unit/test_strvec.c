#include "strvec.h"
#include "tap.h"

static void pushes(void)
{
	const char *const more[] = { "d", "e", NULL };
	struct strvec sv = STRVEC_INIT;
	char word[] = "abc";

	ok(sv.v && !sv.v[0], "a new vector ends at once");
	strvec_push(&sv, word);
	word[0] = 'x';
	is_str(sv.v[0], "abc", "what is pushed is copied");
	is_str(strvec_pushn(&sv, "bcd", 1), "b", "pushn takes so many bytes");
	is_str(strvec_pushf(&sv, "%s=%d", "c", 3), "c=3", "pushf formats");
	strvec_push_all(&sv, more);
	strvec_push_owned(&sv, strdup("f"));
	is_int((long long)sv.nr, 6, "six are in");
	is_str(sv.v[4], "e", "in order");
	is_str(sv.v[5], "f", "the owned one too");
	ok(!sv.v[6], "then NULL");
	strvec_clear(&sv);
	ok(sv.nr == 0 && !sv.v[0] && sv.alloc > 0, "clear keeps the array");
	strvec_push(&sv, "again");
	is_str(sv.v[0], "again", "which is used again");
	strvec_release(&sv);
	ok(sv.v && !sv.v[0] && sv.alloc == 0, "release leaves an empty vector");
}

static void grows(void)
{
	struct strvec sv = STRVEC_INIT;
	bool good = true;

	for (int i = 0; i < 1000; i++)
		strvec_pushf(&sv, "%d", i);
	for (int i = 0; i < 1000; i++)
		good = good && strtol(sv.v[i], NULL, 10) == i;
	ok(good && !sv.v[1000], "a thousand strings");
	strvec_release(&sv);
}

int main(void)
{
	pushes();
	grows();
	return done_testing();
}
