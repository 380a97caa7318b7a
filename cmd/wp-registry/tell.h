/*
 * tell.h - say something to consumers that run, to all of them at once.
 */
#ifndef WP_REGISTRY_TELL_H
#define WP_REGISTRY_TELL_H

#include "post.h"
#include "registry.h"

/* Those with LIVES, NR of them, are told WHAT. POST_LEAVE: until their connections end, else until they have answered; at most until
 * DEADLINE (clock_now()). Who has has its place in LIVES set to 0, and so has who was dead before. How many have, without the
 * dead; -1 with err recorded. */
int64_t tell(const struct registry *r, int64_t *lives, size_t nr, enum post_what what, usec_t deadline);

#endif
