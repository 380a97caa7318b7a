/*
 * counts.h - what a life has done, where others can see it.
 *
 * The numbers change with every message, and are no concern of the state file: they are in the file of the life's lock,
 * after the bytes that are locked, and go with it.
 */
#ifndef WP_REGISTRY_COUNTS_H
#define WP_REGISTRY_COUNTS_H

#include "registry.h"

/* Where life LIFE, whose lock FD is (alive_hold_number()), has its counts: memory that others see. NULL when there is no room for them,
 * and then they are not seen, that is all. */
struct counts *counts_map(int fd, int64_t life);
void counts_unmap(struct counts *counts);
/* Zeros when there are none. */
void counts_read(const struct state *state, int64_t life, struct counts *counts);
/* The same from a file of locks that is open. */
void counts_read_open(int fd, int64_t life, struct counts *counts);

#endif
