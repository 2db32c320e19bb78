// SPDX-License-Identifier: GPL-2.0
/* Skewed access: see tm_draw.h. */
#include "tm_draw.h"

static double hot_share(const struct tm_draw *d)
{
	return d->hot_share / 4294967296.0;
}

void tm_draw_init(struct tm_draw *d, size_t len, size_t unit_size)
{
	uint64_t x = 88172645463325252ULL;
	uint32_t i;

	d->units = len / unit_size;
	d->unit_pages = unit_size / tm_page_size();
	tm_draw_skew(d, 10, 90);
	/* Children read what is charged to us. */
	d->unit = mmap(NULL, d->units * sizeof(*d->unit), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (d->unit == MAP_FAILED)
		tm_die("mmap: %m");
	for (i = 0; i < d->units; i++) {
		uint32_t k;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		k = (x >> 32) % (i + 1);
		d->unit[i] = d->unit[k];
		d->unit[k] = i;
	}
	tm_draw_seed(d, 1);
}

void tm_draw_skew(struct tm_draw *d, unsigned int hot_pct, unsigned int share_pct)
{
	d->hot = (uint64_t)d->units * hot_pct / 100;
	d->hot_share = ((uint64_t)share_pct << 32) / 100;
}

void tm_draw_free(struct tm_draw *d)
{
	munmap(d->unit, d->units * sizeof(*d->unit));
}

/* Share of the accesses that a unit gets. */
static double share(const struct tm_draw *d, uint32_t rank)
{
	return rank < d->hot ? hot_share(d) / d->hot : (1 - hot_share(d)) / (d->units - d->hot);
}

double tm_draw_hit(const struct tm_draw *d, const signed char *node)
{
	tm_nodes_t fast = tm_fast_nodes();
	uint32_t rank, i, in;
	double sum = 0;

	for (rank = 0; rank < d->units; rank++) {
		const signed char *n = node + (size_t)d->unit[rank] * d->unit_pages;

		for (i = 0, in = 0; i < d->unit_pages; i++)
			in += n[i] >= 0 && fast >> n[i] & 1;
		sum += share(d, rank) * in / d->unit_pages;
	}
	return sum;
}

double tm_draw_best(const struct tm_draw *d, uint64_t bytes)
{
	double units = (double)bytes / tm_page_size() / d->unit_pages;

	if (units >= d->units)
		return 1;
	if (units <= d->hot)
		return units * share(d, 0);
	return hot_share(d) + (units - d->hot) * share(d, d->hot);
}
