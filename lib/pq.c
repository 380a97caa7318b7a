/* pq.c - see pq.h. */
#include "pq.h"

#include "err.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct pq pq;

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define PQ_ENTRY(name) { #name, offsetof(struct pq, name) },
	PQ_FUNCTIONS(PQ_ENTRY)
#undef PQ_ENTRY
};

static int load_function(void *library, const char *name, size_t offset)
{
	void *function = dlsym(library, name);

	if (!function)
		return err_set(WP_UNAVAILABLE, "libpq is too old: it has no function \"%s\"", name);
	memcpy((char *)&pq + offset, &function, sizeof(function));
	return 0;
}

/*
 * libpq brings GnuTLS along (by way of LDAP), which would run its self-tests when loaded; who
 * really uses it calls its set-up himself. Spares 0.8 MiB.
 */
static void *open_library(void)
{
	static const char spare_tests[] = "GNUTLS_NO_IMPLICIT_INIT";
	bool given = getenv(spare_tests) != NULL;
	void *library;

	if (!given)
		setenv(spare_tests, "1", 1);
	library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
	if (!given)
		unsetenv(spare_tests);
	return library;
}

/* Did the loader write into code that is read-only now? */
static bool has_relocated_code(const struct dl_phdr_info *object)
{
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];

		if (segment->p_type != PT_DYNAMIC)
			continue;
		for (const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + segment->p_vaddr);
				entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
				return true;
	}
	return false;
}

/*
 * To link twenty libraries the loader reads all their symbols and relocations, once. These
 * pages are the files' own: let go of them, and what is used comes back from the page
 * cache. A process with a connection takes 3.8 MiB then, not 7.
 */
static int release_segments(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	if (has_relocated_code(object))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

		/* A failure costs memory, nothing else. */
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

int pq_load(void)
{
	static void *library;

	if (library)
		return 0;
	library = open_library();
	if (!library) {
		err_set(WP_UNAVAILABLE, "cannot load Postgres's client library: %s", dlerror());
		err_hint("install it (Debian: libpq5)");
		return -1;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (load_function(library, functions[i].name, functions[i].offset) < 0)
			return -1;
	dl_iterate_phdr(release_segments, NULL);
	return 0;
}
