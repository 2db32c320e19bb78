// SPDX-License-Identifier: GPL-2.0
/* Candidates: the best are kept, however many there are and in whatever order they come. */
#include <stdio.h>
#include <stdlib.h>

#include "candidates.h"
#include "kselftest.h"

static struct tm_candidate all[TM_CANDIDATES];
static struct tm_candidates c = { .all = all };

/* Page frames of a level, found by walking its list; none may belong to another one. */
static unsigned int listed(unsigned int level, const u8 *level_of_pfn)
{
	unsigned int next = c.first[level], n = 0;

	for (; next; next = c.all[next - 1].next, n++)
		if (n == TM_CANDIDATES || level_of_pfn[c.all[next - 1].pfn] != level)
			return ~0U;
	return n;
}

/* As many as there are pages, counted from the best level on, until there is no room. */
static bool has_the_best(const u8 *level_of_pfn, const unsigned int *pages)
{
	unsigned int i, room = TM_CANDIDATES;

	for (i = 0; i < TM_HEAT_LEVELS; i++) {
		unsigned int level = c.coldest ? i : TM_HEAT_LEVELS - 1 - i;
		unsigned int expected = min(pages[level], room), n = listed(level, level_of_pfn);

		if (n != expected) {
			ksft_print_msg("level %u: %u listed, %u expected\n", level, n, expected);
			return false;
		}
		room -= expected;
	}
	return c.nr == TM_CANDIDATES - room;
}

/* Levels of @nr pages, in the order that they come in. */
static bool keeps_the_best(bool coldest, unsigned int nr, unsigned int (*next_level)(unsigned int))
{
	unsigned int pages[TM_HEAT_LEVELS] = { 0 }, i;
	u8 *level_of_pfn = calloc(nr, 1);
	bool ok;

	tm_candidates_clear(&c, coldest);
	for (i = 0; i < nr; i++) {
		level_of_pfn[i] = (u8)next_level(i);
		pages[level_of_pfn[i]]++;
		tm_candidates_add(&c, i, level_of_pfn[i]);
	}
	ok = has_the_best(level_of_pfn, pages);
	free(level_of_pfn);
	return ok;
}

static unsigned int any(unsigned int i)
{
	(void)i;
	return (unsigned int)random() % TM_HEAT_LEVELS;
}

static unsigned int rising(unsigned int i)
{
	return i / 5000 % TM_HEAT_LEVELS;
}

static unsigned int falling(unsigned int i)
{
	return TM_HEAT_LEVELS - 1 - rising(i);
}

static unsigned int alike(unsigned int i)
{
	(void)i;
	return 17;
}

/* A burst: many lukewarm pages at low addresses, and the hot ones come last. */
static unsigned int hot_last(unsigned int i)
{
	return i < 3 * TM_CANDIDATES ? 15 : 23;
}

int main(void)
{
	static const struct {
		const char *what;
		unsigned int (*next_level)(unsigned int i);
	} orders[] = {
		{ "in any order", any }, { "in rising order", rising },
		{ "in falling order", falling }, { "alike", alike },
		{ "many lukewarm ones first", hot_last },
	};
	static const unsigned int nr[] = { 0, 1000, TM_CANDIDATES, 5 * TM_CANDIDATES };
	unsigned int i, j;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(orders));
	srandom(5);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		bool ok = true;

		for (j = 0; j < ARRAY_SIZE(nr); j++)
			ok = keeps_the_best(false, nr[j], orders[i].next_level) &&
			     keeps_the_best(true, nr[j], orders[i].next_level) && ok;
		ksft_test_result(ok, "%s: the hottest are kept, or the coldest\n", orders[i].what);
	}
	ksft_finished();
}
