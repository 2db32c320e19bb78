// SPDX-License-Identifier: GPL-2.0
/* The brake: pass by pass. */
#include <stdio.h>

#include "kselftest.h"
#include "thrash.h"

static struct tm_thrash brake;

/* Passes with moves, of which some go back. Returns how often it stopped. */
static unsigned int passes(unsigned int n, u64 moved, u64 back)
{
	unsigned int stops = 0;

	while (n--) {
		tm_thrash_share(&brake);
		stops += tm_thrash_account(&brake, moved, back);
	}
	return stops;
}

static void is_share(unsigned int expected, const char *why)
{
	if (brake.share != expected)
		ksft_print_msg("share %u, expected %u\n", brake.share, expected);
	ksft_test_result(brake.share == expected, "%s\n", why);
}

/* From full: after one pass of 1000 moves. */
static const struct verdict {
	u64 back;
	unsigned int from, share;
	bool stops;
	const char *why;
} verdicts[] = {
	{ 0, 1024, 1024, false, "nothing goes back: the full share stays full" },
	{ 100, 1024, 1024, false, "10 % go back: not yet" },
	{ 101, 1024, 512, false, "more than 10 % go back: half" },
	{ 500, 1024, 512, false, "half goes back: half" },
	{ 501, 1024, 64, true, "more than half goes back: it stops" },
	{ 1000, 1024, 64, true, "all of it, too" },
	{ 101, 512, 256, false, "half of a half" },
	{ 101, 64, 64, false, "a sixteenth is the least" },
	{ 101, 100, 64, false, "also where half would be less" },
	{ 21, 512, 512, false, "between 2 % and 10 % it stays" },
	{ 20, 512, 640, false, "2 % go back: an eighth more" },
	{ 0, 64, 192, false, "an eighth of all, not of what it is" },
	{ 0, 1000, 1024, false, "and no more than all" },
	{ 501, 64, 64, true, "a probe that fails stops again" },
};

static void test_verdicts(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict *v = &verdicts[i];
		bool stops;

		tm_thrash_init(&brake);
		brake.share = v->from;
		stops = tm_thrash_account(&brake, 1000, v->back);
		if (stops != v->stops || brake.share != v->share)
			ksft_print_msg("share %u, stops %d\n", brake.share, stops);
		ksft_test_result(stops == v->stops && brake.share == v->share &&
				 !brake.moved_pages && !brake.back_pages, "verdict: %s\n", v->why);
	}
}

static void test_patience(void)
{
	tm_thrash_init(&brake);
	ksft_test_result(tm_thrash_share(&brake) == TM_SHARE_FULL, "a group begins with all of it\n");
	ksft_test_result(!passes(100, 0, 0) && tm_thrash_share(&brake) == TM_SHARE_FULL,
			 "passes without moves change nothing\n");
	ksft_test_result(!passes(5, 50, 50) && brake.share == TM_SHARE_FULL,
			 "250 moves are too few for a verdict, even if all went back\n");
	ksft_test_result(passes(1, 6, 0) == 1, "256 aren't: what came before counts\n");
	ksft_test_result(!passes(20, 10, 0) && !brake.back_pages,
			 "what a verdict was about doesn't count again\n");
}

/* Sixteen passes without moves, then a few, then more. */
static void test_stop(void)
{
	unsigned int i, zeros = 0, share, climbed = 0;

	tm_thrash_init(&brake);
	tm_thrash_account(&brake, 1000, 900);
	for (i = 0; i < 100; i++) {
		share = tm_thrash_share(&brake);
		if (share)
			break;
		zeros++;
		tm_thrash_account(&brake, 0, 0);
	}
	ksft_test_result(zeros == TM_THRASH_PAUSE, "stop: %u passes without moves\n", zeros);
	ksft_test_result(share == TM_SHARE_PROBE, "stop: then a sixteenth\n");
	while (brake.share < TM_SHARE_FULL && climbed < 100) {
		climbed++;
		passes(1, 300, 0);
	}
	ksft_test_result(climbed == 8, "stop: eight verdicts later all of it: %u\n", climbed);
}

/*
 * A load whose moves go back in proportion to how many there are: the share
 * must come down to where few do, and stay about there.
 */
static void test_settles(void)
{
	unsigned int i, lowest = TM_SHARE_FULL, highest = 0, stops = 0;
	double sum = 0;

	tm_thrash_init(&brake);
	for (i = 0; i < 1000; i++) {
		unsigned int share = tm_thrash_share(&brake);
		/* 40 % go back at the full share; 10 % at a quarter of it. */
		u64 moved = share * 10, back = moved * share * 2 / 5 / TM_SHARE_FULL;

		stops += tm_thrash_account(&brake, moved, back);
		if (i < 100)
			continue;
		lowest = share < lowest ? share : lowest;
		highest = share > highest ? share : highest;
		sum += share;
	}
	sum /= 900;
	ksft_test_result(!stops && lowest >= TM_SHARE_PROBE && highest <= TM_SHARE_FULL / 2 &&
			 sum > TM_SHARE_PROBE && sum <= TM_SHARE_FULL / 4,
			 "more moves, more ways back: a share of %u to %u, %.0f on average\n",
			 lowest, highest, sum);
}

static void test_series(void)
{
	tm_thrash_init(&brake);
	passes(3, 1000, 200);
	is_share(128, "three bad verdicts: an eighth");
	passes(3, 1000, 10);
	is_share(512, "three good ones after them: half");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(verdicts) + 5 + 3 + 1 + 2);
	test_verdicts();
	test_patience();
	test_stop();
	test_settles();
	test_series();
	ksft_finished();
}
