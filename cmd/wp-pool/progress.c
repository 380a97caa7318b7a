#include "progress.h"

#include "map.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW (100 * USEC_MS)
#define BAR_MAX 30
#define WIDTH_DEFAULT 80

static int terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return WIDTH_DEFAULT;
	return size.ws_col;
}

/* How much is done, 0 to 1; -1 while nobody can know. */
static double share(const struct map *map, uint64_t done)
{
	if (map->pool.eof)
		return map->pool.offered ? (double)done / (double)map->pool.offered : 1;
	if (map->input.size > 0)
		return (double)map->progress.bytes / (double)map->input.size;
	return -1;
}

static void add_bar(struct strbuf *sb, double part)
{
	int full = part >= 1 ? BAR_MAX : (int)(part * BAR_MAX);

	strbuf_addch(sb, '[');
	for (int i = 0; i < BAR_MAX; i++)
		strbuf_addch(sb, i < full ? '#' : '.');
	strbuf_addf(sb, "] %3d%%  ", (int)(part * 100));
}

static void add_left(struct strbuf *sb, double seconds)
{
	long long left = (long long)(seconds + 0.5);

	if (left >= 3600)
		strbuf_addf(sb, "  ETA %lldh%02lldm", left / 3600, left / 60 % 60);
	else
		strbuf_addf(sb, "  ETA %lldm%02llds", left / 60, left % 60);
}

static void compose(struct map *map)
{
	struct strbuf *sb = &map->progress.text;
	uint64_t done = map->pool.passed + map->pool.failed + map->pool.interrupted;
	double elapsed = (double)(clock_now() - map->progress.started) / USEC_SEC;
	double part = share(map, done);

	strbuf_reset(sb);
	if (part >= 0)
		add_bar(sb, part);
	strbuf_addf(sb, "%llu done", (unsigned long long)done);
	if (map->pool.failed)
		strbuf_addf(sb, ", %llu failed", (unsigned long long)map->pool.failed);
	if (elapsed > 0)
		strbuf_addf(sb, "  %.1f/s", (double)done / elapsed);
	if (part > 0 && part < 1)
		add_left(sb, elapsed * (1 - part) / part);
	if (sb->len >= (size_t)terminal_width())
		strbuf_setlen(sb, (size_t)terminal_width() - 1);
}

static void redraw(struct loop_timer *timer);

static void draw(struct progress *p)
{
	compose(p->map);
	strbuf_addstr(&p->map->output.err.buf, "\r");
	strbuf_add(&p->map->output.err.buf, p->text.buf, p->text.len);
	strbuf_addstr(&p->map->output.err.buf, "\033[K");
	sink_flush(&p->map->output.err);
	p->shown = true;
	loop_timer_set(p->map->loop, &p->timer, clock_now() + REDRAW, redraw);
}

/* Also without news: the rate and the time left change. */
static void redraw(struct loop_timer *timer)
{
	draw((struct progress *)((char *)timer - offsetof(struct progress, timer)));
}

void progress_init(struct map *map)
{
	struct progress *p = &map->progress;

	*p = (struct progress){ .map = map, .started = clock_now(), .text = STRBUF_INIT };
	p->on = map->args->progress && isatty(STDERR_FILENO);
	if (p->on)
		loop_timer_set(map->loop, &p->timer, p->started + REDRAW, redraw);
}

void progress_release(struct map *map)
{
	progress_hide(map);
	sink_flush(&map->output.err);
	loop_timer_cancel(map->loop, &map->progress.timer);
	strbuf_release(&map->progress.text);
}

void progress_done(struct map *map, size_t len)
{
	map->progress.bytes += len + 1;
}

/* The next redraw shows it again. */
void progress_hide(struct map *map)
{
	if (!map->progress.shown)
		return;
	map->progress.shown = false;
	strbuf_addstr(&map->output.err.buf, "\r\033[K");
}
