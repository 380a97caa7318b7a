/* db_queue.c - see db_queue.h. */
#include "db_queue.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMES_BACK_WITHIN (1 * USEC_MS)
#define MAY_GO_ON_FOR (2 * USEC_MS)
#define GIVE_WAY_FOR 200

int db_queue_open(struct db_queue *queue, const char *db_path)
{
	struct strbuf path = STRBUF_INIT;

	strbuf_addstr(&path, db_path);
	strbuf_addstr(&path, "-lock");
	*queue = (struct db_queue){ .fd = -1, .inotify = -1, .path = strbuf_detach(&path, NULL) };
	queue->fd = open(queue->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (queue->fd >= 0)
		return 0;
	err_errno("cannot open \"%s\"", queue->path);
	db_queue_close(queue);
	return -1;
}

void db_queue_close(struct db_queue *queue)
{
	fd_close(&queue->fd);
	fd_close(&queue->inotify);
	free(queue->path);
	queue->path = NULL;
}

/* Byte 0 is the queue's; who waits for it holds the other, together with all who do. */
enum { BYTE_QUEUE, BYTE_WAITING };

static int set_lock(int fd, int command, off_t byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int r;

	do
		r = fcntl(fd, command, &lock);
	while (r < 0 && errno == EINTR);
	return r;
}

static bool is_locked(int fd, off_t byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/*
 * Whoever comes back at once finds the lock free before those who sleep have woken up, again and again: of 8 writers
 * that never stop, one waited for 380 ms. That is fast, so it may go on for a while; then it gives way until one of
 * them has it, but not for longer than waking up may take: one that was stopped while it waited must not stop the others.
 */
static void give_way(struct db_queue *queue)
{
	usec_t now = clock_now(), until = now + GIVE_WAY_FOR;
	bool comes_back = now <= queue->left_at + COMES_BACK_WITHIN;

	if (comes_back && now < queue->came_at + MAY_GO_ON_FOR)
		return;
	queue->came_at = now;
	while (comes_back && is_locked(queue->fd, BYTE_WAITING) && !is_locked(queue->fd, BYTE_QUEUE) && clock_now() < until)
		sched_yield();
}

/* 0, or -1 with errno. */
static int wait_for_lock(struct db_queue *queue)
{
	int r;

	/* Without it, the others give way less: no reason to fail. */
	set_lock(queue->fd, F_OFD_SETLK, BYTE_WAITING, F_RDLCK);
	r = set_lock(queue->fd, F_OFD_SETLKW, BYTE_QUEUE, F_WRLCK);
	set_lock(queue->fd, F_OFD_SETLK, BYTE_WAITING, F_UNLCK);
	queue->came_at = clock_now();
	return r;
}

int db_queue_enter(struct db_queue *queue)
{
	give_way(queue);
	if (set_lock(queue->fd, F_OFD_SETLK, BYTE_QUEUE, F_WRLCK) == 0)
		return 0;
	if ((errno != EAGAIN && errno != EACCES) || wait_for_lock(queue) < 0)
		return err_errno("cannot lock \"%s\"", queue->path);
	return 0;
}

int db_queue_try(struct db_queue *queue)
{
	if (set_lock(queue->fd, F_OFD_SETLK, BYTE_QUEUE, F_WRLCK) == 0)
		return 1;
	if (errno == EAGAIN || errno == EACCES)
		return 0;
	return err_errno("cannot lock \"%s\"", queue->path);
}

/* On a disk so full that not even a byte can be rewritten, the change of its times is seen too. */
static void ring(struct db_queue *queue)
{
	if (pwrite(queue->fd, "", 1, 0) == 1)
		return;
	if (futimens(queue->fd, NULL) < 0)
		err_warn("cannot wake waiting processes: write error on \"%s\"", queue->path);
}

void db_queue_leave(struct db_queue *queue, bool rung)
{
	if (rung)
		ring(queue);
	if (set_lock(queue->fd, F_OFD_SETLK, BYTE_QUEUE, F_UNLCK) < 0)
		err_bug("cannot unlock \"%s\"", queue->path);
	queue->left_at = clock_now();
}

int db_queue_listen(struct db_queue *queue)
{
	if (queue->inotify >= 0)
		return 0;
	queue->inotify = fd_inotify(queue->path, IN_MODIFY | IN_ATTRIB);
	return queue->inotify < 0 ? -1 : 0;
}

int db_queue_heard(struct db_queue *queue)
{
	/* Only whether there is something matters: the events are the same, one file's. */
	_Alignas(struct inotify_event) char events[4096];
	int heard = 0;
	ssize_t n;

	if (queue->inotify < 0)
		return 0;
	while ((n = read(queue->inotify, events, sizeof(events))) > 0)
		heard = 1;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return err_errno("cannot read from the watch on \"%s\"", queue->path);
	return heard;
}
