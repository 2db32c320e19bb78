// SPDX-License-Identifier: GPL-2.0
/* The engine of one group. */
#include "engine.h"

#define NS_PER_MSEC	1000000ULL

/* As soon as the budget allows, with half of its savings, */
#define REST_LEARN_NS	NS_PER_MSEC
/* a pass that moved much is followed by the next one after so long, */
#define REST_MIN_NS	(250 * NS_PER_MSEC)
/* by more while little changes, up to so long, */
#define REST_CALM_NS	(1250 * NS_PER_MSEC)
/* and so long where nothing is accessed. */
#define REST_IDLE_NS	(2000 * NS_PER_MSEC)

const u8 tm_engine_weight[TM_ENGINE_WEIGHTS] = { 2, 4, 6, 8, 12, 16, 32, 64 };

/*
 * A restarted average is the mean of the windows since, so its weight grows
 * with them (the gain of a Kalman filter of a constant). The gap is some 3.5
 * sigma of the difference of two averages: 7.2 / sqrt(weight) levels is one
 * of a single average. Fresh pages have even less behind them.
 *
 * The first weight is for a new phase: what was learned before it is wrong, and
 * a page that was hot has to look cold soon. Fresh pages have no weight yet.
 */
static const struct stage {
	u8 until;		/* windows learned */
	u8 weight;		/* index */
	u8 gap;			/* levels */
	u8 fine_gap;
} stages[] = {
	{ 5, 0, 17, 17 },
	{ 11, 1, 14, 14 },
	{ 15, 2, 13, 13 },
	{ 21, 3, 12, 12 },
	{ 29, 4, 11, 6 },
	{ 45, 5, 9, 5 },
	{ 90, 6, 9, 5 },
	{ 160, 7, 9, 5 },	/* until the average is what its weight says */
	{ 255, 7, 7, 4 },
};

/* From here on fresh pages are few. */
#define LEARNED_RESTART	5u
/* After a striking surprise: three windows, and averages are about the new phase. */
#define LEARNED_STRUCK	2u
/* Until then two windows tell more than one of twice the length, */
#define LEARNED_LITTLE	11u
/* from this length on: the budget has more brief ones anyway than are needed. */
#define WINDOW_HALVED_NS	(100 * NS_PER_MSEC)

#define LEARNED_SETTLED	21u
/* Until then each window makes an average better by much. */
#define LEARNED_MUCH	90u
#define LEARNED_MAX	254u
/* Candidates beyond twice what would move now: so many, and that part of all pages. */
#define CANDIDATES_MIN	512u
#define CANDIDATES_PART	256u

/*
 * Of its pages, a group may exchange so many a second across the fine gap: 0.1 %
 * where pages differ, 0.005 % where they don't, by all that is known.
 */
#define FINE_PART_SKEWED	1000
#define FINE_PART		20000
/* What a step may have adds up for so long. */
#define FINE_MOST_NS	(60 * 1000 * NS_PER_MSEC)

static const struct stage *stage_of(const struct tm_engine *e)
{
	const struct stage *s = stages;

	/* The last one lasts: it ends above LEARNED_MAX. */
	while (e->learned >= s->until)
		s++;
	return s;
}

void tm_engine_init(struct tm_engine *e)
{
	*e = (struct tm_engine){ .window_ns = TM_WINDOW_FIRST_NS, .activity = TM_ACTIVE };
	tm_thrash_init(&e->thrash);
}

static void doubt(struct tm_engine *e, unsigned int learned)
{
	e->learned = min(e->learned, learned);
	e->surprises = 0;
	e->rest_ns = 0;
}

void tm_engine_restart(struct tm_engine *e)
{
	doubt(e, LEARNED_RESTART);
	e->window_ns = min(e->window_ns, TM_WINDOW_FIRST_NS);
}

/* What heat lets expect of a window, in 1/1024 of a page. */
static u64 expected(const struct tm_harvest *h, enum tm_tier tier)
{
	unsigned int level;
	u64 sum = 0;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		sum += h->histogram.pages[tier][level] * tm_heat_chance[level];
	return sum;
}

/* So many times what a whole window was expected to show, and no less than that part of all. */
#define WOKEN_TIMES	2
#define WOKEN_PART	64

bool tm_engine_woken(const struct tm_engine *e, u64 pages, u64 young_pages, u64 young_slow_pages)
{
	u64 expected_slow;

	if (young_slow_pages < pages / WOKEN_PART)
		return false;
	expected_slow = expected(&e->harvest, TM_SLOW);
	/* What was in DRAM then may be in slow memory by now: the quota is another one. */
	return young_pages * 1024 > expected(&e->harvest, TM_FAST) + expected_slow &&
	       young_slow_pages * 1024 > WOKEN_TIMES * expected_slow;
}

unsigned int tm_engine_weight_index(const struct tm_engine *e)
{
	return stage_of(e)->weight;
}

unsigned int tm_engine_gap(const struct tm_engine *e)
{
	return stage_of(e)->gap;
}

unsigned int tm_engine_fine_gap(const struct tm_engine *e)
{
	return stage_of(e)->fine_gap;
}

bool tm_engine_hurries(const struct tm_engine *e)
{
	return e->learned < LEARNED_SETTLED;
}

u64 tm_engine_reserve(const struct tm_engine *e, u64 savings_ns)
{
	if (!e->rest_ns)
		return 0;
	return e->rest_ns <= REST_LEARN_NS ? savings_ns / 2 : savings_ns;
}

u64 tm_engine_candidates(const struct tm_engine *e, s64 room_pages)
{
	if (tm_engine_hurries(e))
		return ~0ULL;
	return CANDIDATES_MIN + e->pages / CANDIDATES_PART +
	       2 * tm_plan_movable(&e->harvest.histogram, room_pages, tm_engine_gap(e));
}

u64 tm_engine_window_quota(const struct tm_engine *e, u64 quota_pages)
{
	bool soon = e->learned < LEARNED_LITTLE && e->window_ns >= WINDOW_HALVED_NS;

	return soon ? quota_pages / 2 : quota_pages;
}

/* Heat follows a window that changes no faster than it follows anything. */
static void average_window(struct tm_engine *e)
{
	u64 weight = e->pages ? tm_engine_weight[stage_of(e)->weight] : 1;

	e->heat_window_ns = div64_u64(e->heat_window_ns * (weight - 1) + e->window_ns, weight);
}

/* In 1/1024 of what is accessed: more is no noise, and more is decisive. */
#define SURPRISING	64
#define STRIKING	256
#define SURPRISES_MAX	3u

/*
 * Does DRAM serve a much smaller part of what is accessed than the averages
 * say? Once may be a scan that passes by; three times in a row is a new phase,
 * or twice if the difference is great.
 */
static bool surprised(struct tm_engine *e)
{
	const struct tm_harvest *h = &e->harvest;
	u64 expected_fast = expected(h, TM_FAST), expected_slow = expected(h, TM_SLOW);
	u64 seen[TM_NR_TIERS] = { 0 };
	u64 expected_part, seen_part;
	unsigned int tier, level;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			seen[tier] += h->young.pages[tier][level];
	if (!seen[TM_FAST] && !seen[TM_SLOW]) {
		/* Nor is there a phase where nothing is accessed. */
		e->surprises = 0;
		return false;
	}
	expected_part = mul_u64_u64_div_u64(expected_fast, 1024,
					    expected_fast + expected_slow + 1);
	seen_part = mul_u64_u64_div_u64(seen[TM_FAST], 1024, seen[TM_FAST] + seen[TM_SLOW]);
	if (seen_part + SURPRISING >= expected_part)
		e->surprises = 0;
	else
		e->surprises += seen_part + STRIKING >= expected_part ? 1 : 2;
	return e->surprises >= SURPRISES_MAX;
}

/*
 * Do levels differ by more than the averages' noise? A gap is five sigma of
 * it, about; three times that variance is no accident.
 */
static bool skewed(const struct tm_engine *e)
{
	const struct tm_histogram *h = &e->harvest.histogram;
	u64 pages = 0, sum = 0, squares = 0, mean, variance;
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		u64 n = h->pages[TM_FAST][level] + h->pages[TM_SLOW][level];

		pages += n;
		sum += n * level;
		squares += n * level * level;
	}
	if (!pages)
		return false;
	/* In 1/16 of a level, so that the mean's rounding is no part of it. */
	mean = div64_u64(sum * 16, pages);
	variance = div64_u64(squares * 256, pages) - mean * mean;
	return variance * 25 > 3 * 256 * tm_engine_gap(e) * tm_engine_gap(e);
}

/* How many pages a plan may exchange across the fine gap. */
static u64 fine_pages(struct tm_engine *e, u64 now_ns)
{
	u64 part = skewed(e) ? FINE_PART_SKEWED : FINE_PART;
	u64 pages = mul_u64_u64_div_u64(e->pages, min(now_ns - e->fine_ns, FINE_MOST_NS),
					part * 1000 * NS_PER_MSEC);

	/* Small groups have less than a page a step. */
	if (pages)
		e->fine_ns = now_ns;
	return pages;
}

static void choose_rest(struct tm_engine *e)
{
	/* A trickle is no reason to hurry. */
	u64 moves = e->plan.promote_pages + e->plan.demote_pages - 2 * e->plan.fine_pages;
	bool idle = e->young_pages <= e->pages / 1024;

	if (tm_engine_hurries(e) || e->surprises)
		e->rest_ns = 0;
	else if (e->learned < LEARNED_MUCH && !idle)
		e->rest_ns = REST_LEARN_NS;
	else if (moves > e->pages / 64)
		e->rest_ns = REST_MIN_NS;
	else if (moves > e->pages / 512)
		/* Nor is a little more, once it is calm, but to let it settle. */
		e->rest_ns = min(max(e->rest_ns, REST_MIN_NS), REST_CALM_NS);
	else
		e->rest_ns = min(max(2 * e->rest_ns, REST_MIN_NS),
				 idle ? REST_IDLE_NS : REST_CALM_NS);
}

void tm_engine_step(struct tm_engine *e, const struct tm_engine_input *in)
{
	unsigned int share = tm_thrash_share(&e->thrash);
	struct tm_plan_limits limits = {
		.quota_pages = in->quota_pages,
		.room_pages = in->room_pages,
		.short_pages = in->short_pages,
		.most_pages = mul_u64_u64_div_u64(in->most_pages, share, TM_SHARE_FULL),
	};
	struct tm_harvest_sums sums;

	tm_harvest_sum(&e->harvest, &sums);
	average_window(e);
	e->pages = sums.pages;
	e->young_pages = sums.young_pages;
	e->activity = tm_harvest_activity(&e->harvest, e->activity);
	e->learned = min(e->learned + 1, LEARNED_MAX);
	limits.fine_pages = fine_pages(e, in->now_ns);
	if (!tm_engine_hurries(e) && surprised(e)) {
		doubt(e, e->surprises > SURPRISES_MAX ? LEARNED_STRUCK : LEARNED_RESTART);
		/* What moved for nothing did so in another phase. */
		tm_thrash_init(&e->thrash);
	}

	limits.gap = tm_engine_gap(e);
	limits.fine_gap = tm_engine_fine_gap(e);
	tm_plan_make(&e->harvest.histogram, &limits, &e->plan);
	choose_rest(e);
	e->window_ns = tm_window_next(e->window_ns, &sums,
				      tm_engine_window_quota(e, in->quota_pages));
}

bool tm_engine_moved(struct tm_engine *e, u64 moved_pages, u64 back_pages)
{
	/* Whatever moves back in a new phase was right before, and is now. */
	if (tm_engine_hurries(e))
		back_pages = 0;
	return tm_thrash_account(&e->thrash, moved_pages, back_pages);
}
