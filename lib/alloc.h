/*
 * alloc.h - memory that is there. These never return NULL: out of memory is a
 * message and exit status 70, because no caller could do anything better.
 * Sizes are in bytes; products are checked for overflow.
 */
#ifndef WP_ALLOC_H
#define WP_ALLOC_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);

/* Grow *ARRAY (elements of SIZE bytes, *CAPACITY of them allocated) so that it
 * holds at least NEED elements; at least doubles, so that appends stay cheap. */
void grow_array(void *array, size_t *capacity, size_t need, size_t size);

#endif
