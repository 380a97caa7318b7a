/*
 * fetch.h - have somebody else's command add to what is known of the entries.
 */
#ifndef WP_PRESENCE_FETCH_H
#define WP_PRESENCE_FETCH_H

#include "strbuf.h"

/*
 * COMMAND is the shell's. It gets LINES, an entry a line, on its standard input, and what it prints, an object a line,
 * takes their place. -1 with err recorded: it failed (status 69), or printed something else (65).
 */
int fetch(const char *command, struct strbuf *lines);

#endif
