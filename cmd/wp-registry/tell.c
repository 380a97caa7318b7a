#include "tell.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "spawn.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct telling {
	const struct registry *registry;
	enum post_what what;
	int64_t *lives;
	struct pollfd *fds;
	size_t nr, open, untold;
	int64_t told;
};

static int say(int fd, enum post_what what)
{
	return post_send(fd, &(struct post){ .version = POST_VERSION, .what = what, .number = 1 }, NULL, 0);
}

/* Whoever has not even room for a connection is tried again. */
static void begin(struct telling *t, size_t i)
{
	char *socket = registry_socket(t->lives[i]);
	int fd = wire_connect(&t->registry->state, socket, false);

	t->fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
		t->lives[i] = 0;     /* it has just ended */
	} else if (fd >= 0 && say(fd, t->what) > 0) {
		t->fds[i].fd = fd;
		t->open++;
	} else {
		fd_close(&fd);
		t->untold++;
	}
	free(socket);
}

static void begin_again(struct telling *t)
{
	t->untold = 0;
	for (size_t i = 0; i < t->nr; i++)
		if (t->lives[i] && t->fds[i].fd < 0)
			begin(t, i);
}

static void take(struct telling *t, size_t i)
{
	struct strbuf text = STRBUF_INIT;
	struct post post = { .what = 0 };
	int r = post_receive(t->fds[i].fd, &post, &text);

	strbuf_release(&text);
	if (r < 0 && errno == EAGAIN)
		return;
	/* Who leaves has done so when its connection ends. */
	if (r > 0 && t->what == POST_LEAVE)
		return;
	t->lives[i] = 0;
	t->told++;
	fd_close(&t->fds[i].fd);
	t->open--;
}

/* In milliseconds; -1: for ever. */
static int time_left(const struct telling *t, usec_t deadline)
{
	enum { TRY_AGAIN = 50 };
	usec_t left = deadline == USEC_NEVER ? INT32_MAX : (deadline - clock_now()) / USEC_MS + 1;

	if (t->untold && left > TRY_AGAIN)
		return TRY_AGAIN;
	if (deadline == USEC_NEVER)
		return -1;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}

static int wait_for_all(struct telling *t, usec_t deadline)
{
	while ((t->open || t->untold) && clock_now() < deadline) {
		int n = poll(t->fds, t->nr, time_left(t, deadline));

		if (n < 0 && errno != EINTR)
			return err_errno("cannot wait");
		for (size_t i = 0; i < t->nr && n > 0; i++)
			if (t->fds[i].fd >= 0 && t->fds[i].revents)
				take(t, i);
		if (t->untold)
			begin_again(t);
	}
	return 0;
}

int64_t tell(const struct registry *r, int64_t *lives, size_t nr, enum post_what what, usec_t deadline)
{
	struct telling t = { .registry = r, .what = what, .lives = lives, .fds = xcalloc(nr + 1, sizeof(*t.fds)), .nr = nr };
	int result;

	(void)spawn_raise_files();
	for (size_t i = 0; i < nr; i++)
		begin(&t, i);
	result = wait_for_all(&t, deadline);
	for (size_t i = 0; i < nr; i++)
		fd_close(&t.fds[i].fd);
	free(t.fds);
	return result < 0 ? -1 : t.told;
}
