/*
 * base64.h - bytes as text (RFC 4648), for what a database takes for text.
 */
#ifndef WP_DISTRIBUTE_BASE64_H
#define WP_DISTRIBUTE_BASE64_H

#include "strbuf.h"

void base64_add(struct strbuf *sb, const char *bytes, size_t len);
/* TEXT up to the first character that is none of base64. */
void base64_add_decoded(struct strbuf *sb, const char *text, size_t len);

#endif
