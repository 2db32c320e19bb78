/* SPDX-License-Identifier: GPL-2.0 */
/* What tests write into pages: of the library, and of a guest that has no library. */
#ifndef TM_PATTERN_H
#define TM_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TM_PATTERN_STEP 0x9e3779b97f4a7c15ULL	/* odd: every word of a page differs */

static inline uint64_t tm_pattern_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static inline void tm_pattern_fill(uint64_t *w, size_t words, uint64_t first)
{
	size_t i;

	for (i = 0; i < words; i++, first += TM_PATTERN_STEP)
		w[i] = first;
}

static inline bool tm_pattern_verify(const uint64_t *w, size_t words, uint64_t first)
{
	uint64_t bad = 0;
	size_t i;

	for (i = 0; i < words; i++, first += TM_PATTERN_STEP)
		bad |= w[i] ^ first;
	return !bad;
}

#endif /* TM_PATTERN_H */
