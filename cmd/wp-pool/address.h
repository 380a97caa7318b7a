/*
 * address.h - where a pool can be reached: by its name.
 */
#ifndef WP_POOL_ADDRESS_H
#define WP_POOL_ADDRESS_H

#include "wire.h"

/* What is the pool's among the sockets and the locks of the state directory: "pool.NAME". */
#define ADDRESS_PREFIX "pool."
enum { ADDRESS_MAX = 64 };

/* Letters, digits, "._-", the first a letter or digit, at most ADDRESS_MAX bytes: 0, or -1 with err recorded. */
int address_check(const char *name);
/* The name of its socket, and of its lock; the caller frees it. */
char *address_of(const char *name);
/* To the pool NAME; blocking. -1 with err recorded: status 69 when there is none, and what a dead one has left is removed. */
int address_connect(const struct state *state, const char *name);

#endif
