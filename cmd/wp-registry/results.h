/*
 * results.h - what became of messages, as lines of workplane-stream(5), and as an exit status.
 */
#ifndef WP_REGISTRY_RESULTS_H
#define WP_REGISTRY_RESULTS_H

#include "courier.h"
#include "strbuf.h"

/* Did it get where it was meant to go? */
bool outcome_good(enum outcome outcome);
/* Append the line, newline included. */
void result_add(struct strbuf *sb, const struct parcel *parcel, const struct result *result);
/* What a reply is in JSON: itself when it is JSON, else a string. */
void reply_add(struct strbuf *sb, const char *text, size_t len);

#endif
