// SPDX-License-Identifier: GPL-2.0
/* Pages worth moving: the best ones by heat, as many as there is room for. */
#include "candidates.h"

void tm_candidates_clear(struct tm_candidates *c, bool coldest)
{
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		c->first[level] = 0;
	c->nr = 0;
	c->coldest = coldest;
	c->worst = coldest ? TM_HEAT_LEVELS - 1 : 0;
}

/* Take the place of one that is worse. Returns 1 + its index; 0 if none is. */
static unsigned int replace(struct tm_candidates *c, unsigned int level)
{
	unsigned int place;

	/* Full, so there is one; and from now on none becomes worse than that. */
	while (!c->first[c->worst])
		c->worst = c->coldest ? c->worst - 1 : c->worst + 1;
	if (c->coldest ? level >= c->worst : level <= c->worst)
		return 0;
	place = c->first[c->worst];
	c->first[c->worst] = c->all[place - 1].next;
	return place;
}

void tm_candidates_add(struct tm_candidates *c, u64 pfn, unsigned int level)
{
	unsigned int place = c->nr < TM_CANDIDATES ? ++c->nr : replace(c, level);

	if (!place)
		return;
	c->all[place - 1] = (struct tm_candidate){ .pfn = pfn & TM_CANDIDATE_PFN_MASK,
						   .next = c->first[level] };
	c->first[level] = (u16)place;
}
