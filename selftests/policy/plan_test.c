// SPDX-License-Identifier: GPL-2.0
/* What to move: histograms with a plan that anybody can check in their head. */
#include <stdio.h>

#include "kselftest.h"
#include "plan.h"

#define NONE	TM_HEAT_LEVELS

static const struct plan_case {
	const char *why;
	u64 fast[TM_HEAT_LEVELS];	/* coldest level first */
	u64 slow[TM_HEAT_LEVELS];
	u64 quota, room, shortage;
	unsigned int threshold;
	u64 promote, demote;
} plan_cases[] = {
	{
		.why = "a group without pages has nothing to do",
		.quota = 100, .room = 100,
		.threshold = 0, .promote = 0, .demote = 0,
	}, {
		.why = "the hot set fits: it is exchanged for idle pages, one for one",
		.fast = { 100 }, .slow = { 150, 0, 0, 0, 0, 0, 50 },
		.quota = 100,
		.threshold = 1, .promote = 50, .demote = 50,
	}, {
		.why = "the hot set fits and is inside: nothing moves",
		.fast = { 50, 0, 0, 0, 0, 0, 50 }, .slow = { 200 },
		.quota = 100,
		.threshold = 1, .promote = 0, .demote = 0,
	}, {
		.why = "room is used before anything is displaced",
		.fast = { 70 }, .slow = { 150, 0, 0, 0, 0, 0, 50 },
		.quota = 100, .room = 30,
		.threshold = 1, .promote = 50, .demote = 20,
	}, {
		.why = "the hot set doesn't fit and what is inside is as hot: nothing moves",
		.fast = { 0, 0, 0, 0, 0, 0, 100 }, .slow = { 0, 0, 0, 0, 0, 0, 200 },
		.quota = 100,
		.threshold = NONE, .promote = 0, .demote = 0,
	}, {
		.why = "the hottest level fits, the next one doesn't: the hottest moves in",
		.fast = { 0, 0, 0, 100 }, .slow = { 0, 0, 0, 0, 0, 200, 60 },
		.quota = 100,
		.threshold = 6, .promote = 60, .demote = 60,
	}, {
		.why = "the hot set doesn't fit, but there is room: the room is filled",
		.fast = { 0, 0, 0, 0, 0, 0, 60 }, .slow = { 0, 0, 0, 0, 0, 0, 200 },
		.quota = 100, .room = 40,
		.threshold = NONE, .promote = 40, .demote = 0,
	}, {
		.why = "uniform access to more than the quota moves nothing",
		.fast = { 0, 0, 0, 100 }, .slow = { 0, 0, 0, 500 },
		.quota = 100,
		.threshold = 4, .promote = 0, .demote = 0,
	}, {
		.why = "a level of noise around uniform access moves nothing",
		.fast = { 0, 0, 0, 50, 50 }, .slow = { 0, 0, 0, 60, 40 },
		.quota = 100,
		.threshold = 4, .promote = 0, .demote = 0,
	}, {
		.why = "a gap of two levels is enough for an exchange",
		.fast = { 0, 0, 100 }, .slow = { 0, 0, 0, 0, 50, 200 },
		.quota = 220, .room = 0,
		.threshold = 5, .promote = 100, .demote = 100,
	}, {
		.why = "a gap of one level isn't",
		.fast = { 0, 0, 0, 0, 100 }, .slow = { 0, 0, 0, 0, 0, 50 },
		.quota = 100,
		.threshold = 5, .promote = 0, .demote = 0,
	}, {
		.why = "a quota of zero promotes nothing, not even by exchange",
		.fast = { 100 }, .slow = { 0, 0, 0, 0, 0, 0, 50 },
		.quota = 0,
		.threshold = NONE, .promote = 0, .demote = 0,
	}, {
		.why = "a quota of zero demotes what is idle",
		.fast = { 30, 0, 0, 0, 0, 0, 70 }, .slow = { 0, 0, 0, 0, 0, 0, 50 },
		.quota = 0, .shortage = 100,
		.threshold = NONE, .promote = 0, .demote = 30,
	}, {
		.why = "everything fits and is inside: nothing moves",
		.fast = { 10, 20, 30, 40, 50, 60, 70 },
		.quota = 1000, .room = 720,
		.threshold = 0, .promote = 0, .demote = 0,
	}, {
		.why = "everything fits: all that was accessed twice comes home, nothing leaves",
		.fast = { 100 }, .slow = { 10, 20, 30, 40, 50, 60, 70 },
		.quota = 1000, .room = 900,
		.threshold = 0, .promote = 250, .demote = 0,
	}, {
		.why = "room is never filled with idle pages",
		.fast = { 10 }, .slow = { 500 },
		.quota = 1000, .room = 990,
		.threshold = 0, .promote = 0, .demote = 0,
	}, {
		.why = "nor with pages that one window saw",
		.fast = { 10 }, .slow = { 0, 500 },
		.quota = 1000, .room = 990,
		.threshold = 0, .promote = 0, .demote = 0,
	}, {
		.why = "an exchange is bounded by the cold pages inside",
		.fast = { 5, 0, 0, 0, 0, 0, 5 }, .slow = { 0, 0, 0, 0, 0, 0, 50 },
		.quota = 100,
		.threshold = 0, .promote = 5, .demote = 5,
	}, {
		.why = "an exchange is bounded by the hot pages outside",
		.fast = { 100 }, .slow = { 0, 0, 0, 0, 0, 0, 7 },
		.quota = 200, .room = 0,
		.threshold = 0, .promote = 7, .demote = 7,
	}, {
		.why = "an exchange is bounded by the quota",
		.fast = { 100 }, .slow = { 0, 0, 0, 0, 0, 0, 20 },
		.quota = 20, .shortage = 0,
		.threshold = 1, .promote = 20, .demote = 20,
	}, {
		.why = "the margin is restored with idle pages",
		.fast = { 40, 0, 0, 0, 0, 0, 60 },
		.quota = 90, .shortage = 10,
		.threshold = 1, .promote = 0, .demote = 10,
	}, {
		.why = "but only as far as there are any",
		.fast = { 4, 0, 0, 0, 0, 0, 96 },
		.quota = 90, .shortage = 10,
		.threshold = NONE, .promote = 0, .demote = 4,
	}, {
		.why = "and never with pages that were accessed",
		.fast = { 0, 100 },
		.quota = 90, .shortage = 10,
		.threshold = 2, .promote = 0, .demote = 0,
	}, {
		.why = "not even if they are cold enough for an exchange",
		.fast = { 0, 50, 40, 0, 0, 0, 50 },
		.quota = 60, .shortage = 80,
		.threshold = 3, .promote = 0, .demote = 0,
	}, {
		.why = "exchange and margin add up",
		.fast = { 100 }, .slow = { 0, 0, 0, 0, 0, 0, 50 },
		.quota = 90, .shortage = 10,
		.threshold = 1, .promote = 50, .demote = 60,
	}, {
		.why = "16T that are idle, 1T that is hot: no number overflows",
		.fast = { 1ULL << 28 }, .slow = { 15ULL << 28, 0, 0, 0, 0, 0, 1ULL << 28 },
		.quota = 1ULL << 28,
		.threshold = 1, .promote = 1ULL << 28, .demote = 1ULL << 28,
	}, {
		.why = "no ceiling at all",
		.fast = { 100 }, .slow = { 0, 0, 0, 0, 0, 0, 50 },
		.quota = 1ULL << 51, .room = (1ULL << 51) - 100,
		.threshold = 0, .promote = 50, .demote = 0,
	},
};

static void fill(struct tm_histogram *h, const struct plan_case *c)
{
	unsigned int level;

	*h = (struct tm_histogram){ 0 };
	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		h->pages[TM_FAST][level] = c->fast[level];
		h->pages[TM_SLOW][level] = c->slow[level];
	}
}

static void test_cases(void)
{
	struct tm_histogram h;
	struct tm_plan p;
	bool good;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		const struct plan_case *c = &plan_cases[i];

		fill(&h, c);
		tm_plan_make(&h, c->quota, c->room, c->shortage, &p);
		good = p.threshold == c->threshold && p.promote_pages == c->promote &&
		       p.demote_pages == c->demote;
		if (!good)
			ksft_print_msg("threshold %u, promote %llu, demote %llu\n", p.threshold,
				       (unsigned long long)p.promote_pages,
				       (unsigned long long)p.demote_pages);
		ksft_test_result(good, "plan: %s\n", c->why);
	}
}

/*
 * "The hottest pages of the cgroup fill its quota, also with working sets
 * larger than the quota": then idle pages must not hold DRAM for ever. The
 * plan doesn't do that yet, for a level that fits only in part.
 */
static const struct plan_case gap_cases[] = {
	{
		.why = "the hottest level doesn't fit: it displaces idle pages",
		.fast = { 100 }, .slow = { 0, 0, 0, 0, 0, 0, 200 },
		.quota = 100,
		.promote = 100, .demote = 100,
	}, {
		.why = "the next level fits in part: it displaces idle pages",
		.fast = { 40, 0, 0, 0, 0, 0, 60 }, .slow = { 0, 0, 0, 0, 0, 60 },
		.quota = 100,
		.promote = 40, .demote = 40,
	},
};

static void test_gaps(void)
{
	struct tm_histogram h;
	struct tm_plan p;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gap_cases); i++) {
		const struct plan_case *c = &gap_cases[i];

		fill(&h, c);
		tm_plan_make(&h, c->quota, c->room, c->shortage, &p);
		if (p.promote_pages == c->promote && p.demote_pages == c->demote)
			ksft_test_result_pass("plan: %s\n", c->why);
		else
			ksft_test_result_xfail("plan: %s: promotes %llu of %llu\n", c->why,
					       (unsigned long long)p.promote_pages,
					       (unsigned long long)c->promote);
	}
}

/* Carry out the plan and make the next one. */
static void test_converges(void)
{
	struct tm_histogram h = { 0 };
	struct tm_plan p;
	u64 left;

	h.pages[TM_FAST][0] = 80;
	h.pages[TM_FAST][6] = 20;
	h.pages[TM_SLOW][0] = 300;
	h.pages[TM_SLOW][6] = 50;
	tm_plan_make(&h, 100, 0, 0, &p);
	h.pages[TM_FAST][0] -= p.demote_pages;
	h.pages[TM_SLOW][0] += p.demote_pages;
	h.pages[TM_SLOW][6] -= p.promote_pages;
	h.pages[TM_FAST][6] += p.promote_pages;
	left = h.pages[TM_SLOW][6];
	tm_plan_make(&h, 100, 0, 0, &p);
	ksft_test_result(!left && !p.promote_pages && !p.demote_pages,
			 "plan: a hot set that fits is inside after one pass and stays there\n");
}

static void test_histogram(void)
{
	struct tm_histogram h = { 0 };
	const tm_heat_t hottest = 0x7f, one_of_two = 0x5, one_window = 0x3;
	const u64 thp = 512;

	tm_histogram_add(&h, TM_FAST, 0, 1);
	tm_histogram_add(&h, TM_FAST, 1, 1);
	tm_histogram_add(&h, TM_SLOW, one_window, 1);
	ksft_test_result(h.fresh_pages[TM_FAST] == 2 && h.fresh_pages[TM_SLOW] == 1 &&
			 !h.pages[TM_FAST][0] && !h.pages[TM_SLOW][1],
			 "histogram: less than two windows are neither hot nor cold\n");

	tm_histogram_add(&h, TM_SLOW, one_of_two, 3);
	tm_histogram_add(&h, TM_FAST, hottest, thp);
	ksft_test_result(h.pages[TM_SLOW][1] == 3 && h.pages[TM_FAST][6] == thp,
			 "histogram: two windows are, and a THP weighs what it holds\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(plan_cases) + ARRAY_SIZE(gap_cases) + 3);
	test_cases();
	test_gaps();
	test_converges();
	test_histogram();
	ksft_finished();
}
