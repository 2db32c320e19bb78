/* SPDX-License-Identifier: GPL-2.0 */
/* What to move: from a histogram of heat to levels and amounts. */
#ifndef TM_POLICY_PLAN_H
#define TM_POLICY_PLAN_H

#include "heat.h"

enum tm_tier {
	TM_FAST,
	TM_SLOW,
	TM_NR_TIERS,
};

/*
 * Below this level a page is idle: it was seen accessed once in the last 32
 * windows, if at all. Idle pages are never promoted.
 */
#define TM_PLAN_WARM_LEVEL	5u

/**
 * struct tm_histogram - pages of a group per tier and heat level
 * @pages: pages with enough history
 */
struct tm_histogram {
	u64 pages[TM_NR_TIERS][TM_HEAT_LEVELS];
};

/**
 * struct tm_plan_limits - what a plan has to keep
 * @quota_pages: what the group may have in DRAM, less the margin
 * @room_pages: of it, what nobody uses
 * @short_pages: pages by which the margin itself is used up
 * @most_pages: promote no more than this
 * @gap: levels between a page worth promoting and one worth demoting for it; at
 *	least 1
 * @fine_gap: a smaller one, for a few pages: most of such a difference is real,
 *	but where all pages are alike there is always some, and it's noise
 * @fine_pages: how few
 */
struct tm_plan_limits {
	u64 quota_pages;
	u64 room_pages;
	u64 short_pages;
	u64 most_pages;
	unsigned int gap;
	unsigned int fine_gap;
	u64 fine_pages;
};

/**
 * struct tm_plan - one pass of moves for a group
 * @threshold: lowest level whose pages would all fit the quota, together with
 *	the hotter ones; %TM_HEAT_LEVELS if not even the hottest do
 * @promote_level: slow pages at or above it are promoted; %TM_HEAT_LEVELS if
 *	none is
 * @demote_level: fast pages at or below it may be displaced; meaningless
 *	while @demote_pages is 0
 * @promote_pages: how many pages to promote, hottest first
 * @demote_pages: how many pages to demote, coldest first
 * @fine_pages: of both, pages that are exchanged across the fine gap only
 * @unpaired_pages: slow pages that would fit by the threshold, but are not
 *	hotter by the gap than what they would displace: the warm band
 * @delayed_pages: promotions beyond @most_pages
 * @hot_slow_pages: slow pages clearly above the threshold
 * @cold_fast_pages: fast pages that are idle, or clearly below the threshold
 */
struct tm_plan {
	unsigned int threshold;
	unsigned int promote_level;
	unsigned int demote_level;
	u64 promote_pages;
	u64 demote_pages;
	u64 fine_pages;
	u64 unpaired_pages;
	u64 delayed_pages;
	u64 hot_slow_pages;
	u64 cold_fast_pages;
};

/* The lowest level whose pages all fit the quota, together with the hotter ones. */
unsigned int tm_plan_threshold(const struct tm_histogram *h, u64 quota_pages);

/**
 * tm_plan_make - decide what to move in this pass
 * @h: the group's pages by tier and heat
 * @limits: what to keep
 * @p: result
 *
 * Room goes to the hottest slow pages, never to idle ones. Then the hottest
 * slow pages are exchanged for the coldest fast ones, as long as the gap lies
 * between the two: no threshold to tune, right at once after a change of the
 * quota, and nothing moves between pages of like heat. The margin is restored
 * with idle pages.
 */
void tm_plan_make(const struct tm_histogram *h, const struct tm_plan_limits *limits,
		  struct tm_plan *p);

/**
 * tm_plan_movable - about how many pages a plan may want to move to DRAM
 * @h: the group's pages by tier and heat
 * @room_pages: of the quota that nobody uses
 * @gap: of the next plan
 *
 * Pages change a little until then, so this is more than the plan of @h itself has.
 */
u64 tm_plan_movable(const struct tm_histogram *h, s64 room_pages, unsigned int gap);

/**
 * tm_plan_candidates - which levels are worth remembering pages of
 * @h: the group's pages by tier and heat, as a pass has just found them
 * @room_pages: of the quota that nobody uses; below 0 if the margin is used up
 * @gap: of the next plan
 * @most_pages: how many pages of a tier can be remembered, or are of use; where the levels
 *	have more, the last one is begun only if half of it would be left else
 * @floor: result: slow pages at or above it
 * @ceiling: result: fast pages at or below it; -1 if none is
 *
 * The next pass collects these while it visits pages. A level or two more
 * than this histogram would need, because pages change a little.
 */
void tm_plan_candidates(const struct tm_histogram *h, s64 room_pages, unsigned int gap,
			u64 most_pages, int *floor, int *ceiling);

/**
 * tm_plan_hits - share of the accesses that DRAM would serve
 * @h: the group's pages by tier and heat
 * @quota_pages: pages of DRAM, filled with the hottest
 *
 * A page that every window sees may be far hotter than the window can tell,
 * so the prediction is on the safe side where there are many of those.
 *
 * Return: 1/1024; 1024 if nothing is accessed.
 */
unsigned int tm_plan_hits(const struct tm_histogram *h, u64 quota_pages);

#endif /* TM_POLICY_PLAN_H */
