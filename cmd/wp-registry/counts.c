#include "counts.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = ALIVE_SHARED + ALIVE_SHARED * sizeof(struct counts) };

static off_t place(int64_t life)
{
	return ALIVE_SHARED + life % ALIVE_SHARED * (off_t)sizeof(struct counts);
}

/* With blocks of its own: on a full disk, memory without any would be a signal. */
struct counts *counts_map(int fd, int64_t life)
{
	struct counts *counts;

	if (posix_fallocate(fd, 0, SIZE) != 0)
		return NULL;
	counts = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		return NULL;
	counts += place(life) / (off_t)sizeof(*counts);
	*counts = (struct counts){ 0, 0 };
	return counts;
}

void counts_unmap(struct counts *counts)
{
	long page = sysconf(_SC_PAGESIZE);

	if (counts)
		munmap((void *)((uintptr_t)counts & ~((uintptr_t)page - 1)), SIZE);
}

void counts_read_open(int fd, int64_t life, struct counts *counts)
{
	if (fd < 0 || pread(fd, counts, sizeof(*counts), place(life)) != sizeof(*counts))
		*counts = (struct counts){ 0, 0 };
}

void counts_read(const struct state *state, int64_t life, struct counts *counts)
{
	struct alive_look look;

	*counts = (struct counts){ 0, 0 };
	if (alive_look_begin(&look, state->live_dir, REGISTRY_LOCKS) < 0)
		return;
	if (alive_look_at(&look, life) >= 0)
		counts_read_open(look.fd, life, counts);
	alive_look_end(&look);
}
