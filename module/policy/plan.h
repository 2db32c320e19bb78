/* SPDX-License-Identifier: GPL-2.0 */
/* What to move: from a histogram of heat to thresholds and amounts. */
#ifndef TM_POLICY_PLAN_H
#define TM_POLICY_PLAN_H

#include "heat.h"

enum tm_tier {
	TM_FAST,
	TM_SLOW,
	TM_NR_TIERS,
};

/* Windows of history that a page must have before it is called hot or cold. */
#define TM_PLAN_WINDOWS		2
/* A page is worth a place in DRAM only if this many windows saw it accessed. */
#define TM_PLAN_HOT_LEVEL	2
/* Levels between a page worth promoting and a page worth demoting for it. */
#define TM_PLAN_GAP		2

/* Level of a page with too little history to be hot or cold. */
#define TM_PLAN_FRESH		TM_HEAT_LEVELS

/* Level that counts for a plan: heat's, or %TM_PLAN_FRESH. */
static inline unsigned int tm_plan_level(tm_heat_t heat)
{
	return tm_heat_windows(heat) < TM_PLAN_WINDOWS ? TM_PLAN_FRESH : tm_heat_level(heat);
}

/**
 * struct tm_histogram - pages of a group per tier and heat level
 * @pages: pages with at least %TM_PLAN_WINDOWS windows of history
 */
struct tm_histogram {
	u64 pages[TM_NR_TIERS][TM_HEAT_LEVELS];
};

/**
 * struct tm_plan - one pass of moves for a group
 * @promote_level: slow pages at or above it are promoted; %TM_HEAT_LEVELS if
 *	none is
 * @demote_level: fast pages at or below it may be displaced; meaningless
 *	while @demote_pages is 0
 * @promote_pages: how many pages to promote, hottest first
 * @demote_pages: how many pages to demote, coldest first
 * @hot_slow_pages: slow pages at or above %TM_PLAN_HOT_LEVEL
 * @cold_fast_pages: fast pages that no window saw accessed
 */
struct tm_plan {
	unsigned int promote_level;
	unsigned int demote_level;
	u64 promote_pages;
	u64 demote_pages;
	u64 hot_slow_pages;
	u64 cold_fast_pages;
};

/**
 * tm_plan_make - decide what to move in this pass
 * @h: the group's pages by tier and heat
 * @room_pages: pages of its quota that nobody uses, margin excepted
 * @short_pages: pages by which the margin itself is used up
 * @p: result
 *
 * Room goes to the hottest slow pages, never to idle ones. Then the hottest
 * slow pages are exchanged for the coldest fast ones, as long as
 * %TM_PLAN_GAP levels lie between the two: no threshold to tune, right at
 * once after a change of the quota, and nothing moves between pages of like
 * heat. The margin is restored with pages that showed no access at all.
 */
void tm_plan_make(const struct tm_histogram *h, u64 room_pages, u64 short_pages,
		  struct tm_plan *p);

#endif /* TM_POLICY_PLAN_H */
