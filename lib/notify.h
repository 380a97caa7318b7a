/*
 * notify.h - tell whoever started us how we are: systemd by $NOTIFY_SOCKET (sd_notify(3)), others by a descriptor that gets a
 * newline and is closed when we are ready (as s6 has it).
 */
#ifndef WP_NOTIFY_H
#define WP_NOTIFY_H

#include <stdint.h>

/* STATE as in sd_notify(3): "READY=1". Nothing happens where nobody asked for it. */
void notify_systemd(const char *state);
/* FD, from the command line, is open, and what we start does not get it; below 0: none. -1 with err recorded (64): it is not. */
int notify_check_fd(int64_t fd);
/* *FD is -1 afterwards. */
void notify_ready_fd(int *fd);

#endif
