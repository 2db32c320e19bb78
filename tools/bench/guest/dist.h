/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers with a known distribution, for keys and pages.
 *
 * A generator must not disturb what it measures. An alias table of all items, or a table of their
 * shuffled order, would be as large as the simulated last-level cache (1 MB) and every draw a miss
 * of its own; rejection or inversion costs some hundred instructions of pow() and log(). Here the
 * items, sorted by rank, are cut into at most DIST_COLUMNS buckets in which the probability hardly
 * changes: single ranks at the head of a Zipf distribution, ranks up to a few percent apart in its
 * tail. An alias table chooses the bucket, one multiplication the item in it. That is 8 KB of
 * tables, one random number and about 25 instructions. The distribution that is drawn from is
 * exactly the one with constant probability in each bucket: dist_probability() is no estimate, and
 * it is within 3 % of the textbook's formula for every item that matters.
 *
 * Which item has which rank is a bijection computed from a seed (scatter()), not a table.
 */
#ifndef BENCH_DIST_H
#define BENCH_DIST_H

#include <stdint.h>

#define DIST_COLUMNS	512
#define DIST_FRACTION_BITS	23	/* of a draw, to choose between the two of a column */
#define DIST_MAX_ITEMS	(64U << 20)

#define DIST_ZIPF_THETA	0.99		/* as YCSB */
#define DIST_GAUSS_SIGMAS	6	/* range / sigma, as memtier_benchmark's default */
#define DIST_HOT_PERCENT	10	/* of the items get ... */
#define DIST_HOT_SHARE	0.9		/* ... of the draws */

enum dist_kind {
	DIST_UNIFORM,
	DIST_GAUSS,	/* mean in the middle of the ranks, cut off at both ends */
	DIST_ZIPF,
	DIST_HOT10,
	DIST_KINDS
};

extern const char * const dist_name[DIST_KINDS];
int dist_by_name(const char *name);	/* -1: no such */

struct dist_bucket {
	uint32_t first;
	uint32_t size;
};

struct dist_column {
	uint32_t keep;	/* this bucket for fractions below, else the other */
	uint32_t other;
};

struct dist {
	struct dist_bucket bucket[DIST_COLUMNS];
	struct dist_column column[DIST_COLUMNS];
	/* Not used by draws. */
	double mass[DIST_COLUMNS];
	uint32_t nr_buckets;
	uint32_t nr_items;
};

/* A bijection of 0 ... nr_items - 1. */
struct scatter {
	uint32_t nr_items;
	uint32_t mask;
	uint32_t shift;
	uint32_t add;
	uint32_t factor[2];
};

/* nr_items from 1 to DIST_MAX_ITEMS. */
void dist_init(struct dist *d, enum dist_kind kind, uint32_t nr_items);

/* The first so many items are drawn, each as often; the others never. */
void dist_init_hot(struct dist *d, uint32_t nr_items, uint32_t nr_hot);

void scatter_init(struct scatter *s, uint32_t nr_items, uint64_t seed);

/* Of the item with this rank. */
double dist_probability(const struct dist *d, uint32_t rank);

/* wyrand: passes BigCrush, one multiplication. */
static inline uint64_t rng_next(uint64_t *state)
{
	unsigned __int128 product;

	*state += UINT64_C(0xa0761d6478bd642f);
	product = (unsigned __int128)*state * (*state ^ UINT64_C(0xe7037ed1a0b428db));
	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* Where the draws of a stream begin: other ones for each number, with the same seed. */
static inline uint64_t rng_stream(uint64_t seed, uint64_t stream)
{
	uint64_t state = rng_next(&seed) + stream;

	return rng_next(&state);
}

/* From 0 to n - 1. */
static inline uint64_t rng_below(uint64_t *state, uint64_t n)
{
	unsigned __int128 product = rng_next(state);

	product *= n;
	return (uint64_t)(product >> 64);
}

/*
 * A rank in the upper half; the lower half is uniform, too, and (in its upper bits) independent of
 * the rank.
 */
static inline uint64_t dist_draw(const struct dist *d, uint64_t *state)
{
	uint64_t r = rng_next(state);
	uint32_t at = r >> (64 - 9);
	uint32_t fraction = (r >> 32) & ((1U << DIST_FRACTION_BITS) - 1);
	const struct dist_bucket *b;

	if (fraction >= d->column[at].keep)
		at = d->column[at].other;
	b = &d->bucket[at];
	return (r & UINT32_MAX) * b->size + ((uint64_t)b->first << 32);
}

/* A few invertible steps on the next power of two; what falls out of the range goes once more. */
static inline uint32_t scatter(const struct scatter *s, uint32_t x)
{
	do {
		x = (x * s->factor[0] + s->add) & s->mask;
		x ^= x >> s->shift;
		x = (x * s->factor[1]) & s->mask;
		x ^= x >> s->shift;
	} while (x >= s->nr_items);
	return x;
}

#endif /* BENCH_DIST_H */
