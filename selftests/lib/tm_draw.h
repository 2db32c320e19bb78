/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Skewed access: which page is accessed next, what share of all accesses a given placement serves,
 * and what the best one would. A tenth of the units, chosen at random, gets nine tenths of the
 * accesses. A unit is a page, or a huge page of which any page is as likely.
 */
#ifndef TM_DRAW_H
#define TM_DRAW_H

#include "tm_test.h"

#define TM_DRAW_TENTH	10	/* of the units, and what the others get of the accesses */

struct tm_draw {
	uint32_t units, hot;
	uint32_t unit_pages;	/* a power of two */
	uint32_t *unit;		/* by rank, the `hot` ones first; shared with children */
	uint32_t state;		/* each user of a copy has its own: tm_draw_seed() */
};

void tm_draw_init(struct tm_draw *d, size_t len, size_t unit_size);
void tm_draw_free(struct tm_draw *d);

static inline void tm_draw_seed(struct tm_draw *d, uint32_t seed)
{
	d->state = seed * 2654435769u | 1;
}

/* Index of the page to access next. */
static inline size_t tm_draw_page(struct tm_draw *d)
{
	uint32_t x = d->state, first, range;
	uint64_t v;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	d->state = x;
	v = (uint64_t)x * TM_DRAW_TENTH;
	first = v >> 32 ? 0 : d->hot;
	range = v >> 32 ? d->hot : d->units - d->hot;
	/* The lower half of v is uniform, too. */
	return (size_t)d->unit[first + ((v & UINT32_MAX) * range >> 32)] * d->unit_pages +
	       (x & (d->unit_pages - 1));
}

/* Share of the accesses that go to DRAM, with the pages on nodes as tm_page_nodes() says. */
double tm_draw_hit(const struct tm_draw *d, const signed char *node);

/* The same if the best units of `bytes` are in DRAM. */
double tm_draw_best(const struct tm_draw *d, uint64_t bytes);

#endif /* TM_DRAW_H */
