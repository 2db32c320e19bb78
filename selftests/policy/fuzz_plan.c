// SPDX-License-Identifier: GPL-2.0
/* Any histogram, room and shortage. */
#include <string.h>

#include "fuzz.h"

/* Eight times 16 TiB: beyond any machine, but sums stay in 64 bits. */
#define MOST_PAGES	(8 * 16ULL << 40 >> TM_PAGE_SHIFT)

int fuzz_input(const u8 *data, size_t size)
{
	struct {
		struct tm_histogram h;
		u64 room_pages;
		u64 short_pages;
	} in = { 0 };
	unsigned int tier, level;

	memcpy(&in, data, min(size, sizeof(in)));
	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			in.h.pages[tier][level] %= MOST_PAGES;
	fuzz_verdict(oracle_plan(&in.h, in.room_pages % (TM_QUOTA_MAX_PAGES + 1),
				 in.short_pages % MOST_PAGES));
	return 0;
}
