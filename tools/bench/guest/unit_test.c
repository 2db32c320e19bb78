// SPDX-License-Identifier: GPL-2.0
/*
 * Distributions against their textbook formulas, which are summed here item by item, and the
 * latency histogram against sorted samples.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist.h"
#include "kselftest.h"
#include "latency.h"

#define DRAWS		4000000U
#define GROUPS		100U	/* of about the same probability, for the chi-square test */
#define PARTS		64U	/* lines of a page; parts of a range */
/* The largest difference from the formula that dist.h admits. */
#define TOLERANCE	0.03
#define ROUNDING	0.000000001

static const uint32_t sizes[] = { 1, 7, 1000, 48000, 1000003 };

/* Is chi-square believable? Six standard deviations: once in some hundred million tries. */
static bool plausible(double chi2, double freedom)
{
	return chi2 <= freedom + 6 * sqrt(2 * freedom) + 12;
}

static double *textbook(enum dist_kind kind, uint32_t n)
{
	double *p = calloc(n, sizeof(*p)), sum = 0, z;
	uint32_t i, hot = n / 10 ? n / 10 : 1;

	for (i = 0; i < n; i++) {
		switch (kind) {
		case DIST_ZIPF:
			p[i] = pow(i + 1, -0.99);
			break;
		case DIST_GAUSS:
			z = (i + 0.5 - n / 2.0) / (n / 6.0);
			p[i] = exp(-z * z / 2);
			break;
		case DIST_HOT10:
			p[i] = i < hot ? 0.9 / hot : 0.1 / (n - hot);
			break;
		default:
			p[i] = 1;
			break;
		}
		sum += p[i];
	}
	for (i = 0; i < n; i++)
		p[i] /= sum;
	return p;
}

static void test_probabilities(const struct dist *d, const double *p, const char *name)
{
	double sum = 0, worst = 0, mine, off;
	uint32_t i, at = 0;

	for (i = 0; i < d->nr_items; i++) {
		mine = dist_probability(d, i);
		sum += mine;
		off = fabs(mine / p[i] - 1);
		if (off > worst) {
			worst = off;
			at = i;
		}
	}
	if (fabs(sum - 1) > ROUNDING || worst > TOLERANCE)
		ksft_print_msg("%s: sum %.12f; rank %u is off by %.2f %%\n", name, sum, at,
			       100 * worst);
	ksft_test_result(fabs(sum - 1) <= ROUNDING && worst <= TOLERANCE, "%s: probabilities\n",
			 name);
}

static void test_draws(const struct dist *d, const double *p, const char *name)
{
	uint32_t *drawn = calloc(d->nr_items, sizeof(*drawn)), line[PARTS] = { 0 }, i, rank;
	double chi2 = 0, lines2 = 0, expected = 0, observed = 0, off;
	uint64_t rng = 42, draw;
	unsigned int groups = 0;
	bool good;

	for (i = 0; i < DRAWS; i++) {
		draw = dist_draw(d, &rng);
		rank = (uint32_t)(draw >> 32);
		if (rank >= d->nr_items) {
			ksft_test_result_fail("%s: drew %u of %u\n", name, rank, d->nr_items);
			free(drawn);
			return;
		}
		drawn[rank]++;
		line[(uint32_t)draw >> 26]++;
	}
	for (i = 0; i < d->nr_items; i++) {
		expected += p[i] * DRAWS;
		observed += drawn[i];
		if (expected < DRAWS / GROUPS && i + 1 < d->nr_items)
			continue;
		off = (observed - expected) * (observed - expected) / expected;
		if (off > 30)
			ksft_print_msg("%s: %.0f draws up to rank %u, expected %.0f\n", name,
				       observed, i, expected);
		chi2 += off;
		groups++;
		expected = 0;
		observed = 0;
	}
	for (i = 0; i < PARTS; i++)
		lines2 += pow(line[i] - (double)DRAWS / PARTS, 2) / ((double)DRAWS / PARTS);
	good = plausible(chi2, groups - 1) && plausible(lines2, PARTS - 1);
	if (!good)
		ksft_print_msg("%s: chi-square %.1f of %u groups, %.1f of %u lines\n", name, chi2,
			       groups, lines2, PARTS);
	ksft_test_result(good, "%s: draws\n", name);
	free(drawn);
}

/* Every item once; the first tenth of the ranks, the hot ones, evenly over all parts. */
static void test_scatter(uint32_t n, uint64_t seed)
{
	uint32_t part[PARTS] = { 0 }, i, to, twice = 0, fixed = 0, hot = n / 10;
	unsigned char *seen = calloc(n, 1);
	double chi2 = 0, expected = (double)hot / PARTS;
	struct scatter s;
	bool good;

	scatter_init(&s, n, seed);
	for (i = 0; i < n; i++) {
		to = scatter(&s, i);
		if (to >= n || seen[to]++)
			twice++;
		fixed += to == i;
		if (i < hot && to < n)
			part[(uint64_t)to * PARTS / n]++;
	}
	for (i = 0; i < PARTS && hot > 10 * PARTS; i++)
		chi2 += pow(part[i] - expected, 2) / expected;
	good = !twice && plausible(chi2, PARTS - 1) && (n < 100 || fixed < n / 10);
	if (!good)
		ksft_print_msg("scatter %u: %u twice, %u stay, chi-square %.1f of %u parts\n", n,
			       twice, fixed, chi2, PARTS);
	ksft_test_result(good, "scatter: %u items, seed %llu\n", n, (unsigned long long)seed);
	free(seen);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_latency(void)
{
	static const double quantiles[] = { 0.0001, 0.01, 0.5, 0.95, 0.99, 0.999, 1 };
	enum { SAMPLES = 100000 };
	static uint64_t sample[SAMPLES];
	struct latency *l = calloc(1, sizeof(*l));
	uint64_t rng = 7, exact, got;
	bool good = true;
	unsigned int i;

	for (i = 0; i < SAMPLES; i++) {
		/* From 1 ns to a minute, with the same probability for each power of two. */
		sample[i] = (uint64_t)exp2(ldexp(rng_next(&rng) >> 11, -53) * 36);
		latency_add(l, sample[i], 1);
	}
	qsort(sample, SAMPLES, sizeof(*sample), ascending);
	for (i = 0; i < ARRAY_SIZE(quantiles); i++) {
		exact = sample[(unsigned int)ceil(quantiles[i] * SAMPLES) - 1];
		got = latency_quantile_ns(l, quantiles[i]);
		if (got >= exact && got <= exact + exact / 256 + 1)
			continue;
		ksft_print_msg("quantile %g: %llu ns, not %llu\n", quantiles[i],
			       (unsigned long long)got, (unsigned long long)exact);
		good = false;
	}
	good = good && l->samples == SAMPLES && l->max_ns == sample[SAMPLES - 1];
	latency_add(l, UINT64_MAX, 1);
	good = good && latency_quantile_ns(l, 1) > UINT64_C(1) << (LATENCY_MAX_BITS - 1);
	ksft_test_result(good, "latency: quantiles\n");
	free(l);
}

int main(void)
{
	enum dist_kind kind;
	struct dist d;
	unsigned int i;
	char name[64];
	double *p;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(sizes) * DIST_KINDS * 2 + ARRAY_SIZE(sizes) * 2 + 1);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (kind = 0; kind < DIST_KINDS; kind++) {
			snprintf(name, sizeof(name), "%s of %u", dist_name[kind], sizes[i]);
			dist_init(&d, kind, sizes[i]);
			p = textbook(kind, sizes[i]);
			test_probabilities(&d, p, name);
			test_draws(&d, p, name);
			free(p);
		}
		test_scatter(sizes[i], 1);
		test_scatter(sizes[i], 12345);
	}
	test_latency();
	ksft_finished();
}
