// SPDX-License-Identifier: GPL-2.0
/* Sharing a pool: tables of small machines, a harvest, and epochs. */
#include <stdio.h>
#include <string.h>

#include "kselftest.h"
#include "pool.h"
#include "quota.h"

#define NONE	TM_QUOTA_MAX_PAGES
#define MOST	6

/* ---- targets ------------------------------------------------------------------ */

static const struct machine {
	const char *why;
	u64 pool;
	enum tm_pool_policy policy;
	/* Until a weight of 0. */
	struct {
		u32 depth, weight;
		u64 min, max, used, useful;
		u64 target;
	} m[MOST];
} machines[] = {
	{ "all fits: what is left is for what may come", 1000, TM_POOL_FAIR, {
		{ 0, 100, 0, NONE, 100, 100, 400 },
		{ 0, 100, 0, NONE, 300, 300, 600 } } },
	{ "both want more: by weight", 1000, TM_POOL_FAIR, {
		{ 0, 100, 0, NONE, 2000, 2000, 250 },
		{ 0, 300, 0, NONE, 2000, 2000, 750 } } },
	{ "what somebody doesn't need is for the others, however light", 1000, TM_POOL_FAIR, {
		{ 0, 1, 0, NONE, 2000, 2000, 900 },
		{ 0, 10000, 0, NONE, 100, 100, 100 } } },
	{ "what is of no use in DRAM comes after all that is", 1000, TM_POOL_FAIR, {
		{ 0, 100, 0, NONE, 5000, 200, 350 },
		{ 0, 100, 0, NONE, 5000, 500, 650 } } },
	{ "a neighbour, however large, takes nobody's fair part", 900, TM_POOL_FAIR, {
		{ 0, 100, 0, NONE, 300, 300, 300 },
		{ 0, 100, 0, NONE, 300, 300, 300 },
		{ 0, 100, 0, NONE, 100000, 100000, 300 } } },
	{ "nobody has more than the ceiling", 1000, TM_POOL_FAIR, {
		{ 0, 100, 0, 200, 2000, 2000, 200 },
		{ 0, 100, 0, NONE, 2000, 2000, 800 } } },
	{ "a reservation is beside the part by weight", 1000, TM_POOL_FAIR, {
		{ 0, 100, 600, NONE, 2000, 2000, 800 },
		{ 0, 100, 0, NONE, 2000, 2000, 200 } } },
	{ "a reservation holds for idle memory", 1000, TM_POOL_FAIR, {
		{ 0, 100, 600, NONE, 600, 0, 600 },
		{ 0, 100, 0, NONE, 2000, 2000, 400 } } },
	{ "but not for memory that isn't there, but for 1024 pages", 5000, TM_POOL_FAIR, {
		{ 0, 100, 4000, NONE, 0, 0, 1024 },
		{ 0, 100, 0, NONE, 9000, 9000, 3976 } } },
	{ "too many reservations: in proportion", 1000, TM_POOL_FAIR, {
		{ 0, 100, 1000, NONE, 9000, 9000, 250 },
		{ 0, 100, 3000, NONE, 9000, 0, 750 } } },
	{ "below a group that has none, a reservation is none", 1000, TM_POOL_FAIR, {
		{ 0, 100, 0, NONE, 0, 0, 500 },
		{ 1, 100, 900, NONE, 2000, 2000, 500 },
		{ 0, 100, 0, NONE, 2000, 2000, 500 } } },
	{ "below one that has, it is", 1000, TM_POOL_FAIR, {
		{ 0, 100, 600, NONE, 0, 0, 800 },
		{ 1, 100, 600, NONE, 2000, 2000, 700 },
		{ 1, 100, 0, NONE, 2000, 2000, 100 },
		{ 0, 100, 0, NONE, 2000, 2000, 200 } } },
	{ "weights are among neighbours", 1200, TM_POOL_FAIR, {
		{ 0, 100, 0, NONE, 0, 0, 600 },
		{ 1, 100, 0, NONE, 2000, 2000, 200 },
		{ 1, 200, 0, NONE, 2000, 2000, 400 },
		{ 0, 100, 0, NONE, 2000, 2000, 600 } } },
	{ "no DRAM", 0, TM_POOL_FAIR, {
		{ 0, 100, 500, NONE, 1000, 1000, 0 },
		{ 0, 100, 0, NONE, 1000, 1000, 0 } } },
	{ "throughput without heat is by use", 1000, TM_POOL_THROUGHPUT, {
		{ 0, 100, 0, NONE, 2000, 300, 300 },
		{ 0, 100, 0, NONE, 2000, 2000, 700 } } },
};

static void test_machine(const struct machine *c)
{
	struct tm_pool_member m[MOST] = { 0 };
	bool good = true;
	u32 n, i;

	for (n = 0; n < MOST && c->m[n].weight; n++) {
		m[n].depth = c->m[n].depth;
		m[n].weight = c->m[n].weight;
		m[n].min_pages = c->m[n].min;
		m[n].max_pages = c->m[n].max;
		m[n].used_pages = c->m[n].used;
		m[n].useful_pages = c->m[n].useful;
	}
	tm_pool_targets(m, n, c->pool, c->policy);
	for (i = 0; i < n; i++) {
		if (m[i].target_pages == c->m[i].target)
			continue;
		ksft_print_msg("member %u has %llu, expected %llu\n", i,
			       (unsigned long long)m[i].target_pages,
			       (unsigned long long)c->m[i].target);
		good = false;
	}
	ksft_test_result(good, "%s\n", c->why);
}

/* A few hot pages each; the second group has half the pages, four times as often accessed. */
static void test_throughput(void)
{
	struct tm_histogram slow = { 0 }, quick = { 0 };
	struct tm_pool_member m[2] = {
		{ .weight = 100, .max_pages = NONE, .used_pages = 1000, .useful_pages = 1000,
		  .heat = &slow, .window_ns = 40000000, .activity = TM_ACTIVE },
		{ .weight = 100, .max_pages = NONE, .used_pages = 1000, .useful_pages = 1000,
		  .heat = &quick, .window_ns = 10000000, .activity = TM_ACTIVE },
	};

	slow.pages[TM_SLOW][20] = 600;
	slow.pages[TM_FAST][6] = 400;
	quick.pages[TM_SLOW][20] = 300;
	quick.pages[TM_SLOW][6] = 700;
	tm_pool_targets(m, 2, 800, TM_POOL_THROUGHPUT);
	/* Level 20 has 80/64 accesses a window, level 6 has 7/64. */
	ksft_test_result(m[0].target_pages == 500 && m[1].target_pages == 300,
			 "throughput: the most accesses a second first\n");
	m[0].weight = 1;
	tm_pool_targets(m, 2, 800, TM_POOL_THROUGHPUT);
	ksft_test_result(!m[0].target_pages && m[1].target_pages == 800,
			 "throughput: times weight\n");
	m[0].min_pages = 100;
	tm_pool_targets(m, 2, 800, TM_POOL_THROUGHPUT);
	ksft_test_result(m[0].target_pages == 100 && m[1].target_pages == 700,
			 "throughput: reservations first\n");
	m[0] = (struct tm_pool_member){ .weight = 100, .max_pages = NONE, .used_pages = 1000,
		.useful_pages = 1000, .heat = &slow, .window_ns = 40000000,
		.activity = TM_ACTIVE };
	m[1].activity = 1;
	tm_pool_targets(m, 2, 800, TM_POOL_THROUGHPUT);
	ksft_test_result(m[0].target_pages == 800,
			 "throughput: who has become idle has no accesses\n");
}

/* ---- harvests -------------------------------------------------------------------- */

static void test_useful(void)
{
	struct tm_harvest h = { 0 };

	ksft_test_result(tm_pool_useful_pages(&h, TM_ACTIVE) == 0, "useful: nothing is there\n");
	h.histogram.pages[TM_SLOW][0] = 1000000;
	ksft_test_result(tm_pool_useful_pages(&h, TM_ACTIVE) == 0,
			 "useful: nothing of what is idle\n");
	/* 475/64 accesses a page, and 2/64: 2 of 47500 are no percent. */
	h.histogram.pages[TM_FAST][31] = 60;
	h.histogram.pages[TM_SLOW][31] = 40;
	h.histogram.pages[TM_SLOW][3] = 1;
	ksft_test_result(tm_pool_useful_pages(&h, TM_ACTIVE) == 100,
			 "useful: what serves 99 %% of the accesses, wherever it is\n");
	/* 48000 + 475 more, of which half a percent isn't needed. */
	h.histogram.pages[TM_SLOW][16] = 1000;
	ksft_test_result(tm_pool_useful_pages(&h, TM_ACTIVE) == 1081,
			 "useful: of pages that are alike, as many as it takes\n");
	h.unknown_pages = 7;
	ksft_test_result(tm_pool_useful_pages(&h, TM_ACTIVE / 2) == 540 + 7,
			 "useful: half as busy, half as much; and what is new\n");
}

static void test_activity(void)
{
	struct tm_harvest h = { 0 };
	u32 a = TM_ACTIVE;
	unsigned int i;

	/* 600 of 1000 expected: a chance of 537/1024, and noise. */
	h.histogram.pages[TM_FAST][16] = 1000;
	h.young.pages[TM_FAST][16] = 600;
	ksft_test_result(tm_harvest_activity(&h, 0) == TM_ACTIVE, "activity: as expected is all\n");
	h.young.pages[TM_FAST][16] = 131;
	a = tm_harvest_activity(&h, 0);
	ksft_test_result(a >= 255 && a <= 258, "activity: a quarter is a quarter\n");
	a = TM_ACTIVE;
	h.young.pages[TM_FAST][16] = 0;
	a = tm_harvest_activity(&h, a);
	ksft_test_result(a == TM_ACTIVE / 2, "activity: a pause of a window is not the end\n");
	for (i = 0; i < 9; i++)
		a = tm_harvest_activity(&h, a);
	ksft_test_result(a <= 2, "activity: ten are\n");
	memset(&h, 0, sizeof(h));
	ksft_test_result(tm_harvest_activity(&h, 0) == TM_ACTIVE,
			 "activity: nothing was expected, nothing is missing\n");
}

/* ---- epochs -------------------------------------------------------------------------- */

static struct tm_pool pool;
static struct tm_pool_member two[2];

static void two_of(u64 used, u64 share)
{
	u32 i;

	memset(&pool, 0, sizeof(pool));
	memset(two, 0, sizeof(two));
	for (i = 0; i < 2; i++) {
		two[i].weight = 100;
		two[i].max_pages = NONE;
		two[i].used_pages = used;
		two[i].useful_pages = used;
		two[i].share_pages = share;
	}
}

static void epoch(u64 pool_pages)
{
	tm_pool_targets(two, 2, pool_pages, TM_POOL_FAIR);
	tm_pool_step(&pool, two, 2, pool_pages, TM_POOL_FAIR);
}

static void test_epochs(void)
{
	unsigned int n;

	two_of(20000, 5000);
	for (n = 0; n < 100; n++) {
		two[1].useful_pages = n % 2 ? 4900 : 5100;
		epoch(10000);
	}
	ksft_test_result(two[0].share_pages == 5000 && two[1].share_pages == 5000,
			 "epochs: noise moves nothing\n");

	two[1].useful_pages = 1000;
	epoch(10000);
	ksft_test_result(two[0].share_pages >= 5495 && two[0].share_pages <= 5501 && pool.moving,
			 "epochs: 5 %% of the pool at a time\n");
	for (n = 1; pool.moving && n < 100; n++)
		epoch(10000);
	ksft_print_msg("%u epochs, %llu and %llu\n", n, (unsigned long long)two[0].share_pages,
		       (unsigned long long)two[1].share_pages);
	ksft_test_result(two[0].share_pages == 9000 && two[1].share_pages == 1000 && n <= 9,
			 "epochs: who has become idle gives all up, in 9 of them\n");

	epoch(5000);
	ksft_test_result(two[0].share_pages + two[1].share_pages <= 5000,
			 "epochs: a smaller pool is smaller at once\n");
	epoch(50000);
	ksft_test_result(two[0].share_pages >= 20000 && two[1].share_pages >= 20000,
			 "epochs: nobody waits for what nobody has\n");
	two[0].max_pages = 100;
	epoch(50000);
	ksft_test_result(two[0].share_pages == 100, "epochs: a ceiling holds at once\n");

	two_of(200000, 99000);
	two[1].used_pages = 1600;
	two[1].useful_pages = 1600;
	two[1].share_pages = 1000;
	epoch(100000);
	ksft_test_result(two[1].share_pages == 1600,
			 "epochs: for a small group, little is a reason\n");

	two_of(20000, 5000);
	two[0].min_pages = 8000;
	epoch(10000);
	ksft_test_result(two[0].share_pages >= 8000 && two[1].share_pages <= 2000,
			 "epochs: a reservation, too\n");
}

/* Two alike, but for what they have; @more of the first's pages are hot. */
static u64 first_after_epoch(u64 first, u64 second, u64 more)
{
	static struct tm_histogram heat[2];
	u32 i;

	two_of(1000, 0);
	memset(heat, 0, sizeof(heat));
	for (i = 0; i < 2; i++) {
		heat[i].pages[TM_SLOW][16] = 500;
		heat[i].pages[TM_SLOW][8] = 500;
		two[i].heat = &heat[i];
		two[i].window_ns = TM_WINDOW_FIRST_NS;
		two[i].activity = TM_ACTIVE;
	}
	heat[0].pages[TM_SLOW][16] += more;
	heat[0].pages[TM_SLOW][8] -= more;
	two[0].share_pages = first;
	two[1].share_pages = second;
	tm_pool_targets(two, 2, 1000, TM_POOL_THROUGHPUT);
	tm_pool_step(&pool, two, 2, 1000, TM_POOL_THROUGHPUT);
	return two[0].share_pages;
}

static void test_throughput_epochs(void)
{
	/* Level 16 has 48/64 accesses a window, level 8 has 11/64. */
	ksft_test_result(first_after_epoch(515, 485, 0) == 515,
			 "epochs: throughput doesn't move for one percent\n");
	ksft_test_result(first_after_epoch(550, 450, 0) < 550,
			 "epochs: but for eight\n");
	ksft_test_result(first_after_epoch(500, 500, 50) == 500,
			 "epochs: nor for what is worth as much where it is\n");
	ksft_test_result(first_after_epoch(500, 0, 0) == 500 && two[1].share_pages == 500,
			 "epochs: what nobody has is given away at once\n");
}

int main(void)
{
	size_t i;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(machines) + 4 + 5 + 5 + 8 + 4);
	for (i = 0; i < ARRAY_SIZE(machines); i++)
		test_machine(&machines[i]);
	test_throughput();
	test_useful();
	test_activity();
	test_epochs();
	test_throughput_epochs();
	ksft_finished();
}
