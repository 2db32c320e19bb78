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

/* Evidence that a page must have before it is called hot or cold, in windows. */
#define TM_PLAN_WINDOWS		2
/* Levels between a page worth promoting and a page worth demoting for it. */
#define TM_PLAN_GAP		2

/**
 * struct tm_histogram - pages of a group per tier and heat level
 * @pages: pages with at least %TM_PLAN_WINDOWS windows of history
 * @fresh_pages: pages with less
 */
struct tm_histogram {
	u64 pages[TM_NR_TIERS][TM_HEAT_LEVELS];
	u64 fresh_pages[TM_NR_TIERS];
};

static inline void tm_histogram_add(struct tm_histogram *h, enum tm_tier tier, tm_heat_t heat,
				    u64 nr_pages)
{
	if (tm_heat_windows(heat) < TM_PLAN_WINDOWS)
		h->fresh_pages[tier] += nr_pages;
	else
		h->pages[tier][tm_heat_level(heat)] += nr_pages;
}

/**
 * struct tm_plan - one pass of moves for a group
 * @threshold: lowest level at which all pages of this level and above fit the
 *	quota; %TM_HEAT_LEVELS when not even the hottest level does
 * @promote_level: slow pages at or above it may displace others
 * @demote_level: fast pages at or below it may be displaced
 * @fill_level: slow pages at or above it may use room that nobody uses
 * @hot_slow_pages: slow pages at or above @promote_level
 * @cold_fast_pages: fast pages at or below @demote_level
 * @promote_pages: how many pages to promote
 * @demote_pages: how many pages to demote first
 */
struct tm_plan {
	unsigned int threshold;
	unsigned int promote_level;
	unsigned int demote_level;
	unsigned int fill_level;
	u64 hot_slow_pages;
	u64 cold_fast_pages;
	u64 promote_pages;
	u64 demote_pages;
};

/**
 * tm_plan_make - decide what to move in this pass
 * @h: the group's pages by tier and heat
 * @quota_pages: effective quota less its margin
 * @room_pages: of it, not used now
 * @short_pages: pages by which the margin itself is used up
 * @p: result
 *
 * The threshold is the lowest level at which the hottest pages still fit
 * (MEMTIS, SOSP'23, section 4.2): it has no tunable and follows the quota at
 * once. A slow page is exchanged for a fast one only if at least
 * %TM_PLAN_GAP levels lie between them, so uniform access moves nothing.
 */
void tm_plan_make(const struct tm_histogram *h, u64 quota_pages, u64 room_pages, u64 short_pages,
		  struct tm_plan *p);

#endif /* TM_POLICY_PLAN_H */
