// SPDX-License-Identifier: GPL-2.0
/* The window and the engine, through whatever may come. */
#include <string.h>

#include "oracle.h"

#define NS_PER_SEC		(1000 * 1000 * 1000ULL)
#define SURPRISES_RESTART	3u
/* Windows until a group's averages are settled. */
#define SETTLED			21u
/* Until less, windows as long as this are made for half the quota. */
#define LITTLE			11u
#define HALVED_NS		(NS_PER_SEC / 10)
#define REST_MAX_NS		(2 * NS_PER_SEC)
#define REST_CALM_NS		(REST_MAX_NS * 5 / 8)

/* The sums, a page's chance in 1/1024 each. */
static const char *check_sums(const struct tm_harvest *h, const struct tm_harvest_sums *s)
{
	u128 pages = h->unknown_pages, young = h->unknown_young_pages, seen = 0;
	unsigned int tier, level;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			pages += h->histogram.pages[tier][level];
			young += h->young.pages[tier][level];
			seen += (u128)h->histogram.pages[tier][level] * tm_heat_chance[level];
		}
	if (s->pages != pages || s->young_pages != young || s->seen != seen)
		return "wrong sums";
	if (s->seen_twice < s->seen || s->seen_twice > 2 * seen)
		return "twice the window shows less than once or more than twice as much";
	return NULL;
}

static const char *check_target(const struct tm_harvest_sums *s, u64 quota_pages)
{
	u64 target = tm_window_target(s->pages, quota_pages);

	if (!target || (s->pages && target > s->pages))
		return "the target is no part of the group";
	if (target > tm_window_target(s->pages, quota_pages + 1 + quota_pages / 8))
		return "a larger quota lowers the target";
	return NULL;
}

/* A window that shows too little: is there more to see in a longer one? */
static bool should_grow(const struct tm_harvest_sums *s)
{
	if (s->seen)
		return s->seen_twice >= s->seen + s->seen / 4;
	return s->young_pages < s->pages / 16;
}

/* One that isn't too short: would half of it, or nearly, show the same? */
static bool should_shrink(const struct tm_harvest_sums *s)
{
	return s->seen && s->seen_twice < s->seen + s->seen / 16;
}

static const char *check_next(u64 window_ns, const struct tm_harvest_sums *s, u64 quota_pages)
{
	u64 next = tm_window_next(window_ns, s, quota_pages);
	u64 target = tm_window_target(s->pages, quota_pages), young = s->young_pages;
	bool few = young < target - target / 8, many = young > target + target / 8;
	u128 exact = young ? (u128)window_ns * target / young : 2 * (u128)window_ns;
	u64 half;

	if (next < TM_WINDOW_MIN_NS || next > TM_WINDOW_MAX_NS)
		return "a window beyond its limits";
	if (next > 2 * window_ns || next < window_ns / 4)
		return "a window changes by too much at once";
	if (!s->pages)
		return next == window_ns ? NULL : "a group without pages has another window";
	if (young > s->pages - s->pages / 16)
		return next == max(window_ns / 4, TM_WINDOW_MIN_NS) ?
		       NULL : "a window that shows all pages isn't quartered";
	if (next > window_ns && !(few && should_grow(s)))
		return "a window grows although it shows enough, or all there is";
	if (next < window_ns && !many && !should_shrink(s))
		return "a window shrinks that shows something";
	if (!many && !(few && should_grow(s))) {
		half = max(window_ns / 2, min(window_ns, TM_WINDOW_FIRST_NS));
		return next == (should_shrink(s) ? half : window_ns) ?
		       NULL : "a window that is right changes, or one that is too long doesn't";
	}
	/* In proportion, unless something else bounds it. */
	exact = max(exact, (u128)max(window_ns / 2, TM_WINDOW_MIN_NS));
	exact = min(exact, (u128)min(2 * window_ns, TM_WINDOW_MAX_NS));
	return next == exact ? NULL : "a window doesn't change in proportion";
}

const char *oracle_window(u64 window_ns, const struct tm_harvest *harvest, u64 quota_pages)
{
	struct tm_harvest_sums s;
	const char *broken;

	memset(&s, 0xff, sizeof(s));
	tm_harvest_sum(harvest, &s);
	broken = check_sums(harvest, &s);
	if (!broken)
		broken = check_target(&s, quota_pages);
	if (!broken)
		broken = check_next(window_ns, &s, quota_pages);
	return broken;
}

/* Bytes that come to an end: then zeros. */
struct source {
	const u8 *data;
	size_t size;
};

static u8 byte(struct source *s)
{
	if (!s->size)
		return 0;
	s->size--;
	return *s->data++;
}

/* Any order of magnitude from one byte and a little of another. */
static u64 number(struct source *s, u64 most)
{
	u64 n = (u64)(1 + byte(s)) << byte(s) % 56;

	return n > most ? n % (most + 1) : n - 1;
}

static void any_harvest(struct source *s, struct tm_harvest *h)
{
	unsigned int n = byte(s) % 8;

	memset(h, 0, sizeof(*h));
	h->unknown_pages = number(s, ORACLE_MOST_PAGES / 256);
	h->unknown_young_pages = number(s, h->unknown_pages);
	for (; n; n--) {
		u8 where = byte(s);
		unsigned int tier = where & 1, level = where / 2 % TM_HEAT_LEVELS;
		u64 pages = number(s, ORACLE_MOST_PAGES / 256);

		h->histogram.pages[tier][level] = pages;
		h->young.pages[tier][level] = number(s, pages);
	}
}

/* What the engine should be doing, besides the plan. */
struct model {
	u64 fine_ns;		/* since when fine pages add up */
	unsigned int learned;
	unsigned int surprises;
	unsigned int share;
	unsigned int pause;
	u64 moved_pages;
	u64 back_pages;
};

/* DRAM's part of what was seen against its part by the averages, both in 1/1024. */
static unsigned int model_surprises(const struct tm_harvest *h)
{
	u128 chance[TM_NR_TIERS] = { 0 }, seen[TM_NR_TIERS] = { 0 }, is, expected;
	unsigned int tier, level;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			chance[tier] += (u128)h->histogram.pages[tier][level] *
					tm_heat_chance[level];
			seen[tier] += h->young.pages[tier][level];
		}
	if (!(seen[TM_FAST] + seen[TM_SLOW]))
		return 0;
	is = seen[TM_FAST] * 1024 / (seen[TM_FAST] + seen[TM_SLOW]);
	expected = chance[TM_FAST] * 1024 / (chance[TM_FAST] + chance[TM_SLOW] + 1);
	return is + 64 >= expected ? 0 : is + 256 >= expected ? 1 : 2;
}

static void model_step(struct model *m, const struct tm_harvest *h)
{
	if (m->learned < 254)
		m->learned++;
	if (m->learned >= SETTLED) {
		unsigned int more = model_surprises(h);

		m->surprises = more ? m->surprises + more : 0;
		if (m->surprises >= SURPRISES_RESTART) {
			m->learned = m->surprises > SURPRISES_RESTART ? 2 : 5;
			m->surprises = 0;
			/* Nor is the brake about the new phase. */
			m->share = 1024;
			m->pause = 0;
			m->moved_pages = 0;
			m->back_pages = 0;
		}
	}
}

/* More than three times the variance of noise, a fifth of a gap. */
static bool model_skewed(const struct tm_harvest *h, unsigned int gap)
{
	u128 pages = 0, sum = 0, squares = 0, mean;
	unsigned int tier, level;

	for (tier = 0; tier < TM_NR_TIERS; tier++) {
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			pages += h->histogram.pages[tier][level];
			sum += (u128)h->histogram.pages[tier][level] * level;
			squares += (u128)h->histogram.pages[tier][level] * level * level;
		}
	}
	if (!pages)
		return false;
	mean = sum * 16 / pages;
	return (squares * 256 / pages - mean * mean) * 25 > 768 * gap * gap;
}

/* A page in 1000 a second, or in 20000, of a minute at most; what is less than a page adds up. */
static u64 model_fine_pages(struct model *m, const struct tm_harvest *h, bool skewed, u64 now_ns)
{
	u128 pages = h->unknown_pages, ns = now_ns - m->fine_ns;
	unsigned int tier, level;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			pages += h->histogram.pages[tier][level];
	pages = pages * min(ns, (u128)60 * NS_PER_SEC) / NS_PER_SEC / (skewed ? 1000 : 20000);
	if (pages)
		m->fine_ns = now_ns;
	return (u64)pages;
}

static bool same_plan(const struct tm_plan *a, const struct tm_plan *b)
{
	return a->threshold == b->threshold && a->promote_level == b->promote_level &&
	       a->demote_level == b->demote_level && a->promote_pages == b->promote_pages &&
	       a->demote_pages == b->demote_pages && a->unpaired_pages == b->unpaired_pages &&
	       a->delayed_pages == b->delayed_pages && a->hot_slow_pages == b->hot_slow_pages &&
	       a->cold_fast_pages == b->cold_fast_pages;
}

/* The fine gap isn't told; a plan with the right one must be the same. */
static bool find_fine_gap(const struct tm_engine *e, struct tm_plan_limits *limits)
{
	struct tm_plan p;

	for (limits->fine_gap = limits->gap; limits->fine_gap >= 4; limits->fine_gap--) {
		tm_plan_make(&e->harvest.histogram, limits, &p);
		if (same_plan(&p, &e->plan))
			return true;
	}
	return false;
}

static const char *check_step(struct tm_engine *e, struct model *m,
			      const struct tm_engine_input *in, bool full)
{
	struct tm_plan_limits limits = {
		.quota_pages = in->quota_pages,
		.room_pages = in->room_pages,
		.short_pages = in->short_pages,
	};
	/* The engine as it is when it looks at the harvest. */
	struct tm_engine looking = { .learned = min(m->learned + 1, 254u) };
	struct tm_harvest harvest = e->harvest;
	u64 window_ns = e->window_ns, quota_pages = in->quota_pages;
	unsigned int learned = m->learned, gap = tm_engine_gap(e);
	struct tm_harvest_sums sums;
	const char *broken;
	bool skewed;

	skewed = model_skewed(&harvest, tm_engine_gap(&looking));
	limits.fine_pages = model_fine_pages(m, &harvest, skewed, in->now_ns);
	limits.most_pages = (u64)((u128)in->most_pages * (m->pause ? 0 : m->share) / 1024);
	tm_engine_step(e, in);
	model_step(m, &harvest);
	if (m->pause)
		m->pause--;
	if (memcmp(&harvest, &e->harvest, sizeof(harvest)))
		return "the harvest was changed";
	if (e->learned != m->learned || e->surprises != m->surprises)
		return "learns or is surprised otherwise than the model";
	if (tm_engine_weight_index(e) >= TM_ENGINE_WEIGHTS)
		return "there is no such weight";
	if (tm_engine_hurries(e) ? m->learned >= SETTLED : m->learned < SETTLED)
		return "hurries otherwise than the model";
	if (e->rest_ns > REST_MAX_NS || ((tm_engine_hurries(e) || m->surprises) && e->rest_ns) ||
	    (e->rest_ns > REST_CALM_NS && e->young_pages > e->pages / 1024))
		return "rests for too long";
	if (e->plan.promote_pages > limits.most_pages)
		return "promotes more than its share";

	limits.gap = tm_engine_gap(e);
	if (limits.gap < 7 || limits.gap > 17 || (m->learned >= learned && limits.gap > gap))
		return "the gap is no gap, or grows";
	if (!find_fine_gap(e, &limits))
		return "there is no fine gap that gives this plan";
	if (tm_engine_hurries(e) && limits.fine_gap != limits.gap)
		return "exchanges across a fine gap before anything is settled";
	tm_harvest_sum(&harvest, &sums);
	if (m->learned < LITTLE && window_ns >= HALVED_NS)
		quota_pages /= 2;
	if (e->window_ns != tm_window_next(window_ns, &sums, quota_pages))
		return "another window than the one that follows";
	broken = full ? oracle_plan(&harvest.histogram, &limits) : NULL;
	return broken ? broken : oracle_window(window_ns, &harvest, quota_pages);
}

static const char *check_moved(struct tm_engine *e, struct model *m, u64 moved, u64 back)
{
	bool stopped = tm_engine_moved(e, moved, back), stop = false;

	m->moved_pages += moved;
	/* In a new phase whatever moves back was right before, and is now. */
	m->back_pages += m->learned < SETTLED ? 0 : back;
	if (m->moved_pages >= TM_THRASH_PAGES) {
		stop = m->back_pages > m->moved_pages / 2;
		if (stop) {
			m->share = 64;
			m->pause = TM_THRASH_PAUSE;
		} else if (m->back_pages > m->moved_pages / 10) {
			m->share = max(m->share / 2, 64u);
		} else if (m->back_pages <= m->moved_pages / 50) {
			m->share = min(m->share + 128, 1024u);
		}
		m->moved_pages = 0;
		m->back_pages = 0;
	}
	if (stopped != stop)
		return "stops, or doesn't, otherwise than the model";
	if (e->thrash.share != m->share || e->thrash.pause != m->pause)
		return "another share than the model";
	return NULL;
}

const char *oracle_engine(const u8 *data, size_t size)
{
	struct source s = { data, size };
	struct model m = { .share = 1024 };
	struct tm_engine_input in = { 0 };
	const char *broken = NULL;
	struct tm_engine e;

	tm_engine_init(&e);
	while (s.size && !broken) {
		u8 op = byte(&s);

		if (op < 8) {
			u64 window_ns = min(e.window_ns, TM_WINDOW_FIRST_NS);

			tm_engine_restart(&e);
			m.learned = min(m.learned, 5u);
			m.surprises = 0;
			if (e.learned != m.learned || e.rest_ns || e.window_ns != window_ns)
				broken = "a restart isn't one";
		} else if (op < 64) {
			u64 moved = number(&s, ORACLE_MOST_PAGES);

			broken = check_moved(&e, &m, moved, number(&s, 2 * moved));
		} else {
			unsigned int first = 1 + op % 16, again = first;
			u64 pause_ns;

			/* Else it's the same as last time. */
			if (op & 0x40) {
				any_harvest(&s, &e.harvest);
				in.quota_pages = number(&s, TM_QUOTA_MAX_PAGES);
				in.room_pages = number(&s, in.quota_pages);
				in.short_pages = op & 0x10 ? number(&s, ORACLE_MOST_PAGES) : 0;
				in.most_pages = op & 0x20 ? number(&s, ORACLE_MOST_PAGES) : ~0ULL;
			}
			/* Time that passes until each of the steps; clocks don't reach 2^63. */
			pause_ns = number(&s, 100 * NS_PER_SEC);
			/* Of equal steps, look closely at the plans of the first and the last. */
			for (; again && !broken; again--) {
				in.now_ns = min(in.now_ns + pause_ns, ~0ULL >> 1);
				broken = check_step(&e, &m, &in, again == first || again == 1);
			}
		}
	}
	return broken;
}
