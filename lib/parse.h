/*
 * parse.h - numbers, durations and times as people write them.
 *
 * Each returns 0, or -1 with the reason recorded (err.h, status 64) in the form
 * `invalid duration "5x"`. The whole string must be used; no leading blanks, no
 * '+', no silent wrap-around or truncation. Durations and times are in
 * microseconds (usec_t is defined in clock.h).
 */
#ifndef WP_PARSE_H
#define WP_PARSE_H

#include "clock.h"

#include <stddef.h>
#include <stdint.h>

/* A decimal integer in [min, max]. WHAT names it in the message: "invalid
 * priority "x"", "priority "99" is out of range: 0 to 10". */
int parse_int(int64_t *out, const char *s, const char *what, int64_t min, int64_t max);

/* "250ms" "30s" "5m" "2h" "1d", also fractions ("1.5s") and sums ("1h30m");
 * "0" alone is allowed, any other number needs its unit. Not negative; at most
 * 100 years. */
int parse_duration(usec_t *out, const char *s);

/* A number of bytes: "4096", "512K", "1.5G"; K, M, G, T and P are powers of 1024. At least 1. */
int parse_size(int64_t *out, const char *s);
/* RFC 3339 ("2026-01-31T12:00:00Z", with fraction and offset), the same without
 * an offset (local time), "2026-01-31" (local midnight), "@SECONDS[.fraction]".
 * A day that does not exist (30 February) is an error. Result: microseconds
 * since 1970 UTC. */
int parse_time(usec_t *out, const char *s);

/* "NAME" or "NAME=WEIGHT" (weight 1 to 1000; default 1; the last '=' counts and
 * only when digits alone follow). *name_len is the length of NAME within S. */
int parse_weighted(const char *s, size_t *name_len, int *weight);

/* How many bytes of S[0..len) are valid UTF-8 up to the first fault (RFC 3629: no
 * surrogates, no overlongs). */
size_t utf8_prefix(const char *s, size_t len);
/* 1 when all of S[0..len) is. */
int utf8_valid(const char *s, size_t len);

#endif
