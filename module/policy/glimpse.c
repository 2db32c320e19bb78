// SPDX-License-Identifier: GPL-2.0
/* A glimpse at slow pages after a window. */
#include "glimpse.h"

/* A page that is accessed in so short a part of a window is accessed all the time. */
#define PART		128
#define MOST_NS		(5 * 1000 * 1000ULL)

/* More than so many times what is expected, and so many pages, or eight times as many again. */
#define TIMES		2
#define MORE_TIMES	8
#define MORE_PAGES	4
/* Of new pages nobody knows: one may just be filled. */
#define NEW_PAGES	1

u64 tm_glimpse_ns(const struct tm_harvest *h, u64 window_ns)
{
	u64 pages = h->unknown_young_pages;
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		pages += h->young.pages[TM_SLOW][level];
	return pages > MORE_PAGES ? min(window_ns / PART, MOST_NS) : 0;
}

unsigned int tm_glimpse_hot(const struct tm_harvest *h, u64 window_ns, u64 since_ns,
			    const u64 seen_pages[TM_GLIMPSE_CLASSES])
{
	u64 seen = seen_pages[0], accesses = 0, expected, more;
	unsigned int level, hot = seen > NEW_PAGES;

	since_ns = min(since_ns, window_ns);
	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		seen += seen_pages[level + 1];
		/* In 1/64; of the pages that the window saw, for that is asked, too. */
		accesses += h->young.pages[TM_SLOW][level] * tm_heat_accesses[level];
		expected = mul_u64_u64_div_u64(accesses, since_ns, max(window_ns, 1ULL));
		more = min(MORE_TIMES * expected, MORE_PAGES * 64ULL);
		if (seen_pages[level + 1] && seen * 64 > TIMES * expected + more)
			hot = level + 2;
	}
	return hot;
}

/* What another mapping, or a CPU's batch, has kept from being counted like that stays. */
static void take(u64 *pages, u64 *young_pages)
{
	if (*pages && *young_pages) {
		--*pages;
		--*young_pages;
	}
}

tm_heat_t tm_glimpse_raise(struct tm_harvest *h, tm_heat_t heat)
{
	tm_heat_t hot = (tm_heat_t)((heat & ~TM_HEAT_TABLE_MASK) | TM_GLIMPSE_STATE);
	unsigned int from = tm_heat_level(heat), to = tm_heat_level(hot);

	if (from == TM_HEAT_UNKNOWN)
		take(&h->unknown_pages, &h->unknown_young_pages);
	else
		take(&h->histogram.pages[TM_SLOW][from], &h->young.pages[TM_SLOW][from]);
	h->histogram.pages[TM_SLOW][to]++;
	h->young.pages[TM_SLOW][to]++;
	return hot;
}
