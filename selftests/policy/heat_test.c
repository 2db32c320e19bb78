// SPDX-License-Identifier: GPL-2.0
/* Heat of one page, visit by visit. */
#include <stdio.h>

#include "heat.h"
#include "kselftest.h"

#define TAG	0x2a

/*
 * A history as text, one letter per visit:
 *
 *   Y, -	first visit of a pass, accessed or not
 *   y, .	another mapping in the same pass, accessed or not
 *   m		the page moves
 *   t		the frame gets another tag (what follows is another page)
 */
static tm_heat_t replay(const char *history)
{
	unsigned int tag = TAG;
	tm_heat_t heat = 0;
	bool parity = false;

	for (; *history; history++) {
		switch (*history) {
		case 'Y':
		case '-':
			parity = !parity;
			heat = tm_heat_visit(heat, tag, parity, *history == 'Y');
			break;
		case 'y':
		case '.':
			heat = tm_heat_visit(heat, tag, parity, *history == 'y');
			break;
		case 'm':
			heat = tm_heat_mark_moved(heat);
			break;
		case 't':
			tag ^= 0x3f;
			break;
		default:
			ksft_exit_fail_msg("no such letter: %c\n", *history);
		}
	}
	return heat;
}

static const struct heat_case {
	const char *history;
	unsigned int windows;
	unsigned int level;
	bool moved;
	const char *why;
} heat_cases[] = {
	{ "", 0, 0, false, "a frame that was never seen" },

	{ "Y", 0, 0, false, "the first visit isn't evidence: its bit may be old" },
	{ "-", 0, 0, false, "nor is it evidence of idleness" },
	{ "Yy", 0, 0, false, "no mapping of the first pass is evidence" },
	{ "Y-", 1, 0, false, "one window without an access" },
	{ "YY", 1, 1, false, "one window with an access" },

	{ "-Y-", 2, 1, false, "two windows, one access" },
	{ "--Y", 2, 1, false, "the order doesn't matter" },
	{ "-YY", 2, 2, false, "two windows, two accesses" },
	{ "------", 5, 0, false, "five idle windows" },
	{ "-------", 6, 0, false, "six idle windows: the history is full" },
	{ "-YYYYYY", 6, 6, false, "six busy windows: the hottest level" },
	{ "-Y-Y-Y-", 6, 3, false, "every other window" },

	{ "-YYYYYYY", 6, 6, false, "a seventh access doesn't overflow" },
	{ "-YYYYYYYYYYYYYYYYYYYYYYYYYYYYYY", 6, 6, false, "nor does a thirtieth" },
	{ "--------------------", 6, 0, false, "the sentinel of a full history isn't heat" },
	{ "-YYYYYY-", 6, 5, false, "the oldest window leaves, an idle one enters" },
	{ "-YYYYYY------", 6, 0, false, "six idle windows cool the hottest page" },
	{ "-Y------", 6, 0, false, "an access leaves after six windows" },
	{ "-Y-----", 6, 1, false, "but not earlier" },
	{ "-------YYYYYY", 6, 6, false, "six busy windows heat the coldest page" },

	{ "--y", 1, 1, false, "any mapping's access counts" },
	{ "-Y.", 1, 1, false, "an idle mapping doesn't undo another one's access" },
	{ "-Yyyy", 1, 1, false, "four mappings in a pass are one window" },
	{ "--...", 1, 0, false, "four idle mappings, too" },
	{ "-Yy-.Y.-y", 4, 3, false, "four passes with several mappings each" },

	{ "-YYYt-", 0, 0, false, "another page in the frame starts anew" },
	{ "-YYYt.", 0, 0, false, "also in the same pass" },
	{ "-YYYtY", 0, 0, false, "its first visit isn't evidence either" },
	{ "-YYYt-Y", 1, 1, false, "its second one is" },
	{ "-YYYmt-", 0, 0, false, "it didn't move" },
	{ "-YYYtt-", 4, 3, false, "a change that no visit saw doesn't matter" },

	{ "-Ym", 1, 1, true, "a move shows at once and keeps the heat" },
	{ "-YmY", 2, 2, true, "one pass after the move" },
	{ "-YmYY", 3, 3, true, "two passes after it" },
	{ "-YmYYY", 4, 4, false, "three passes after it, a way back is no ping-pong" },
	{ "-YmYYYYYYY", 6, 6, false, "the countdown stops at zero" },
	{ "-Ym.....", 1, 1, true, "other mappings aren't passes" },
	{ "-YmYYmYY", 5, 5, true, "a second move starts the countdown again" },
	{ "-m-", 1, 0, true, "a page may move before its first window ends" },
};

static void test_histories(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heat_cases); i++) {
		const struct heat_case *c = &heat_cases[i];
		tm_heat_t heat = replay(c->history);
		bool good = tm_heat_windows(heat) == c->windows &&
			    tm_heat_level(heat) == c->level && tm_heat_moved(heat) == c->moved;

		if (!good)
			ksft_print_msg("%s: %#x is level %u of %u, moved %d\n", c->history, heat,
				       tm_heat_level(heat), tm_heat_windows(heat),
				       tm_heat_moved(heat));
		ksft_test_result(good, "heat: %s\n", c->why);
	}
}

/* There are only 65536 values, so walk them all. */
static void test_all_values(void)
{
	unsigned int bits, tag, visits, value;
	bool ordered = true, stays = true, keeps = true, seen = true;

	for (value = 0; value <= 0xffff; value++) {
		tm_heat_t heat = (tm_heat_t)value, next;

		ordered &= tm_heat_level(heat) <= tm_heat_windows(heat) &&
			   tm_heat_windows(heat) <= TM_HEAT_WINDOWS;
		next = tm_heat_mark_moved(heat);
		stays &= tm_heat_moved(next) && (next | TM_HEAT_MOVED_MASK) == next &&
			 !((next ^ heat) & ~TM_HEAT_MOVED_MASK);

		tag = value >> TM_HEAT_TAG_SHIFT;
		for (visits = 0; visits < 4; visits++) {
			next = tm_heat_visit(heat, tag, visits & 1, visits & 2);
			keeps &= next >> TM_HEAT_TAG_SHIFT == tag &&
				 tm_heat_windows(next) >= tm_heat_windows(heat);
			seen &= tm_heat_visit(heat, tag ^ 1, visits & 1, visits & 2) != 0 &&
				next != 0;
		}
	}
	ksft_test_result(ordered, "all values: level <= windows <= 6\n");
	ksft_test_result(stays, "all values: the mark of a move touches nothing else\n");
	ksft_test_result(keeps, "all values: a visit keeps the tag and no window gets lost\n");
	ksft_test_result(seen, "all values: what was visited isn't zero\n");

	bits = TM_HEAT_HIST_MASK + TM_HEAT_PARITY + TM_HEAT_MOVED_MASK +
	       (((1u << TM_HEAT_TAG_BITS) - 1) << TM_HEAT_TAG_SHIFT);
	ksft_test_result(bits == 0xffff, "the fields fill 16 bits without an overlap\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(heat_cases) + 5);
	test_histories();
	test_all_values();
	ksft_finished();
}
