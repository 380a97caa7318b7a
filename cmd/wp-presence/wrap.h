/*
 * wrap.h - present exactly while a command runs.
 */
#ifndef WP_PRESENCE_WRAP_H
#define WP_PRESENCE_WRAP_H

#include "presence.h"

/* Join as ENTRY, run COMMAND, leave. The command gets WP_PRESENCE_TOPIC, _KEY and _REF, the signals that we get, and
 * SIGKILL with all it has started should we be killed. Returns the exit status: the command's, or ours (125 to 127), reported. */
int wrap(const char *state, const struct presence_entry *entry, char **command);

#endif
