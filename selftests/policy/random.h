/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random cases for property tests.
 *
 * The same seed gives the same cases: TM_SEED=<n> repeats a failure, and
 * TM_CASES=<n> runs more of them than fit a quick check.
 */
#ifndef TM_RANDOM_H
#define TM_RANDOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest.h"
#include "oracle.h"

#define PAGES_16T	(16ULL << 40 >> TM_PAGE_SHIFT)

static u64 random_state;
static unsigned long nr_cases = 20000;

/* splitmix64: short, and good enough to reach the corners. */
static inline u64 random64(void)
{
	u64 z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline u64 below(u64 bound)
{
	return random64() % bound;
}

static inline bool one_in(u64 n)
{
	return !below(n);
}

/* Any order of magnitude is as likely as any other, and so are 0 and @most. */
static inline u64 magnitude(u64 most)
{
	u64 value;

	if (one_in(16))
		return most;
	value = random64() >> below(64);
	return value <= most ? value : value % (most + 1);
}

/* Of each property, the first case that breaks it is enough. */
static inline void report(const char *broken, unsigned long at, const char *what)
{
	if (broken)
		ksft_print_msg("case %lu: %s\n", at, broken);
	ksft_test_result(!broken, "%s\n", what);
}

static inline unsigned long from_env(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

/* Prints the header and what repeats this run. */
static inline void random_begin(unsigned int nr_tests)
{
	unsigned long seed = from_env("TM_SEED", 20250607);

	nr_cases = from_env("TM_CASES", nr_cases);
	random_state = seed;
	ksft_print_header();
	ksft_set_plan(nr_tests);
	ksft_print_msg("TM_SEED=%lu TM_CASES=%lu\n", seed, nr_cases);
}

#endif /* TM_RANDOM_H */
