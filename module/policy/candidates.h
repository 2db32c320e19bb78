/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of a tier that are worth moving, by heat.
 *
 * A pass decides which levels to remember before it knows how many pages they
 * have: the pass before it tells, and where accesses come in bursts it may tell
 * wrong by far. So when there is no room for more, who is better takes the place
 * of the worst, and a plan finds what it counts on.
 */
#ifndef TM_POLICY_CANDIDATES_H
#define TM_POLICY_CANDIDATES_H

#include "heat.h"

/* Most that are remembered of a tier. */
#define TM_CANDIDATES	32768u

#define TM_CANDIDATE_PFN_BITS	48
#define TM_CANDIDATE_PFN_MASK	((1ULL << TM_CANDIDATE_PFN_BITS) - 1)

/* A frame number, and 1 + the index of the next one of its level. */
struct tm_candidate {
	u64 pfn : TM_CANDIDATE_PFN_BITS;
	u64 next : 16;
};

/**
 * struct tm_candidates - those of one tier
 * @all: %TM_CANDIDATES of them, the caller's memory
 * @nr: how many are in use
 * @first: 1 + index of the first one of each level; 0 for none
 * @coldest: cold pages are better than hot ones
 * @worst: no level worse than this one has any
 */
struct tm_candidates {
	struct tm_candidate *all;
	unsigned int nr;
	u16 first[TM_HEAT_LEVELS];
	bool coldest;
	unsigned int worst;
};

/**
 * tm_candidates_clear - none is known yet
 * @c: candidates with @all set
 * @coldest: whether cold pages are wanted, or hot ones
 */
void tm_candidates_clear(struct tm_candidates *c, bool coldest);

/**
 * tm_candidates_add - one more, if there is room or it is better than another
 * @c: candidates
 * @pfn: its frame number
 * @level: its heat, below %TM_HEAT_LEVELS
 */
void tm_candidates_add(struct tm_candidates *c, u64 pfn, unsigned int level);

#endif /* TM_POLICY_CANDIDATES_H */
