/*
 * inject.so - one call of a program fails. For LD_PRELOAD:
 *
 *     INJECT=CLASS:N:WHAT INJECT_PROGRAM=wp-jobs INJECT_REPORT=FILE LD_PRELOAD=.../inject.so wp-jobs add 1
 *
 * The N-th call (from 1) of that class fails; with "N+" all later ones as well, as on a disk that stays full. With N = 0 nothing
 * fails, and the report gets a byte for each call. Otherwise it gets a line for each that failed: whether there was an N-th.
 *
 *     memory  malloc and its like              WHAT is ENOMEM
 *     file    what makes or changes a file     WHAT is ENOSPC, EIO, EMFILE, ...; what goes to pipes and sockets is no file
 *     write   write and its like, and send     also "short": half of it is written, and EINTR
 *     fd      what makes a descriptor          WHAT is EMFILE
 *     spawn   fork and vfork                   WHAT is EAGAIN
 *
 * What is written to descriptor 2 is let through: messages are what a test looks for. Only in programs of the name
 * INJECT_PROGRAM, each with a count of its own; a child counts on from its parent's count until it executes something else (with
 * vfork both share it). Calls that libc makes of itself are not seen, but for memory: stdio writes past us.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum class { MEMORY, FILES, WRITES, DESCRIPTORS, SPAWNS, CLASSES };

static const char *const class_names[CLASSES] = { "memory", "file", "write", "fd", "spawn" };

static const struct {
	const char *name;
	int number;
} faults[] = {
	{ "short", 0 }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EMFILE", EMFILE }, { "EINTR", EINTR },
	{ "EAGAIN", EAGAIN }, { "EPIPE", EPIPE }, { "ECONNRESET", ECONNRESET }, { "EDQUOT", EDQUOT },
};

static bool armed;
static enum class chosen;
static unsigned long count, number;
static bool all_later;
static int fault;                   /* errno; 0: short */
static const char *report_path;

static _Noreturn void die(const char *why)
{
	dprintf(STDERR_FILENO, "inject: %s\n", why);
	_exit(99);
}

/* By its own system calls: nothing here may be counted, or move a descriptor of the program. */
static void report(const char *what, size_t len)
{
	long fd = syscall(SYS_openat, AT_FDCWD, report_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 || syscall(SYS_write, fd, what, len) != (long)len)
		_exit(99);
	syscall(SYS_close, fd);
}

/* Is this call the one? errno is set when it is. */
static bool hit(enum class class, const char *name)
{
	int saved = errno;
	bool fails;

	if (!armed || class != chosen)
		return false;
	count++;
	fails = number && (count == number || (all_later && count > number));
	if (!number) {
		report(".", 1);
	} else if (fails) {
		report(name, strlen(name));
		report("\n", 1);
	}
	errno = fails && fault ? fault : saved;
	return fails;
}

/* Memory. A sanitizer's allocator goes by a name of its own; libc's is used past ours without asking the linker, who allocates. */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));
void *__interceptor_memalign(size_t alignment, size_t size) __attribute__((weak));

void *malloc(size_t size)
{
	if (hit(MEMORY, "malloc"))
		return NULL;
	return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (hit(MEMORY, "calloc"))
		return NULL;
	return __interceptor_calloc ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	if (hit(MEMORY, "realloc"))
		return NULL;
	return __interceptor_realloc ? __interceptor_realloc(old, size) : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	if (hit(MEMORY, "aligned_alloc"))
		return NULL;
	return __interceptor_memalign ? __interceptor_memalign(alignment, size) : __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
	int saved = errno;

	*p = aligned_alloc(alignment, size);
	errno = saved;
	return *p ? 0 : ENOMEM;
}

/* Files and descriptors. What is real is looked up before the program begins: a vforked child must not. */

static struct {
	__typeof__(open) *open, *open64;
	__typeof__(openat) *openat;
	__typeof__(write) *write;
	__typeof__(writev) *writev;
	__typeof__(pwrite) *pwrite, *pwrite64;
	__typeof__(pwritev) *pwritev;
	__typeof__(send) *send;
	__typeof__(sendto) *sendto;
	__typeof__(sendmsg) *sendmsg;
	__typeof__(vfork) *fork, *vfork;
} next;

static bool counted_write(int fd)
{
	return fd != STDERR_FILENO;
}

static bool is_on_disk(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* How much of LEN bytes is to be written: less for a short write. -1: it fails. */
static ssize_t allowed(int fd, size_t len, const char *name)
{
	if (!counted_write(fd))
		return (ssize_t)len;
	if (is_on_disk(fd) && hit(FILES, name))
		return -1;
	if (!hit(WRITES, name))
		return (ssize_t)len;
	return fault ? -1 : (ssize_t)(len > 1 ? len / 2 : len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t n = allowed(fd, len, "write");

	return n < 0 ? -1 : next.write(fd, buf, (size_t)n);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t at)
{
	ssize_t n = allowed(fd, len, "pwrite");

	return n < 0 ? -1 : next.pwrite(fd, buf, (size_t)n, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
	ssize_t n = allowed(fd, len, "pwrite64");

	return n < 0 ? -1 : next.pwrite64(fd, buf, (size_t)n, at);
}

/* Short: only half of the first part. */
ssize_t writev(int fd, const struct iovec *parts, int parts_nr)
{
	size_t first = parts_nr > 0 ? parts->iov_len : 0;
	ssize_t n = allowed(fd, first, "writev");

	if (n < 0)
		return -1;
	return (size_t)n < first ? next.write(fd, parts->iov_base, (size_t)n) : next.writev(fd, parts, parts_nr);
}

ssize_t pwritev(int fd, const struct iovec *parts, int parts_nr, off_t at)
{
	size_t first = parts_nr > 0 ? parts->iov_len : 0;
	ssize_t n = allowed(fd, first, "pwritev");

	if (n < 0)
		return -1;
	return (size_t)n < first ? next.pwrite(fd, parts->iov_base, (size_t)n, at) : next.pwritev(fd, parts, parts_nr, at);
}

/* A message is sent whole or not at all. */
static bool send_fails(const char *name)
{
	return fault && hit(WRITES, name);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return send_fails("send") ? -1 : next.send(fd, buf, len, flags);
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_len)
{
	return send_fails("sendto") ? -1 : next.sendto(fd, buf, len, flags, to, to_len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return send_fails("sendmsg") ? -1 : next.sendmsg(fd, message, flags);
}

static bool open_fails(int flags, const char *name)
{
	return hit(DESCRIPTORS, name) || ((flags & (O_CREAT | O_TRUNC)) && hit(FILES, name));
}

static mode_t mode_of(int flags, va_list ap)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list ap; \
		mode_t mode; \
 \
		va_start(ap, flags); \
		mode = mode_of(flags, ap); \
		va_end(ap); \
		return open_fails(flags, #name) ? -1 : next.name(path, flags, mode); \
	}

OPEN(open)
OPEN(open64)

int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_fails(flags, "openat") ? -1 : next.openat(dir, path, flags, mode);
}

/* A fortified build calls these where there is no mode. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

/* The rest are alike: NAME fails, or is what it was. They are all made by dlsym() when they are first called, in the parent of a
 * vfork() or in nobody: none is called by a child that has not executed yet. */
#define PLAIN(class, type, failed, name, parameters, ...) \
	type name parameters \
	{ \
		static type (*real) parameters; \
 \
		if (!real) \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
		return hit(class, #name) ? (failed) : real(__VA_ARGS__); \
	}

PLAIN(FILES, int, -1, fsync, (int fd), fd)
PLAIN(FILES, int, -1, fdatasync, (int fd), fd)
PLAIN(FILES, int, -1, ftruncate, (int fd, off_t size), fd, size)
PLAIN(FILES, int, -1, ftruncate64, (int fd, off64_t size), fd, size)
PLAIN(FILES, int, errno, posix_fallocate, (int fd, off_t at, off_t len), fd, at, len)
PLAIN(FILES, int, -1, rename, (const char *from, const char *to), from, to)
PLAIN(FILES, int, -1, mkdir, (const char *path, mode_t mode), path, mode)
PLAIN(FILES, int, -1, mkdirat, (int dir, const char *path, mode_t mode), dir, path, mode)
PLAIN(FILES, int, -1, mkostemp, (char *path, int flags), path, flags)
PLAIN(DESCRIPTORS, int, -1, pipe2, (int ends[2], int flags), ends, flags)
PLAIN(DESCRIPTORS, int, -1, socket, (int family, int type, int protocol), family, type, protocol)
PLAIN(DESCRIPTORS, int, -1, socketpair, (int family, int type, int protocol, int ends[2]), family, type, protocol, ends)
PLAIN(DESCRIPTORS, int, -1, accept4, (int fd, __SOCKADDR_ARG from, socklen_t *len, int flags), fd, from, len, flags)
PLAIN(DESCRIPTORS, int, -1, inotify_init1, (int flags), flags)
PLAIN(DESCRIPTORS, int, -1, timerfd_create, (clockid_t clock, int flags), clock, flags)
PLAIN(DESCRIPTORS, int, -1, epoll_create1, (int flags), flags)
PLAIN(DESCRIPTORS, int, -1, eventfd, (unsigned int value, int flags), value, flags)
PLAIN(DESCRIPTORS, int, -1, memfd_create, (const char *name, unsigned int flags), name, flags)
PLAIN(DESCRIPTORS, int, -1, signalfd, (int fd, const sigset_t *mask, int flags), fd, mask, flags)

pid_t fork(void)
{
	return hit(SPAWNS, "fork") ? -1 : next.fork();
}

/* The real one returns twice, past this frame: it must be the last thing here, a jump (-O2 makes it one). */
pid_t vfork(void)
{
	return hit(SPAWNS, "vfork") ? -1 : next.vfork();
}

/* Settings */

static void find(void *into, const char *name)
{
	void *real = dlsym(RTLD_NEXT, name);

	if (!real)
		die(name);
	memcpy(into, &real, sizeof(real));
}

static void find_all(void)
{
	find(&next.open, "open");
	find(&next.open64, "open64");
	find(&next.openat, "openat");
	find(&next.write, "write");
	find(&next.writev, "writev");
	find(&next.pwrite, "pwrite");
	find(&next.pwrite64, "pwrite64");
	find(&next.pwritev, "pwritev");
	find(&next.send, "send");
	find(&next.sendto, "sendto");
	find(&next.sendmsg, "sendmsg");
	find(&next.fork, "fork");
	find(&next.vfork, "vfork");
}

static enum class class_of(const char *name, size_t len)
{
	for (int i = 0; i < CLASSES; i++)
		if (strlen(class_names[i]) == len && !memcmp(class_names[i], name, len))
			return (enum class)i;
	die("INJECT: no such class");
}

static int fault_of(const char *name)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (!strcmp(faults[i].name, name))
			return faults[i].number;
	die("INJECT: no such fault");
}

static void read_settings(const char *s)
{
	size_t len = strcspn(s, ":");
	char *end;

	chosen = class_of(s, len);
	if (!s[len])
		die("INJECT: no number");
	number = strtoul(s + len + 1, &end, 10);
	all_later = *end == '+';
	end += all_later;
	if (*end != ':')
		die("INJECT: no fault");
	fault = fault_of(end + 1);
	if (!fault && chosen != WRITES)
		die("INJECT: short is for writes");
}

__attribute__((constructor)) static void arm(void)
{
	const char *settings = getenv("INJECT"), *program = getenv("INJECT_PROGRAM");

	find_all();
	if (!settings || !program || strcmp(program, program_invocation_short_name) != 0)
		return;
	report_path = getenv("INJECT_REPORT");
	if (!report_path)
		die("INJECT_REPORT is not set");
	read_settings(settings);
	armed = true;
}
