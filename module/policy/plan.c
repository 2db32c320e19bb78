// SPDX-License-Identifier: GPL-2.0
/* What to move: from a histogram of heat to thresholds and amounts. */
#include "plan.h"

static u64 pages_from(const struct tm_histogram *h, enum tm_tier tier, unsigned int level)
{
	u64 sum = 0;

	for (; level < TM_HEAT_LEVELS; level++)
		sum += h->pages[tier][level];
	return sum;
}

void tm_plan_make(const struct tm_histogram *h, u64 quota_pages, u64 room_pages, u64 short_pages,
		  struct tm_plan *p)
{
	u64 sum = 0, exchange, fill;
	unsigned int level;

	p->threshold = TM_HEAT_LEVELS;
	while (p->threshold > 0) {
		level = p->threshold - 1;
		sum += h->pages[TM_FAST][level] + h->pages[TM_SLOW][level];
		if (sum > quota_pages)
			break;
		p->threshold = level;
	}

	p->promote_level = max(p->threshold, (unsigned int)TM_PLAN_WINDOWS);
	p->demote_level = p->promote_level - TM_PLAN_GAP;
	p->fill_level = TM_PLAN_WINDOWS;

	p->hot_slow_pages = pages_from(h, TM_SLOW, p->promote_level);
	p->cold_fast_pages = 0;
	for (level = 0; level <= p->demote_level; level++)
		p->cold_fast_pages += h->pages[TM_FAST][level];

	/* Room that nobody uses goes to the hottest slow pages, never to idle ones. */
	fill = min(pages_from(h, TM_SLOW, p->fill_level), room_pages);
	exchange = p->hot_slow_pages > fill ? p->hot_slow_pages - fill : 0;
	exchange = min(exchange, p->cold_fast_pages);
	/* No group gets more than its quota by exchange. */
	exchange = min(exchange, quota_pages);

	p->promote_pages = fill + exchange;
	/* Restore the margin, but only with pages that showed no access at all. */
	p->demote_pages = exchange + min(short_pages, h->pages[TM_FAST][0]);
	p->demote_pages = min(p->demote_pages, p->cold_fast_pages);
}
