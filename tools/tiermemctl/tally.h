/* SPDX-License-Identifier: GPL-2.0 */
/* Sums of ranges: how much is where, and how hot. */
#ifndef TIERMEMCTL_TALLY_H
#define TIERMEMCTL_TALLY_H

#include <linux/tiermem.h>
#include <stdbool.h>
#include <stdint.h>

enum mem_tier { DRAM, SLOW, TIERS };

/*
 * By the levels of docs/abi/testing/cgroup-tiermem: what is hot is accessed in half of the
 * windows at least, and what is cold in less than 15 %.
 */
#define HOT_LEVEL	(TIERMEM_HEAT_LEVELS / 2)
#define COLD_LEVELS	(TIERMEM_HEAT_LEVELS / 4)

struct tally {
	uint64_t bytes[TIERS];
	uint64_t known_bytes[TIERS];	/* of these, those whose heat is known */
	uint64_t level_bytes[TIERS];	/* and the sum of their levels */
	uint64_t hot_bytes[TIERS];
	uint64_t cold_bytes[TIERS];
};

void tally_range(struct tally *t, const struct tiermem_range *r);

void tally_add(struct tally *t, const struct tally *more);

static inline uint64_t tally_bytes(const struct tally *t)
{
	return t->bytes[DRAM] + t->bytes[SLOW];
}

/* Where most of it is. */
static inline enum mem_tier tally_tier(const struct tally *t)
{
	return t->bytes[SLOW] > t->bytes[DRAM] ? SLOW : DRAM;
}

/* The mean level of what is in a tier; -1 if no heat is known there. */
static inline int tally_level(const struct tally *t, enum mem_tier tier)
{
	return t->known_bytes[tier] ? (int)(t->level_bytes[tier] / t->known_bytes[tier]) : -1;
}

#endif
