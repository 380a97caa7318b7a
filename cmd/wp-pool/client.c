#include "client.h"

#include "err.h"
#include "io.h"

#include <errno.h>
#include <sys/resource.h>

/* The kernel tells nobody when descriptors have arrived. */
#define ARRIVAL_PAUSE (20 * USEC_MS)

static int no_pool(const char *name)
{
	err_set(WP_UNAVAILABLE, "there is no pool \"%s\"", name);
	err_hint("wp-pool start %s", name);
	return -1;
}

int client_open(struct client *client, const char *state_dir, const char *name)
{
	int r;

	*client = (struct client){ .name = name, .fd = -1, .state.fd = -1 };
	if (address_check(name) < 0)
		return -1;
	r = state_exists(state_dir);
	if (r <= 0)
		return r < 0 ? r : no_pool(name);
	if (state_open(&client->state, state_dir) < 0)
		return -1;
	client->fd = address_connect(&client->state, name);
	if (client->fd >= 0)
		return 0;
	client_close(client);
	return err_status() == WP_UNAVAILABLE ? no_pool(name) : -1;
}

void client_close(struct client *client)
{
	fd_close(&client->fd);
	state_release(&client->state);
}

int client_lost(const struct client *client)
{
	return err_set(WP_FAILED, "the pool \"%s\" has ended", client->name);
}

int client_silent(const struct client *client)
{
	if (err_status() != WP_TEMPFAIL)
		return -1;
	return err_set(WP_TEMPFAIL, "the pool \"%s\" does not answer: it may be stopped", client->name);
}

int client_send(int fd, const struct strbuf *text, const int *fds, size_t fds_nr)
{
	struct rlimit limit;
	int r;

	while ((r = wire_send(fd, text->buf, text->len, fds, fds_nr)) < 0 && errno == ETOOMANYREFS) {
		if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
			limit.rlim_cur = limit.rlim_max;
			setrlimit(RLIMIT_NOFILE, &limit);
		} else if (fd_wait_readable(fd, clock_now() + ARRIVAL_PAUSE) != 0) {
			break;       /* the pool has gone */
		}
	}
	return r;
}

int client_ask(struct client *client, const struct request *request, const int *fds, size_t fds_nr)
{
	struct strbuf text = STRBUF_INIT;
	int r;

	request_add(&text, request);
	r = client_send(client->fd, &text, fds, fds_nr);
	strbuf_release(&text);
	if (r > 0)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return client_lost(client);
	return err_errno("cannot ask the pool \"%s\"", client->name);
}

int client_hear(struct client *client, usec_t deadline)
{
	int fds[WIRE_FDS];
	size_t fds_nr;
	ssize_t n;

	while ((n = wire_receive(client->fd, client->text, fds, &fds_nr)) < 0 && errno == EAGAIN) {
		int r = fd_wait_readable(client->fd, deadline);

		if (r <= 0)
			return r < 0 ? err_errno("cannot wait") : err_set(WP_TEMPFAIL, "timed out");
	}
	wire_close_fds(fds);
	if (n < 0)
		return err_errno("cannot hear the pool \"%s\"", client->name);
	client->len = (size_t)n;
	client->text[client->len] = '\0';
	return n > 0;
}

int client_answer(struct client *client, struct answer *answer, usec_t deadline)
{
	int r = client_hear(client, deadline);

	if (r > 0 && answer_parse(answer, client->text, client->len) < 0)
		return -1;
	return r;
}

int client_do(struct client *client, const struct request *request, usec_t deadline)
{
	struct answer answer;
	int r;

	if (client_ask(client, request, NULL, 0) < 0)
		return -1;
	r = client_answer(client, &answer, deadline);
	if (r <= 0)
		return r < 0 ? r : client_lost(client);
	if (answer.tell == TELL_FAILED)
		return err_set((int)answer.status, "%s", answer.text);
	return 0;
}
