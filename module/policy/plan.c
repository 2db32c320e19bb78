// SPDX-License-Identifier: GPL-2.0
/* What to move: from a histogram of heat to levels and amounts. */
#include "plan.h"

static u64 pages_at(const struct tm_histogram *h, unsigned int level)
{
	return h->pages[TM_FAST][level] + h->pages[TM_SLOW][level];
}

/* The histogram by tier, to take pages from. */
static void copy_tiers(const struct tm_histogram *h, u64 *slow, u64 *fast)
{
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		slow[level] = h->pages[TM_SLOW][level];
		fast[level] = h->pages[TM_FAST][level];
	}
}

/* Take up to @most warm pages from the top of the slow tier. */
static u64 fill(u64 *slow, u64 most)
{
	unsigned int level = TM_HEAT_LEVELS;
	u64 taken = 0;

	while (level-- > TM_PLAN_WARM_LEVEL) {
		u64 n = min(slow[level], most - taken);

		slow[level] -= n;
		taken += n;
	}
	return taken;
}

/* Pair what is left of warm slow pages with fast ones that are colder by a gap. */
static u64 exchange(u64 *slow, u64 *fast, unsigned int gap, u64 most, unsigned int *demote_level)
{
	unsigned int hot = TM_HEAT_LEVELS - 1, cold = 0;
	u64 paired = 0;

	while (hot >= TM_PLAN_WARM_LEVEL && hot >= cold + gap && paired < most) {
		u64 n = min(min(slow[hot], fast[cold]), most - paired);

		slow[hot] -= n;
		fast[cold] -= n;
		paired += n;
		if (n)
			*demote_level = max(*demote_level, cold);
		if (!slow[hot])
			hot--;
		else
			cold++;
	}
	return paired;
}

unsigned int tm_plan_threshold(const struct tm_histogram *h, u64 quota_pages)
{
	unsigned int level = TM_HEAT_LEVELS;
	u64 sum = 0;

	while (level > 0) {
		sum += pages_at(h, level - 1);
		if (sum > quota_pages)
			break;
		level--;
	}
	return level;
}

static void tell_misplaced(const struct tm_histogram *h, unsigned int gap, struct tm_plan *p)
{
	unsigned int level;

	p->hot_slow_pages = 0;
	p->cold_fast_pages = 0;
	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		if (level >= p->threshold + gap / 2 && level >= TM_PLAN_WARM_LEVEL)
			p->hot_slow_pages += h->pages[TM_SLOW][level];
		if (level + gap / 2 < p->threshold || level < TM_PLAN_WARM_LEVEL)
			p->cold_fast_pages += h->pages[TM_FAST][level];
	}
}

void tm_plan_make(const struct tm_histogram *h, const struct tm_plan_limits *limits,
		  struct tm_plan *p)
{
	u64 slow[TM_HEAT_LEVELS], fast[TM_HEAT_LEVELS];
	u64 fillable, filled, pairable, paired, idle = 0, fitting = 0;
	unsigned int level;

	copy_tiers(h, slow, fast);
	p->threshold = tm_plan_threshold(h, limits->quota_pages);
	tell_misplaced(h, limits->gap, p);

	p->demote_level = 0;
	filled = fill(slow, min(limits->room_pages, limits->most_pages));
	paired = exchange(slow, fast, limits->gap, limits->most_pages - filled, &p->demote_level);
	p->fine_pages = exchange(slow, fast, limits->fine_gap,
				 min(limits->fine_pages, limits->most_pages - filled - paired),
				 &p->demote_level);
	paired += p->fine_pages;
	p->promote_pages = filled + paired;

	/* The lowest level that gave pages. */
	for (level = TM_PLAN_WARM_LEVEL; level < TM_HEAT_LEVELS; level++)
		if (slow[level] < h->pages[TM_SLOW][level])
			break;
	p->promote_level = level;

	/* What else would have moved, had it been allowed to or worth it. */
	fillable = fill(slow, limits->room_pages - filled);
	pairable = exchange(slow, fast, limits->gap, ~0ULL, &level);
	p->delayed_pages = fillable + pairable;
	for (level = max(p->threshold, TM_PLAN_WARM_LEVEL); level < TM_HEAT_LEVELS; level++)
		fitting += slow[level];
	p->unpaired_pages = fitting;

	for (level = 0; level < TM_PLAN_WARM_LEVEL; level++)
		idle += h->pages[TM_FAST][level];
	p->demote_pages = paired;
	if (limits->short_pages && idle > paired) {
		u64 more = min(limits->short_pages, idle - paired);

		p->demote_pages += more;
		p->demote_level = max(p->demote_level, TM_PLAN_WARM_LEVEL - 1);
	}
}

/* Levels that a page may change by until the next pass has seen it. */
#define DRIFT	2

u64 tm_plan_movable(const struct tm_histogram *h, s64 room_pages, unsigned int gap)
{
	u64 slow[TM_HEAT_LEVELS], fast[TM_HEAT_LEVELS], filled;
	unsigned int level = 0;

	copy_tiers(h, slow, fast);
	filled = fill(slow, (u64)max(room_pages, 0LL));
	return filled + exchange(slow, fast, gap > DRIFT ? gap - DRIFT : 0, ~0ULL, &level);
}

/*
 * A level that not all pages can be remembered of isn't begun: who comes first
 * would be taken instead of the hottest, or coldest. But rather those than
 * few: a level may have more pages than fit by itself.
 */
static bool too_many(u64 taken, u64 next, u64 most)
{
	return taken > most / 2 && taken + next > most;
}

void tm_plan_candidates(const struct tm_histogram *h, s64 room_pages, unsigned int gap,
			u64 most_pages, int *floor, int *ceiling)
{
	int levels = (int)TM_HEAT_LEVELS, coldest = 0, hottest = levels - 1, level;
	u64 sum = 0;

	while (coldest < levels && !h->pages[TM_FAST][coldest])
		coldest++;
	while (hottest >= 0 && !h->pages[TM_SLOW][hottest])
		hottest--;

	*floor = (int)TM_PLAN_WARM_LEVEL;
	if (room_pages <= 0)
		*floor = max(*floor, coldest + (int)gap - DRIFT);
	for (level = levels - 1; level >= *floor; level--) {
		if (too_many(sum, h->pages[TM_SLOW][level], most_pages))
			break;
		sum += h->pages[TM_SLOW][level];
	}
	*floor = min(level + 1, levels - 1);

	*ceiling = min(hottest - (int)gap + DRIFT, levels - 1);
	if (room_pages < 0)
		*ceiling = max(*ceiling, (int)TM_PLAN_WARM_LEVEL - 1);
	for (level = 0, sum = 0; level <= *ceiling; level++) {
		if (too_many(sum, h->pages[TM_FAST][level], most_pages))
			break;
		sum += h->pages[TM_FAST][level];
	}
	*ceiling = level - 1;
}

unsigned int tm_plan_hits(const struct tm_histogram *h, u64 quota_pages)
{
	unsigned int level;
	u64 all = 0, hits = 0;

	for (level = TM_HEAT_LEVELS; level > 0; level--) {
		u64 pages = pages_at(h, level - 1), fit = min(pages, quota_pages);

		all += pages * tm_heat_accesses[level - 1];
		hits += fit * tm_heat_accesses[level - 1];
		quota_pages -= fit;
	}
	return all ? (unsigned int)mul_u64_u64_div_u64(hits, 1024, all) : 1024;
}
