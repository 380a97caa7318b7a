#include "address.h"

#include "alive.h"
#include "err.h"
#include "strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int address_check(const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return err_set(WP_USAGE, "the name of the pool is empty");
	if (len > ADDRESS_MAX)
		return err_set(WP_USAGE, "the name of the pool is longer than %d bytes", ADDRESS_MAX);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && (i == 0 || !strchr("._-", name[i])))
			return err_set(WP_USAGE, "invalid name of a pool \"%s\": letters, digits, and after the first also \"._-\"", name);
	return 0;
}

char *address_of(const char *name)
{
	struct strbuf address = STRBUF_INIT;

	strbuf_addf(&address, ADDRESS_PREFIX "%s", name);
	return strbuf_detach(&address, NULL);
}

/* Remove what a dead pool has left, which may be done by whoever gets its lock. */
static void reap(const struct state *state, const char *address)
{
	struct alive lock;

	if (alive_hold(&lock, state->live_dir, address) == 0) {
		wire_unlink(state, address);
		alive_release(&lock);
	} else {
		err_clear();
	}
}

int address_connect(const struct state *state, const char *name)
{
	char *address = address_of(name);
	int fd = wire_connect(state, address, true);

	if (fd < 0 && errno == ECONNREFUSED) {
		reap(state, address);
		err_set(WP_UNAVAILABLE, "nobody listens as pool \"%s\"", name);
	} else if (fd < 0 && errno == ENOENT) {
		err_set(WP_UNAVAILABLE, "nobody listens as pool \"%s\"", name);
	} else if (fd < 0) {
		err_errno("cannot reach the pool \"%s\"", name);
	}
	free(address);
	return fd;
}
