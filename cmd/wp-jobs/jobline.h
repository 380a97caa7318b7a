/*
 * jobline.h - a reserved job as a line of the stream.
 */
#ifndef WP_JOBS_JOBLINE_H
#define WP_JOBS_JOBLINE_H

#include "producer.h"
#include "strbuf.h"

void jobline_add(struct strbuf *sb, const struct job *job);
void jobline_add_cancel(struct strbuf *sb, int64_t id, const char *lease);

#endif
