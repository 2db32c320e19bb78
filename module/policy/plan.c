// SPDX-License-Identifier: GPL-2.0
/* What to move: from a histogram of heat to levels and amounts. */
#include "plan.h"

/* Take up to @most hot pages from the top of the slow tier. */
static u64 fill(u64 *slow, u64 most)
{
	unsigned int level = TM_HEAT_LEVELS;
	u64 taken = 0;

	while (level-- > TM_PLAN_HOT_LEVEL) {
		u64 n = min(slow[level], most - taken);

		slow[level] -= n;
		taken += n;
	}
	return taken;
}

/* Pair what is left of hot slow pages with cold fast ones. */
static u64 exchange(u64 *slow, u64 *fast, unsigned int *demote_level)
{
	unsigned int hot = TM_HEAT_LEVELS - 1, cold = 0;
	u64 paired = 0;

	while (hot >= TM_PLAN_HOT_LEVEL && hot >= cold + TM_PLAN_GAP) {
		u64 n = min(slow[hot], fast[cold]);

		slow[hot] -= n;
		fast[cold] -= n;
		paired += n;
		if (n)
			*demote_level = cold;
		if (!slow[hot])
			hot--;
		else
			cold++;
	}
	return paired;
}

void tm_plan_make(const struct tm_histogram *h, u64 room_pages, u64 short_pages,
		  struct tm_plan *p)
{
	u64 slow[TM_HEAT_LEVELS], fast[TM_HEAT_LEVELS], filled, paired;
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		slow[level] = h->pages[TM_SLOW][level];
		fast[level] = h->pages[TM_FAST][level];
	}
	p->hot_slow_pages = 0;
	for (level = TM_PLAN_HOT_LEVEL; level < TM_HEAT_LEVELS; level++)
		p->hot_slow_pages += slow[level];
	p->cold_fast_pages = fast[0];

	p->demote_level = 0;
	filled = fill(slow, room_pages);
	paired = exchange(slow, fast, &p->demote_level);
	p->promote_pages = filled + paired;
	p->demote_pages = paired + min(short_pages, fast[0]);

	/* The lowest level that gave pages. */
	for (level = TM_PLAN_HOT_LEVEL; level < TM_HEAT_LEVELS; level++)
		if (slow[level] < h->pages[TM_SLOW][level])
			break;
	p->promote_level = level;
}
