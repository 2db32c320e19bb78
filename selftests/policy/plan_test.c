// SPDX-License-Identifier: GPL-2.0
/* What to move: histograms with a plan that anybody can check in their head. */
#include <math.h>
#include <stdio.h>

#include "kselftest.h"
#include "plan.h"
#include "quota.h"

#define NONE	TM_HEAT_LEVELS
#define WARM	TM_PLAN_WARM_LEVEL
#define ANY	(~0ULL)
/* Of all cases. */
#define GAP	8
#define FINE	4

static const struct plan_case {
	const char *why;
	u64 fast[TM_HEAT_LEVELS];
	u64 slow[TM_HEAT_LEVELS];
	u64 room, shortage;
	u64 most;			/* 0: no bound */
	u64 fine;
	u64 promote, demote;
	unsigned int promote_level;	/* NONE if nothing is promoted */
	unsigned int demote_level;	/* of no interest if nothing is demoted */
	u64 unpaired, delayed;
} plan_cases[] = {
	{
		.why = "a group without pages has nothing to do",
		.room = 100,
		.promote_level = NONE,
	}, {
		.why = "the hot set fits: it is exchanged for idle pages, one for one",
		.fast = { [0] = 100 }, .slow = { [0] = 150, [31] = 50 },
		.promote = 50, .promote_level = 31,
		.demote = 50, .demote_level = 0,
	}, {
		.why = "the hot set fits and is inside: nothing moves",
		.fast = { [0] = 50, [31] = 50 }, .slow = { [0] = 200 },
		.promote_level = NONE,
	}, {
		/* Idle pages must not hold DRAM for ever because the hot set is too large. */
		.why = "the hottest level doesn't fit: it displaces idle pages",
		.fast = { [0] = 100 }, .slow = { [31] = 200 },
		.promote = 100, .promote_level = 31,
		.demote = 100, .demote_level = 0,
	}, {
		.why = "the next level fits in part: it displaces idle pages",
		.fast = { [0] = 40, [31] = 60 }, .slow = { [20] = 60 },
		.promote = 40, .promote_level = 20,
		.demote = 40, .demote_level = 0,
	}, {
		.why = "the hot set doesn't fit and what is inside is as hot: nothing moves",
		.fast = { [31] = 100 }, .slow = { [31] = 200 },
		.promote_level = NONE,
	}, {
		.why = "the hot set doesn't fit, but there is room: the room is filled",
		.fast = { [31] = 60 }, .slow = { [31] = 200 }, .room = 40,
		.promote = 40, .promote_level = 31,
	}, {
		.why = "room is used before anything is displaced",
		.fast = { [0] = 70 }, .slow = { [0] = 150, [31] = 50 }, .room = 30,
		.promote = 50, .promote_level = 31,
		.demote = 20, .demote_level = 0,
	}, {
		.why = "room goes to the hottest, even if the rest isn't worth an exchange then",
		.fast = { [9] = 10 }, .slow = { [16] = 10, [25] = 10 }, .room = 10,
		.promote = 10, .promote_level = 25,
		.unpaired = 10,
	}, {
		.why = "room may end within a level, and the exchange goes on there",
		.fast = { [6] = 5 }, .slow = { [16] = 30, [25] = 10 }, .room = 15,
		.promote = 20, .promote_level = 16,
		.demote = 5, .demote_level = 6,
	}, {
		.why = "room is filled with what is barely warm",
		.fast = { [31] = 10 }, .slow = { [WARM] = 20 }, .room = 90,
		.promote = 20, .promote_level = WARM,
	}, {
		.why = "room is never filled with idle pages",
		.fast = { [0] = 10 }, .slow = { [0] = 500, [WARM - 1] = 500 }, .room = 990,
		.promote_level = NONE,
	}, {
		.why = "the hottest displace the coldest, until the two meet",
		.fast = { [0] = 10, [10] = 10, [20] = 10 },
		.slow = { [10] = 10, [20] = 10, [30] = 10 },
		.promote = 20, .promote_level = 20,
		.demote = 20, .demote_level = 10,
	}, {
		.why = "they may meet within a level",
		.fast = { [0] = 30, [12] = 30 }, .slow = { [12] = 50, [25] = 20 },
		.promote = 30, .promote_level = 12,
		.demote = 30, .demote_level = 0,
	}, {
		.why = "a gap is enough for an exchange",
		.fast = { [10] = 100 }, .slow = { [10 + GAP] = 50 },
		.promote = 50, .promote_level = 10 + GAP,
		.demote = 50, .demote_level = 10,
	}, {
		.why = "a level less isn't: they are the warm band",
		.fast = { [10] = 100 }, .slow = { [9 + GAP] = 50 },
		.promote_level = NONE,
		.unpaired = 50,
	}, {
		.why = "the gap counts for idle pages, too",
		.fast = { [0] = 100 }, .slow = { [GAP - 1] = 50 },
		.promote_level = NONE,
		.unpaired = 50,
	}, {
		.why = "uniform access to more than the quota moves nothing",
		.fast = { [15] = 100 }, .slow = { [15] = 500 },
		.promote_level = NONE,
	}, {
		.why = "noise of less than a gap around uniform access moves nothing",
		.fast = { [12] = 25, [14] = 50, [19] = 25 },
		.slow = { [12] = 150, [14] = 200, [19] = 50 },
		.promote_level = NONE,
		.unpaired = 50,
	}, {
		.why = "everything fits and is inside: nothing moves",
		.fast = { 10, 20, 30, 40, 50, 60, 70, [31] = 80 }, .room = 720,
		.promote_level = NONE,
	}, {
		.why = "everything fits: all that is warm comes home, nothing leaves",
		.fast = { [0] = 100 }, .slow = { 10, 20, 30, 40, 50, 60, 70, [31] = 80 },
		.room = 900,
		.promote = 210, .promote_level = WARM,
	}, {
		.why = "an exchange is bounded by the cold pages inside",
		.fast = { [0] = 5, [31] = 5 }, .slow = { [31] = 50 },
		.promote = 5, .promote_level = 31,
		.demote = 5, .demote_level = 0,
	}, {
		.why = "an exchange is bounded by the hot pages outside",
		.fast = { [0] = 100 }, .slow = { [31] = 7 },
		.promote = 7, .promote_level = 31,
		.demote = 7, .demote_level = 0,
	}, {
		.why = "no more than allowed is promoted, and no more displaced; the rest waits",
		.fast = { [0] = 100 }, .slow = { [31] = 50 }, .most = 20,
		.promote = 20, .promote_level = 31,
		.demote = 20, .demote_level = 0,
		.delayed = 30,
	}, {
		.why = "what is allowed goes into the room first",
		.fast = { [0] = 100 }, .slow = { [25] = 50, [31] = 10 }, .room = 30, .most = 20,
		.promote = 20, .promote_level = 25,
		.delayed = 40,
	}, {
		.why = "and what is left of it into the exchange",
		.fast = { [0] = 100 }, .slow = { [31] = 50 }, .room = 15, .most = 20,
		.promote = 20, .promote_level = 31,
		.demote = 5, .demote_level = 0,
		.delayed = 30,
	}, {
		.why = "the margin is restored with idle pages",
		.fast = { [0] = 40, [31] = 60 }, .shortage = 10,
		.promote_level = NONE,
		.demote = 10, .demote_level = WARM - 1,
	}, {
		.why = "however little may be promoted",
		.fast = { [0] = 40 }, .slow = { [31] = 60 }, .shortage = 10, .most = 1,
		.promote = 1, .promote_level = 31,
		.demote = 11, .demote_level = WARM - 1,
		.delayed = 39,
	}, {
		.why = "but only as far as there are any",
		.fast = { [0] = 3, [WARM - 1] = 1, [31] = 96 }, .shortage = 10,
		.promote_level = NONE,
		.demote = 4, .demote_level = WARM - 1,
	}, {
		.why = "and never with warm pages",
		.fast = { [WARM] = 50, [12] = 40, [31] = 50 }, .shortage = 80,
		.promote_level = NONE,
	}, {
		.why = "not even next to an exchange that reaches them",
		.fast = { [0] = 10, [8] = 50 }, .slow = { [31] = 20 }, .shortage = 80,
		.promote = 20, .promote_level = 31,
		.demote = 20, .demote_level = 8,
	}, {
		.why = "exchange and margin add up",
		.fast = { [0] = 100 }, .slow = { [31] = 50 }, .shortage = 10,
		.promote = 50, .promote_level = 31,
		.demote = 60, .demote_level = WARM - 1,
	}, {
		.why = "of idle pages the exchange has the first pick, the margin the rest",
		.fast = { [0] = 60, [31] = 40 }, .slow = { [31] = 50 }, .shortage = 100,
		.promote = 50, .promote_level = 31,
		.demote = 60, .demote_level = WARM - 1,
	}, {
		.why = "a fine gap is enough for a few",
		.fast = { [10] = 100 }, .slow = { [10 + FINE] = 50 }, .fine = 7,
		.promote = 7, .promote_level = 10 + FINE,
		.demote = 7, .demote_level = 10,
		.unpaired = 43,
	}, {
		.why = "a level less than the fine gap isn't",
		.fast = { [10] = 100 }, .slow = { [9 + FINE] = 50 }, .fine = 7,
		.promote_level = NONE,
		.unpaired = 50,
	}, {
		.why = "few may be fewer than allowed",
		.fast = { [10] = 100 }, .slow = { [10 + FINE] = 5 }, .fine = 7,
		.promote = 5, .promote_level = 10 + FINE,
		.demote = 5, .demote_level = 10,
	}, {
		.why = "across the gap that bound doesn't count",
		.fast = { [0] = 100 }, .slow = { [31] = 50 }, .fine = 7,
		.promote = 50, .promote_level = 31,
		.demote = 50, .demote_level = 0,
	}, {
		.why = "a few across the fine gap come after all across the gap",
		.fast = { [0] = 10, [16] = 90 }, .slow = { [20] = 40, [31] = 10 }, .fine = 7,
		.promote = 17, .promote_level = 20,
		.demote = 17, .demote_level = 16,
		.unpaired = 33,
	}, {
		.why = "and only if that many may move",
		.fast = { [0] = 10, [16] = 90 }, .slow = { [20] = 40, [31] = 10 }, .fine = 7,
		.most = 12,
		.promote = 12, .promote_level = 20,
		.demote = 12, .demote_level = 16,
		.unpaired = 38,
	}, {
		.why = "what is delayed goes first",
		.fast = { [0] = 10, [16] = 90 }, .slow = { [20] = 40, [31] = 10 }, .fine = 7,
		.most = 6,
		.promote = 6, .promote_level = 31,
		.demote = 6, .demote_level = 0,
		.unpaired = 40, .delayed = 4,
	}, {
		.why = "room is filled before anything is exchanged across the fine gap",
		.fast = { [10] = 90 }, .slow = { [10 + FINE] = 50 }, .room = 10, .fine = 7,
		.promote = 17, .promote_level = 10 + FINE,
		.demote = 7, .demote_level = 10,
		.unpaired = 33,
	}, {
		.why = "idle pages are idle across the fine gap, too",
		.fast = { [0] = 100 }, .slow = { [WARM - 1] = 50 }, .fine = 7,
		.promote_level = NONE,
	}, {
		.why = "16T that are idle, 1T that is hot: no number overflows",
		.fast = { [0] = 1ULL << 28 }, .slow = { [0] = 15ULL << 28, [31] = 1ULL << 28 },
		.promote = 1ULL << 28, .promote_level = 31,
		.demote = 1ULL << 28, .demote_level = 0,
	}, {
		.why = "no ceiling at all",
		.fast = { [0] = 100 }, .slow = { [31] = 50 }, .room = TM_QUOTA_MAX_PAGES,
		.promote = 50, .promote_level = 31,
	},
};

static void fill(struct tm_histogram *h, const u64 *fast, const u64 *slow)
{
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		h->pages[TM_FAST][level] = fast[level];
		h->pages[TM_SLOW][level] = slow[level];
	}
}

static u64 sum(const u64 *pages)
{
	unsigned int level;
	u64 all = 0;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		all += pages[level];
	return all;
}

static void test_cases(void)
{
	struct tm_plan p;
	bool good;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		const struct plan_case *c = &plan_cases[i];
		struct tm_plan_limits limits = {
			.quota_pages = sum(c->fast) + c->room,
			.room_pages = c->room,
			.short_pages = c->shortage,
			.most_pages = c->most ? c->most : ANY,
			.gap = GAP,
			.fine_gap = FINE,
			.fine_pages = c->fine,
		};
		struct tm_histogram h;

		fill(&h, c->fast, c->slow);
		tm_plan_make(&h, &limits, &p);
		good = p.promote_pages == c->promote && p.demote_pages == c->demote &&
		       p.promote_level == c->promote_level &&
		       (!p.demote_pages || p.demote_level == c->demote_level) &&
		       p.unpaired_pages == c->unpaired && p.delayed_pages == c->delayed;
		if (!good)
			ksft_print_msg("promote %llu from level %u, demote %llu up to level %u, unpaired %llu, delayed %llu\n",
				       (unsigned long long)p.promote_pages, p.promote_level,
				       (unsigned long long)p.demote_pages, p.demote_level,
				       (unsigned long long)p.unpaired_pages,
				       (unsigned long long)p.delayed_pages);
		ksft_test_result(good, "plan: %s\n", c->why);
	}
}

/* Carry out the plan and make the next one. */
static void test_converges(void)
{
	struct tm_plan_limits limits = { .quota_pages = 100, .most_pages = ANY, .gap = GAP };
	struct tm_histogram h = { 0 };
	struct tm_plan p;
	u64 left;

	h.pages[TM_FAST][0] = 80;
	h.pages[TM_FAST][31] = 20;
	h.pages[TM_SLOW][0] = 300;
	h.pages[TM_SLOW][31] = 50;
	tm_plan_make(&h, &limits, &p);
	h.pages[TM_FAST][0] -= p.demote_pages;
	h.pages[TM_SLOW][0] += p.demote_pages;
	h.pages[TM_SLOW][31] -= p.promote_pages;
	h.pages[TM_FAST][31] += p.promote_pages;
	left = h.pages[TM_SLOW][31];
	tm_plan_make(&h, &limits, &p);
	ksft_test_result(!left && !p.promote_pages && !p.demote_pages,
			 "plan: a hot set that fits is inside after one pass and stays there\n");
}

/* 100 pages at each of four levels, half of them in DRAM. */
static const struct threshold_case {
	const char *why;
	u64 quota;
	unsigned int gap;
	unsigned int threshold;
	u64 hot_slow, cold_fast;
} threshold_cases[] = {
	{ "no quota: not even the hottest fit", 0, 8, 32, 0, 150 },
	{ "a page less than the hottest level", 99, 8, 32, 0, 150 },
	{ "exactly the hottest level", 100, 8, 21, 50, 100 },
	{ "a page less than two levels", 199, 8, 21, 50, 100 },
	{ "exactly two levels", 200, 8, 13, 100, 50 },
	{ "what is nearer than half a gap isn't clearly hot", 200, 16, 13, 50, 50 },
	{ "nor clearly cold", 199, 20, 21, 50, 50 },
	{ "exactly three levels: idle pages are cold even though they'd nearly fit",
	  300, 8, 3, 150, 50 },
	{ "everything fits: what is warm and slow is hot, what is idle is cold",
	  400, 8, 0, 150, 50 },
	{ "no ceiling", TM_QUOTA_MAX_PAGES, 8, 0, 150, 50 },
};

static void test_threshold(void)
{
	static const unsigned int levels[] = { 2, 12, 20, 31 };
	struct tm_histogram h = { 0 };
	struct tm_plan p;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		h.pages[TM_FAST][levels[i]] = 50;
		h.pages[TM_SLOW][levels[i]] = 50;
	}
	for (i = 0; i < ARRAY_SIZE(threshold_cases); i++) {
		const struct threshold_case *c = &threshold_cases[i];
		struct tm_plan_limits limits = { .quota_pages = c->quota, .gap = c->gap };
		bool good;

		tm_plan_make(&h, &limits, &p);
		good = p.threshold == c->threshold &&
		       tm_plan_threshold(&h, c->quota) == c->threshold &&
		       p.hot_slow_pages == c->hot_slow && p.cold_fast_pages == c->cold_fast;
		if (!good)
			ksft_print_msg("threshold %u, %llu hot pages slow, %llu cold pages fast\n",
				       p.threshold, (unsigned long long)p.hot_slow_pages,
				       (unsigned long long)p.cold_fast_pages);
		ksft_test_result(good, "threshold: %s\n", c->why);
	}
}

static const struct candidates_case {
	const char *why;
	u64 fast[TM_HEAT_LEVELS];
	u64 slow[TM_HEAT_LEVELS];
	s64 room;
	u64 most;			/* 0: no bound */
	int floor, ceiling;
} candidates_cases[] = {
	{
		.why = "nothing is known: the hottest, once there are some",
		.floor = 31, .ceiling = -1,
	}, {
		.why = "a hot set outside: all but what is nearly as cold as what is inside",
		.fast = { [0] = 100 }, .slow = { [0] = 150, [31] = 50 },
		.floor = GAP - 2, .ceiling = 31 - GAP + 2,
	}, {
		.why = "like heat: nobody",
		.fast = { [15] = 100 }, .slow = { [15] = 500 },
		.floor = 15 + GAP - 2, .ceiling = 15 - GAP + 2,
	}, {
		.why = "they may drift by a level each until they are seen again",
		.fast = { [10] = 100 }, .slow = { [10 + GAP - 2] = 500 },
		.floor = 10 + GAP - 2, .ceiling = 10,
	}, {
		.why = "where there's room, all that is warm",
		.fast = { [15] = 100 }, .slow = { [15] = 500 }, .room = 1,
		.floor = WARM, .ceiling = 15 - GAP + 2,
	}, {
		.why = "where the margin is used up, all that is idle",
		.fast = { [31] = 100 }, .slow = { [0] = 500 }, .room = -1,
		.floor = 31, .ceiling = WARM - 1,
	}, {
		.why = "idle pages outside are of no use",
		.fast = { [0] = 100 }, .slow = { [0] = 500 }, .room = 1000,
		.floor = WARM, .ceiling = -1,
	}, {
		.why = "too many: the hottest levels, as long as all of a level fit",
		.fast = { [0] = 10 }, .slow = { [29] = 30, [30] = 30, [31] = 30 }, .most = 70,
		.floor = 30, .ceiling = 31 - GAP + 2,
	}, {
		.why = "exactly as many",
		.fast = { [0] = 10 }, .slow = { [29] = 30, [30] = 30, [31] = 30 }, .most = 60,
		.floor = 30, .ceiling = 31 - GAP + 2,
	}, {
		.why = "one less, and it's a level less",
		.fast = { [0] = 10 }, .slow = { [29] = 30, [30] = 30, [31] = 30 }, .most = 59,
		.floor = 31, .ceiling = 31 - GAP + 2,
	}, {
		.why = "a level that doesn't fit by itself is better than nobody",
		.fast = { [2] = 1000 }, .slow = { [30] = 1000 }, .most = 60,
		.floor = 30, .ceiling = 2,
	}, {
		.why = "and better than a handful",
		.fast = { [1] = 3, [2] = 1000 }, .slow = { [30] = 1000, [31] = 3 }, .most = 60,
		.floor = 30, .ceiling = 2,
	}, {
		.why = "too many to displace: the coldest levels",
		.fast = { [1] = 30, [2] = 30, [3] = 30 }, .slow = { [31] = 10 }, .most = 70,
		.floor = 1 + GAP - 2, .ceiling = 2,
	},
};

static void test_candidates(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(candidates_cases); i++) {
		const struct candidates_case *c = &candidates_cases[i];
		struct tm_histogram h;
		int floor, ceiling;

		fill(&h, c->fast, c->slow);
		tm_plan_candidates(&h, c->room, GAP, c->most ? c->most : ANY, &floor, &ceiling);
		if (floor != c->floor || ceiling != c->ceiling)
			ksft_print_msg("slow ones from %d, expected %d; fast ones up to %d, expected %d\n",
				       floor, c->floor, ceiling, c->ceiling);
		ksft_test_result(floor == c->floor && ceiling == c->ceiling,
				 "candidates: %s\n", c->why);
	}
}

static void test_movable(void)
{
	struct tm_histogram h = { 0 };

	h.pages[TM_FAST][10] = 40;
	h.pages[TM_FAST][31] = 1000;
	h.pages[TM_SLOW][0] = 5000;
	h.pages[TM_SLOW][10 + GAP - 3] = 200;
	ksft_test_result(!tm_plan_movable(&h, 0, GAP), "movable: none where no gap is near\n");
	h.pages[TM_SLOW][10 + GAP - 2] = 30;
	ksft_test_result(tm_plan_movable(&h, 0, GAP) == 30,
			 "movable: what may be a gap apart by then\n");
	h.pages[TM_SLOW][10 + GAP - 2] = 300;
	ksft_test_result(tm_plan_movable(&h, 0, GAP) == 40, "movable: as many as may make room\n");
	ksft_test_result(tm_plan_movable(&h, 100, GAP) == 140 && tm_plan_movable(&h, -1, GAP) == 40,
			 "movable: and what fits beside them\n");
	ksft_test_result(tm_plan_movable(&h, 100000, GAP) == 500, "movable: no idle pages\n");
}

/* Accesses in 1/1024 that a level stands for, as libm has it. */
static double accesses(unsigned int level)
{
	double p = pow(sin((level + 0.5) / TM_HEAT_LEVELS * acos(-1) / 2), 2);

	return -log(1 - p);
}

static void test_curve(void)
{
	struct tm_histogram h = { 0 };
	unsigned int hits;
	double expected;

	ksft_test_result(tm_plan_hits(&h, 0) == 1024 && tm_plan_hits(&h, 100) == 1024,
			 "curve: where nothing is accessed, nothing is missed\n");

	h.pages[TM_FAST][20] = 30;
	h.pages[TM_SLOW][20] = 70;
	ksft_test_result(tm_plan_hits(&h, 0) == 0 && tm_plan_hits(&h, 25) == 256 &&
			 tm_plan_hits(&h, 50) == 512 && tm_plan_hits(&h, 100) == 1024,
			 "curve: uniform access is a straight line, wherever the pages are\n");
	ksft_test_result(tm_plan_hits(&h, 101) == 1024 &&
			 tm_plan_hits(&h, TM_QUOTA_MAX_PAGES) == 1024,
			 "curve: more than everything is no more\n");

	h.pages[TM_SLOW][0] = 1000000;
	ksft_test_result(tm_plan_hits(&h, 100) == 1024, "curve: idle pages need no DRAM\n");

	h = (struct tm_histogram){ 0 };
	h.pages[TM_SLOW][28] = 100;
	h.pages[TM_FAST][10] = 900;
	expected = 1024 * 100 * accesses(28) / (100 * accesses(28) + 900 * accesses(10));
	hits = tm_plan_hits(&h, 100);
	ksft_test_result(fabs(hits - expected) < 0.02 * 1024,
			 "curve: a tenth of the pages, level 28 of 28 and 10: %u of 1024, expected %.0f\n",
			 hits, expected);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(plan_cases) + 1 + ARRAY_SIZE(threshold_cases) +
		      ARRAY_SIZE(candidates_cases) + 5 + 5);
	test_cases();
	test_converges();
	test_threshold();
	test_candidates();
	test_movable();
	test_curve();
	ksft_finished();
}
