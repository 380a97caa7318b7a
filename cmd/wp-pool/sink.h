/*
 * sink.h - a descriptor to write to that never makes the loop wait.
 *
 * A reader that has stopped reading must not keep us from hearing signals and
 * deadlines. O_NONBLOCK would be seen by everybody who shares the descriptor, so
 * pipes and terminals are opened once more through /proc; where that does not work
 * writes may block.
 *
 * Add to .buf, then sink_flush(); what the descriptor does not take is written when
 * it takes it. After an error all is dropped and .error says which.
 */
#ifndef WP_POOL_SINK_H
#define WP_POOL_SINK_H

#include "loop.h"
#include "strbuf.h"

/* More than this waiting: add no more for now. */
#define SINK_FULL ((size_t)256 << 10)

struct sink {
	struct loop *loop;
	int fd, own;           /* own: the one opened once more, or -1 */
	bool socket, minds;
	struct strbuf buf;
	size_t sent;
	int error;
	struct loop_fd handle;
};

void sink_init(struct sink *s, struct loop *loop, int fd);
/* From here on .error is EPIPE as soon as the reader of a pipe is gone, also when there is nothing to write. */
int sink_mind(struct sink *s);
void sink_release(struct sink *s);
void sink_flush(struct sink *s);
size_t sink_waiting(const struct sink *s);
/* Give up what is waiting. */
void sink_drop(struct sink *s);

#endif
