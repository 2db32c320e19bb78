// SPDX-License-Identifier: GPL-2.0
/*
 * Sets distributions up; see dist.h. No pass over the items: this runs on a simulated machine.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "dist.h"

/* dist_draw() takes column, fraction and position from one 64-bit number. */
static_assert(DIST_COLUMNS == 1 << 9 && 9 + DIST_FRACTION_BITS == 32, "64 bits");

const char * const dist_name[DIST_KINDS] = {
	[DIST_UNIFORM] = "uniform",
	[DIST_GAUSS] = "gauss",
	[DIST_ZIPF] = "zipf",
	[DIST_HOT10] = "hot10",
};

int dist_by_name(const char *name)
{
	int i;

	for (i = 0; i < DIST_KINDS; i++)
		if (!strcmp(name, dist_name[i]))
			return i;
	return -1;
}

/* Ranks of the n-th bucket are up to this factor apart. Returns the number of buckets. */
static uint32_t cut_geometrically(struct dist *d, double factor)
{
	uint32_t first = 0, size, n;

	for (n = 0; first < d->nr_items; n++) {
		size = (uint32_t)((first + 1) * (factor - 1));
		if (!size)
			size = 1;
		if (size > d->nr_items - first)
			size = d->nr_items - first;
		if (n < DIST_COLUMNS) {
			d->bucket[n].first = first;
			d->bucket[n].size = size;
		}
		first += size;
	}
	return n;
}

static uint32_t cut_evenly(struct dist *d)
{
	uint32_t n = d->nr_items < DIST_COLUMNS ? d->nr_items : DIST_COLUMNS;
	uint32_t i, end, first = 0;

	for (i = 0; i < n; i++) {
		end = (uint32_t)((uint64_t)d->nr_items * (i + 1) / n);
		d->bucket[i].first = first;
		d->bucket[i].size = end - first;
		first = end;
	}
	return n;
}

/*
 * The sum over a bucket is taken as its size times the value in its middle, which for single items
 * is exact, and for the widest buckets wrong by less than 1/1000.
 */
static void init_zipf(struct dist *d)
{
	double factor = 1.01, middle;
	uint32_t i;

	while (cut_geometrically(d, factor) > DIST_COLUMNS)
		factor += 0.001;
	d->nr_buckets = cut_geometrically(d, factor);
	for (i = 0; i < d->nr_buckets; i++) {
		middle = d->bucket[i].first + (d->bucket[i].size + 1) / 2.0;
		d->mass[i] = d->bucket[i].size * pow(middle, -DIST_ZIPF_THETA);
	}
}

static void init_gauss(struct dist *d)
{
	double sigma = (double)d->nr_items / DIST_GAUSS_SIGMAS, z;
	uint32_t i;

	d->nr_buckets = cut_evenly(d);
	for (i = 0; i < d->nr_buckets; i++) {
		z = (d->bucket[i].first + d->bucket[i].size / 2.0 - d->nr_items / 2.0) / sigma;
		d->mass[i] = d->bucket[i].size * exp(-z * z / 2);
	}
}

static void init_hot(struct dist *d, uint32_t hot, double share)
{
	if (!hot)
		hot = 1;
	d->nr_buckets = hot < d->nr_items ? 2 : 1;
	d->bucket[0].size = hot;
	d->mass[0] = share;
	if (d->nr_buckets == 2) {
		d->bucket[1].first = hot;
		d->bucket[1].size = d->nr_items - hot;
		d->mass[1] = 1 - share;
	}
}

/* Vose's method. Columns without a bucket of their own have no mass, so only their other counts. */
static void make_columns(struct dist *d)
{
	uint32_t small[DIST_COLUMNS], large[DIST_COLUMNS], nr_small = 0, nr_large = 0, i, s, l;
	double left[DIST_COLUMNS], sum = 0;

	for (i = 0; i < d->nr_buckets; i++)
		sum += d->mass[i];
	for (i = 0; i < DIST_COLUMNS; i++) {
		d->mass[i] /= sum;
		left[i] = d->mass[i] * DIST_COLUMNS;
		/* Those that only rounding leaves without a partner keep all of their column. */
		d->column[i].keep = 1U << DIST_FRACTION_BITS;
		d->column[i].other = i;
		if (left[i] < 1)
			small[nr_small++] = i;
		else
			large[nr_large++] = i;
	}
	while (nr_small && nr_large) {
		s = small[--nr_small];
		l = large[nr_large - 1];
		d->column[s].keep = (uint32_t)lrint(left[s] * (1U << DIST_FRACTION_BITS));
		d->column[s].other = l;
		left[l] -= 1 - left[s];
		if (left[l] < 1) {
			nr_large--;
			small[nr_small++] = l;
		}
	}
}

void dist_init(struct dist *d, enum dist_kind kind, uint32_t nr_items)
{
	memset(d, 0, sizeof(*d));
	d->nr_items = nr_items;
	switch (kind) {
	case DIST_ZIPF:
		init_zipf(d);
		break;
	case DIST_GAUSS:
		init_gauss(d);
		break;
	case DIST_HOT10:
		init_hot(d, (uint32_t)((uint64_t)nr_items * DIST_HOT_PERCENT / 100),
			 DIST_HOT_SHARE);
		break;
	default:
		d->nr_buckets = 1;
		d->bucket[0].size = nr_items;
		d->mass[0] = 1;
		break;
	}
	make_columns(d);
}

void dist_init_hot(struct dist *d, uint32_t nr_items, uint32_t nr_hot)
{
	memset(d, 0, sizeof(*d));
	d->nr_items = nr_items;
	init_hot(d, nr_hot, 1);
	make_columns(d);
}

double dist_probability(const struct dist *d, uint32_t rank)
{
	uint32_t low = 0, high = d->nr_buckets, middle;

	while (high - low > 1) {
		middle = (low + high) / 2;
		if (d->bucket[middle].first <= rank)
			low = middle;
		else
			high = middle;
	}
	return d->mass[low] / d->bucket[low].size;
}

void scatter_init(struct scatter *s, uint32_t nr_items, uint64_t seed)
{
	unsigned int bits = 1, i;

	while (bits < 32 && UINT64_C(1) << bits < nr_items)
		bits++;
	s->nr_items = nr_items;
	s->mask = (uint32_t)((UINT64_C(1) << bits) - 1);
	s->shift = (bits + 1) / 2;
	s->add = (uint32_t)rng_next(&seed);
	for (i = 0; i < 2; i++)
		s->factor[i] = (uint32_t)rng_next(&seed) | 1;
}
