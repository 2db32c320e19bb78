// SPDX-License-Identifier: GPL-2.0
/* Any histogram and limits. */
#include <string.h>

#include "fuzz.h"

/* What each level of each tier may have, so that the sum is no more than there can be. */
#define MOST_AT_A_LEVEL	(ORACLE_MOST_PAGES / (TM_NR_TIERS * TM_HEAT_LEVELS))

int fuzz_input(const u8 *data, size_t size)
{
	struct {
		struct tm_plan_limits limits;
		struct tm_histogram h;
	} in = { 0 };
	unsigned int tier, level;

	memcpy(&in, data, min(size, sizeof(in)));
	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			in.h.pages[tier][level] %= MOST_AT_A_LEVEL + 1;
	in.limits.quota_pages %= TM_QUOTA_MAX_PAGES + 1;
	in.limits.room_pages %= TM_QUOTA_MAX_PAGES + 1;
	in.limits.short_pages %= ORACLE_MOST_PAGES + 1;
	in.limits.gap = 1 + in.limits.gap % TM_HEAT_LEVELS;
	in.limits.fine_gap = 1 + in.limits.fine_gap % TM_HEAT_LEVELS;
	fuzz_verdict(oracle_plan(&in.h, &in.limits));
	fuzz_verdict(oracle_curve(&in.h, in.limits.quota_pages));
	return 0;
}
