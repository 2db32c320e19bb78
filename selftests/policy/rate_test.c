// SPDX-License-Identifier: GPL-2.0
/* The token bucket, on a clock of our own. */
#include <stdio.h>

#include "kselftest.h"
#include "rate.h"

#define US	1000ULL
#define SEC	1000000000ULL
#define KIB	1024ULL
#define MIB	(1024 * KIB)
#define START	(86400 * SEC)	/* a machine that is up for a day */

/* A bucket that was filled at START and then emptied. */
static struct tm_rate empty_at_start(u64 rate, u64 burst)
{
	struct tm_rate r = { 0 };

	tm_rate_spend(&r, tm_rate_refill(&r, rate, burst, START));
	return r;
}

static void test_burst(void)
{
	struct tm_rate r = { 0 };

	ksft_test_result(tm_rate_refill(&r, 100 * MIB, 8 * MIB, START) == 8 * MIB,
			 "a new bucket is full, and no fuller\n");

	tm_rate_spend(&r, 3 * MIB);
	ksft_test_result(tm_rate_refill(&r, 100 * MIB, 8 * MIB, START) == 5 * MIB,
			 "what is spent is gone while no time passes\n");

	tm_rate_spend(&r, 5 * MIB);
	ksft_test_result(tm_rate_refill(&r, 100 * MIB, 8 * MIB, START + SEC / 100) == MIB,
			 "10 ms at 100M/s are 1M\n");

	ksft_test_result(tm_rate_refill(&r, 100 * MIB, 8 * MIB, START + 3600 * SEC) == 8 * MIB,
			 "an hour saves no more than the burst\n");

	tm_rate_spend(&r, 9 * MIB);
	ksft_test_result(tm_rate_refill(&r, 100 * MIB, 8 * MIB, START + 3600 * SEC) == 0,
			 "overspending empties the bucket and makes no debt\n");
}

static void test_slow(void)
{
	struct tm_rate r = empty_at_start(4096, MIB);
	u64 tokens = 0, now;

	/* 4096 bytes a second are a byte in 244 us: no single call sees one. */
	for (now = START; now <= START + 10 * SEC; now += 7 * US)
		tokens = tm_rate_refill(&r, 4096, MIB, now);
	ksft_test_result(tokens > 40960 * 95 / 100 && tokens <= 40960,
			 "ten seconds in steps of 7 us lose less than 5 %%: %llu of 40960\n",
			 (unsigned long long)tokens);

	r = empty_at_start(1, MIB);
	for (now = START; now <= START + 60 * SEC; now += SEC / 3)
		tokens = tm_rate_refill(&r, 1, MIB, now);
	ksft_test_result(tokens >= 40 && tokens <= 60,
			 "a byte a second is slow, but not nothing: %llu of 60\n",
			 (unsigned long long)tokens);
}

static void test_zero(void)
{
	struct tm_rate r = { 0 };
	u64 now;
	bool none = true;

	for (now = 0; now <= 100 * SEC; now += SEC)
		none &= !tm_rate_refill(&r, 0, MIB, now);
	ksft_test_result(none, "a rate of zero never yields anything\n");

	r = (struct tm_rate){ 0 };
	ksft_test_result(!tm_rate_refill(&r, MIB, 0, START), "nor does a burst of zero\n");

	r = (struct tm_rate){ 0 };
	tm_rate_spend(&r, 1);
	ksft_test_result(!r.tokens_bytes, "an empty bucket can't be spent from\n");

	r = (struct tm_rate){ 0 };
	ksft_test_result(!tm_rate_refill(&r, MIB, MIB, 0) && !r.tokens_bytes,
			 "time zero is no time\n");
}

static void test_time(void)
{
	struct tm_rate r = empty_at_start(MIB, 8 * MIB);

	ksft_test_result(!tm_rate_refill(&r, MIB, 8 * MIB, START - SEC) &&
			 !tm_rate_refill(&r, MIB, 8 * MIB, START),
			 "time that goes back and forth yields nothing\n");
	ksft_test_result(tm_rate_refill(&r, MIB, 8 * MIB, START + SEC) == MIB,
			 "and costs nothing\n");
	tm_rate_spend(&r, MIB);
	ksft_test_result(tm_rate_refill(&r, 2 * MIB, 8 * MIB, START + 2 * SEC) == 2 * MIB,
			 "a change of the rate takes effect at once\n");
	ksft_test_result(tm_rate_refill(&r, MIB, MIB, START + 3 * SEC) == MIB,
			 "so does a lower burst\n");
}

/*
 * The kernel's mul_u64_u64_div_u64() is one divq on x86: a quotient that
 * needs more than 64 bits isn't merely wrong, it is a divide error.
 */
static void test_overflow(void)
{
	struct tm_rate r = empty_at_start(1ULL << 63, MIB);

	ksft_test_result(tm_rate_refill(&r, 1ULL << 63, MIB, START + 2 * SEC) == MIB,
			 "2^63 bytes a second for two seconds aren't 2^64, that is zero\n");

	r = empty_at_start(~0ULL, MIB);
	ksft_test_result(tm_rate_refill(&r, ~0ULL, MIB, ~0ULL) == MIB,
			 "the largest rate for the longest time fills the bucket\n");

	r = empty_at_start(1ULL << 62, ~0ULL);
	tm_rate_refill(&r, 1ULL << 60, ~0ULL, START + 10 * SEC);
	tm_rate_refill(&r, 1ULL << 60, ~0ULL, START + 20 * SEC);
	ksft_test_result(r.tokens_bytes == ~0ULL,
			 "a bucket without a bound doesn't wrap around\n");

	/* 16 TiB in a second. */
	r = empty_at_start(16ULL << 40, 64ULL << 40);
	ksft_test_result(tm_rate_refill(&r, 16ULL << 40, 64ULL << 40, START + SEC) == 16ULL << 40,
			 "16T a second are exact\n");
}

/* One who does what costs @cost as soon as it is paid, for a time. Returns what that was. */
#define BUDGET	(SEC / 100)
#define BURST	(SEC / 2)

static u64 spent_in(u64 time_ns, unsigned int sharers, u64 cost, unsigned int idle_sharers)
{
	struct tm_rate r = { .tokens_bytes = BURST, .last_ns = START };
	u64 now, next[64] = { 0 }, spent = 0;
	unsigned int i;

	for (now = 0; now < time_ns; now += SEC / 1000)
		for (i = 0; i < sharers; i++) {
			if (now < next[i])
				continue;
			tm_rate_refill(&r, BUDGET, BURST, START + now);
			tm_rate_spend(&r, cost);
			spent += cost;
			next[i] = now + tm_rate_wait_ns(&r, BUDGET, BURST, cost, BURST,
							sharers + idle_sharers);
		}
	return spent;
}

static void test_wait(void)
{
	struct tm_rate r = { .tokens_bytes = BURST, .last_ns = START };
	u64 one = spent_in(100 * SEC, 1, SEC / 500, 0);
	u64 among_idle = spent_in(100 * SEC, 1, SEC / 500, 1000);
	u64 all = spent_in(1000 * SEC, 40, SEC / 500, 0);
	const u64 half = BURST / 2;

	ksft_test_result(!tm_rate_wait_ns(&r, BUDGET, BURST, BURST, 0, 1) &&
			 tm_rate_wait_ns(&r, BUDGET, BURST, BURST + BUDGET, 0, 1) == SEC,
			 "who is in a hurry waits for what is not saved\n");
	ksft_test_result(tm_rate_wait_ns(&r, BUDGET, BURST, half + BUDGET, half, 1) == SEC,
			 "who leaves half of the savings for others, for what the rest doesn't pay\n");
	tm_rate_spend(&r, BURST / 2);
	ksft_test_result(tm_rate_wait_ns(&r, BUDGET, BURST, BUDGET, half, 1) == SEC,
			 "and for all when only half is left\n");
	ksft_test_result(tm_rate_wait_ns(&r, BUDGET, BURST, 3 * BUDGET, BURST, 1000) == 3 * SEC,
			 "who isn't, for all that it costs, and for nobody else's\n");
	tm_rate_spend(&r, BURST);
	ksft_test_result(tm_rate_wait_ns(&r, BUDGET, BURST, 3 * BUDGET, BURST, 100) == 300 * SEC,
			 "when nothing is saved, for a share for everybody\n");
	ksft_test_result(tm_rate_wait_ns(&r, 0, BURST, ~0ULL, 0, ~0U) &&
			 tm_rate_wait_ns(&r, ~0ULL, 1, ~0ULL, BURST, 0) < SEC,
			 "whatever the numbers are\n");
	ksft_test_result(one >= 99 * BUDGET && one <= 101 * BUDGET,
			 "one busy group: %.3f of the budget\n", (double)one / BUDGET / 100);
	ksft_test_result(among_idle >= 90 * BUDGET && among_idle <= 101 * BUDGET,
			 "one among a thousand idle ones: %.3f of it\n",
			 (double)among_idle / BUDGET / 100);
	/* What was saved comes on top. */
	ksft_test_result(all >= 900 * BUDGET && all <= 1050 * BUDGET + BURST / 10,
			 "forty busy ones: %.3f of it\n", (double)all / BUDGET / 1000);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(5 + 2 + 4 + 4 + 4 + 9);
	test_burst();
	test_slow();
	test_zero();
	test_time();
	test_overflow();
	test_wait();
	ksft_finished();
}
