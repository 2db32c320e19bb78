/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histogram of latencies as HdrHistogram's (which Debian 12 has for Java and Go only): buckets
 * grow with the values, so that each is known to 1/256.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>

#define LATENCY_SUB_BITS	8
#define LATENCY_MAX_BITS	40	/* 18 minutes in ns; longer ones count as that */
#define LATENCY_BUCKETS		((LATENCY_MAX_BITS - LATENCY_SUB_BITS + 1) << LATENCY_SUB_BITS)

struct latency {
	uint64_t samples;
	uint64_t max_ns;
	uint32_t count[LATENCY_BUCKETS];
};

static inline uint32_t latency_bucket(uint64_t ns)
{
	unsigned int shift;

	if (ns < 1U << LATENCY_SUB_BITS)
		return (uint32_t)ns;
	if (ns >> LATENCY_MAX_BITS)
		return LATENCY_BUCKETS - 1;
	shift = 63 - LATENCY_SUB_BITS - (unsigned int)__builtin_clzll(ns);
	return (shift << LATENCY_SUB_BITS) + (uint32_t)(ns >> shift);
}

static inline void latency_add(struct latency *l, uint64_t ns, uint32_t samples)
{
	l->count[latency_bucket(ns)] += samples;
	l->samples += samples;
	if (ns > l->max_ns)
		l->max_ns = ns;
}

/* The largest value of the bucket that the quantile (0 to 1) is in; at most the maximum. */
uint64_t latency_quantile_ns(const struct latency *l, double quantile);

#endif /* BENCH_LATENCY_H */
