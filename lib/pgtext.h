/*
 * pgtext.h - values in the text forms that Postgres reads.
 *
 * Each appends to SB and returns 0, or -1 with err recorded (status 65) for text with a
 * NUL in it, which Postgres cannot hold.
 */
#ifndef WP_PGTEXT_H
#define WP_PGTEXT_H

#include "db.h"

/* One value that is not NULL, as a parameter: as it stands, without a terminator. */
int pgtext_add_value(struct strbuf *sb, const struct db_value *value);
/* An array literal, '{1,"two",NULL}', of column COL of NROWS tuples of NCOLS. */
int pgtext_add_array(struct strbuf *sb, const struct db_value *cells, size_t ncols, size_t nrows, size_t col);
/* A line of COPY's text format, newline included. */
int pgtext_add_copy_line(struct strbuf *sb, const struct db_value *values, size_t n);

#endif
