// SPDX-License-Identifier: GPL-2.0
#include "latency.h"

#include <math.h>

static uint64_t largest_of(uint32_t bucket)
{
	uint32_t shift = bucket >> LATENCY_SUB_BITS;

	if (shift < 2)
		return bucket;
	shift--;
	return ((uint64_t)(bucket - (shift << LATENCY_SUB_BITS) + 1) << shift) - 1;
}

uint64_t latency_quantile_ns(const struct latency *l, double quantile)
{
	uint64_t want = (uint64_t)ceil(quantile * l->samples), seen = 0, ns;
	uint32_t i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->count[i];
		if (seen >= want && seen) {
			ns = largest_of(i);
			return ns < l->max_ns ? ns : l->max_ns;
		}
	}
	return l->max_ns;
}
