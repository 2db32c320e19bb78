// SPDX-License-Identifier: GPL-2.0
/* Heat, plan, window, engine: random cases against what must hold for all of them. */
#include "random.h"

static void test_heat(void)
{
	const char *broken = NULL;
	unsigned long i;
	size_t len, j;
	u8 ops[256];

	for (i = 0; i < nr_cases / 4 && !broken; i++) {
		/* Without the rare events a history never gets long enough to settle. */
		bool calm = one_in(2);

		len = below(sizeof(ops) + 1);
		for (j = 0; j < len; j++) {
			ops[j] = (u8)random64();
			if (j >= 3 && (calm || !one_in(8)))
				ops[j] &= (u8)~ORACLE_NEW_TAG;
		}
		broken = oracle_heat(ops, len);
	}
	report(broken, i, "heat: any sequence of visits is as in a page of plain words");
}

/* All that can be stored, all that can happen to it: a known page stays known. */
static void test_heat_total(void)
{
	static const unsigned int weights[] = { 1, 3, 8, 64 };
	struct tm_heat_table table;
	const char *broken = NULL;
	const u8 *idle;
	unsigned int value = 0, w, phase, young;

	for (w = 0; w < ARRAY_SIZE(weights) && !broken; w++) {
		tm_heat_table_fill(&table, weights[w]);
		for (value = 0; value <= 0xffff && !broken; value++) {
			tm_heat_t heat = (tm_heat_t)value, next, again;

			for (phase = 0; phase < TM_HEAT_PHASES; phase++)
				for (young = 0; young < 2; young++) {
					next = tm_heat_visit(heat, &table, phase, young);
					again = tm_heat_visit_again(next, &table, phase, young);
					if (!(next & TM_HEAT_STATE_MASK) ||
					    !(again & TM_HEAT_STATE_MASK))
						broken = "a page that was visited is unknown";
					idle = table.next[0][phase];
					if (!young && next != tm_heat_visit_idle(heat, idle))
						broken = "an idle window has an access";
					if ((next ^ heat) >> TM_HEAT_TAG_SHIFT ||
					    (again ^ heat) >> TM_HEAT_TAG_SHIFT)
						broken = "a visit changes the tag";
					if (tm_heat_level(next) > TM_HEAT_LEVELS)
						broken = "there is no such level";
				}
		}
	}
	report(broken, value, "heat: all 65536 values, all phases: a known page stays known");
}

static void random_histogram(struct tm_histogram *h, u64 most)
{
	u64 share = most / (TM_NR_TIERS * TM_HEAT_LEVELS);
	unsigned int tier, level;
	/* Few levels in use, or many. */
	u64 sparse = 1 + below(16);

	memset(h, 0, sizeof(*h));
	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			h->pages[tier][level] = one_in(sparse) ? magnitude(share) : 0;
}

static u64 sum(const struct tm_histogram *h, enum tm_tier tier)
{
	unsigned int level;
	u64 pages = 0;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		pages += h->pages[tier][level];
	return pages;
}

static void random_limits(struct tm_plan_limits *l, const struct tm_histogram *h, u64 most)
{
	u64 used = sum(h, TM_FAST);

	/* Most groups have either, and room for all of it is dull. */
	l->room_pages = one_in(2) ? 0 :
			one_in(8) ? magnitude(TM_QUOTA_MAX_PAGES) : below(most + 1);
	l->short_pages = one_in(2) || (l->room_pages && !one_in(8)) ? 0 : below(most + 1);
	l->quota_pages = one_in(2) ? used + l->room_pages : magnitude(2 * most);
	l->most_pages = one_in(2) ? ~0ULL : one_in(8) ? 0 : below(most + 1);
	l->gap = (unsigned int)(one_in(4) ? 1 + below(TM_HEAT_LEVELS) : 6 + below(12));
	/* Mostly a smaller one. */
	l->fine_gap = (unsigned int)(1 + below(one_in(8) ? TM_HEAT_LEVELS : l->gap));
	l->fine_pages = one_in(4) ? 0 : one_in(4) ? ~0ULL : below(most / 16 + 1);
}

static void test_plan(u64 most, const char *what)
{
	const char *broken = NULL;
	struct tm_plan_limits l;
	struct tm_histogram h;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		random_histogram(&h, most);
		random_limits(&l, &h, most);
		broken = oracle_plan(&h, &l);
		if (broken)
			ksft_print_msg("quota %llu, room %llu, short %llu, most %llu, gap %u, fine gap %u for %llu pages\n",
				       (unsigned long long)l.quota_pages,
				       (unsigned long long)l.room_pages,
				       (unsigned long long)l.short_pages,
				       (unsigned long long)l.most_pages, l.gap, l.fine_gap,
				       (unsigned long long)l.fine_pages);
	}
	report(broken, i, what);
}

static void test_plan_uniform(void)
{
	const char *broken = NULL;
	struct tm_histogram h;
	struct tm_plan p;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		struct tm_plan_limits l = { .gap = 1 + (unsigned int)below(TM_HEAT_LEVELS) };
		u64 level, lowest = below(TM_HEAT_LEVELS), few = below(1000);

		l.quota_pages = magnitude(PAGES_16T);
		l.most_pages = ~0ULL;
		memset(&h, 0, sizeof(h));
		/* Noise of less than the gap is no reason, wherever it lies. */
		for (level = lowest; level < min(lowest + l.gap, (u64)TM_HEAT_LEVELS); level++) {
			h.pages[TM_FAST][level] = magnitude(PAGES_16T);
			h.pages[TM_SLOW][level] = magnitude(PAGES_16T);
		}
		tm_plan_make(&h, &l, &p);
		if (p.promote_pages || p.demote_pages || p.delayed_pages)
			broken = "pages of like heat change places";

		/* What noise there is may change places across a fine gap: a few pages. */
		l.fine_gap = 1 + (unsigned int)below(l.gap);
		l.fine_pages = few;
		tm_plan_make(&h, &l, &p);
		if (p.promote_pages > few || p.demote_pages != p.promote_pages || p.delayed_pages)
			broken = "more than a few pages of like heat change places";
		l.fine_gap = l.gap;
		l.fine_pages = ~0ULL;
		tm_plan_make(&h, &l, &p);
		if (p.promote_pages || p.demote_pages || p.delayed_pages)
			broken = "pages of like heat change places across a fine gap that is none";
	}
	report(broken, i, "plan: like heat moves nothing, or a few pages across the fine gap");
}

/*
 * A quota is a bound as the daemon uses the plan: with room and shortage from
 * the usage, inclusive of pages without history and pages on their way.
 */
static void test_plan_quota(void)
{
	const char *broken = NULL;
	struct tm_histogram h;
	struct tm_plan p;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		u64 used, inflight = one_in(2) ? 0 : magnitude(4096), after;
		struct tm_plan_limits l = { .gap = 6 };

		random_histogram(&h, one_in(2) ? 200 : PAGES_16T);
		/* Pages that have no history yet. */
		used = sum(&h, TM_FAST) + (one_in(2) ? 0 : magnitude(PAGES_16T));
		l.quota_pages = one_in(4) ? magnitude(TM_QUOTA_MAX_PAGES) : below(2 * used + 2);
		l.room_pages = tm_quota_room(l.quota_pages, used, inflight);
		l.short_pages = used > l.quota_pages ? used - l.quota_pages : 0;
		l.most_pages = one_in(2) ? ~0ULL : magnitude(PAGES_16T);
		l.fine_gap = 4;
		l.fine_pages = one_in(2) ? 0 : magnitude(PAGES_16T);
		tm_plan_make(&h, &l, &p);
		after = used + p.promote_pages - p.demote_pages;
		if (after > max(l.quota_pages, used))
			broken = "usage rises above the quota";
		else if (p.promote_pages > p.demote_pages && after + inflight > l.quota_pages)
			broken = "pages on their way are forgotten";
		else if (used > l.quota_pages && after < l.quota_pages)
			broken = "more leaves than is too much";
	}
	report(broken, i, "plan: usage goes up to the quota and never beyond");
}

static void test_curve(u64 most, const char *what)
{
	const char *broken = NULL;
	struct tm_histogram h;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		random_histogram(&h, most);
		broken = oracle_curve(&h, magnitude(2 * most));
	}
	report(broken, i, what);
}

static void random_harvest(struct tm_harvest *h, u64 most)
{
	unsigned int tier, level;
	/* None are young, all are, or anything between. */
	u64 young = below(4);

	random_histogram(&h->histogram, most / 2);
	h->unknown_pages = one_in(2) ? 0 : magnitude(most / 2);
	h->unknown_young_pages = below(h->unknown_pages + 1);
	memset(&h->young, 0, sizeof(h->young));
	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			u64 pages = h->histogram.pages[tier][level];

			h->young.pages[tier][level] = young == 0 ? 0 : young == 1 ? pages :
						      below(pages + 1);
		}
}

static void test_window(void)
{
	const char *broken = NULL;
	struct tm_harvest h;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		u64 window_ns = TM_WINDOW_MIN_NS +
				magnitude(TM_WINDOW_MAX_NS - TM_WINDOW_MIN_NS);
		u64 most = one_in(2) ? 200 : one_in(2) ? PAGES_16T : ORACLE_MOST_PAGES;

		random_harvest(&h, most);
		most = one_in(8) ? TM_QUOTA_MAX_PAGES : most;
		broken = oracle_window(window_ns, &h, magnitude(most));
		if (broken)
			ksft_print_msg("window %llu ns\n", (unsigned long long)window_ns);
	}
	report(broken, i, "window: within its limits, and in proportion to what it showed");
}

static void test_engine(void)
{
	const char *broken = NULL;
	unsigned long i;
	size_t len, j;
	u8 data[400];

	for (i = 0; i < nr_cases / 20 && !broken; i++) {
		len = below(sizeof(data) + 1);
		for (j = 0; j < len; j++)
			data[j] = (u8)random64();
		broken = oracle_engine(data, len);
	}
	report(broken, i, "engine: any life of a group is as in the model");
}

int main(void)
{
	random_begin(11);
	test_heat();
	test_heat_total();
	test_plan(200, "plan: promises hold for small groups, where corners meet");
	test_plan(PAGES_16T, "plan: promises hold up to 16T");
	test_plan(ORACLE_MOST_PAGES, "plan: promises hold for the sum of 100000 groups");
	test_plan_uniform();
	test_plan_quota();
	test_curve(PAGES_16T, "curve: as in 128 bits, and never falling, up to 16T");
	test_curve(ORACLE_MOST_PAGES, "curve: the same for the sum of 100000 groups");
	test_window();
	test_engine();
	ksft_finished();
}
