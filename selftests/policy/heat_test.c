// SPDX-License-Identifier: GPL-2.0
/* Heat of one page, window by window. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "kselftest.h"

#define TAG	0x5
#define WEIGHT	8

/* As libm knows it; the ring has neither floating point nor this constant. */
#define QUARTER	(acos(-1) / 2)
#define EPSILON	(1 / 1e9)

static struct tm_heat_table table;

/*
 * A history as text, one letter per visit:
 *
 *   Y, -	a window is over, accessed or not; the first one begins the entry
 *   y, .	another mapping in the same pass, accessed or not
 *   m		the page moves
 */
static tm_heat_t replay(const char *history)
{
	tm_heat_t heat = TM_HEAT_NEVER;
	/* Never 0, which would forget a move. */
	unsigned int phase = 1;

	for (; *history; history++) {
		switch (*history) {
		case 'Y':
		case '-':
			heat = heat == TM_HEAT_NEVER ?
			       tm_heat_first(TAG, false, false, *history == 'Y') :
			       tm_heat_visit(heat, &table, phase, *history == 'Y');
			break;
		case 'y':
		case '.':
			heat = tm_heat_visit_again(heat, &table, phase, *history == 'y');
			break;
		case 'm':
			heat |= TM_HEAT_MOVED;
			break;
		default:
			ksft_exit_fail_msg("no such letter: %c\n", *history);
		}
		phase = phase % (TM_HEAT_PHASES - 1) + 1;
	}
	return heat;
}

#define SETTLED(mean)	(TM_HEAT_SETTLED + (mean))

static const struct heat_case {
	const char *history;
	unsigned int state;
	bool moved;
	const char *why;
} heat_cases[] = {
	{ "", TM_HEAT_NEVER, false, "a frame that was never seen" },
	{ "-", TM_HEAT_FRESH(1, 0), false, "one window without an access" },
	{ "Y", TM_HEAT_FRESH(1, 1), false, "one window with an access" },
	{ "-Y", TM_HEAT_FRESH(2, 1), false, "two windows, one access" },
	{ "Y-", TM_HEAT_FRESH(2, 1), false, "the order doesn't matter" },
	{ "YY", TM_HEAT_FRESH(2, 2), false, "two windows, two accesses" },
	{ "Y-Y", TM_HEAT_FRESH(3, 2), false, "three windows, two accesses" },
	{ "----", TM_HEAT_FRESH(4, 0), false, "four idle windows" },
	{ "YYYY", TM_HEAT_FRESH(4, 4), false, "four busy windows: still fresh" },
	{ "-----", SETTLED(0), false, "the fifth window settles an idle page at 0" },
	{ "YYYYY", SETTLED(80), false, "a busy one at 5/7: two idle windows are assumed" },
	{ "--Y--", SETTLED(16), false, "one access of five: 1/7" },
	{ "YY-Y-", SETTLED(48), false, "three of five: 3/7" },

	{ "-y", TM_HEAT_FRESH(2, 1), false, "an access by another mapping is a window more" },
	{ "Yy", TM_HEAT_FRESH(1, 1), false, "but not if one was seen already" },
	{ "Yyyyy", TM_HEAT_FRESH(1, 1), false, "five mappings in a pass are one window" },
	{ "-....", TM_HEAT_FRESH(1, 0), false, "five idle mappings, too" },
	{ "-yyyy", TM_HEAT_FRESH(2, 1), false, "of late accesses only the first counts" },
	{ "-Y.-y", TM_HEAT_FRESH(4, 2), false, "three passes with several mappings" },

	{ "YmY", TM_HEAT_FRESH(2, 2), true, "a move keeps the heat" },
	{ "Ym----", SETTLED(16), true, "other phases than the first don't forget it" },
	{ "Ym....", TM_HEAT_FRESH(1, 1), true, "nor do other mappings" },
	{ "-my", TM_HEAT_FRESH(2, 1), true, "nor does one that counts as a window" },
	{ "-----mYYYYYYYYYYYYYYY", SETTLED(97), true, "a settled page, too" },
};

static void test_histories(void)
{
	size_t i;

	tm_heat_table_fill(&table, WEIGHT);
	for (i = 0; i < ARRAY_SIZE(heat_cases); i++) {
		const struct heat_case *c = &heat_cases[i];
		tm_heat_t heat = replay(c->history);
		unsigned int state = heat & TM_HEAT_STATE_MASK;
		bool good = state == c->state && !(heat & TM_HEAT_MOVED) == !c->moved;

		if (!good)
			ksft_print_msg("%s: %#x is state %u, moved %d\n", c->history, heat, state,
				       !!(heat & TM_HEAT_MOVED));
		ksft_test_result(good, "heat: %s\n", c->why);
	}
}

/* What of a page lasts for how long. */
static void test_bits(void)
{
	const unsigned int other = TAG ^ 1;
	tm_heat_t heat, next;

	heat = TAG << TM_HEAT_TAG_SHIFT;
	ksft_test_result(!tm_heat_is_about(0, 0) && !tm_heat_is_about(heat, TAG),
			 "tag: what was never seen is about no page\n");
	heat = tm_heat_first(TAG, false, false, false);
	ksft_test_result(tm_heat_is_about(heat, TAG) && !tm_heat_is_about(heat, other),
			 "tag: the frame holds another page\n");
	ksft_test_result(tm_heat_is_about(tm_heat_first(15, true, true, true), 15) &&
			 tm_heat_is_about(tm_heat_first(0, true, true, false), 0),
			 "tag: the first and the last one fit\n");

	heat = tm_heat_first(TAG, true, true, false);
	next = tm_heat_visit(heat, &table, 3, true);
	ksft_test_result(heat & TM_HEAT_LARGE && next & TM_HEAT_LARGE &&
			 tm_heat_is_about(next, TAG) &&
			 !(tm_heat_first(TAG, false, true, true) & TM_HEAT_LARGE),
			 "a large folio stays large, and the same page\n");
	ksft_test_result(heat & TM_HEAT_PARITY && !(next & TM_HEAT_PARITY) &&
			 tm_heat_visit(next, &table, 3, true) & TM_HEAT_PARITY &&
			 !(tm_heat_first(TAG, true, false, true) & TM_HEAT_PARITY),
			 "parity: each pass has the other one\n");
	ksft_test_result(!((tm_heat_visit_again(next, &table, 3, true) ^ next) & TM_HEAT_PARITY),
			 "parity: another mapping is in the same pass\n");
	ksft_test_result(next & TM_HEAT_SIGHTED &&
			 !(tm_heat_visit(next, &table, 3, false) & TM_HEAT_SIGHTED) &&
			 !(heat & TM_HEAT_SIGHTED) &&
			 tm_heat_first(TAG, true, true, true) & TM_HEAT_SIGHTED,
			 "sighted: what the last window saw, no older one\n");
	ksft_test_result(!((heat | next) & TM_HEAT_MOVED),
			 "moved: neither a new page nor one that was visited\n");
}

/* A page moves, and each window comes in all phases once. */
static void test_forgets(void)
{
	unsigned int phase, young, late = 0, forgets[2][2] = { { 0 } };
	tm_heat_t fresh = tm_heat_first(TAG, false, false, false) | TM_HEAT_MOVED, heat;

	for (phase = 0; phase < TM_HEAT_PHASES; phase++)
		for (young = 0; young < 2; young++) {
			heat = tm_heat_visit(fresh, &table, phase, young);
			forgets[0][young] += !(heat & TM_HEAT_MOVED);
			heat = tm_heat_visit((tm_heat_t)(fresh + TM_HEAT_STATES - 2), &table,
					     phase, young);
			forgets[1][young] += !(heat & TM_HEAT_MOVED);
			heat = tm_heat_visit_again(fresh, &table, phase, young);
			late += !(heat & TM_HEAT_MOVED);
		}
	ksft_test_result(forgets[0][0] == 1 && forgets[0][1] == 1,
			 "moved: a fresh page, %u of 16 idle windows and %u busy ones forget it\n",
			 forgets[0][0], forgets[0][1]);
	ksft_test_result(forgets[1][0] == 1 && forgets[1][1] == 1,
			 "moved: the hottest page, %u of 16 idle windows and %u busy ones\n",
			 forgets[1][0], forgets[1][1]);
	ksft_test_result(late == 1, "moved: another mapping counts as a window, or forgets nothing: %u\n",
			 late);
}

/* Pass by pass, how many windows until it is forgotten? */
static void test_forgets_in_time(void)
{
	enum { PAGES = 20000 };
	unsigned long windows = 0;
	unsigned int i;
	double mean;

	srandom(2);
	for (i = 0; i < PAGES; i++) {
		tm_heat_t heat = tm_heat_first(TAG, false, false, true) | TM_HEAT_MOVED;

		for (; heat & TM_HEAT_MOVED; windows++)
			heat = tm_heat_visit(heat, &table, (unsigned int)random() % TM_HEAT_PHASES,
					     random() & 1);
	}
	mean = (double)windows / PAGES;
	/* The mean of a geometric distribution is as uncertain as 16 / sqrt(20000) = 0.11. */
	ksft_test_result(fabs(mean - TM_HEAT_PHASES) < 0.5,
			 "moved: remembered for %.2f windows on average, expected 16\n", mean);
}

/* What a fresh or settled state says about p, or -1. */
static double chance_of_state(unsigned int state)
{
	unsigned int n, k;

	if (state >= TM_HEAT_SETTLED)
		return (double)(state - TM_HEAT_SETTLED) / TM_HEAT_ALWAYS;
	/* One window says nothing. */
	for (n = 2; n <= TM_HEAT_FRESH_WINDOWS; n++)
		for (k = 0; k <= n; k++)
			if (state == TM_HEAT_FRESH(n, k))
				return (double)k / (n + 2);
	return -1;
}

/* The tables of heat.c from their definition. */
static void test_tables(void)
{
	unsigned int state, level, bad_levels = 0, bad_chances = 0, bad_accesses = 0;

	for (state = 0; state < TM_HEAT_STATES; state++) {
		double p = chance_of_state(state);
		unsigned int expected = TM_HEAT_UNKNOWN;

		/* p = 1 is the end of the last level; 1/4 and the like lie on a border. */
		if (p >= 0)
			expected = (unsigned int)fmin(TM_HEAT_LEVELS / QUARTER * asin(sqrt(p)) +
						      EPSILON, TM_HEAT_LEVELS - 1);
		if (tm_heat_level_of_state[state] == expected)
			continue;
		ksft_print_msg("state %u has level %u, not %u\n", state,
			       tm_heat_level_of_state[state], expected);
		bad_levels++;
	}
	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		double p = pow(sin((level + 0.5) / TM_HEAT_LEVELS * QUARTER), 2);
		double accesses = -64 * log(1 - p);

		if (tm_heat_chance[level] != lround(1024 * p)) {
			ksft_print_msg("level %u: chance %u, not %f\n", level,
				       tm_heat_chance[level], 1024 * p);
			bad_chances++;
		}
		if (tm_heat_accesses[level] != lround(accesses)) {
			ksft_print_msg("level %u: accesses %u, not %f\n", level,
				       tm_heat_accesses[level], accesses);
			bad_accesses++;
		}
	}
	ksft_test_result(!bad_levels, "table: the level of each state\n");
	ksft_test_result(!bad_chances, "table: the chance of each level\n");
	ksft_test_result(!bad_accesses, "table: accesses to a page of each level\n");
}

static unsigned int random_phase(void)
{
	return (unsigned int)random() % TM_HEAT_PHASES;
}

/* Mean of a page's average over many windows that see it with probability @p. */
static double long_mean(unsigned int weight, double p)
{
	enum { WARM_UP = 2000, WINDOWS = 200000 };
	tm_heat_t heat = tm_heat_first(TAG, false, false, false);
	unsigned int i;
	double sum = 0;

	tm_heat_table_fill(&table, weight);
	for (i = 0; i < WARM_UP + WINDOWS; i++) {
		heat = tm_heat_visit(heat, &table, random_phase(),
				     (double)random() < p * (1U << 31));
		if (i >= WARM_UP)
			sum += chance_of_state(heat & TM_HEAT_STATE_MASK);
	}
	return sum / WINDOWS;
}

static void test_unbiased(void)
{
	static const double chances[] = { 0, 0.02, 0.06, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1 };
	unsigned int w, i;

	srandom(1);
	for (w = 0; w < TM_ENGINE_WEIGHTS; w++) {
		unsigned int weight = tm_engine_weight[w];
		double worst = 0;

		for (i = 0; i < ARRAY_SIZE(chances); i++) {
			double mean = long_mean(weight, chances[i]);
			double off = fabs(mean - chances[i]);
			/*
			 * Rounding to phases may cost half of one a window. And the mean of
			 * that many windows isn't exact: four sigma.
			 */
			double allowed = weight * 0.5 / TM_HEAT_PHASES / TM_HEAT_ALWAYS / 2 +
					 4 * sqrt(chances[i] * (1 - chances[i]) / 200000);

			if (off > allowed)
				ksft_print_msg("weight %u: p %.2f, mean %.4f\n", weight,
					       chances[i], mean);
			worst = fmax(worst, off / fmax(allowed, EPSILON));
		}
		ksft_test_result(worst <= 1,
				 "weight %u: the mean is p, off by at most %.0f %% of what is allowed\n",
				 weight, 100 * worst);
	}
}

/* How many windows until a page that turns hot, or cold, is nine tenths there. */
static void test_speed(void)
{
	unsigned int w, i;

	for (w = 0; w < TM_ENGINE_WEIGHTS; w++) {
		double weight = tm_engine_weight[w], expected = log(0.1) / log(1 - 1 / weight);
		unsigned int up = 0, down = 0;
		const unsigned int tries = 500;
		/* Windows come in whole ones. */
		const double slack = tries * fmax(0.15 * expected, 1);
		tm_heat_t heat;

		tm_heat_table_fill(&table, tm_engine_weight[w]);
		for (i = 0; i < tries; i++) {
			heat = TM_HEAT_SETTLED;
			for (; chance_of_state(heat & TM_HEAT_STATE_MASK) < 0.9; up++)
				heat = tm_heat_visit(heat, &table, random_phase(), true);
			heat = TM_HEAT_STATES - 1;
			for (; chance_of_state(heat & TM_HEAT_STATE_MASK) > 0.1; down++)
				heat = tm_heat_visit(heat, &table, random_phase(), false);
		}
		ksft_test_result(fabs(up - expected * tries) < slack &&
				 fabs(down - expected * tries) < slack,
				 "weight %.0f: %.1f windows to turn hot, %.1f to turn cold, expected %.1f\n",
				 weight, (double)up / tries, (double)down / tries, expected);
	}
}

/* A page that is always accessed, or never, ends up at the end of the scale. */
static void test_ends(void)
{
	unsigned int w, i, short_of = 0;

	for (w = 0; w < TM_ENGINE_WEIGHTS; w++) {
		tm_heat_t hot = TM_HEAT_SETTLED + TM_HEAT_ALWAYS / 2, cold = hot;

		tm_heat_table_fill(&table, tm_engine_weight[w]);
		for (i = 0; i < 100u * tm_engine_weight[w]; i++) {
			hot = tm_heat_visit(hot, &table, i % TM_HEAT_PHASES, true);
			cold = tm_heat_visit(cold, &table, i % TM_HEAT_PHASES, false);
		}
		if ((hot & TM_HEAT_STATE_MASK) == TM_HEAT_STATES - 1 &&
		    (cold & TM_HEAT_STATE_MASK) == TM_HEAT_SETTLED)
			continue;
		ksft_print_msg("weight %u: states %u and %u\n", tm_engine_weight[w],
			       hot & TM_HEAT_STATE_MASK, cold & TM_HEAT_STATE_MASK);
		short_of++;
	}
	ksft_test_result(!short_of, "all weights: both ends of the scale are reached\n");
}

static void test_fields(void)
{
	unsigned int bits = TM_HEAT_STATE_MASK + TM_HEAT_PARITY + TM_HEAT_SIGHTED + TM_HEAT_MOVED +
			    TM_HEAT_LARGE + TM_HEAT_TOLD +
			    (((1u << TM_HEAT_TAG_BITS) - 1) << TM_HEAT_TAG_SHIFT);

	ksft_test_result(bits == 0xffff, "the fields fill 16 bits without an overlap\n");
	ksft_test_result(TM_HEAT_FRESH(TM_HEAT_FRESH_WINDOWS, TM_HEAT_FRESH_WINDOWS) + 1 ==
			 TM_HEAT_SETTLED, "fresh states end where settled ones begin\n");
	ksft_test_result(ARRAY_SIZE(table.next[0][0]) == TM_HEAT_TABLE_MASK + 1 &&
			 TM_HEAT_SETTLED + TM_HEAT_ALWAYS == TM_HEAT_STATE_MASK,
			 "a table has an entry for each state, moved or not\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(heat_cases) + 8 + 3 + 1 + 3 + 2 * TM_ENGINE_WEIGHTS + 1 + 3);
	test_histories();
	test_bits();
	test_forgets();
	test_forgets_in_time();
	test_tables();
	test_unbiased();
	test_speed();
	test_ends();
	test_fields();
	ksft_finished();
}
