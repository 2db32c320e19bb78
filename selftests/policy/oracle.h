/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold for any input, written a second time in the plainest way.
 *
 * The property tests feed these functions from a PRNG, the fuzz targets from
 * libFuzzer. Each returns NULL, or a sentence that says what is broken.
 */
#ifndef TM_ORACLE_H
#define TM_ORACLE_H

#include "heat.h"
#include "plan.h"
#include "quota.h"

/* Wide enough for the sum and the product of any two numbers of the ring. */
#define u128 __uint128_t

/* tm_quota_parse() against a reader that counts in 128 bits. */
const char *oracle_parse(const char *text);

/* One visit per byte of @ops: */
#define ORACLE_YOUNG		0x01	/* the accessed bit is set */
#define ORACLE_NEXT_PASS	0x02	/* the visit is the first one of a new pass */
#define ORACLE_MOVED		0x04	/* the page moves before the visit */
#define ORACLE_NEW_TAG		0x08	/* the frame is reused before the visit */
#define ORACLE_TAG_STEP(op)	(1u + ((op) >> 4))

/* tm_heat_visit() against a list of windows, one bool each. */
const char *oracle_heat(const u8 *ops, size_t nr_ops);

/*
 * tm_plan_make() against what its users rely on: the amounts are counted in
 * another way, the moves are carried out, and the next plan must be empty.
 */
const char *oracle_plan(const struct tm_histogram *h, u64 room_pages, u64 short_pages);

#endif /* TM_ORACLE_H */
