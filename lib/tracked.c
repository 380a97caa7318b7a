#include "tracked.h"

#include "err.h"
#include "json.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever is over sooner is no worker that others could count on. */
#define JOIN_AFTER (50 * USEC_MS)
#define TRY_AGAIN (20 * USEC_MS)
/* Not each of a thousand short jobs is news. */
#define TELL_EVERY (100 * USEC_MS)
/* A removed file raises an event, but only so many processes may listen for one; this costs two system calls. */
#define CHECK_EVERY (5 * USEC_SEC)

#define tracked_of(pointer, member) ((struct tracked *)((char *)(pointer) - offsetof(struct tracked, member)))

static void try_to_join(struct loop_timer *timer);
static void look_after_files(struct loop_timer *timer);
static int open_state(struct tracked *t);

/* As presence_join(). */
static int join(struct tracked *t, bool wait)
{
	struct presence_entry entry = {
		.topic = t->topic, .key = t->key, .ref = t->ref.len ? t->ref.buf : NULL, .meta = t->meta,
		.capacity = t->capacity, .in_use = t->in_use, .pid = getpid(),
	};
	int r = presence_join(&t->p, &entry, &t->life, t->ref.len ? NULL : &t->ref, wait);

	if (r <= 0)
		return r;
	t->joined = t->was_there = true;
	t->said = false;
	t->told = t->in_use;
	t->told_capacity = t->capacity;
	t->told_at = clock_now();
	if (t->moved)
		t->moved(t);
	loop_timer_set(t->loop, &t->check, clock_now() + CHECK_EVERY, look_after_files);
	return r;
}

static void close_state(struct tracked *t)
{
	if (t->open)
		presence_close(&t->p);
	t->open = false;
}

/* Whoever was there before tries again until it is there again, and says only once why it is not. */
static void not_joined(struct tracked *t)
{
	err_prefix("not tracked");
	if (!t->said)
		err_warn("%s", err_message());
	err_clear();
	t->said = true;
	alive_let_go(&t->life);
	close_state(t);
	if (t->was_there)
		loop_timer_set(t->loop, &t->again, clock_now() + CHECK_EVERY, try_to_join);
}

static void try_to_join(struct loop_timer *timer)
{
	struct tracked *t = tracked_of(timer, again);
	int r = t->open ? 1 : open_state(t);

	if (r > 0) {
		t->open = true;
		r = join(t, false);
		if (r == 0)
			loop_timer_set(t->loop, timer, clock_now() + TRY_AGAIN, try_to_join);
		else if (r > 0 && presence_reap(&t->p) < 0)
			err_clear();     /* of those who were killed where nobody ever looks, the next one clears away */
	}
	if (r < 0)
		not_joined(t);
}

static bool lock_removed(const struct tracked *t)
{
	struct stat st;

	return fstat(t->life.fd, &st) == 0 && st.st_nlink == 0;
}

/* Our file went because nobody needs it: somebody has removed our entry on purpose. */
static bool was_untracked(struct tracked *t)
{
	char *reason = presence_reason(&t->p, t->ref.buf);
	bool untracked = reason && !strcmp(reason, PRESENCE_UNTRACKED);

	free(reason);
	err_clear();
	return untracked;
}

static int open_state(struct tracked *t)
{
	if (t->was_there)
		return presence_open(&t->p, t->dir) < 0 ? -1 : 1;
	return presence_open_existing(&t->p, t->dir);
}

static void look_after_files(struct loop_timer *timer)
{
	struct tracked *t = tracked_of(timer, check);
	bool replaced = db_replaced(t->p.db);

	if (!replaced && !lock_removed(t)) {
		loop_timer_set(t->loop, timer, clock_now() + CHECK_EVERY, look_after_files);
		return;
	}
	t->joined = false;
	if (!replaced && was_untracked(t))
		return;
	err_warn("the %s was removed: tracked again", replaced ? "state file" : "lock file");
	alive_let_go(&t->life);
	close_state(t);
	try_to_join(&t->again);
}

static void add_strings(struct strbuf *sb, const char *member, char *const *strings, size_t nr)
{
	strbuf_addf(sb, ",\"%s\":[", member);
	for (size_t i = 0; i < nr; i++) {
		if (i)
			strbuf_addch(sb, ',');
		json_add_string(sb, strings[i], strlen(strings[i]));
	}
	strbuf_addch(sb, ']');
}

int tracked_describe(struct tracked *t, struct strbuf *text, const char *program, const char *name, const struct strvec *queues,
	char *const *command)
{
	size_t nr = 0, meta;

	if (name && name_check("name", name) < 0)
		return -1;
	if (name)
		strbuf_addstr(text, name);
	else
		strbuf_addf(text, "%s-%ld", program, (long)getpid());
	strbuf_addch(text, '\0');
	meta = text->len;
	strbuf_addstr(text, "{\"program\":");
	json_add_string(text, program, strlen(program));
	if (queues)
		add_strings(text, "queues", queues->v, queues->nr);
	while (command[nr])
		nr++;
	add_strings(text, "command", command, nr);
	strbuf_addch(text, '}');
	t->key = text->buf;
	t->meta = text->buf + meta;
	return 0;
}

int tracked_join(struct tracked *t, struct loop *loop)
{
	t->loop = loop;
	if (presence_open(&t->p, t->dir) < 0)
		return -1;
	t->open = true;
	return join(t, true) < 0 ? -1 : 0;
}

void tracked_join_later(struct tracked *t, struct loop *loop)
{
	t->loop = loop;
	loop_timer_set(loop, &t->again, clock_now() + JOIN_AFTER, try_to_join);
}

static void tell(struct loop_timer *timer)
{
	struct tracked *t = tracked_of(timer, again);
	struct presence_change change = { .capacity = t->capacity, .in_use = t->in_use };
	int r;

	if (t->in_use == t->told && t->capacity == t->told_capacity)
		return;
	r = presence_update(&t->p, t->ref.buf, &change, false);
	if (r == 0) {
		loop_timer_set(t->loop, timer, clock_now() + TRY_AGAIN, tell);
		return;
	}
	if (r < 0) {
		err_warn("cannot tell how busy we are: %s", err_message());
		err_clear();
	}
	t->told = t->in_use;
	t->told_capacity = t->capacity;
	t->told_at = clock_now();
}

static void tell_soon(struct tracked *t)
{
	if (!t->joined || t->again.due.index)
		return;
	if (clock_now() >= t->told_at + TELL_EVERY)
		tell(&t->again);
	else
		loop_timer_set(t->loop, &t->again, t->told_at + TELL_EVERY, tell);
}

void tracked_in_use(struct tracked *t, int64_t n)
{
	t->in_use = n;
	if (n != t->told)
		tell_soon(t);
}

void tracked_capacity(struct tracked *t, int64_t capacity)
{
	t->capacity = capacity;
	if (capacity != t->told_capacity)
		tell_soon(t);
}

void tracked_leave(struct tracked *t, const char *reason)
{
	if (!t->loop)
		return;
	loop_timer_cancel(t->loop, &t->again);
	loop_timer_cancel(t->loop, &t->check);
	if (t->joined && presence_leave(&t->p, t->ref.buf, reason) < 0) {
		err_clear();     /* whoever looks next sees that we are gone */
	}
	t->joined = false;
	alive_let_go(&t->life);
	close_state(t);
	strbuf_release(&t->ref);
}
