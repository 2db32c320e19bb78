// SPDX-License-Identifier: GPL-2.0
/* Sums of ranges: how much is where, and how hot. */
#include "tally.h"

static void add_bytes(struct tally *t, enum mem_tier tier, uint64_t bytes, uint32_t level)
{
	t->bytes[tier] += bytes;
	if (level >= TIERMEM_HEAT_LEVELS)
		return;
	t->known_bytes[tier] += bytes;
	t->level_bytes[tier] += bytes * level;
	if (level >= HOT_LEVEL)
		t->hot_bytes[tier] += bytes;
	if (level < COLD_LEVELS)
		t->cold_bytes[tier] += bytes;
}

void tally_range(struct tally *t, const struct tiermem_range *r)
{
	add_bytes(t, DRAM, r->dram_bytes, r->heat);
	add_bytes(t, SLOW, r->slow_bytes, r->heat);
}

void tally_add(struct tally *t, const struct tally *more)
{
	int i;

	for (i = 0; i < TIERS; i++) {
		t->bytes[i] += more->bytes[i];
		t->known_bytes[i] += more->known_bytes[i];
		t->level_bytes[i] += more->level_bytes[i];
		t->hot_bytes[i] += more->hot_bytes[i];
		t->cold_bytes[i] += more->cold_bytes[i];
	}
}
