/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The observation window: how long between clearing a page's accessed bit and
 * reading it.
 *
 * Too long, and every page shows the bit; too short, and none does. A window
 * tells most about the pages at the border of the quota when about as many
 * pages show the bit as the quota holds.
 */
#ifndef TM_POLICY_WINDOW_H
#define TM_POLICY_WINDOW_H

#include "plan.h"

#define TM_WINDOW_MIN_NS	(250 * 1000ULL)
#define TM_WINDOW_FIRST_NS	(50 * 1000 * 1000ULL)
#define TM_WINDOW_MAX_NS	(60 * 1000 * 1000 * 1000ULL)

/**
 * struct tm_harvest - what one window showed of a group
 * @histogram: pages by tier and heat, the window included
 * @young: of them, pages that the window saw accessed
 * @unknown_pages: pages with too little history
 * @unknown_young_pages: of them, pages that the window saw accessed
 */
struct tm_harvest {
	struct tm_histogram histogram;
	struct tm_histogram young;
	u64 unknown_pages;
	u64 unknown_young_pages;
};

/**
 * struct tm_harvest_sums - the same in a few numbers
 * @pages: pages of both tiers, unknown ones included
 * @young_pages: of them, pages that the window saw accessed
 * @seen: pages that a window of this length can be expected to show, in
 *	1/1024 of a page
 * @seen_twice: and one of twice the length
 */
struct tm_harvest_sums {
	u64 pages;
	u64 young_pages;
	u64 seen;
	u64 seen_twice;
};

void tm_harvest_sum(const struct tm_harvest *h, struct tm_harvest_sums *s);

/* All that was expected to be accessed is. */
#define TM_ACTIVE	1024u

/**
 * tm_harvest_activity - is a group as busy as its history says?
 * @h: what a window showed
 * @before: what this said of the window before
 *
 * Heat takes dozens of windows to forget; who has become idle should not need
 * them to be known as that. But a pause of a window or two is none.
 *
 * Return: the part of what was expected to be accessed that was, in 1/1024, at
 * most %TM_ACTIVE, of this window or, if that is more, half of @before.
 */
u32 tm_harvest_activity(const struct tm_harvest *h, u32 before);

/**
 * tm_window_target - how many pages a window should show
 * @pages: pages of the group
 * @quota_pages: of them, pages that DRAM may hold
 *
 * Return: pages.
 */
u64 tm_window_target(u64 pages, u64 quota_pages);

/**
 * tm_window_next - adapt the window to what it showed
 * @window_ns: the window that is over
 * @s: what it showed
 * @quota_pages: pages that DRAM may hold
 *
 * A longer window is no use where the same pages would show again: a small
 * hot set beside idle memory has short windows, so that a new one is found
 * soon.
 *
 * Return: nanoseconds, %TM_WINDOW_MIN_NS to %TM_WINDOW_MAX_NS.
 */
u64 tm_window_next(u64 window_ns, const struct tm_harvest_sums *s, u64 quota_pages);

#endif /* TM_POLICY_WINDOW_H */
