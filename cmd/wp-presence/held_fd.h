/*
 * held_fd.h - present as long as a shell has a descriptor open, without a process that waits for it.
 *
 * A lock belongs to what was opened, not to who locked it: a descriptor that a shell has opened and that we have
 * inherited can be locked by us, and stays locked when we are gone. So the shell evaluates what
 * held_fd_print() prints: open a file in live/ and call us again.
 */
#ifndef WP_PRESENCE_HELD_FD_H
#define WP_PRESENCE_HELD_FD_H

#include "presence.h"

/* Is FD, which we have inherited, a lock file of ours? 1: its name is appended to LOCK, and it is locked; 0 it is something
 * else, or nothing; -1 with err recorded, status 1 when it is tracked already. */
int held_fd_lock(struct presence *p, int fd, struct strbuf *lock);
/* Print shell code that opens a lock file as FD, tracks it as ENTRY and sets WP_PRESENCE_REF. */
void held_fd_print(struct presence *p, const struct presence_entry *entry, int fd);

#endif
