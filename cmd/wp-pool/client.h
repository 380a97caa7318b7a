/*
 * client.h - the other end of callers.c: how the verbs talk to a named pool.
 */
#ifndef WP_POOL_CLIENT_H
#define WP_POOL_CLIENT_H

#include "clock.h"
#include "talk.h"
#include "address.h"

/* A pool that is not stopped answers a question at once. */
#define CLIENT_LIMIT (10 * USEC_SEC)

struct client {
	const char *name;
	struct state state;
	int fd;
	char text[WIRE_MAX + 1];     /* the last message */
	size_t len;
};

/* -1 with err recorded: status 69 when there is no such pool. NAME is checked. */
int client_open(struct client *client, const char *state_dir, const char *name);
void client_close(struct client *client);
/* wire_send() to a pool. Descriptors that are on their way, of all of this user's programs together, count against our limit
 * (ETOOMANYREFS in unix(7)): that is raised as far as it may be, and then waited until some have arrived. */
int client_send(int fd, const struct strbuf *text, const int *fds, size_t fds_nr);
/* -1 with err recorded. */
int client_ask(struct client *client, const struct request *request, const int *fds, size_t fds_nr);
/* The next message, waited for until DEADLINE (clock_now()): 1; 0 at the end of the connection; -1 with err recorded, status 75 when
 * the time is over ("timed out"). Terminated. */
int client_hear(struct client *client, usec_t deadline);
/* The same, as an answer. */
int client_answer(struct client *client, struct answer *answer, usec_t deadline);
/* An answer that did not come within CLIENT_LIMIT; err, which is returned as -1. */
int client_silent(const struct client *client);
/* The end of the connection, where something else was expected: err, which is returned as -1. */
int client_lost(const struct client *client);
/* Ask for something that is answered by TELL_DONE: 0, or -1 with err recorded, also when the pool says no. */
int client_do(struct client *client, const struct request *request, usec_t deadline);

#endif
