/* Whether what has ended is started again. */
#include "../../cmd/wp-distribute/restart.c"

#include "tap.h"

static const char *answer(struct restart *r, int status, usec_t now)
{
	static const char *const words[] = { [RESTART_AGAIN] = "again", [RESTART_IS_OVER] = "over", [RESTART_GIVES_UP] = "gives up" };

	return words[restart_ended(r, status, now)];
}

static void policies(void)
{
	static const struct {
		enum restart_policy policy;
		int status;
		const char *answer;
	} cases[] = {
		{ RESTART_PERMANENT, 0, "again" }, { RESTART_PERMANENT, 1, "again" }, { RESTART_PERMANENT, 137, "again" },
		{ RESTART_TRANSIENT, 0, "over" }, { RESTART_TRANSIENT, 1, "again" }, { RESTART_TRANSIENT, 143, "again" },
		{ RESTART_TEMPORARY, 0, "over" }, { RESTART_TEMPORARY, 1, "gives up" }, { RESTART_TEMPORARY, 137, "gives up" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct restart r;

		restart_init(&r, cases[i].policy, 1, USEC_SEC);
		is_str(answer(&r, cases[i].status, 1), cases[i].answer, "%s, status %d", restart_name(cases[i].policy), cases[i].status);
		restart_release(&r);
	}
}

static void none_at_all(void)
{
	struct restart r;

	restart_init(&r, RESTART_PERMANENT, 0, USEC_SEC);
	is_str(answer(&r, 1, 1), "gives up", "no restart is allowed");
	is_int((long long)r.nr, 0, "and none is counted");
	restart_release(&r);
	restart_init(&r, RESTART_TRANSIENT, 0, USEC_SEC);
	is_str(answer(&r, 0, 1), "over", "nor is one needed that has ended well");
	restart_release(&r);
}

static void so_many(void)
{
	struct restart r;

	restart_init(&r, RESTART_PERMANENT, 3, 10);
	for (int i = 0; i < 3; i++)
		is_str(answer(&r, 1, 100 + i), "again", "restart %d", i + 1);
	is_str(answer(&r, 1, 109), "gives up", "a fourth in less than that time");
	is_str(answer(&r, 0, 109), "gives up", "a good status is no restart less, when it is permanent");
	is_int((long long)r.nr, 3, "what was refused is not counted");
	is_str(answer(&r, 1, 110), "again", "the first is as long ago as that time");
	is_str(answer(&r, 1, 110), "gives up", "the second is not yet");
	is_str(answer(&r, 1, 111), "again", "now it is");
	restart_release(&r);
}

static void for_ever(void)
{
	struct restart r;
	int refused = 0;

	restart_init(&r, RESTART_PERMANENT, 2, 10);
	for (usec_t now = 0; now < 1000; now += 5)
		refused += restart_ended(&r, 1, now) != RESTART_AGAIN;
	is_int(refused, 0, "two in any ten go on for ever");
	is_int((long long)r.nr, 200, "and all are counted");
	restart_release(&r);
	restart_init(&r, RESTART_PERMANENT, 1, 0);
	for (int i = 0; i < 100; i++)
		refused += restart_ended(&r, 1, 7) != RESTART_AGAIN;
	is_int(refused, 0, "in no time at all nothing counts");
	restart_release(&r);
}

static void names_of_policies(void)
{
	for (int i = RESTART_PERMANENT; i <= RESTART_TEMPORARY; i++)
		is_int((long long)restart_from(restart_name((enum restart_policy)i)), i, "%s", restart_name((enum restart_policy)i));
	is_int((long long)restart_from("no such"), RESTART_PERMANENT, "what is not known is permanent");
}

int main(void)
{
	policies();
	none_at_all();
	so_many();
	for_ever();
	names_of_policies();
	return done_testing();
}
