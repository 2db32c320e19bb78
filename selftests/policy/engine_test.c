// SPDX-License-Identifier: GPL-2.0
/* The engine of a group: stories of windows. */
#include <stdio.h>

#include "engine.h"
#include "kselftest.h"

#define MS		1000000ULL
#define SEC		(1000 * MS)
#define HOT		31
#define MILD		16
#define NR_PAGES	100000

static struct tm_engine engine;

/* A quarter is hot; @inside of its pages are in DRAM, with as many idle ones as fit. */
static struct tm_engine_input input = {
	.quota_pages = 30000,
	.most_pages = 32768,
};

static void a_hot_set(u64 inside)
{
	struct tm_harvest *h = &engine.harvest;

	*h = (struct tm_harvest){ 0 };
	h->histogram.pages[TM_FAST][HOT] = inside;
	h->histogram.pages[TM_SLOW][HOT] = 25000 - inside;
	h->histogram.pages[TM_FAST][0] = input.quota_pages - inside;
	h->histogram.pages[TM_SLOW][0] = NR_PAGES - 25000 - h->histogram.pages[TM_FAST][0];
	h->young.pages[TM_FAST][HOT] = inside;
	h->young.pages[TM_SLOW][HOT] = 25000 - inside;
}

/* The averages are of the old phase, a part of what the window saw is in slow memory. */
static void a_new_phase(u64 in_dram)
{
	a_hot_set(25000);
	engine.harvest.young = (struct tm_histogram){ 0 };
	engine.harvest.young.pages[TM_FAST][HOT] = in_dram;
	engine.harvest.young.pages[TM_SLOW][0] = 25000 - in_dram;
}

static void steps(unsigned int n)
{
	while (n--)
		tm_engine_step(&engine, &input);
}

/* A group whose averages are settled and whose hot set is in DRAM. */
static void settled(void)
{
	tm_engine_init(&engine);
	a_hot_set(25000);
	steps(100);
}

/* Least distance in levels across which pages are exchanged after a pause. */
static unsigned int gap_after(u64 pause_ns)
{
	const struct tm_engine copy = engine;
	struct tm_engine_input in = input;
	const unsigned int cold = 8;
	unsigned int gap;

	in.now_ns += pause_ns;
	for (gap = 0; cold + gap < TM_HEAT_LEVELS; gap++) {
		engine.harvest = (struct tm_harvest){ 0 };
		engine.harvest.histogram.pages[TM_FAST][cold] = 10000;
		engine.harvest.histogram.pages[TM_SLOW][cold + gap] = 10000;
		tm_engine_step(&engine, &in);
		if (engine.plan.promote_pages)
			break;
		engine = copy;
	}
	engine = copy;
	return gap;
}

static const struct stage_case {
	unsigned int windows;
	unsigned int weight;
	unsigned int gap, fine_gap;
	bool hurries;
} stage_cases[] = {
	{ 1, 2, 17, 17, true }, { 4, 2, 17, 17, true },
	{ 5, 4, 14, 14, true }, { 10, 4, 14, 14, true },
	{ 11, 6, 13, 13, true }, { 14, 6, 13, 13, true },
	{ 15, 8, 12, 12, true }, { 20, 8, 12, 12, true },
	{ 21, 12, 11, 6, false }, { 28, 12, 11, 6, false },
	{ 29, 16, 9, 5, false }, { 44, 16, 9, 5, false },
	{ 45, 32, 9, 5, false }, { 59, 32, 9, 5, false },
	{ 60, 32, 9, 5, false }, { 89, 32, 9, 5, false },
	{ 90, 64, 9, 5, false }, { 159, 64, 9, 5, false },
	{ 160, 64, 7, 4, false }, { 10000, 64, 7, 4, false },
};

static void test_stages(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stage_cases); i++) {
		const struct stage_case *c = &stage_cases[i];
		unsigned int weight, gap, fine_gap;
		bool hurries;

		tm_engine_init(&engine);
		a_hot_set(25000);
		/* The gap is that of the window that is looked for it. */
		steps(c->windows - 1);
		gap = gap_after(0);
		fine_gap = gap_after(60 * SEC);
		steps(1);
		weight = tm_engine_weight[tm_engine_weight_index(&engine)];
		hurries = tm_engine_hurries(&engine);
		ksft_test_result(weight == c->weight && gap == c->gap && fine_gap == c->fine_gap &&
				 tm_engine_gap(&engine) == gap && hurries == c->hurries,
				 "after %u windows: weight %u, gap %u, for a few pages %u, %s\n",
				 c->windows, weight, gap, fine_gap,
				 hurries ? "in a hurry" : "settled");
	}
}

static void test_restart(void)
{
	settled();
	tm_engine_restart(&engine);
	ksft_test_result(tm_engine_hurries(&engine) && !engine.rest_ns &&
			 tm_engine_weight[tm_engine_weight_index(&engine)] == 4,
			 "restart: in a hurry, with a small weight, without a rest\n");
	steps(15);
	ksft_test_result(tm_engine_hurries(&engine), "restart: 15 windows later still\n");
	steps(1);
	ksft_test_result(!tm_engine_hurries(&engine), "restart: 16 windows later no more\n");

	engine.window_ns = 10 * SEC;
	tm_engine_restart(&engine);
	ksft_test_result(engine.window_ns == TM_WINDOW_FIRST_NS,
			 "restart: a long window is that of a new group again\n");
	engine.window_ns = 2 * MS;
	tm_engine_restart(&engine);
	ksft_test_result(engine.window_ns == 2 * MS, "restart: a brief one stays\n");

	tm_engine_init(&engine);
	a_hot_set(0);
	steps(2);
	tm_engine_restart(&engine);
	ksft_test_result(engine.learned == 2, "restart: no group has learned more from it\n");
}

/* Hardly anything was accessed for long; of slow memory, @seen pages a window are expected. */
static void idle(u64 seen)
{
	settled();
	engine.harvest = (struct tm_harvest){ 0 };
	engine.harvest.histogram.pages[TM_FAST][HOT] = 10000;
	engine.harvest.histogram.pages[TM_FAST][0] = input.quota_pages - 10000;
	engine.harvest.histogram.pages[TM_SLOW][HOT] = seen;
	engine.harvest.histogram.pages[TM_SLOW][0] = NR_PAGES - input.quota_pages - seen;
	steps(100);
}

static bool woken(u64 young_pages, u64 young_slow_pages)
{
	return tm_engine_woken(&engine, NR_PAGES, young_pages, young_slow_pages);
}

static void test_woken(void)
{
	idle(100);
	ksft_test_result(woken(NR_PAGES / 8, NR_PAGES / 8),
			 "woken: an idle group uses an eighth of its memory, in slow memory\n");
	ksft_test_result(!woken(NR_PAGES / 100, NR_PAGES / 100),
			 "woken: not by a hundredth\n");
	idle(0);
	ksft_test_result(!woken(0, 0) && !tm_engine_woken(&engine, 0, 0, 0), "woken: not while it is idle\n");
	idle(2000);
	ksft_test_result(!woken(14000, 3000) && woken(14000, 6000),
			 "woken: by three times what was expected, not by half as much\n");
	ksft_test_result(!woken(9000, 9000),
			 "woken: not by what it always does, if a smaller quota sent that to slow memory\n");
	tm_engine_init(&engine);
	ksft_test_result(woken(NR_PAGES / 8, NR_PAGES / 8),
			 "woken: a group of which nothing is known yet\n");
}

static void test_surprise(void)
{
	unsigned int i, restarts = 0;

	settled();
	a_new_phase(20000);
	steps(1);
	ksft_test_result(!tm_engine_hurries(&engine) && engine.surprises == 1 && !engine.rest_ns,
			 "surprise: after one strange window the next comes at once\n");
	steps(1);
	ksft_test_result(!tm_engine_hurries(&engine), "surprise: two may be a scan that takes long\n");
	engine.window_ns = 8 * SEC;
	steps(1);
	ksft_test_result(tm_engine_hurries(&engine) && !engine.surprises,
			 "surprise: three in a row are a new phase\n");
	/* All that is hot shows, which is 4/3 of what half of the quota wants to see. */
	ksft_test_result(engine.window_ns == 6 * SEC,
			 "surprise: the same memory needs no other window at once: %llu ms\n",
			 (unsigned long long)(engine.window_ns / MS));

	settled();
	a_new_phase(2000);
	steps(1);
	ksft_test_result(!tm_engine_hurries(&engine) && !engine.rest_ns,
			 "surprise: one window may be anything\n");
	steps(1);
	ksft_test_result(tm_engine_hurries(&engine) && !engine.surprises,
			 "surprise: two that have hardly anything in DRAM are a new phase\n");
	ksft_test_result(tm_engine_weight[tm_engine_weight_index(&engine)] == 2,
			 "surprise: what was hot before it is soon forgotten\n");
	steps(3);
	ksft_test_result(tm_engine_weight[tm_engine_weight_index(&engine)] == 4,
			 "surprise: three windows later averages are as after a restart\n");

	settled();
	for (i = 0; i < 60; i++) {
		/* Every third window: it sees slow memory only. */
		if (i % 3)
			a_hot_set(25000);
		else
			a_new_phase(2000);
		steps(1);
		restarts += tm_engine_hurries(&engine);
	}
	ksft_test_result(!restarts, "surprise: scans that come and go aren't one\n");

	settled();
	for (i = 0; i < 10; i++) {
		a_hot_set(25000);
		/* Not all of DRAM's part is there, but 1/16 less is noise. */
		engine.harvest.young.pages[TM_SLOW][0] = 25000 / 16;
		steps(1);
		restarts += engine.surprises;
	}
	ksft_test_result(!restarts, "surprise: a sixteenth of noise isn't one\n");

	settled();
	a_new_phase(20000);
	steps(2);
	engine.harvest.young = (struct tm_histogram){ 0 };
	steps(1);
	ksft_test_result(!engine.surprises && engine.rest_ns,
			 "surprise: a window that sees nothing is the end of the row\n");
	steps(10);
	a_new_phase(20000);
	steps(2);
	ksft_test_result(!tm_engine_hurries(&engine), "surprise: and the next row begins at one\n");

	tm_engine_init(&engine);
	a_new_phase(2000);
	steps(20);
	ksft_test_result(!engine.surprises && engine.learned == 20,
			 "surprise: while the averages settle, nothing is expected\n");
}

static void test_rest(void)
{
	tm_engine_init(&engine);
	a_hot_set(25000);
	steps(20);
	ksft_test_result(!engine.rest_ns && !tm_engine_reserve(&engine, 1000),
			 "rest: none while the averages settle, and all savings\n");
	steps(68);
	ksft_test_result(engine.rest_ns == MS && tm_engine_reserve(&engine, 1000) == 500,
			 "rest: while there is much to learn, the budget's, with half of its savings\n");
	steps(2);
	ksft_test_result(engine.rest_ns == 250 * MS && tm_engine_reserve(&engine, 1000) == 1000,
			 "rest: then a quarter of a second, and nothing that was saved\n");
	steps(1);
	ksft_test_result(engine.rest_ns == 500 * MS, "rest: twice that if nothing has to move\n");
	steps(10);
	ksft_test_result(engine.rest_ns == 1250 * MS, "rest: five quarters of a second at most\n");

	engine.harvest.young = (struct tm_histogram){ 0 };
	steps(1);
	ksft_test_result(engine.rest_ns == 2000 * MS, "rest: two where nothing is accessed\n");

	/* 800 exchanged are more than 1/64, */
	a_hot_set(24200);
	steps(1);
	ksft_test_result(engine.rest_ns == 250 * MS, "rest: a quarter after a pass that moves much\n");
	/* and 110 more than 1/512. */
	a_hot_set(24890);
	steps(3);
	ksft_test_result(engine.rest_ns == 250 * MS, "rest: as long as before after a trickle\n");
	a_hot_set(24950);
	steps(3);
	ksft_test_result(engine.rest_ns == 1250 * MS, "rest: but fifty pages aren't much\n");

	a_hot_set(25000);
	steps(1000);
	ksft_test_result(engine.rest_ns == 1250 * MS, "rest: no longer, whatever is known\n");
}

static void test_brake(void)
{
	settled();
	a_hot_set(0);
	steps(1);
	ksft_test_result(engine.plan.promote_pages == 25000, "brake: off, all may move\n");
	ksft_test_result(!tm_engine_moved(&engine, 25000, 5000), "brake: a fifth went back\n");
	steps(1);
	ksft_test_result(engine.plan.promote_pages == input.most_pages / 2 &&
			 engine.plan.delayed_pages == 25000 - input.most_pages / 2,
			 "brake: half as much, the rest is delayed\n");
	ksft_test_result(tm_engine_moved(&engine, 16384, 10000), "brake: the group thrashes\n");
	steps(16);
	ksft_test_result(!engine.plan.promote_pages && !engine.plan.demote_pages &&
			 engine.plan.delayed_pages == 25000, "brake: 16 passes without moves\n");
	steps(1);
	ksft_test_result(engine.plan.promote_pages == input.most_pages / 16,
			 "brake: then a sixteenth\n");

	tm_engine_moved(&engine, 16384, 10000);
	a_new_phase(2000);
	steps(1);
	ksft_test_result(engine.thrash.pause, "brake: one strange window doesn't take it off\n");
	steps(1);
	ksft_test_result(tm_engine_hurries(&engine) && !engine.thrash.pause &&
			 engine.thrash.share == TM_SHARE_FULL,
			 "brake: a new phase does\n");
}

/* A new phase: pages come back that had left in the one before. */
static void test_phases(void)
{
	unsigned int i, stops = 0;

	tm_engine_init(&engine);
	a_hot_set(0);
	for (i = 0; i < 20; i++) {
		steps(1);
		stops += tm_engine_moved(&engine, 5000, 5000);
	}
	ksft_test_result(!stops && engine.thrash.share == TM_SHARE_FULL,
			 "phases: what comes back in a hurry isn't ping-pong\n");
	steps(1);
	ksft_test_result(tm_engine_moved(&engine, 5000, 5000),
			 "phases: but it is once the group has settled\n");
}

/* Pages that the fine gap lets in, in @n steps. */
static u64 fine_steps(unsigned int n, u64 pause_ns)
{
	u64 pages = 0;

	while (n--) {
		input.now_ns += pause_ns;
		steps(1);
		pages += engine.plan.promote_pages;
	}
	return pages;
}

/* Of @pages, a third is in DRAM, and @distance levels colder than the rest. */
static void nearly_alike(u64 pages, unsigned int distance)
{
	engine.harvest = (struct tm_harvest){ 0 };
	engine.harvest.histogram.pages[TM_FAST][MILD] = pages / 3;
	engine.harvest.histogram.pages[TM_SLOW][MILD + distance] = pages - pages / 3;
}

static void test_fine(void)
{
	u64 pages;

	settled();
	steps(200);
	nearly_alike(NR_PAGES, 6);
	fine_steps(1, SEC);
	pages = fine_steps(10, SEC);
	ksft_test_result(pages == 1000, "fine: 0.1 %% a second, %llu of 100000 pages in ten of them\n",
			 (unsigned long long)pages);
	pages = fine_steps(40, SEC / 4);
	ksft_test_result(pages >= 900 && pages <= 1000, "fine: as many in shorter steps: %llu\n",
			 (unsigned long long)pages);
	pages = fine_steps(1, 0);
	ksft_test_result(!pages, "fine: none in no time\n");
	pages = fine_steps(1, 60 * SEC);
	ksft_test_result(pages == 6000, "fine: a minute's after a minute: %llu\n",
			 (unsigned long long)pages);
	pages = fine_steps(1, 3600 * SEC);
	ksft_test_result(pages == 6000, "fine: no more than that after an hour: %llu\n",
			 (unsigned long long)pages);
	nearly_alike(NR_PAGES, 3);
	pages = fine_steps(10, SEC);
	ksft_test_result(!pages, "fine: none that are as hot as those inside\n");
	nearly_alike(NR_PAGES, 7);
	pages = fine_steps(1, SEC);
	ksft_test_result(pages > 30000, "fine: across the gap there's no such bound\n");

	/* One page in a hundred is hotter, as if by chance. */
	nearly_alike(NR_PAGES, 0);
	engine.harvest.histogram.pages[TM_SLOW][MILD] -= NR_PAGES / 100;
	engine.harvest.histogram.pages[TM_SLOW][MILD + 5] = NR_PAGES / 100;
	fine_steps(1, 60 * SEC);
	pages = fine_steps(10, SEC);
	ksft_test_result(pages == 50, "fine: 0.005 %% a second where pages are alike, %llu in ten of them\n",
			 (unsigned long long)pages);

	/* 1M: a quarter of a page each second. */
	nearly_alike(250, 6);
	fine_steps(1, 60 * SEC);
	pages = fine_steps(400, SEC);
	ksft_test_result(pages >= 80 && pages <= 100,
			 "fine: a small group has its part, %llu pages in 400 s, expected 100 or a few less\n",
			 (unsigned long long)pages);

	tm_engine_init(&engine);
	nearly_alike(NR_PAGES, 10);
	pages = fine_steps(20, SEC);
	ksft_test_result(!pages, "fine: none in a hurry\n");
}

/* Until it has learned a little, a group that is seldom accessed has windows for half its quota. */
static void test_early_window(void)
{
	tm_engine_init(&engine);
	engine.window_ns = 99 * MS;
	ksft_test_result(tm_engine_window_quota(&engine, input.quota_pages) == input.quota_pages,
			 "early: a brief window is for all of the quota\n");
	engine.window_ns = 100 * MS;
	ksft_test_result(tm_engine_window_quota(&engine, input.quota_pages) ==
			 input.quota_pages / 2, "early: a long one for half of it\n");
	/* Half as many show as a quota of that size wants to see. */
	engine.harvest.unknown_pages = NR_PAGES;
	engine.harvest.unknown_young_pages = input.quota_pages * 5 / 8;
	steps(1);
	ksft_test_result(engine.window_ns == 100 * MS, "early: and stays, %llu ms\n",
			 (unsigned long long)(engine.window_ns / MS));
	a_hot_set(0);
	steps(10);
	ksft_test_result(tm_engine_window_quota(&engine, input.quota_pages) == input.quota_pages,
			 "early: eleven windows later it is over\n");
}

static void test_numbers(void)
{
	struct tm_engine_input in = input;

	tm_engine_init(&engine);
	ksft_test_result(engine.window_ns == TM_WINDOW_FIRST_NS && !engine.rest_ns &&
			 tm_engine_hurries(&engine), "a new group: the first window, at once\n");
	engine.harvest.unknown_pages = 500;
	engine.harvest.unknown_young_pages = 100;
	engine.harvest.histogram.pages[TM_SLOW][MILD] = 200;
	engine.harvest.young.pages[TM_SLOW][MILD] = 50;
	in.room_pages = 30000;
	tm_engine_step(&engine, &in);
	ksft_test_result(engine.pages == 700 && engine.young_pages == 150,
			 "a step tells what the window showed: %llu of %llu pages\n",
			 (unsigned long long)engine.young_pages, (unsigned long long)engine.pages);
	ksft_test_result(engine.plan.promote_pages == 200, "and fills the room in the first pass\n");
	in.room_pages = 0;
	in.short_pages = 10;
	in.most_pages = 0;
	engine.harvest.histogram.pages[TM_FAST][0] = 100;
	tm_engine_step(&engine, &in);
	ksft_test_result(!engine.plan.promote_pages && engine.plan.demote_pages == 10 &&
			 engine.plan.delayed_pages == 0,
			 "the margin is restored even if nothing may be promoted\n");
}

static void test_candidates(void)
{
	u64 few;

	tm_engine_init(&engine);
	a_hot_set(0);
	steps(20);
	ksft_test_result(tm_engine_candidates(&engine, 0) == ~0ULL,
			 "candidates: any number while averages settle\n");
	settled();
	a_hot_set(25000);
	steps(1);
	few = tm_engine_candidates(&engine, 0);
	ksft_test_result(few == 512 + NR_PAGES / 256, "candidates: %llu where all is in its place\n",
			 (unsigned long long)few);
	a_hot_set(24000);
	steps(1);
	ksft_test_result(tm_engine_candidates(&engine, 0) == few + 2 * 1000,
			 "candidates: and twice those that would move\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(stage_cases) + 6 + 6 + 13 + 10 + 8 + 2 + 10 + 4 + 4 + 3);
	test_stages();
	test_restart();
	test_woken();
	test_surprise();
	test_rest();
	test_brake();
	test_phases();
	test_fine();
	test_early_window();
	test_numbers();
	test_candidates();
	ksft_finished();
}
