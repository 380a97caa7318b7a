#include "inhand.h"

#include "alloc.h"

#include <stdlib.h>

enum { SMALLEST = 64 };

void inhand_release(struct inhand *t)
{
	free(t->places);
	*t = (struct inhand)INHAND_INIT;
}

/* Ids come in sequence; the multiplier (2^64 over the golden ratio) spreads them. */
static size_t home_of(const struct inhand *t, int64_t id)
{
	return (size_t)(((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (t->size - 1);
}

/* The place of ID, or the empty place where it would go. */
static struct held *find(const struct inhand *t, int64_t id)
{
	size_t i = home_of(t, id);

	while (t->places[i].id && t->places[i].id != id)
		i = (i + 1) & (t->size - 1);
	return &t->places[i];
}

static void resize(struct inhand *t, size_t size)
{
	struct inhand old = *t;

	t->places = xcalloc(size, sizeof(*t->places));
	t->size = size;
	for (size_t i = 0; i < old.size; i++) {
		if (old.places[i].id)
			*find(t, old.places[i].id) = old.places[i];
	}
	free(old.places);
}

static struct held *make_place(struct inhand *t, int64_t id)
{
	struct held *held;

	if ((t->count + 1) * 2 > t->size)
		resize(t, t->size ? t->size * 2 : SMALLEST);
	held = find(t, id);
	if (!held->id)
		t->count++;
	return held;
}

void inhand_add(struct inhand *t, int64_t id, const char *lease)
{
	struct held *held = make_place(t, id);
	char *end;

	*held = (struct held){ .id = id };
	held->attempt = strtoll(lease, &end, 10);
	strtoll(*end ? end + 1 : end, &end, 10);
	held->serial = strtoll(*end ? end + 1 : end, NULL, 10);
}

struct held *inhand_find(const struct inhand *t, int64_t id)
{
	struct held *held = t->size ? find(t, id) : NULL;

	return held && held->id ? held : NULL;
}

/* Whatever comes behind the hole and has its home before it moves up, so that no search ends early. */
bool inhand_remove(struct inhand *t, int64_t id)
{
	size_t hole, i;

	if (!inhand_find(t, id))
		return false;
	hole = i = (size_t)(inhand_find(t, id) - t->places);
	for (;;) {
		size_t home;
		i = (i + 1) & (t->size - 1);
		if (!t->places[i].id)
			break;
		home = home_of(t, t->places[i].id);
		if (((i - home) & (t->size - 1)) >= ((i - hole) & (t->size - 1))) {
			t->places[hole] = t->places[i];
			hole = i;
		}
	}
	t->places[hole].id = 0;
	t->count--;
	return true;
}

void inhand_move(struct inhand *to, struct inhand *from, int64_t id)
{
	struct held *held = inhand_find(from, id);

	if (!held)
		return;
	*make_place(to, id) = *held;
	inhand_remove(from, id);
}

const struct held *inhand_next(const struct inhand *t, size_t *at)
{
	while (*at < t->size) {
		const struct held *held = &t->places[(*at)++];
		if (held->id)
			return held;
	}
	return NULL;
}

size_t inhand_ids(const struct inhand *t, int64_t **ids)
{
	const struct held *held;
	size_t at = 0, nr = 0;

	*ids = xcalloc(t->count + 1, sizeof(**ids));
	while ((held = inhand_next(t, &at)))
		(*ids)[nr++] = held->id;
	return nr;
}

/* A later reservation has a higher serial, and a later job in it mostly a higher id. */
static int by_age(const void *a, const void *b)
{
	const struct held *x = *(struct held *const *)a, *y = *(struct held *const *)b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

void inhand_begin(struct inhand *t, int64_t n)
{
	struct held **waiting = xcalloc(t->count + 1, sizeof(*waiting));
	size_t nr = 0;

	for (size_t i = 0; i < t->size; i++) {
		if (t->places[i].id && !t->places[i].begun)
			waiting[nr++] = &t->places[i];
	}
	qsort(waiting, nr, sizeof(*waiting), by_age);
	for (size_t i = 0; i < nr && (int64_t)i < n; i++)
		waiting[i]->begun = true;
	free(waiting);
}

size_t inhand_begun(const struct inhand *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->size; i++)
		n += t->places[i].id && t->places[i].begun;
	return n;
}

void held_add_lease(struct strbuf *sb, const struct held *held, int64_t worker)
{
	strbuf_addint(sb, held->attempt);
	strbuf_addch(sb, '.');
	strbuf_addint(sb, worker);
	strbuf_addch(sb, '.');
	strbuf_addint(sb, held->serial);
}
