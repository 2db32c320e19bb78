// SPDX-License-Identifier: GPL-2.0
/* Token bucket in bytes. */
#include "rate.h"

#define NS_PER_SEC	1000000000ULL

u64 tm_rate_refill(struct tm_rate *r, u64 bytes_per_sec, u64 burst_bytes, u64 now_ns)
{
	/* Longer pauses fill any bucket; the bound keeps the product in range. */
	u64 ns = min(now_ns - r->last_ns, 10 * NS_PER_SEC);
	u64 added;

	if (now_ns <= r->last_ns && r->last_ns)
		return r->tokens_bytes;
	/* The quotient must fit 64 bits, or x86 raises a divide error. */
	added = mul_u64_u64_div_u64(min(bytes_per_sec, ~0ULL / 10), ns, NS_PER_SEC);
	/* Too little time for one byte: let it add up. */
	if (!added)
		return r->tokens_bytes;
	r->last_ns = now_ns;
	r->tokens_bytes = added > burst_bytes ? burst_bytes :
			  min(r->tokens_bytes, burst_bytes - added) + added;
	return r->tokens_bytes;
}

void tm_rate_spend(struct tm_rate *r, u64 bytes)
{
	r->tokens_bytes -= min(bytes, r->tokens_bytes);
}

u64 tm_rate_wait_ns(const struct tm_rate *r, u64 rate, u64 burst, u64 cost, u64 reserve,
		    unsigned int sharers)
{
	/* So that products fit; of CPU time, 18 s. */
	const u64 most = ~0ULL / NS_PER_SEC;
	u64 left = min(r->tokens_bytes, burst), others = max(sharers, 1U) - 1;
	u64 half = max(burst / 2, 1ULL), missing = half - min(left, half);

	if (left > reserve)
		cost -= min(cost, left - reserve);
	cost = min(cost, most);
	cost += mul_u64_u64_div_u64(cost * others, missing, half);
	return mul_u64_u64_div_u64(min(cost, most), NS_PER_SEC, max(rate, 1ULL));
}
