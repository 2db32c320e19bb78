/* SPDX-License-Identifier: GPL-2.0 */
/* Token bucket in bytes, or nanoseconds of CPU time. */
#ifndef TM_POLICY_RATE_H
#define TM_POLICY_RATE_H

#include "env.h"

/**
 * struct tm_rate - token bucket
 * @tokens_bytes: what may be spent now
 * @last_ns: when tokens were last added
 */
struct tm_rate {
	u64 tokens_bytes;
	u64 last_ns;
};

/**
 * tm_rate_refill - add the tokens of the time since the last call
 * @r: bucket, zeroed at first
 * @bytes_per_sec: rate; a change takes effect at once
 * @burst_bytes: most that can be saved up
 * @now_ns: monotonic time
 *
 * Return: tokens that may be spent now, in bytes.
 */
u64 tm_rate_refill(struct tm_rate *r, u64 bytes_per_sec, u64 burst_bytes, u64 now_ns);

/* Spend @bytes; a bucket doesn't go into debt. */
void tm_rate_spend(struct tm_rate *r, u64 bytes);

/**
 * tm_rate_wait_ns - how long must each of many wait until what it does next is paid for?
 * @r: bucket, refilled
 * @rate: what comes in a second
 * @burst: most that can be saved up
 * @cost: of what is next
 * @reserve: of what is saved, so much is not for this; @burst if nothing is
 * @sharers: how many do the like
 *
 * Each waits as if the rate was its own alone while at least half of what can be saved is
 * there, so that many idle ones don't slow down a busy one; and as if it was shared
 * among all when savings are used up. Between the two there is a balance.
 *
 * Return: nanoseconds.
 */
u64 tm_rate_wait_ns(const struct tm_rate *r, u64 rate, u64 burst, u64 cost, u64 reserve,
		    unsigned int sharers);

#endif /* TM_POLICY_RATE_H */
