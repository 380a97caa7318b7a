/*
 * io.h - whole reads and writes, and lines.
 *
 * Descriptors may be blocking or not; read_full and write_full wait for a
 * non-blocking one with poll.
 */
#ifndef WP_IO_H
#define WP_IO_H

#include "clock.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* All LEN bytes, or -1 with errno (EINTR is retried). read_full returns fewer
 * only at end of file. */
ssize_t read_full(int fd, void *buf, size_t len);
int write_full(int fd, const void *buf, size_t len);

int fd_nonblock(int fd, bool on);
/* An inotify(7) descriptor, non-blocking, for EVENTS of PATH. -1 with err recorded. */
int fd_inotify(const char *path, uint32_t events);
/* Read what is there, of a non-blocking descriptor, and forget it. */
void fd_discard(int fd);
/* Wait for something to read, or the end: 1; 0 when it is DEADLINE (clock_now(); USEC_NEVER: none); -1 with errno. */
int fd_wait_readable(int fd, usec_t deadline);
/* A closed stdin, stdout or stderr must not become a database, a lock or a pipe of ours: it is opened the
 * wrong way round, so that using it fails as if it were closed still. -1 with errno. */
int fd_reserve_standard(void);
void fd_close(int *fd);       /* closes when >= 0, sets -1; errno is kept */

/*
 * A reader of lines. Lines end with SEP ('\n' or '\0'); the last one need not.
 * Memory: one buffer, at least 64 KiB, as long as the longest line of late but never
 * more than LIMIT bytes; a longer line is passed over to its end and then reported
 * once as LINES_TOO_LONG, with the line number counted.
 *
 *     struct lines in;
 *     lines_init(&in, 0, '\n', 16 << 20);
 *     while ((r = lines_next(&in, &line, &len)) == LINES_OK) ...
 */
enum lines_result {
	LINES_OK,         /* *line, *len: without the separator, NUL-terminated, valid until the next call */
	LINES_AGAIN,      /* nothing complete now (non-blocking descriptor) */
	LINES_EOF,
	LINES_TOO_LONG,   /* a line over the limit was passed over */
	LINES_ERROR       /* read failed: errno */
};

struct lines {
	int fd;
	char sep;
	size_t limit;
	struct strbuf buf;
	size_t start, scanned;
	unsigned long long number;   /* of the line returned last, from 1 */
	bool eof, skipping;
	bool unterminated;           /* the line returned last had no separator */
};

void lines_init(struct lines *in, int fd, char sep, size_t limit);
void lines_release(struct lines *in);        /* does not close fd */
/* Blocking descriptor: waits for a line. Non-blocking: LINES_AGAIN. Reads only
 * when no complete line is in the buffer. */
enum lines_result lines_next(struct lines *in, char **line, size_t *len);
/* The next line only if it is already in memory: LINES_AGAIN otherwise. Reads nothing. */
enum lines_result lines_buffered(struct lines *in, char **line, size_t *len);
/* For an event loop: one read, so that a blocking descriptor that is readable never
 * blocks. LINES_OK: something came; LINES_EOF; LINES_AGAIN; LINES_ERROR. Afterwards take
 * lines with lines_buffered() until LINES_AGAIN or LINES_EOF. Ends the last line's validity. */
enum lines_result lines_fill(struct lines *in);

#endif
