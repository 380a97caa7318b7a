#include "restart.h"

#include "alloc.h"

#include <stdlib.h>
#include <string.h>

static const char *const policy_names[] = {
	[RESTART_PERMANENT] = "permanent", [RESTART_TRANSIENT] = "transient", [RESTART_TEMPORARY] = "temporary",
};

const char *restart_name(enum restart_policy policy)
{
	return policy_names[policy];
}

enum restart_policy restart_from(const char *name)
{
	for (size_t i = 0; i < sizeof(policy_names) / sizeof(policy_names[0]); i++) {
		if (!strcmp(name, policy_names[i]))
			return (enum restart_policy)i;
	}
	return RESTART_PERMANENT;
}

void restart_init(struct restart *r, enum restart_policy policy, size_t max, usec_t within)
{
	*r = (struct restart){ .policy = policy, .max = max, .within = within, .at = xcalloc(max + 1, sizeof(usec_t)) };
}

void restart_release(struct restart *r)
{
	free(r->at);
	*r = (struct restart){ 0 };
}

enum restart_answer restart_ended(struct restart *r, int status, usec_t now)
{
	if (r->policy == RESTART_TEMPORARY || (r->policy == RESTART_TRANSIENT && status == 0))
		return status == 0 ? RESTART_IS_OVER : RESTART_GIVES_UP;
	if (r->max == 0 || (r->nr >= r->max && now - r->at[r->nr % r->max] < r->within))
		return RESTART_GIVES_UP;
	r->at[r->nr++ % r->max] = now;
	return RESTART_AGAIN;
}
