// SPDX-License-Identifier: GPL-2.0
/* What to move: histograms with a plan that anybody can check in their head. */
#include <stdio.h>

#include "kselftest.h"
#include "plan.h"
#include "quota.h"

#define NONE	TM_HEAT_LEVELS

static const struct plan_case {
	const char *why;
	u64 fast[TM_HEAT_LEVELS];
	u64 slow[TM_HEAT_LEVELS];
	u64 room, shortage;
	u64 promote, demote;
	unsigned int promote_level;	/* NONE if nothing is promoted */
	unsigned int demote_level;	/* of no interest if nothing is demoted */
} plan_cases[] = {
	{
		.why = "a group without pages has nothing to do",
		.room = 100,
		.promote_level = NONE,
	}, {
		.why = "the hot set fits: it is exchanged for idle pages, one for one",
		.fast = { [0] = 100 }, .slow = { [0] = 150, [6] = 50 },
		.promote = 50, .promote_level = 6,
		.demote = 50, .demote_level = 0,
	}, {
		.why = "the hot set fits and is inside: nothing moves",
		.fast = { [0] = 50, [6] = 50 }, .slow = { [0] = 200 },
		.promote_level = NONE,
	}, {
		/* Idle pages must not hold DRAM for ever because the hot set is too large. */
		.why = "the hottest level doesn't fit: it displaces idle pages",
		.fast = { [0] = 100 }, .slow = { [6] = 200 },
		.promote = 100, .promote_level = 6,
		.demote = 100, .demote_level = 0,
	}, {
		.why = "the next level fits in part: it displaces idle pages",
		.fast = { [0] = 40, [6] = 60 }, .slow = { [5] = 60 },
		.promote = 40, .promote_level = 5,
		.demote = 40, .demote_level = 0,
	}, {
		.why = "the hot set doesn't fit and what is inside is as hot: nothing moves",
		.fast = { [6] = 100 }, .slow = { [6] = 200 },
		.promote_level = NONE,
	}, {
		.why = "the hot set doesn't fit, but there is room: the room is filled",
		.fast = { [6] = 60 }, .slow = { [6] = 200 }, .room = 40,
		.promote = 40, .promote_level = 6,
	}, {
		.why = "room is used before anything is displaced",
		.fast = { [0] = 70 }, .slow = { [0] = 150, [6] = 50 }, .room = 30,
		.promote = 50, .promote_level = 6,
		.demote = 20, .demote_level = 0,
	}, {
		.why = "room goes to the hottest, even if the rest isn't worth an exchange then",
		.fast = { [3] = 10 }, .slow = { [4] = 10, [6] = 10 }, .room = 10,
		.promote = 10, .promote_level = 6,
	}, {
		.why = "room may end within a level, and the exchange goes on there",
		.fast = { [2] = 5 }, .slow = { [4] = 30, [6] = 10 }, .room = 15,
		.promote = 20, .promote_level = 4,
		.demote = 5, .demote_level = 2,
	}, {
		.why = "all that is hotter displaces what is lukewarm, level by level",
		.fast = { [3] = 100 }, .slow = { [5] = 200, [6] = 60 },
		.promote = 100, .promote_level = 5,
		.demote = 100, .demote_level = 3,
	}, {
		.why = "the hottest displace the coldest, until the two meet",
		.fast = { [0] = 10, [2] = 10, [4] = 10 }, .slow = { [2] = 10, [4] = 10, [6] = 10 },
		.promote = 20, .promote_level = 4,
		.demote = 20, .demote_level = 2,
	}, {
		.why = "they may meet within a level",
		.fast = { [0] = 30, [3] = 30 }, .slow = { [3] = 50, [5] = 20 },
		.promote = 30, .promote_level = 3,
		.demote = 30, .demote_level = 0,
	}, {
		.why = "uniform access to more than the quota moves nothing",
		.fast = { [3] = 100 }, .slow = { [3] = 500 },
		.promote_level = NONE,
	}, {
		.why = "a level of noise around uniform access moves nothing",
		.fast = { [3] = 50, [4] = 50 }, .slow = { [3] = 60, [4] = 40 },
		.promote_level = NONE,
	}, {
		.why = "a gap of two levels is enough for an exchange",
		.fast = { [2] = 100 }, .slow = { [4] = 50 },
		.promote = 50, .promote_level = 4,
		.demote = 50, .demote_level = 2,
	}, {
		.why = "a gap of one level isn't",
		.fast = { [4] = 100 }, .slow = { [5] = 50 },
		.promote_level = NONE,
	}, {
		.why = "two accesses are worth the place of an idle page",
		.fast = { [0] = 10 }, .slow = { [2] = 5 },
		.promote = 5, .promote_level = 2,
		.demote = 5, .demote_level = 0,
	}, {
		.why = "one access isn't",
		.fast = { [0] = 10 }, .slow = { [1] = 5 },
		.promote_level = NONE,
	}, {
		.why = "everything fits and is inside: nothing moves",
		.fast = { 10, 20, 30, 40, 50, 60, 70 }, .room = 720,
		.promote_level = NONE,
	}, {
		.why = "everything fits: all that was accessed twice comes home, nothing leaves",
		.fast = { [0] = 100 }, .slow = { 10, 20, 30, 40, 50, 60, 70 }, .room = 900,
		.promote = 250, .promote_level = 2,
	}, {
		.why = "room is never filled with idle pages",
		.fast = { [0] = 10 }, .slow = { [0] = 500 }, .room = 990,
		.promote_level = NONE,
	}, {
		.why = "nor with pages that one window saw",
		.fast = { [0] = 10 }, .slow = { [1] = 500 }, .room = 990,
		.promote_level = NONE,
	}, {
		.why = "an exchange is bounded by the cold pages inside",
		.fast = { [0] = 5, [6] = 5 }, .slow = { [6] = 50 },
		.promote = 5, .promote_level = 6,
		.demote = 5, .demote_level = 0,
	}, {
		.why = "an exchange is bounded by the hot pages outside",
		.fast = { [0] = 100 }, .slow = { [6] = 7 },
		.promote = 7, .promote_level = 6,
		.demote = 7, .demote_level = 0,
	}, {
		.why = "the margin is restored with idle pages",
		.fast = { [0] = 40, [6] = 60 }, .shortage = 10,
		.promote_level = NONE,
		.demote = 10, .demote_level = 0,
	}, {
		.why = "but only as far as there are any",
		.fast = { [0] = 4, [6] = 96 }, .shortage = 10,
		.promote_level = NONE,
		.demote = 4, .demote_level = 0,
	}, {
		.why = "and never with pages that were accessed",
		.fast = { [1] = 50, [2] = 40, [6] = 50 }, .shortage = 80,
		.promote_level = NONE,
	}, {
		.why = "not even next to an exchange that reaches them",
		.fast = { [0] = 10, [1] = 50 }, .slow = { [6] = 20 }, .shortage = 80,
		.promote = 20, .promote_level = 6,
		.demote = 20, .demote_level = 1,
	}, {
		.why = "exchange and margin add up",
		.fast = { [0] = 100 }, .slow = { [6] = 50 }, .shortage = 10,
		.promote = 50, .promote_level = 6,
		.demote = 60, .demote_level = 0,
	}, {
		.why = "of idle pages the exchange has the first pick, the margin the rest",
		.fast = { [0] = 60, [6] = 40 }, .slow = { [6] = 50 }, .shortage = 100,
		.promote = 50, .promote_level = 6,
		.demote = 60, .demote_level = 0,
	}, {
		.why = "16T that are idle, 1T that is hot: no number overflows",
		.fast = { [0] = 1ULL << 28 }, .slow = { [0] = 15ULL << 28, [6] = 1ULL << 28 },
		.promote = 1ULL << 28, .promote_level = 6,
		.demote = 1ULL << 28, .demote_level = 0,
	}, {
		.why = "no ceiling at all",
		.fast = { [0] = 100 }, .slow = { [6] = 50 }, .room = TM_QUOTA_MAX_PAGES,
		.promote = 50, .promote_level = 6,
	},
};

static void test_cases(void)
{
	struct tm_histogram h;
	unsigned int level;
	struct tm_plan p;
	bool good;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		const struct plan_case *c = &plan_cases[i];

		h = (struct tm_histogram){ 0 };
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			h.pages[TM_FAST][level] = c->fast[level];
			h.pages[TM_SLOW][level] = c->slow[level];
		}
		tm_plan_make(&h, c->room, c->shortage, &p);
		good = p.promote_pages == c->promote && p.demote_pages == c->demote &&
		       p.promote_level == c->promote_level &&
		       (!p.demote_pages || p.demote_level == c->demote_level);
		if (!good)
			ksft_print_msg("promote %llu from level %u, demote %llu up to level %u\n",
				       (unsigned long long)p.promote_pages, p.promote_level,
				       (unsigned long long)p.demote_pages, p.demote_level);
		ksft_test_result(good, "plan: %s\n", c->why);
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
	tm_plan_make(&h, 0, 0, &p);
	h.pages[TM_FAST][0] -= p.demote_pages;
	h.pages[TM_SLOW][0] += p.demote_pages;
	h.pages[TM_SLOW][6] -= p.promote_pages;
	h.pages[TM_FAST][6] += p.promote_pages;
	left = h.pages[TM_SLOW][6];
	tm_plan_make(&h, 0, 0, &p);
	ksft_test_result(!left && !p.promote_pages && !p.demote_pages,
			 "plan: a hot set that fits is inside after one pass and stays there\n");
}

static void test_level(void)
{
	const tm_heat_t hottest = 0x7f, one_of_two = 0x5, one_window = 0x3, seen_once = 1;

	ksft_test_result(tm_plan_level(0) == TM_PLAN_FRESH &&
			 tm_plan_level(seen_once) == TM_PLAN_FRESH &&
			 tm_plan_level(one_window) == TM_PLAN_FRESH,
			 "level: less than two windows are neither hot nor cold\n");
	ksft_test_result(tm_plan_level(one_of_two) == 1 && tm_plan_level(hottest) == 6,
			 "level: two windows are\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(plan_cases) + 1 + 2);
	test_cases();
	test_converges();
	test_level();
	ksft_finished();
}
