/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Skewed access: which page is accessed next, what share of all accesses a given placement serves,
 * and what the best one would. Some of the units, chosen at random, get more of the accesses than
 * the others: by default a tenth gets nine tenths. A unit is a page, or a huge page of which any
 * page is as likely.
 */
#ifndef TM_DRAW_H
#define TM_DRAW_H

#include "tm_test.h"

struct tm_draw {
	uint32_t units, hot;
	uint32_t hot_share;	/* of the accesses that go to `hot` units, in 2^-32 */
	uint32_t unit_pages;	/* a power of two */
	uint32_t *unit;		/* by rank, the `hot` ones first; shared with children */
	uint32_t state;		/* each user of a copy has its own: tm_draw_seed() */
};

void tm_draw_init(struct tm_draw *d, size_t len, size_t unit_size);
/* Instead of the default: percent of the units, and of the accesses that they get. */
void tm_draw_skew(struct tm_draw *d, unsigned int hot_pct, unsigned int share_pct);
void tm_draw_free(struct tm_draw *d);

static inline void tm_draw_seed(struct tm_draw *d, uint32_t seed)
{
	d->state = seed * 2654435769u | 1;
}

static inline uint32_t tm_draw_next(uint32_t x)
{
	x ^= x << 13;
	x ^= x >> 17;
	return x ^ x << 5;
}

/* Index of the page to access next. */
static inline size_t tm_draw_page(struct tm_draw *d)
{
	uint32_t x = tm_draw_next(d->state), y = tm_draw_next(x), first, range;

	d->state = y;
	first = x < d->hot_share ? 0 : d->hot;
	range = x < d->hot_share ? d->hot : d->units - d->hot;
	return (size_t)d->unit[first + ((uint64_t)y * range >> 32)] * d->unit_pages +
	       (x & (d->unit_pages - 1));
}

/* Share of the accesses that go to DRAM, with the pages on nodes as tm_page_nodes() says. */
double tm_draw_hit(const struct tm_draw *d, const signed char *node);

/* The same if the best units of `bytes` are in DRAM. */
double tm_draw_best(const struct tm_draw *d, uint64_t bytes);

#endif /* TM_DRAW_H */
