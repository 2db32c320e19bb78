/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sharing a pool of DRAM: who has how much of it, when all together want more.
 *
 * Members are groups, in preorder: a group is followed by those below it. What
 * a group has in processes of its own, beside groups below, is a member as well,
 * as if it were another group below.
 *
 * Reservations come first. A group's counts as far as there is memory for it, and
 * as far as the group above it has one (as memory.min does). What is left of the
 * pool goes, in this order,
 *
 *   fair		to what is of use in DRAM, by weight: nobody gets more than is
 *			of use to it, while somebody else would (weighted max-min
 *			fairness, Bertsekas and Gallager, Data Networks, 6.5.2)
 *   throughput	to the pages with the most accesses a second, times weight
 *
 * and then, under both, to whatever else there is in memory, and to what may come.
 */
#ifndef TM_POLICY_POOL_H
#define TM_POLICY_POOL_H

#include "window.h"

#define TM_WEIGHT_MIN		1u
#define TM_WEIGHT_DEFAULT	100u
#define TM_WEIGHT_MAX		10000u

/* No pool is larger, nor anybody's part of it: 2^60 bytes. */
#define TM_POOL_MAX_PAGES	((u64)1 << 48)

enum tm_pool_policy {
	TM_POOL_FAIR,
	TM_POOL_THROUGHPUT,
};

/**
 * struct tm_pool_member - a group, or what a group has beside those below it
 * @depth: how many members are above it; at most one more than of the one before
 * @weight: %TM_WEIGHT_MIN to %TM_WEIGHT_MAX
 * @min_pages: reservation
 * @max_pages: ceiling
 * @used_pages: what it has in memory of both tiers. Of members with others below,
 *	this and @useful_pages are computed
 * @useful_pages: of them, what is of use in DRAM, see tm_pool_useful_pages()
 * @heat: its pages by heat; NULL if that isn't known
 * @window_ns: the window that @heat is about
 * @activity: see tm_harvest_activity()
 * @share_pages: what it has, and then is to have; of a new one what it has in DRAM
 *
 * The rest is scratch:
 *
 * @end: index of the first member that is not below it
 * @cap_pages: what it can have at most
 * @reserved_pages: the part of its reservation that counts
 * @target_pages: what it should have, sooner or later
 * @want_pages: what it would have of the part at hand
 * @value: of one access a window, in 1/64, to one of its pages
 */
struct tm_pool_member {
	u32 depth;
	u32 weight;
	u64 min_pages;
	u64 max_pages;
	u64 used_pages;
	u64 useful_pages;
	const struct tm_histogram *heat;
	u64 window_ns;
	u32 activity;
	u64 share_pages;

	u32 end;
	u64 value;
	u64 cap_pages;
	u64 reserved_pages;
	u64 target_pages;
	u64 want_pages;
};

/**
 * tm_pool_useful_pages - how much DRAM is of use to a group?
 * @h: its last harvest
 * @activity: of it
 *
 * Return: pages that serve 99 % of the accesses, and those that nothing is known
 * about yet.
 */
u64 tm_pool_useful_pages(const struct tm_harvest *h, u32 activity);

/**
 * tm_pool_targets - share out a pool
 * @m: members, in preorder
 * @n: how many, at most 65535
 * @pool_pages: what there is, at most %TM_POOL_MAX_PAGES
 * @policy: how
 *
 * Sets @target_pages of all. Members of depth 0 have no more than the pool, and
 * those below a member no more than it has, less only where none of them can
 * have more.
 */
void tm_pool_targets(struct tm_pool_member *m, u32 n, u64 pool_pages, enum tm_pool_policy policy);

/**
 * struct tm_pool - what lasts from one epoch to the next
 * @moving: shares are on their way to their targets
 */
struct tm_pool {
	bool moving;
};

/**
 * tm_pool_step - an epoch: move shares towards their targets
 * @p: state
 * @m: members with their targets
 * @n: how many
 * @pool_pages: as for tm_pool_targets()
 * @policy: likewise
 *
 * No more than 5 % of the pool change hands at a time, and nothing while less than
 * 2 % would, or with throughput while that would serve less than 2 % more: so noise
 * moves nothing. What ceilings, reservations and the pool say holds at once.
 */
void tm_pool_step(struct tm_pool *p, struct tm_pool_member *m, u32 n, u64 pool_pages,
		  enum tm_pool_policy policy);

#endif /* TM_POLICY_POOL_H */
