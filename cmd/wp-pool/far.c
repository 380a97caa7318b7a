#include "map.h"

#include "alloc.h"
#include "client.h"
#include "err.h"
#include "io.h"
#include "json.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Calls of a named pool: a connection each, which lasts as long as the call. The pool schedules, the time that a line has
 * counts from its start there, and a connection that we close ends the command. */

struct far_call {
	struct map *map;
	struct line *line;
	struct loop_fd wire;
};

struct far {
	struct state state;
	int null;                    /* /dev/null */
	struct far_call *calls;      /* by slot */
};

#define far_call_of(pointer) ((struct far_call *)((char *)(pointer) - offsetof(struct far_call, wire)))

int far_capacity(const char *state_dir, const char *name, int64_t *capacity)
{
	struct request request = REQUEST_INIT;
	struct client client;
	struct strbuf text = STRBUF_INIT;
	int r;

	request.ask = ASK_STATUS;
	if (client_open(&client, state_dir, name) < 0)
		return -1;
	r = client_ask(&client, &request, NULL, 0);
	if (r == 0 && (r = client_hear(&client, clock_now() + CLIENT_LIMIT)) == 0)
		r = client_lost(&client);
	if (r > 0)
		r = json_text_member(&text, client.text, client.len, "capacity", strlen("capacity"));
	if (r == 0)
		*capacity = strtoll(text.buf, NULL, 10);
	strbuf_release(&text);
	client_close(&client);
	return r < 0 ? -1 : 0;
}

int far_init(struct map *map, const struct globals *globals)
{
	struct far *far = xcalloc(1, sizeof(*far));

	map->far = far;
	far->calls = xcalloc(map->pool.config.slots, sizeof(*far->calls));
	for (size_t i = 0; i < map->pool.config.slots; i++)
		far->calls[i] = (struct far_call){ .map = map, .wire.fd = -1 };
	far->state.fd = -1;
	far->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (far->null < 0)
		return err_errno("cannot open \"/dev/null\"");
	return state_open(&far->state, globals->state);
}

static void hang_up(struct far_call *call)
{
	if (call->wire.fd < 0)
		return;
	loop_remove(call->map->loop, &call->wire);
	fd_close(&call->wire.fd);
}

void far_release(struct map *map)
{
	struct far *far = map->far;

	if (!far)
		return;
	for (size_t i = 0; i < map->pool.config.slots; i++)
		hang_up(&far->calls[i]);
	fd_close(&far->null);
	state_release(&far->state);
	free(far->calls);
	free(far);
	map->far = NULL;
}

/* Its end */

static void over(struct far_call *call, int exit, const char *why)
{
	struct map *map = call->map;
	struct line *line = call->line;
	size_t slot = line->item.slot;
	bool ending = pool_slot_termed(&map->pool, slot);

	hang_up(call);
	if (*why && line->item.cause == POOL_NO_CAUSE) {
		strbuf_addstr(&line->error, why);
		err_set(exit, "%s", why);
		if (map->args->jobs)
			err_clear();
		else
			map_complain(map, line);
	}
	proc_ended(map, slot, exit, 0);
	if (ending)
		pool_slot_down(&map->pool, slot);
}

static void heard(struct far_call *call, const struct answer *answer)
{
	if (answer->tell == TELL_STARTED) {
		call->line->started = clock_now();
		proc_begun(call->map, call->line);
	} else if (answer->tell == TELL_ENDED) {
		over(call, (int)answer->status, "");
	} else if (answer->tell == TELL_FAILED) {
		over(call, (int)answer->status, answer->text);
	}
}

static void wire_readable(struct loop_fd *handle, uint32_t events)
{
	struct far_call *call = far_call_of(handle);
	static char text[WIRE_MAX];
	struct answer answer;
	int fds[WIRE_FDS];
	size_t fds_nr;
	ssize_t n = wire_receive(handle->fd, text, fds, &fds_nr);

	if (n < 0 && errno == EAGAIN)
		return;
	wire_close_fds(fds);
	if (n <= 0)
		over(call, WP_FAILED, "the pool has ended");
	else if (answer_parse(&answer, text, (size_t)n) == 0)
		heard(call, &answer);
	err_clear();
}

/* Its beginning */

static int ask(struct far *far, int wire, char **argv, char **envp, const struct call_ends *ends)
{
	const struct spawn_limits none = { 0 };
	struct request request = REQUEST_INIT;
	struct strbuf text = STRBUF_INIT;
	int fds[WIRE_FDS] = { -1, ends->in < 0 ? far->null : ends->in, ends->out, ends->err };
	int r;

	request.ask = ASK_CALL;
	request.timeout = 0;
	request_describe(&request, argv);
	fds[0] = spec_write(argv, envp, &none);
	if (fds[0] < 0)
		return -1;
	request_add(&text, &request);
	r = client_send(wire, &text, fds, WIRE_FDS);
	if (r < 0)
		err_set(WP_FAILED, "cannot ask the pool: %s", strerror(errno));
	strbuf_release(&text);
	fd_close(&fds[0]);
	return r < 0 ? -1 : 0;
}

int far_start(struct map *map, struct line *line, char **argv, char **envp, const struct call_ends *ends)
{
	struct far_call *call = &map->far->calls[line->item.slot];
	int wire = address_connect(&map->far->state, map->args->pool);

	if (wire < 0)
		return -1;
	if (ask(map->far, wire, argv, envp, ends) < 0 || loop_add(map->loop, &call->wire, wire, EPOLLIN, wire_readable) < 0) {
		close(wire);
		call->wire.fd = -1;
		return -1;
	}
	call->line = line;
	return 0;
}

void far_term(struct map *map, size_t slot)
{
	const struct passed_signal passed = { SIGTERM };
	struct far_call *call = &map->far->calls[slot];
	struct strbuf text = STRBUF_INIT;

	if (call->wire.fd < 0)
		return;
	signal_add(&text, &passed);
	(void)wire_send(call->wire.fd, text.buf, text.len, NULL, 0);     /* the end of the connection says enough */
	strbuf_release(&text);
}

void far_kill(struct map *map, size_t slot)
{
	struct far_call *call = &map->far->calls[slot];

	if (call->wire.fd >= 0)
		over(call, 128 + SIGKILL, "");
}
