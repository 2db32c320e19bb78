// SPDX-License-Identifier: GPL-2.0
/* A glimpse at slow pages: what it tells, and what is chance. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "glimpse.h"
#include "kselftest.h"

#define MS		1000000ULL
#define WINDOW_NS	(400 * MS)
#define TRIES		2000

static double p_of_level(unsigned int level)
{
	return tm_heat_chance[level] / 1024.0;
}

static bool happens(double p)
{
	return (double)random() < p * (1U << 31);
}

/* One window, and the glimpse after it. Returns how many pages that saw, of those that show. */
static u64 glimpses(struct tm_harvest *h, unsigned int level, unsigned int pages, double part)
{
	double p = p_of_level(level), again = 1 - pow(1 - p, part);
	u64 seen = 0;
	unsigned int i;

	for (i = 0; i < pages; i++) {
		h->histogram.pages[TM_SLOW][level]++;
		if (!happens(p))
			continue;
		h->young.pages[TM_SLOW][level]++;
		seen += happens(again);
	}
	return seen;
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

/* Pages of one kind, all of them as their averages say: hardly ever more than chance. */
static void test_chance(void)
{
	static const unsigned int levels[] = { 2, 6, 10, 16, 24 }, pages[] = { 100, 1000, 12000 };
	unsigned int i, j, t;

	srandom(3);
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		unsigned int told = 0, told_late = 0;

		for (j = 0; j < ARRAY_SIZE(pages); j++)
			for (t = 0; t < TRIES / pages[j] + 20; t++) {
				struct tm_harvest h = { 0 };
				u64 seen = glimpses(&h, levels[i], pages[j], 1 / 128.0);

				told += tm_glimpse_tells(&h, WINDOW_NS, WINDOW_NS / 128, seen);
				/* The daemon came late: it sees more, and knows why. */
				h = (struct tm_harvest){ 0 };
				seen = glimpses(&h, levels[i], pages[j], 1 / 16.0);
				told_late += tm_glimpse_tells(&h, WINDOW_NS, WINDOW_NS / 16, seen);
			}
		ksft_test_result(!told && !told_late,
				 "pages that a window sees with p = %.2f: taken for others %u times, after a long moment %u\n",
				 p_of_level(levels[i]), told, told_late);
	}
}

/* Buffers that were idle and are used all the time, among as many others as slow memory has. */
static void test_hot(void)
{
	unsigned int t, told = 0, tries = 50, hot;

	srandom(4);
	for (hot = 0; hot < 2; hot++) {
		for (t = 0, told = 0; t < tries; t++) {
			struct tm_harvest h = { 0 };
			u64 seen = glimpses(&h, 10, 12000, 1 / 128.0);

			/* Of 80 pages at level 1, each is seen. */
			h.histogram.pages[TM_SLOW][1] += hot ? 80 : 0;
			h.young.pages[TM_SLOW][1] += hot ? 80 : 0;
			told += tm_glimpse_tells(&h, WINDOW_NS, WINDOW_NS / 128,
						 seen + (hot ? 80 : 0));
		}
		ksft_test_result(told == (hot ? tries : 0),
				 "80 hot pages among 12000 others, %s: told in %u of %u glimpses\n",
				 hot ? "there" : "not there", told, tries);
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
			 !tm_glimpse_wants(cold | TM_HEAT_MOVED),
			 "neither who was idle in the window, nor unknown ones, nor who has just moved\n");

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
	ksft_set_plan(17);
	test_when();
	test_chance();
	test_hot();
	test_raise();
	ksft_finished();
}
