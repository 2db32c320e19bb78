// SPDX-License-Identifier: GPL-2.0
/* The observation window. */
#include "window.h"

void tm_harvest_sum(const struct tm_harvest *h, struct tm_harvest_sums *s)
{
	unsigned int tier, level;

	s->pages = h->unknown_pages;
	s->young_pages = h->unknown_young_pages;
	s->seen = 0;
	s->seen_twice = 0;
	for (tier = 0; tier < TM_NR_TIERS; tier++) {
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			u64 pages = h->histogram.pages[tier][level];
			u64 chance = tm_heat_chance[level];

			s->pages += pages;
			s->young_pages += h->young.pages[tier][level];
			s->seen += pages * chance;
			s->seen_twice += pages * (2 * chance - chance * chance / 1024);
		}
	}
}

u32 tm_harvest_activity(const struct tm_harvest *h, u32 before)
{
	struct tm_harvest_sums s;
	u64 young, now;

	tm_harvest_sum(h, &s);
	young = s.young_pages - h->unknown_young_pages;
	/* A page more or less is nothing to conclude from. */
	now = mul_u64_u64_div_u64(young + 1, 1024 * TM_ACTIVE, s.seen + 1024);
	if (now > TM_ACTIVE)
		now = TM_ACTIVE;
	return max((u32)now, before / 2);
}

u64 tm_window_target(u64 pages, u64 quota_pages)
{
	u64 target = min(quota_pages, pages);

	target += target / 4;
	/* Where nearly all pages show the bit, it tells nothing; likewise where none does. */
	return max(min(target, pages / 8 * 5), pages / 16 + 1);
}

/* Would a window of twice the length show by a part more? */
static bool twice_shows(const struct tm_harvest_sums *s, unsigned int part)
{
	return s->seen_twice >= s->seen + s->seen / part;
}

/* Little is known yet: is the window too short to see anything? */
static bool sees_little(const struct tm_harvest_sums *s)
{
	return s->young_pages < s->pages / 16;
}

u64 tm_window_next(u64 window_ns, const struct tm_harvest_sums *s, u64 quota_pages)
{
	u64 target = tm_window_target(s->pages, quota_pages);
	u64 next = window_ns;

	if (!s->pages)
		return window_ns;
	if (s->young_pages > s->pages - s->pages / 16)
		/* Saturated: the right window may be anywhere below. */
		next = window_ns / 4;
	else if (s->young_pages > target + target / 8)
		next = max(mul_u64_u64_div_u64(window_ns, target, s->young_pages), window_ns / 2);
	else if (s->young_pages < target - target / 8 &&
		 (s->seen ? twice_shows(s, 4) : sees_little(s)))
		/* Twice at most. Asked first, as the quotient might not fit 64 bits. */
		next = s->young_pages <= target / 2 ? window_ns * 2 :
		       mul_u64_u64_div_u64(window_ns, target, s->young_pages);
	else if (s->seen && !twice_shows(s, 16) && window_ns > TM_WINDOW_FIRST_NS)
		next = max(window_ns / 2, TM_WINDOW_FIRST_NS);
	return min(max(next, TM_WINDOW_MIN_NS), TM_WINDOW_MAX_NS);
}
