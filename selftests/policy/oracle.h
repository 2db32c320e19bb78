/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold for any input, written a second time in the plainest way.
 *
 * The property tests feed these functions from a PRNG, the fuzz targets from
 * libFuzzer. Each returns NULL, or a sentence that says what is broken.
 */
#ifndef TM_ORACLE_H
#define TM_ORACLE_H

#include "engine.h"
#include "heat.h"
#include "plan.h"
#include "pool.h"
#include "quota.h"
#include "window.h"

/* Wide enough for the sum and the product of any two numbers of the ring. */
#define u128 __uint128_t

/* More than the sum over 100 000 groups of 16 TiB each, of which some are shared. */
#define ORACLE_MOST_PAGES	((u64)100000 << 32)

/* tm_quota_parse() against a reader that counts in 128 bits. */
const char *oracle_parse(const char *text);

/* One visit per byte of @ops, after one for the weight and two for what is stored at first: */
#define ORACLE_YOUNG		0x01	/* the accessed bit is set */
#define ORACLE_AGAIN		0x02	/* another mapping in the same pass */
#define ORACLE_MOVED		0x04	/* the page moves before the visit */
#define ORACLE_NEW_TAG		0x08	/* the frame is reused before the visit */
/* The upper half is the phase of rounding. */

/* tm_heat_first(), tm_heat_visit() and what goes with them against a page in plain words. */
const char *oracle_heat(const u8 *ops, size_t nr_ops);

/*
 * tm_plan_make() against what its users rely on: the amounts are counted in
 * another way, the moves are carried out, and the next plan must be empty.
 */
const char *oracle_plan(const struct tm_histogram *h, const struct tm_plan_limits *limits);

/*
 * tm_plan_candidates(): a page that the plan @p moves is one of those that are
 * worth remembering, and a bound leaves the best.
 */
const char *oracle_candidates(const struct tm_histogram *h, const struct tm_plan_limits *limits,
			      const struct tm_plan *p);

/* tm_plan_hits() against sums in 128 bits, for @quota_pages and a larger quota. */
const char *oracle_curve(const struct tm_histogram *h, u64 quota_pages);

/* tm_window_next() and the sums that it works with. */
const char *oracle_window(u64 window_ns, const struct tm_harvest *harvest, u64 quota_pages);

/*
 * An engine from its beginning, through whatever @data says: harvests and
 * inputs of any size, reports of moves, restarts.
 */
const char *oracle_engine(const u8 *data, size_t size);

/* tm_pool_targets(), of members as it left them. */
const char *oracle_pool_targets(const struct tm_pool_member *m, u32 n, u64 pool_pages,
				enum tm_pool_policy policy);

/* tm_pool_step(), which found shares as in @before and left @m. */
const char *oracle_pool_step(const struct tm_pool_member *before, const struct tm_pool_member *m,
			     u32 n, u64 pool_pages);

/*
 * Throughput's targets against all ways to share a pool of few pages, with what is
 * reserved as it is: do they serve this part of what the best one does?
 */
#define ORACLE_POOL_MEMBERS	8
const char *oracle_pool_best(const struct tm_pool_member *m, u32 n, u64 pool_pages, double part);

#endif /* TM_ORACLE_H */
