/*
 * metrics.h - figures for a monitoring system: OpenMetrics text, as node_exporter's textfile collector reads it.
 */
#ifndef WP_METRICS_H
#define WP_METRICS_H

#include "strbuf.h"

#include <stdint.h>

/* The head of a family of TYPE "gauge", "counter" (its samples are called NAME_total) or "histogram"; its samples follow. */
void metrics_family(struct strbuf *sb, const char *name, const char *type, const char *help);
/* One sample: labels are pairs of name and value, ended by NULL. */
void metrics_sample(struct strbuf *sb, const char *name, const char *const *labels, int64_t value);
/* The same with VALUE as it stands, for numbers with a fraction. */
void metrics_sample_text(struct strbuf *sb, const char *name, const char *const *labels, const char *value);
void metrics_end(struct strbuf *sb);

/* To stdout, or with FILE into that file, which is whole at any time: written beside it and renamed. -1 with err recorded. */
int metrics_write(const struct strbuf *sb, const char *file);

#endif
