// SPDX-License-Identifier: GPL-2.0
/* Heat of one page: next states and levels. */
#include "heat.h"

/*
 * A settled average after one more window. A step is rounded to whole phases,
 * half up, and one phase is the least: so both ends of the scale are reached.
 */
static unsigned int average(unsigned int old, unsigned int bit, unsigned int weight,
			    unsigned int phase)
{
	unsigned int distance = bit ? TM_HEAT_ALWAYS - old : old;
	unsigned int step = (distance * TM_HEAT_PHASES + weight / 2) / weight;

	if (distance && !step)
		step = 1;
	/* Over all phases this adds up to @step. */
	step = (step + phase) / TM_HEAT_PHASES;
	return bit ? old + step : old - step;
}

/*
 * The next state of a fresh page with @n windows, @k of them with an access.
 * With so little known, two windows more are assumed that saw no access.
 */
static unsigned int refine(unsigned int n, unsigned int k)
{
	return n <= TM_HEAT_FRESH_WINDOWS ? TM_HEAT_FRESH(n, k) :
	       TM_HEAT_SETTLED + (k * TM_HEAT_ALWAYS + (n + 2) / 2) / (n + 2);
}

static void fill_states(u8 *next, unsigned int bit, unsigned int weight, unsigned int phase)
{
	unsigned int n, k, old;

	next[TM_HEAT_NEVER] = (u8)refine(1, bit);
	for (n = 1; n <= TM_HEAT_FRESH_WINDOWS; n++)
		for (k = 0; k <= n; k++)
			next[TM_HEAT_FRESH(n, k)] = (u8)refine(n + 1, k + bit);
	for (old = 0; old <= TM_HEAT_ALWAYS; old++)
		next[TM_HEAT_SETTLED + old] =
			(u8)(TM_HEAT_SETTLED + average(old, bit, weight, phase));
}

void tm_heat_table_fill(struct tm_heat_table *t, unsigned int weight)
{
	unsigned int phase, bit, state;

	for (bit = 0; bit < 2; bit++) {
		for (phase = 0; phase < TM_HEAT_PHASES; phase++) {
			u8 *next = t->next[bit][phase];

			fill_states(next, bit, weight, phase);
			for (state = 0; state < TM_HEAT_STATES; state++)
				next[TM_HEAT_MOVED | state] =
					(u8)(next[state] | (phase ? TM_HEAT_MOVED : 0));
		}
	}
}

/*
 * 32 / (pi / 2) * asin(sqrt(p)), where p is state / 112 of a settled page and
 * k / (n + 2) of a fresh one. Unit tests compute these tables again.
 */
const u8 tm_heat_level_of_state[TM_HEAT_STATES] = {
	32, 32, 32, 0, 10, 16, 0, 9, 13, 18, 0, 8, 12, 16, 19, 0,
	1, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 7,
	8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 10, 11, 11, 11,
	11, 11, 12, 12, 12, 12, 12, 13, 13, 13, 13, 13, 13, 14, 14, 14,
	14, 14, 15, 15, 15, 15, 15, 16, 16, 16, 16, 16, 16, 17, 17, 17,
	17, 17, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 20, 20, 20,
	20, 20, 21, 21, 21, 21, 21, 22, 22, 22, 22, 23, 23, 23, 23, 24,
	24, 24, 24, 25, 25, 25, 26, 26, 26, 27, 27, 28, 28, 29, 30, 31,
};

/* 1024 * sin(x)^2 in the middle of each level, x = (level + 1/2) / 32 * pi / 2. */
const u16 tm_heat_chance[TM_HEAT_LEVELS] = {
	1, 6, 15, 30, 49, 73, 101, 133, 168, 207, 249, 293, 340, 388, 437, 487,
	537, 587, 636, 684, 731, 775, 817, 856, 891, 923, 951, 975, 994, 1009, 1018, 1023,
};

const u16 tm_heat_accesses[TM_HEAT_LEVELS] = {
	0, 0, 1, 2, 3, 5, 7, 9, 11, 14, 18, 22, 26, 30, 36, 41,
	48, 55, 62, 71, 80, 91, 102, 116, 131, 148, 169, 194, 226, 269, 334, 475,
};
