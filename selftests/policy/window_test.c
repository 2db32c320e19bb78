// SPDX-License-Identifier: GPL-2.0
/* The observation window: how it adapts to models of who accesses what. */
#include <math.h>
#include <stdio.h>

#include "kselftest.h"
#include "window.h"

#define MS		1000000ULL
#define SEC		1000000000ULL
#define NR_PAGES	10000u

/* Accesses a second to each page; the averages are settled and right. */
static double rate[NR_PAGES];

static void zipf(double accesses_per_sec)
{
	unsigned int i;
	double sum = 0;

	for (i = 0; i < NR_PAGES; i++)
		sum += pow(i + 1, -0.99);
	for (i = 0; i < NR_PAGES; i++)
		rate[i] = accesses_per_sec * pow(i + 1, -0.99) / sum;
}

static void gauss(double accesses_per_sec)
{
	unsigned int i;
	double sum = 0;

	for (i = 0; i < NR_PAGES; i++)
		sum += rate[i] = exp(-18 * pow((i + 0.5) / NR_PAGES - 0.5, 2));
	for (i = 0; i < NR_PAGES; i++)
		rate[i] *= accesses_per_sec / sum;
}

/* The same rate for each of the first @part pages, the rest is idle. */
static void uniform(double accesses_per_sec, double part)
{
	unsigned int i, hot = (unsigned int)(NR_PAGES * part);

	for (i = 0; i < NR_PAGES; i++)
		rate[i] = i < hot ? accesses_per_sec / hot : 0;
}

/* What a window shows: of each page as much as is likely. */
static void look(u64 window_ns, struct tm_harvest *h)
{
	double young[TM_HEAT_LEVELS] = { 0 };
	unsigned int i, level;

	*h = (struct tm_harvest){ 0 };
	for (i = 0; i < NR_PAGES; i++) {
		double p = -expm1(-rate[i] * (double)window_ns / SEC);

		level = (unsigned int)fmin(TM_HEAT_LEVELS / acos(0) * asin(sqrt(p)),
					   TM_HEAT_LEVELS - 1);
		h->histogram.pages[i % TM_NR_TIERS][level]++;
		young[level] += p;
	}
	for (level = 0; level < TM_HEAT_LEVELS; level++)
		h->young.pages[TM_FAST][level] = (u64)llround(young[level]);
}

struct outcome {
	u64 window_ns;
	double shown;			/* part of the pages */
	unsigned int steps;		/* until it stayed */
};

static struct outcome settle(u64 window_ns, double quota)
{
	struct outcome o = { .window_ns = window_ns };
	struct tm_harvest_sums sums;
	unsigned int i;

	for (i = 1; i <= 100; i++) {
		struct tm_harvest h;

		look(o.window_ns, &h);
		tm_harvest_sum(&h, &sums);
		window_ns = tm_window_next(o.window_ns, &sums, (u64)(NR_PAGES * quota));
		if (window_ns != o.window_ns)
			o.steps = i;
		o.window_ns = window_ns;
		o.shown = (double)sums.young_pages / NR_PAGES;
	}
	return o;
}

static const u64 starts[] = { TM_WINDOW_MIN_NS, TM_WINDOW_FIRST_NS, SEC, TM_WINDOW_MAX_NS };

/* From any window to one that shows the target, and it stays there. */
static void test_converges(const char *what, double quota)
{
	double target = (double)tm_window_target(NR_PAGES, (u64)(NR_PAGES * quota)) / NR_PAGES;
	double lowest = 1, highest = 0;
	unsigned int i, most_steps = 0;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct outcome o = settle(starts[i], quota);

		lowest = fmin(lowest, o.shown);
		highest = fmax(highest, o.shown);
		most_steps = max(most_steps, o.steps);
	}
	ksft_test_result(lowest > target * 0.87 && highest < target * 1.13 && most_steps <= 20,
			 "%s, quota %.0f %%: shows %.3f to %.3f of the pages after %u windows at most, target %.3f\n",
			 what, 100 * quota, lowest, highest, most_steps, target);
}

static void test_models(void)
{
	static const double quotas[] = { 0.05, 0.25, 0.9 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(quotas); i++) {
		zipf(100e3);
		test_converges("zipf", quotas[i]);
		gauss(100e3);
		test_converges("gauss", quotas[i]);
		uniform(100e3, 1);
		test_converges("uniform", quotas[i]);
	}
	/* Busier, and calmer by four orders of magnitude: the window follows. */
	uniform(1e6, 1);
	test_converges("uniform, each page 100 times a second", 0.25);
	uniform(100, 1);
	test_converges("uniform, each page every 100 seconds", 0.25);
}

/* The hot set is smaller than the target, and the rest is idle. */
static void test_growth(void)
{
	const double hot = 0.05, quota = 0.25;
	struct outcome o;

	/* 100 accesses a second to each page: 14 ms show three quarters of them. */
	uniform(100 * hot * NR_PAGES, hot);
	o = settle(TM_WINDOW_MIN_NS, quota);
	ksft_test_result(o.shown > 0.75 * hot && o.window_ns < 50 * MS,
			 "a small hot set beside idle memory: a window of %.1f ms shows %.0f %% of it, and grows no more\n",
			 (double)o.window_ns / MS, 100 * o.shown / hot);
	o = settle(TM_WINDOW_FIRST_NS, quota);
	ksft_test_result(o.window_ns == TM_WINDOW_FIRST_NS && o.shown > 0.99 * hot,
			 "the first window shows %.1f %% of it, and doesn't grow\n",
			 100 * o.shown / hot);
	o = settle(TM_WINDOW_MAX_NS, quota);
	ksft_test_result(o.window_ns == TM_WINDOW_FIRST_NS && o.steps <= 11,
			 "from a minute it's %.1f ms after %u windows: a new hot set would be found soon\n",
			 (double)o.window_ns / MS, o.steps);

	/* An access in ten seconds to each page: a window of 50 ms shows 0.5 % of them. */
	uniform(0.1 * hot * NR_PAGES, hot);
	o = settle(TM_WINDOW_MAX_NS, quota);
	ksft_test_result(o.window_ns > 10 * SEC && o.window_ns < TM_WINDOW_MAX_NS &&
			 o.shown > 0.75 * hot,
			 "a lukewarm one keeps %.1f s, which show %.0f %% of it\n",
			 (double)o.window_ns / SEC, 100 * o.shown / hot);
}

/* Two windows in turn would never let averages settle. */
static void test_steady(void)
{
	static const double quotas[] = { 0.05, 0.25, 0.9 };
	unsigned int i, q, n = 0, most_steps = 0;
	double factor;

	/* A hot tenth, a third that is calmer by @factor, and the rest calmer by as much again. */
	for (factor = 1; factor < 1e6; factor *= 3)
		for (q = 0; q < ARRAY_SIZE(quotas); q++)
			for (i = 0; i < ARRAY_SIZE(starts); i++) {
				unsigned int page;

				for (page = 0; page < NR_PAGES; page++)
					rate[page] = page < NR_PAGES / 10 ? 1000 :
						     page < NR_PAGES / 3 ? 1000 / factor :
						     1000 / factor / factor;
				most_steps = max(most_steps, settle(starts[i], quotas[q]).steps);
				n++;
			}
	ksft_test_result(most_steps <= 25,
			 "%u mixtures of hot, lukewarm and cold: all stay after %u windows at most\n",
			 n, most_steps);
}

static void test_limits(void)
{
	struct outcome o;

	uniform(1e9, 1);
	o = settle(TM_WINDOW_MAX_NS, 0.25);
	ksft_test_result(o.window_ns == TM_WINDOW_MIN_NS && o.steps <= 10,
			 "every page is always accessed: the shortest window after %u of them\n",
			 o.steps);
	uniform(0, 1);
	o = settle(TM_WINDOW_MIN_NS, 0.25);
	ksft_test_result(o.window_ns == TM_WINDOW_MAX_NS && o.steps <= 20,
			 "nothing is accessed: the longest window after %u of them\n", o.steps);
}

static const struct next_case {
	const char *why;
	u64 window_ns;
	u64 pages, young;
	u64 seen, seen_twice;		/* pages */
	u64 quota;
	u64 next_ns;
} next_cases[] = {
	{ "a group without pages: nothing to learn", SEC, 0, 0, 0, 0, 100, SEC },
	{ "the target is a quarter more than the quota: right",
	  SEC, 1000, 250, 250, 400, 200, SEC },
	{ "an eighth more is near enough", SEC, 1000, 281, 281, 400, 200, SEC },
	{ "so is an eighth less", SEC, 1000, 219, 219, 400, 200, SEC },
	{ "a quarter too much: shorter in proportion", SEC, 1000, 313, 313, 400, 200,
	  SEC * 250 / 313 },
	{ "far too much: half", SEC, 1000, 900, 900, 990, 200, SEC / 2 },
	{ "all of them: it may be orders of magnitude, so a quarter",
	  SEC, 1000, 939, 939, 1000, 200, SEC / 4 },
	{ "a fifth too few: longer in proportion", SEC, 1000, 200, 200, 380, 200, SEC * 5 / 4 },
	{ "far too few: twice", SEC, 1000, 10, 10, 20, 200, 2 * SEC },
	{ "too few, but twice the window would show a fifth more only",
	  SEC, 1000, 100, 100, 120, 200, SEC },
	{ "a quarter more is enough", SEC, 1000, 100, 100, 125, 200, 2 * SEC },
	{ "a quarter less a page isn't", SEC, 1000, 100, 100, 124, 200, SEC },
	{ "too few, and twice the window would show hardly any more: half",
	  SEC, 1000, 100, 100, 105, 200, SEC / 2 },
	{ "right, but half of it would do: half", SEC, 1000, 250, 250, 260, 200, SEC / 2 },
	{ "a sixteenth more is worth the time", SEC, 1600, 160, 160, 170, 200, SEC },
	{ "a page less than that isn't", SEC, 1600, 160, 160, 169, 200, SEC / 2 },
	{ "no shorter than the first one for that", 80 * MS, 1000, 100, 100, 100, 200,
	  TM_WINDOW_FIRST_NS },
	{ "the first one is brief enough", TM_WINDOW_FIRST_NS, 1000, 100, 100, 100, 200,
	  TM_WINDOW_FIRST_NS },
	{ "a briefer one, too", 10 * MS, 1000, 100, 100, 100, 200, 10 * MS },
	{ "too many, and nothing new in a longer one: in proportion",
	  SEC, 1000, 313, 313, 313, 200, SEC * 250 / 313 },
	{ "nothing seen, nothing known: twice", SEC, 1000, 0, 0, 0, 200, 2 * SEC },
	{ "little seen, nothing known: twice", SEC, 1000, 61, 0, 0, 200, 2 * SEC },
	{ "a sixteenth seen, nothing known: wait for what follows", SEC, 1000, 62, 0, 0, 200,
	  SEC },
	{ "many seen, nothing known: shorter as ever", SEC, 1000, 500, 0, 0, 200, SEC / 2 },
	{ "no quota: a sixteenth should show", SEC, 1600, 101, 101, 200, 0, SEC },
	{ "quota for everything: five eighths should show, not all",
	  SEC, 1600, 1000, 1000, 1200, 1600, SEC },
	{ "no longer than a minute", TM_WINDOW_MAX_NS, 1000, 0, 0, 0, 200, TM_WINDOW_MAX_NS },
	{ "no shorter than a quarter of a millisecond",
	  TM_WINDOW_MIN_NS, 1000, 1000, 1000, 1000, 200, TM_WINDOW_MIN_NS },
	{ "one page, idle, nothing known: wait for what follows", SEC, 1, 0, 0, 0, 1, SEC },
	{ "one page, accessed, and it would be in half the window", SEC, 1, 1, 1, 1, 1, SEC / 2 },
	{ "one of ten pages isn't all of them", SEC, 10, 1, 1, 2, 5, 2 * SEC },
	/* 60 s * target are more than 2^64 ns here: a divide error where that matters. */
	{ "16T, all of it idle", 40 * SEC, 1ULL << 32, 0, 0, 0, 1ULL << 32, TM_WINDOW_MAX_NS },
	{ "16T, of which one page is accessed", 20 * SEC, 1ULL << 32, 1, 1, 2, 1ULL << 32,
	  40 * SEC },
	{ "16T, all of it accessed", 20 * SEC, 1ULL << 32, 1ULL << 32, 1ULL << 32, 1ULL << 32,
	  1ULL << 31, 5 * SEC },
};

static void test_next(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(next_cases); i++) {
		const struct next_case *c = &next_cases[i];
		struct tm_harvest_sums sums = {
			.pages = c->pages,
			.young_pages = c->young,
			.seen = c->seen * 1024,
			.seen_twice = c->seen_twice * 1024,
		};
		u64 next_ns = tm_window_next(c->window_ns, &sums, c->quota);

		if (next_ns != c->next_ns)
			ksft_print_msg("%llu ns, expected %llu\n", (unsigned long long)next_ns,
				       (unsigned long long)c->next_ns);
		ksft_test_result(next_ns == c->next_ns, "next: %s\n", c->why);
	}
}

/* What the averages let expect of this window and one of twice the length. */
static void test_sums(void)
{
	struct tm_harvest h = { .unknown_pages = 7, .unknown_young_pages = 3 };
	struct tm_harvest_sums s;
	unsigned int level, bad = 0;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		double p = tm_heat_chance[level] / 1024.0, twice = 1 - (1 - p) * (1 - p);

		h.histogram = (struct tm_histogram){ 0 };
		h.histogram.pages[TM_FAST][level] = 400;
		h.histogram.pages[TM_SLOW][level] = 600;
		h.young.pages[TM_SLOW][level] = level;
		tm_harvest_sum(&h, &s);
		if (s.pages == 1007 && fabs((double)s.seen / 1024 - 1000 * p) < 1 &&
		    fabs((double)s.seen_twice / 1024 - 1000 * twice) < 1)
			continue;
		ksft_print_msg("level %u: %llu pages, %.1f seen, %.1f in two\n", level,
			       (unsigned long long)s.pages, (double)s.seen / 1024,
			       (double)s.seen_twice / 1024);
		bad++;
	}
	ksft_test_result(!bad, "sums: pages, and what one and two windows show of them\n");
	ksft_test_result(s.young_pages == 3 + 31 * 32 / 2,
			 "sums: young pages, unknown ones included: %llu\n",
			 (unsigned long long)s.young_pages);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(11 + 4 + 1 + 2 + ARRAY_SIZE(next_cases) + 2);
	test_models();
	test_growth();
	test_steady();
	test_limits();
	test_next();
	test_sums();
	ksft_finished();
}
