/*
 * fuzz.h - what the fuzz targets share. A target is one file fuzz_NAME.c with the
 * function below; hand-written inputs for it are in corpus/NAME/.
 */
#ifndef WP_FUZZ_H
#define WP_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A promise that must hold whatever the input is. */
#define require(promise) \
	do { \
		if (!(promise)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #promise); \
			abort(); \
		} \
	} while (0)

/* The input as a C string (it ends at its first NUL); the caller frees. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	require(s);
	if (size)
		memcpy(s, data, size);
	s[size] = '\0';
	return s;
}

#endif
