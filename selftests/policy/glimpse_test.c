// SPDX-License-Identifier: GPL-2.0
/* A glimpse at slow pages: what it tells, and what is chance. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "glimpse.h"
#include "kselftest.h"

#define MS		1000000ULL
#define WINDOW_NS	(400 * MS)

static double p_of_level(unsigned int level)
{
	return tm_heat_chance[level] / 1024.0;
}

static bool happens(double p)
{
	return (double)random() < p * (1U << 31);
}

/* One window of pages of a level, and the glimpse after it. */
static void glimpse(struct tm_harvest *h, u64 *seen, unsigned int level, unsigned int pages,
		    double part)
{
	double p = p_of_level(level), again = 1 - pow(1 - p, part);
	unsigned int i;

	for (i = 0; i < pages; i++) {
		h->histogram.pages[TM_SLOW][level]++;
		if (!happens(p))
			continue;
		h->young.pages[TM_SLOW][level]++;
		seen[level + 1] += happens(again);
	}
}

/* A slow tier: most pages have some warmth. Returns the classes that are hot. */
static unsigned int glimpse_all(unsigned int pages, unsigned int first, unsigned int last,
				double part, unsigned int new_pages, unsigned int idle_pages)
{
	u64 seen[TM_GLIMPSE_CLASSES] = { 0 };
	struct tm_harvest h = { 0 };
	unsigned int level;

	for (level = first; level <= last; level++)
		glimpse(&h, seen, level, pages / (last - first + 1), part);
	/* All of these are in use by now, always. */
	h.unknown_pages = new_pages;
	h.unknown_young_pages = new_pages;
	seen[0] += new_pages;
	h.histogram.pages[TM_SLOW][1] += idle_pages;
	h.young.pages[TM_SLOW][1] += idle_pages;
	seen[2] += idle_pages;
	return tm_glimpse_hot(&h, WINDOW_NS, (u64)(WINDOW_NS * part), seen);
}

static void test_when(void)
{
	struct tm_harvest h = { 0 };

	h.histogram.pages[TM_SLOW][3] = 100000;
	h.young.pages[TM_FAST][20] = 1000;
	ksft_test_result(!tm_glimpse_ns(&h, WINDOW_NS), "slow memory is idle: no glimpse\n");
	h.young.pages[TM_SLOW][3] = 100;
	ksft_test_result(tm_glimpse_ns(&h, WINDOW_NS) == WINDOW_NS / 128,
			 "1/128 of a window of 400 ms: %.3f ms\n",
			 (double)tm_glimpse_ns(&h, WINDOW_NS) / MS);
	ksft_test_result(tm_glimpse_ns(&h, 60000 * MS) == 5 * MS,
			 "others don't wait for more than 5 ms\n");
	h.young.pages[TM_SLOW][3] = 0;
	h.unknown_young_pages = 5;
	ksft_test_result(tm_glimpse_ns(&h, WINDOW_NS), "new pages are worth a glimpse\n");
}

/* All pages are as their averages say: seldom more than chance, and then a few pages. */
static void test_chance(void)
{
	static const struct {
		unsigned int first, last;
		const char *what;
	} tiers[] = {
		{ 0, 3, "cold" }, { 2, 10, "lukewarm" }, { 6, 16, "warm" }, { 16, 28, "hot" },
		{ 10, 10, "alike" },
	};
	static const unsigned int pages[] = { 100, 1000, 12000 };
	unsigned int i, j, t;

	srandom(3);
	for (i = 0; i < ARRAY_SIZE(tiers); i++) {
		unsigned int wrong = 0, tries = 0;

		for (j = 0; j < ARRAY_SIZE(pages); j++)
			for (t = 0; t < 100000 / pages[j]; t++, tries += 2) {
				wrong += !!glimpse_all(pages[j], tiers[i].first, tiers[i].last,
						       1 / 128.0, 0, 0);
				/* The daemon came late: it sees more, and knows why. */
				wrong += !!glimpse_all(pages[j], tiers[i].first, tiers[i].last,
						       1 / 16.0, 0, 0);
			}
		ksft_test_result(wrong * 10 <= tries, "%s pages: taken for others %u times in %u\n",
				 tiers[i].what, wrong, tries);
	}
}

/* Buffers that are used all the time, among as many others as slow memory has. */
static void test_hot(void)
{
	static const struct {
		unsigned int new_pages, idle_pages, hot;
		const char *what;
	} cases[] = {
		{ 0, 0, 0, "no buffer" },
		{ 9, 0, 1, "nine new pages" },
		{ 0, 9, 3, "nine pages that were idle" },
		{ 1, 0, 0, "one new page may just be filled" },
		{ 0, 1, 3, "one page that was idle" },
		{ 79, 400, 3, "many" },
	};
	unsigned int i, t, tries = 50;

	srandom(4);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int told = 0, least = tries, hot;

		for (t = 0; t < tries; t++) {
			hot = glimpse_all(12000, 5, 12, 1 / 128.0, cases[i].new_pages,
					  cases[i].idle_pages);
			if (cases[i].hot)
				told += hot >= cases[i].hot;
			else
				told += !hot;
		}
		/* Chance may look like a few hot pages, but seldom. */
		if (!cases[i].hot)
			least = tries * 8 / 10;
		ksft_test_result(told >= least, "%s: told in %u of %u glimpses\n", cases[i].what,
				 told, tries);
	}
}

static u64 sum(const struct tm_histogram *h)
{
	u64 pages = 0;
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		pages += h->pages[TM_SLOW][level];
	return pages;
}

static void test_raise(void)
{
	struct tm_harvest h = { 0 };
	tm_heat_t cold = TM_HEAT_SETTLED | TM_HEAT_SIGHTED | 5 << TM_HEAT_TAG_SHIFT |
			 TM_HEAT_PARITY | TM_HEAT_TOLD, hot;
	unsigned int from = tm_heat_level(cold), to = tm_heat_level(TM_GLIMPSE_STATE);

	h.histogram.pages[TM_SLOW][from] = 10;
	h.young.pages[TM_SLOW][from] = 3;
	hot = tm_glimpse_raise(&h, cold);
	ksft_test_result(tm_glimpse_wants(cold) && tm_heat_level(hot) == to &&
			 (hot ^ cold) < TM_HEAT_STATES,
			 "raise: another state, all else of the page stays\n");
	ksft_test_result(h.histogram.pages[TM_SLOW][from] == 9 && sum(&h.histogram) == 10 &&
			 h.young.pages[TM_SLOW][to] == 1 && sum(&h.young) == 3,
			 "raise: it is counted once, where it belongs\n");
	ksft_test_result(!tm_glimpse_wants(hot), "raise: not twice\n");
	ksft_test_result(!tm_glimpse_wants(cold ^ TM_HEAT_SIGHTED) &&
			 !tm_glimpse_wants(TM_HEAT_NEVER | TM_HEAT_SIGHTED) &&
			 !tm_glimpse_wants(cold | TM_HEAT_LARGE),
			 "neither who was idle in the window, nor unknown ones, nor huge pages\n");
	ksft_test_result(tm_glimpse_wants(cold | TM_HEAT_MOVED) &&
			 tm_glimpse_raise(&h, cold | TM_HEAT_MOVED) == hot,
			 "raise: who was demoted the moment before doesn't rest\n");

	h = (struct tm_harvest){ .unknown_pages = 2, .unknown_young_pages = 1 };
	tm_glimpse_raise(&h, tm_heat_first(5, false, false, true));
	ksft_test_result(h.unknown_pages == 1 && !h.unknown_young_pages &&
			 sum(&h.histogram) == 1, "raise: a new page is known now\n");
	h = (struct tm_harvest){ 0 };
	tm_glimpse_raise(&h, cold);
	ksft_test_result(!h.histogram.pages[TM_SLOW][from] && sum(&h.histogram) == 1 &&
			 sum(&h.young) == 1, "raise: one that was not counted is now\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(4 + 5 + 6 + 7);
	test_when();
	test_chance();
	test_hot();
	test_raise();
	ksft_finished();
}
