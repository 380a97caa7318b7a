#include "courier.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "launch.h"
#include "spawn.h"
#include "wire.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

/* Underway at most: so many messages, and bytes of them. */
enum { UNDERWAY_MAX = 32768, BYTES_MAX = 64 << 20 };
/* Descriptors that are left for what is open for a moment: locks, sockets that are handed over, large messages. */
enum { SPARE_FILES = 32 };
/* Consumers that are remembered without a message for them. */
enum { ROUTES_MAX = 16384 };
/* One who has just died, or has no room for a connection, is looked at again. */
#define LOOK_AGAIN (5 * USEC_MS)

TAILQ_HEAD(parcel_list, parcel);

struct route {
	char *stack, *handle;
	struct courier *courier;
	struct loop_fd wire;         /* fd -1: not connected */
	struct consumer consumer;    /* as it was when we connected */
	bool expected;               /* CONSUMER is not known to be wrong */
	bool closing;                /* nothing is sent any more: its end is near */
	struct parcel_list waiting, again, sent;
	struct loop_timer look;
	bool posted;                 /* is among those with something to send */
	TAILQ_ENTRY(route) posted_entry;
};

static void route_go(struct route *route);

/* Parcels */

static struct parcel_list *list_of(struct parcel *p)
{
	return p->sent ? &p->route->sent : p->again ? &p->route->again : &p->route->waiting;
}

static void parcel_end(struct parcel *p, const struct result *result)
{
	struct courier *c = p->route->courier;

	TAILQ_REMOVE(list_of(p), p, route_entry);
	TAILQ_REMOVE(&c->parcels, p, all);
	c->underway--;
	c->bytes -= p->len;
	if (c->underway <= UNDERWAY_MAX / 2 && c->bytes <= BYTES_MAX / 2)
		c->full = false;
	c->done(c->ctx, p, result);
	free(p);
}

static void end_with(struct parcel *p, enum outcome outcome, const char *text)
{
	parcel_end(p, &(struct result){ .outcome = outcome, .text = text, .len = text ? strlen(text) : 0, .why = text != NULL });
}

static void end_list(struct parcel_list *list, enum outcome outcome, const char *text)
{
	struct parcel *p;

	while ((p = TAILQ_FIRST(list)))
		end_with(p, outcome, text);
}

static struct parcel *next_parcel(const struct route *route)
{
	struct parcel *p = TAILQ_FIRST(&route->again);

	return p ? p : TAILQ_FIRST(&route->waiting);
}

/* Those that nobody has been given. */
static void end_unsent(struct route *route, enum outcome outcome, const char *text)
{
	end_list(&route->again, outcome == OUTCOME_UNKNOWN ? OUTCOME_REMOVED : outcome, text);
	end_list(&route->waiting, outcome, text);
}

/* For the reason that is recorded: it is this consumer's trouble, and no other's. */
static void end_unreachable(struct route *route)
{
	struct strbuf reason = STRBUF_INIT;
	int status = err_status();
	struct parcel *p;

	strbuf_addstr(&reason, err_message());
	err_clear();
	while ((p = next_parcel(route)))
		parcel_end(p, &(struct result){ .outcome = OUTCOME_UNREACHABLE, .status = status, .text = reason.buf, .len = reason.len, .why = true });
	strbuf_release(&reason);
}

/* Time */

static void set_deadline(struct courier *c);

static void time_over(struct loop_timer *timer)
{
	struct courier *c = (struct courier *)((char *)timer - offsetof(struct courier, deadline));
	usec_t now = clock_now();
	struct parcel *p;

	while ((p = TAILQ_FIRST(&c->parcels)) && p->deadline <= now)
		end_with(p, OUTCOME_TIMED_OUT, NULL);
	set_deadline(c);
}

/* All have the same time, so the first is the next. */
static void set_deadline(struct courier *c)
{
	struct parcel *p = TAILQ_FIRST(&c->parcels);

	if (p && p->deadline != USEC_NEVER)
		loop_timer_set(c->loop, &c->deadline, p->deadline, time_over);
}

/* Connections */

static void disconnect(struct route *route)
{
	if (route->wire.fd < 0)
		return;
	loop_remove(route->courier->loop, &route->wire);
	fd_close(&route->wire.fd);
	route->courier->connected--;
	route->closing = false;
}

/* One that died did not say why; by its registration we may know. */
static void route_lost(struct route *route)
{
	disconnect(route);
	end_list(&route->sent, OUTCOME_CRASHED, "killed");
	route_go(route);
}

/* In the order in which they were posted: some may be waiting to go out again that were behind it. */
static void put_again(struct route *route, struct parcel *p)
{
	struct parcel *before;

	TAILQ_FOREACH_REVERSE(before, &route->again, parcel_list, route_entry)
		if (before->number < p->number)
			break;
	if (before)
		TAILQ_INSERT_AFTER(&route->again, before, p, route_entry);
	else
		TAILQ_INSERT_HEAD(&route->again, p, route_entry);
}

static void come_back(struct parcel *p, bool refused, bool here)
{
	struct route *route = p->route;

	route->closing |= !here;
	if (refused && p->refused) {
		end_with(p, OUTCOME_REMOVED, NULL);
		return;
	}
	p->refused |= refused;
	TAILQ_REMOVE(&route->sent, p, route_entry);
	p->sent = false;
	p->again = true;
	put_again(route, p);
}

static void take_answer(struct route *route, const struct post *post, const struct strbuf *text)
{
	static const enum outcome outcomes[] = {
		[POST_DELIVERED] = OUTCOME_DELIVERED, [POST_FAILED] = OUTCOME_FAILED, [POST_BROKEN] = OUTCOME_FAILED, [POST_CRASHED] = OUTCOME_CRASHED,
		[POST_REMOVED] = OUTCOME_REMOVED, [POST_ACCEPTED] = OUTCOME_ACCEPTED, [POST_FULL] = OUTCOME_FULL };
	bool why = post->what == POST_BROKEN || post->what == POST_CRASHED;
	bool reply = post->what == POST_DELIVERED || post->what == POST_FAILED;
	struct parcel *p;

	TAILQ_FOREACH(p, &route->sent, route_entry)
		if (p->number == post->number)
			break;
	if (!p)
		return;              /* its time was over */
	if (post->what == POST_SUSPENDED || post->what == POST_ELSEWHERE)
		come_back(p, post->what == POST_SUSPENDED, post->what == POST_SUSPENDED && post->status != 0);
	else if (post->what >= POST_DELIVERED && post->what <= POST_FULL)
		parcel_end(p, &(struct result){ .outcome = outcomes[post->what], .status = post->status,
			.text = why || reply ? text->buf : NULL, .len = text->len, .why = why });
}

static void wire_ready(struct loop_fd *handle, uint32_t events)
{
	enum { AT_ONCE = 256 };
	struct route *route = (struct route *)((char *)handle - offsetof(struct route, wire));
	struct strbuf text = STRBUF_INIT;
	struct post post;
	int r = 1;

	for (int i = 0; i < AT_ONCE && (r = post_receive(handle->fd, &post, &text)) > 0; i++) {
		take_answer(route, &post, &text);
		strbuf_reset(&text);
		if (TAILQ_EMPTY(&route->sent))
			break;       /* nothing more is to come */
	}
	strbuf_release(&text);
	if (r == 0 || (r < 0 && errno != EAGAIN))
		route_lost(route);
	else
		route_go(route);
}

static void look_again(struct loop_timer *timer)
{
	route_go((struct route *)((char *)timer - offsetof(struct route, look)));
}

static void look_later(struct route *route)
{
	loop_timer_set(route->courier->loop, &route->look, clock_now() + LOOK_AGAIN, look_again);
}

static void close_idle(const void *node, VISIT visit, void *made)
{
	struct route *route = *(struct route *const *)node;

	if ((visit == postorder || visit == leaf) && !*(bool *)made && route->wire.fd >= 0 && TAILQ_EMPTY(&route->sent) && !next_parcel(route)) {
		disconnect(route);
		*(bool *)made = true;
	}
}

/* A descriptor, of a connection that is not in use just now. */
static bool make_room(struct courier *c)
{
	bool made = false;

	twalk_r(c->routes, close_idle, &made);
	return made;
}

/* 1 connected; 0 not yet; -1 with err recorded. */
static int connect_to(struct route *route)
{
	struct courier *c = route->courier;
	char *socket = registry_socket(route->consumer.life);
	int fd = wire_connect(&c->registry->state, socket, false);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && make_room(c))
		fd = wire_connect(&c->registry->state, socket, false);
	free(socket);
	if (fd < 0 && (errno == ECONNREFUSED || errno == ENOENT || errno == EAGAIN || errno == EMFILE || errno == ENFILE)) {
		look_later(route);
		return 0;
	}
	if (fd < 0)
		return err_errno("cannot reach consumer \"%s\"", route->handle);
	if (loop_add(c->loop, &route->wire, fd, EPOLLIN, wire_ready) < 0) {
		fd_close(&fd);
		route->wire.fd = -1;
		return -1;
	}
	c->connected++;
	return 1;
}

/* There is somebody, or it is known what there is. 1: connect; 0: nothing is left to do; -1 with err recorded. */
static int find(struct route *route)
{
	struct registry *r = route->courier->registry;
	bool tried = false;
	int there;

	for (;;) {
		consumer_release(&route->consumer);
		there = registry_find(r, route->stack, route->handle, &route->consumer);
		if (there < 0)
			return -1;
		if (!there) {
			end_unsent(route, OUTCOME_UNKNOWN, NULL);
			return 0;
		}
		if (route->consumer.process) {
			end_unsent(route, OUTCOME_UNREACHABLE, NULL);
			return 0;
		}
		if (route->consumer.life)
			return 1;
		/* One that cannot be started is not tried for ever, whatever it wants after a crash. */
		if (route->consumer.state == CONSUMER_CRASHED && (tried || !(route->consumer.restart && route->consumer.defined)))
			return 1;
		if (launch(r, &route->consumer, false) < 0)
			return -1;
		tried = true;
	}
}

/* Messages */

/* In a transaction: is it still as we have found it? */
static int is_the_same(struct registry *r, const struct consumer *found)
{
	struct consumer now;
	int result = registry_self(r, found->id, found->life, &now);

	consumer_release(&now);
	return result;
}

/* The offsets that were given in a transaction are for good, or are none. */
static void settle(struct parcel_list *list, bool stored)
{
	struct parcel *p;

	TAILQ_FOREACH(p, list, route_entry) {
		if (!stored && !p->stored)
			p->offset = 0;
		p->stored |= stored;
	}
}

/* All that wait, in one transaction: they are safe when it is over, whatever becomes of anybody. Whoever is about to be suspended
 * sees them, for that is a transaction, too. 1; 0 when it has just gone; -1 with err recorded. */
static int store(struct route *route)
{
	struct registry *r = route->courier->registry;
	struct parcel *p = TAILQ_LAST(&route->waiting, parcel_list);
	int result;

	if (!p || p->stored)
		return 1;            /* and so are those before it */
	result = db_begin(r->db, DB_DURABLE) < 0 ? -1 : is_the_same(r, &route->consumer);
	TAILQ_FOREACH(p, &route->waiting, route_entry) {
		if (result > 0 && !p->stored)
			result = (p->offset = registry_store(r, route->consumer.id, p->text, p->len)) < 0 ? -1 : 1;
	}
	if (result <= 0)
		db_rollback(r->db);
	else if (db_commit(r->db) < 0)
		result = -1;
	settle(&route->waiting, result > 0);
	return result;
}

static int store_soon(struct route *route)
{
	int r = store(route);

	if (r == 0 && route->wire.fd >= 0)
		route->closing = true;       /* its end is on the way to us */
	else if (r == 0)
		look_later(route);
	return r;
}

/* True: it has gone, or is over. */
static bool send_parcel(struct route *route, struct parcel *p)
{
	const struct courier *c = route->courier;
	struct post post = { .version = POST_VERSION, .what = p->offset ? POST_STORED : POST_LETTER, .hasty = c->hasty, .number = p->number,
		.offset = p->offset, .time = p->deadline == USEC_NEVER ? 0 : p->deadline };
	int r = post_send(route->wire.fd, &post, p->text, p->offset ? 0 : p->len);

	if (r == 0)
		loop_watch(c->loop, &route->wire, EPOLLIN | EPOLLOUT);
	else if (r < 0 && (errno == EPIPE || errno == ECONNRESET))
		route->closing = true;       /* what it still has said comes first, then its end */
	else if (r < 0)
		look_later(route);           /* a limit: of descriptors, also those on their way (ETOOMANYREFS), or of memory */
	if (r <= 0)
		return false;
	TAILQ_REMOVE(list_of(p), p, route_entry);
	p->sent = true;
	TAILQ_INSERT_TAIL(&route->sent, p, route_entry);
	if (p->offset && c->hasty)
		end_with(p, OUTCOME_STORED, NULL);
	return true;
}

static void send_all(struct route *route)
{
	struct parcel *p;

	if (route->wire.events & EPOLLOUT)
		loop_watch(route->courier->loop, &route->wire, EPOLLIN);
	while (!route->closing && route->wire.fd >= 0 && (p = next_parcel(route)) && send_parcel(route, p))
		;
}

/* 1 go on; 0 that is all for now; -1 with err recorded. */
static int get_ready(struct route *route)
{
	int r = 1;

	if (route->wire.fd < 0 && route->courier->connected >= route->courier->room && !make_room(route->courier)) {
		look_later(route);
		return 0;
	}
	if (route->wire.fd < 0) {
		r = route->expected ? 1 : find(route);
		route->expected = false;
		if (r > 0 && route->consumer.durable)
			r = store_soon(route);
		if (r > 0 && route->consumer.state == CONSUMER_CRASHED) {
			end_unsent(route, OUTCOME_CRASHED, route->consumer.reason);
			r = 0;
		}
		return r > 0 ? connect_to(route) : r;
	}
	return route->consumer.durable ? store_soon(route) : 1;
}

static void route_go(struct route *route)
{
	int r;

	if (!next_parcel(route) || route->closing)
		return;
	r = get_ready(route);
	if (r > 0)
		send_all(route);
	else if (r < 0)
		end_unreachable(route);
}

/* Routes */

static int compare(const void *left, const void *right)
{
	const struct route *a = left, *b = right;
	int order = strcmp(a->handle, b->handle);

	return order ? order : strcmp(a->stack, b->stack);
}

static void route_free(void *node)
{
	struct route *route = node;
	struct parcel_list *lists[] = { &route->sent, &route->again, &route->waiting };
	struct parcel *p;

	disconnect(route);
	loop_timer_cancel(route->courier->loop, &route->look);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		while ((p = TAILQ_FIRST(lists[i]))) {
			TAILQ_REMOVE(lists[i], p, route_entry);
			free(p);
		}
	}
	consumer_release(&route->consumer);
	free(route->stack);
	free(route->handle);
	free(route);
}

struct idle {
	struct route **routes;
	size_t nr, alloc;
};

static void add_idle(const void *node, VISIT visit, void *closure)
{
	struct route *route = *(struct route *const *)node;
	struct idle *idle = closure;

	if ((visit != postorder && visit != leaf) || next_parcel(route) || !TAILQ_EMPTY(&route->sent) || route->posted)
		return;
	grow_array(&idle->routes, &idle->alloc, idle->nr + 1, sizeof(*idle->routes));
	idle->routes[idle->nr++] = route;
}

/* A stream may name ever new ones. */
static void forget_idle(struct courier *c)
{
	struct idle found = { 0 };

	twalk_r(c->routes, add_idle, &found);
	for (size_t i = 0; i < found.nr; i++) {
		tdelete(found.routes[i], &c->routes, compare);
		route_free(found.routes[i]);
	}
	c->routes_nr -= found.nr;
	c->routes_max = c->routes_nr < ROUTES_MAX / 2 ? ROUTES_MAX : 2 * c->routes_nr;
	c->last = NULL;
	free(found.routes);
}

static struct route *route_for(struct courier *c, const char *stack, const char *handle)
{
	struct route key = { .stack = (char *)stack, .handle = (char *)handle }, *route = c->last, **found;

	if (route && compare(route, &key) == 0)
		return route;
	found = tfind(&key, &c->routes, compare);
	if (found)
		return c->last = *found;
	if (c->routes_nr >= c->routes_max)
		forget_idle(c);
	route = xcalloc(1, sizeof(*route));
	c->routes_nr++;
	*route = (struct route){ .stack = xstrdup(stack), .handle = xstrdup(handle), .courier = c, .wire.fd = -1, .consumer = CONSUMER_INIT };
	TAILQ_INIT(&route->waiting);
	TAILQ_INIT(&route->again);
	TAILQ_INIT(&route->sent);
	if (!tsearch(route, &c->routes, compare))
		err_bug("no memory for a route");
	return c->last = route;
}

static void child_ended(pid_t pid, int status, void *ctx)
{
	/* A consumer: whoever has messages for it hears of its end by its connection. */
}

static size_t room_for_routes(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return files.rlim_cur > (rlim_t)2 * SPARE_FILES ? files.rlim_cur - SPARE_FILES : (files.rlim_cur + 1) / 2;
}

int courier_init(struct courier *c)
{
	TAILQ_INIT(&c->parcels);
	TAILQ_INIT(&c->posted);
	(void)spawn_raise_files();   /* a connection a consumer */
	c->room = room_for_routes();
	c->routes_max = ROUTES_MAX;
	return loop_children(c->loop, child_ended, c);
}

void courier_release(struct courier *c)
{
	if (!c->loop)
		return;
	loop_timer_cancel(c->loop, &c->deadline);
	tdestroy(c->routes, route_free);
	c->routes = NULL;
}

void courier_post(struct courier *c, const char *stack, const char *handle, const char *text, size_t len, uint64_t line)
{
	struct route *route = route_for(c, stack, handle);
	struct parcel *p = xcalloc(1, sizeof(*p) + len + 1);

	p->line = line;
	p->stack = route->stack;
	p->handle = route->handle;
	p->route = route;
	p->number = ++c->numbers;
	p->posted = clock_now();
	p->deadline = c->timeout ? p->posted + c->timeout : USEC_NEVER;
	p->len = len;
	memcpy(p->text, text, len);
	TAILQ_INSERT_TAIL(&c->parcels, p, all);
	TAILQ_INSERT_TAIL(&route->waiting, p, route_entry);
	c->underway++;
	c->bytes += len;
	c->full |= c->underway >= UNDERWAY_MAX || c->bytes >= BYTES_MAX;
	if (c->underway == 1)
		set_deadline(c);
	if (!route->posted)
		TAILQ_INSERT_TAIL(&c->posted, route, posted_entry);
	route->posted = true;
}

void courier_send(struct courier *c)
{
	struct route *route;

	while ((route = TAILQ_FIRST(&c->posted))) {
		TAILQ_REMOVE(&c->posted, route, posted_entry);
		route->posted = false;
		route_go(route);
	}
}

void courier_expect(struct courier *c, const struct consumer *consumer)
{
	struct route *route = route_for(c, consumer->stack, consumer->handle);

	if (!consumer->life || consumer->durable || route->wire.fd >= 0)
		return;
	consumer_release(&route->consumer);
	route->consumer.id = consumer->id;
	route->consumer.life = consumer->life;
	route->consumer.state = consumer->state;
	route->expected = true;
}

bool courier_full(const struct courier *c)
{
	return c->full;
}

bool courier_idle(const struct courier *c)
{
	return c->underway == 0;
}
