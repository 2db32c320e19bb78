// SPDX-License-Identifier: GPL-2.0
/* Which pages a pass remembers for the next plan. */
#include "oracle.h"

static u64 pages_between(const struct tm_histogram *h, enum tm_tier tier, int lowest, int highest)
{
	u64 sum = 0;

	for (; lowest <= highest; lowest++)
		sum += h->pages[tier][lowest];
	return sum;
}

/* Pages of one tier that the next pass collects. */
static u64 collected(const struct tm_histogram *h, enum tm_tier tier, int floor, int ceiling)
{
	if (tier == TM_SLOW)
		return pages_between(h, TM_SLOW, floor, (int)TM_HEAT_LEVELS - 1);
	return pages_between(h, TM_FAST, 0, ceiling);
}

/* What a bound leaves out is no hotter, or colder, than the rest, and never everything. */
static const char *check_few(const struct tm_histogram *h, s64 room, unsigned int gap, u64 most)
{
	int floor, ceiling, least_floor, most_ceiling;
	u64 n, all;

	tm_plan_candidates(h, room, gap, ~0ULL, &least_floor, &most_ceiling);
	tm_plan_candidates(h, room, gap, most, &floor, &ceiling);
	if (floor < (int)TM_PLAN_WARM_LEVEL || floor >= (int)TM_HEAT_LEVELS || ceiling < -1 ||
	    ceiling >= (int)TM_HEAT_LEVELS)
		return "there is no such level to collect";
	if (floor < least_floor || ceiling > most_ceiling)
		return "a bound lets more pages in";
	n = collected(h, TM_SLOW, floor, ceiling);
	all = collected(h, TM_SLOW, least_floor, most_ceiling);
	if (n < min(all, most / 2))
		return "collects few slow pages although there are more";
	if (n > most && n - h->pages[TM_SLOW][floor] > most / 2)
		return "collects more slow pages than can be remembered";
	n = collected(h, TM_FAST, floor, ceiling);
	all = collected(h, TM_FAST, least_floor, most_ceiling);
	if (n < min(all, most / 2))
		return "collects few fast pages although there are more";
	if (n > most && n - h->pages[TM_FAST][ceiling] > most / 2)
		return "collects more fast pages than can be remembered";
	return NULL;
}

const char *oracle_candidates(const struct tm_histogram *h, const struct tm_plan_limits *l,
			      const struct tm_plan *p)
{
	s64 room = l->room_pages ? (s64)l->room_pages : -(s64)l->short_pages;
	unsigned int gap = l->fine_pages ? min(l->gap, l->fine_gap) : l->gap;
	int floor, ceiling;

	/* Groups have either. */
	if (!l->room_pages || !l->short_pages) {
		tm_plan_candidates(h, room, gap, ~0ULL, &floor, &ceiling);
		if (p->promote_pages && (int)p->promote_level < floor)
			return "a page is promoted that was left out";
		if (p->demote_pages && (int)p->demote_level > ceiling &&
		    pages_between(h, TM_FAST, ceiling + 1, (int)p->demote_level))
			return "a page is demoted that was left out";
	}
	return check_few(h, room, gap, l->most_pages);
}
