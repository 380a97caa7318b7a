/*
 * input.h - stdin, line by line, as far as there is room for lines.
 */
#ifndef WP_POOL_INPUT_H
#define WP_POOL_INPUT_H

#include "io.h"
#include "loop.h"

struct map;

/* --jobs reads ahead, so that a line that cancels a job gets through to it. */
#define INPUT_AHEAD_MAX ((size_t)1 << 20)

struct input {
	struct map *map;
	struct lines lines;
	struct loop_fd handle;
	size_t ahead;            /* --jobs: memory of the lines that have not ended */
	long long size;          /* of a regular file, else -1 */
	unsigned long long bytes;/* of the lines taken so far */
	bool dry;                /* no complete line is in memory: reading is worth while */
};

int input_init(struct map *map);
void input_release(struct map *map);
/* Offer lines that are in memory while there is room. True: some were. */
bool input_feed(struct map *map);
/* Read on when more is wanted, else leave stdin alone. */
void input_watch(struct map *map);

#endif
