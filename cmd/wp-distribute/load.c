#include "load.h"

#include "err.h"
#include "process.h"

#include <math.h>
#include <unistd.h>

double load_decayed(double before, double now, usec_t pause)
{
	double stays = exp2(-(double)pause / LOAD_HALF_LIFE);

	return before * stays + now * (1 - stays);
}

/* In seconds. One that is gone by now has used nothing that could be known. */
static double used_by(struct worker *w)
{
	int64_t ticks = w->ticks, now = w->pid ? process_ticks(w->pid) : -1;

	if (now < 0)
		return 0;
	w->ticks = now;
	return now > ticks ? (double)(now - ticks) / (double)sysconf(_SC_CLK_TCK) : 0;
}

void load_look(struct load *load, struct keeper *k, int64_t capacity, usec_t now)
{
	usec_t pause = now - load->at;
	double used = 0;

	for (struct worker *w = k->workers; w; w = w->next)
		used += used_by(w);
	if (load->at && pause > 0)
		load->value = load_decayed(load->value, used * USEC_SEC / (double)pause / (double)capacity, pause);
	load->at = now;
}
