/*
 * metrics.h - figures for a monitoring system: OpenMetrics text, as node_exporter's textfile collector reads it.
 */
#ifndef WP_PRESENCE_METRICS_H
#define WP_PRESENCE_METRICS_H

#include "strbuf.h"

#include <stdint.h>

/* The head of a gauge; its samples follow. */
void metrics_gauge(struct strbuf *sb, const char *name, const char *help);
/* One sample: labels are pairs of name and value, ended by NULL. */
void metrics_sample(struct strbuf *sb, const char *name, const char *const *labels, int64_t value);
void metrics_end(struct strbuf *sb);

/* To stdout, or with FILE into that file, which is whole at any time: written beside it and renamed. -1 with err recorded. */
int metrics_write(const struct strbuf *sb, const char *file);

#endif
