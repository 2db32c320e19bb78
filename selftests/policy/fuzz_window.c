// SPDX-License-Identifier: GPL-2.0
/* Any window, harvest and quota. */
#include <string.h>

#include "fuzz.h"

/* What each level of each tier may have, so that the sum is no more than there can be. */
#define MOST_AT_A_LEVEL	(ORACLE_MOST_PAGES / (TM_NR_TIERS * TM_HEAT_LEVELS + 1))

int fuzz_input(const u8 *data, size_t size)
{
	struct {
		u64 window_ns;
		u64 quota_pages;
		struct tm_harvest h;
	} in = { 0 };
	unsigned int tier, level;

	memcpy(&in, data, min(size, sizeof(in)));
	in.window_ns = TM_WINDOW_MIN_NS + in.window_ns % (TM_WINDOW_MAX_NS - TM_WINDOW_MIN_NS + 1);
	in.h.unknown_pages %= MOST_AT_A_LEVEL + 1;
	in.h.unknown_young_pages %= in.h.unknown_pages + 1;
	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			in.h.histogram.pages[tier][level] %= MOST_AT_A_LEVEL + 1;
			in.h.young.pages[tier][level] %= in.h.histogram.pages[tier][level] + 1;
		}
	fuzz_verdict(oracle_window(in.window_ns, &in.h, in.quota_pages % (TM_QUOTA_MAX_PAGES + 1)));
	return 0;
}
