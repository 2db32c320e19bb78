// SPDX-License-Identifier: GPL-2.0
/* Plans: counted pair by pair, carried out, and made again. */
#include <string.h>

#include "oracle.h"

static u64 pages_between(const struct tm_histogram *h, enum tm_tier tier, unsigned int lowest,
			 unsigned int highest)
{
	unsigned int level;
	u64 sum = 0;

	for (level = lowest; level <= highest && level < TM_HEAT_LEVELS; level++)
		sum += h->pages[tier][level];
	return sum;
}

/* Never less than warm, however low @lowest is. */
static u64 slow_from(const struct tm_histogram *h, unsigned int lowest)
{
	return pages_between(h, TM_SLOW, max(lowest, TM_PLAN_WARM_LEVEL), TM_HEAT_LEVELS);
}

static u64 fast_to(const struct tm_histogram *h, unsigned int highest)
{
	return pages_between(h, TM_FAST, 0, highest);
}

static u64 idle_in_fast(const struct tm_histogram *h)
{
	return fast_to(h, TM_PLAN_WARM_LEVEL - 1);
}

/* Level of the slow page that @hotter slow pages precede; there is one. */
static unsigned int hot_level(const struct tm_histogram *h, u64 hotter)
{
	unsigned int level = TM_HEAT_LEVELS - 1;
	u64 above = h->pages[TM_SLOW][level];

	while (level && above <= hotter)
		above += h->pages[TM_SLOW][--level];
	return level;
}

/* Level of the fast page that @colder fast pages precede; there is one. */
static unsigned int cold_level(const struct tm_histogram *h, u64 colder)
{
	unsigned int level = 0;
	u64 below = h->pages[TM_FAST][level];

	while (level < TM_HEAT_LEVELS - 1 && below <= colder)
		below += h->pages[TM_FAST][++level];
	return level;
}

/*
 * How many pairs pay when the hottest @filled pages need none? Each pair is
 * worse than the one before, so look for the first that doesn't.
 */
static u64 most_pairs(const struct tm_histogram *h, u64 filled, unsigned int gap)
{
	u64 good = 0, bad = min(slow_from(h, 0) - filled, fast_to(h, TM_HEAT_LEVELS)) + 1;

	while (bad - good > 1) {
		u64 n = good + (bad - good) / 2;

		if (hot_level(h, filled + n - 1) >= cold_level(h, n - 1) + gap)
			good = n;
		else
			bad = n;
	}
	return good;
}

/* How many pages a plan lets in, and why; the hottest first. */
struct amounts {
	u64 fillable;		/* there is room for them, */
	u64 filled;		/* and that many may move */
	u64 pairable;		/* worth an exchange across the gap, */
	u64 paired;		/* and that many may move */
	u64 fine;		/* exchanged across the fine gap */
};

/* What a plan should move. Fine pairs come after all others, so they're all worse than those. */
static struct amounts amounts_of(const struct tm_histogram *h, const struct tm_plan_limits *l)
{
	struct amounts a;
	u64 fine;

	a.fillable = min(l->room_pages, slow_from(h, 0));
	a.filled = min(a.fillable, l->most_pages);
	a.pairable = most_pairs(h, a.fillable, l->gap);
	a.paired = min(a.pairable, l->most_pages - a.filled);
	fine = most_pairs(h, a.fillable, l->fine_gap);
	fine = fine > a.pairable ? fine - a.pairable : 0;
	a.fine = min(min(fine, l->fine_pages), l->most_pages - a.filled - a.paired);
	return a;
}

/* What the plan moves, by tier that it comes from, and level. */
struct moves {
	u64 pages[TM_NR_TIERS][TM_HEAT_LEVELS];
};

/* As the daemon picks: hottest first, coldest first, within the levels of the plan. */
static bool pick(const struct tm_histogram *h, const struct tm_plan *p, struct moves *m)
{
	unsigned int level;
	u64 left;

	memset(m, 0, sizeof(*m));
	left = p->promote_pages;
	for (level = TM_HEAT_LEVELS; left && level > p->promote_level; level--) {
		m->pages[TM_SLOW][level - 1] = min(left, h->pages[TM_SLOW][level - 1]);
		left -= m->pages[TM_SLOW][level - 1];
	}
	if (left)
		return false;

	left = p->demote_pages;
	for (level = 0; left && level < TM_HEAT_LEVELS && level <= p->demote_level; level++) {
		m->pages[TM_FAST][level] = min(left, h->pages[TM_FAST][level]);
		left -= m->pages[TM_FAST][level];
	}
	return !left;
}

/* Pages keep their heat when they move. */
static void carry_out(struct tm_histogram *h, const struct moves *m)
{
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		h->pages[TM_FAST][level] -= m->pages[TM_FAST][level];
		h->pages[TM_SLOW][level] += m->pages[TM_FAST][level];
		h->pages[TM_SLOW][level] -= m->pages[TM_SLOW][level];
		h->pages[TM_FAST][level] += m->pages[TM_SLOW][level];
	}
}

/*
 * Let the hottest pages in for nothing; each other one takes a page's place.
 * So many of them across the gap, and the rest across the fine one.
 */
static const char *check_pairs(struct moves m, const struct amounts *a,
			       const struct tm_plan_limits *l)
{
	u64 filled = a->filled, paired = a->paired, fine = 0;
	unsigned int hot = TM_HEAT_LEVELS - 1, cold = 0;
	u64 n;

	for (;;) {
		while (hot && !m.pages[TM_SLOW][hot])
			hot--;
		if (!m.pages[TM_SLOW][hot])
			return NULL;
		if (hot < TM_PLAN_WARM_LEVEL)
			return "promotes idle pages";
		if (filled) {
			n = min(filled, m.pages[TM_SLOW][hot]);
			filled -= n;
			m.pages[TM_SLOW][hot] -= n;
			continue;
		}
		while (cold < TM_HEAT_LEVELS && !m.pages[TM_FAST][cold])
			cold++;
		if (cold == TM_HEAT_LEVELS)
			return "promotes a page that nothing made place for";
		n = min(m.pages[TM_SLOW][hot], m.pages[TM_FAST][cold]);
		if (paired) {
			if (hot < cold + l->gap)
				return "exchanges pages of like heat";
			n = min(n, paired);
			paired -= n;
		} else {
			fine += n;
			if (fine > l->fine_pages)
				return "exchanges more than a few pages across the fine gap";
			if (hot < cold + l->fine_gap)
				return "exchanges pages across less than the fine gap";
		}
		m.pages[TM_SLOW][hot] -= n;
		m.pages[TM_FAST][cold] -= n;
	}
}

static const char *check_numbers(const struct tm_histogram *h, const struct tm_plan_limits *l,
				 const struct tm_plan *p, const struct amounts *a)
{
	u64 idle = idle_in_fast(h), exchanged = p->promote_pages - a->filled, restored;

	if (p->promote_pages > l->most_pages)
		return "promotes more than allowed";
	if (p->promote_pages < a->filled)
		return "leaves room although there are warm pages";
	if (exchanged < a->paired)
		return "leaves out an exchange that would pay";
	if (exchanged - a->paired > l->fine_pages)
		return "exchanges more than a few pages across less than the gap";
	if (exchanged < a->paired + a->fine)
		return "leaves out an exchange across the fine gap";
	if (exchanged > a->paired + a->fine)
		return "promotes more than room and exchange allow";
	if (p->delayed_pages != a->fillable + a->pairable - a->filled - a->paired)
		return "wrong number of delayed pages";
	if (p->demote_pages < exchanged)
		return "demotes less than the exchange needs";
	restored = p->demote_pages - exchanged;
	if (restored != min(l->short_pages, idle - min(idle, exchanged)))
		return "demotes another number of idle pages than the margin needs";
	return NULL;
}

static const char *check_threshold(const struct tm_histogram *h, const struct tm_plan_limits *l,
				   const struct tm_plan *p)
{
	unsigned int level, half = l->gap / 2, t = p->threshold;
	u64 hot = 0, cold = 0, fitting, above;

	for (level = 0; level <= TM_HEAT_LEVELS; level++) {
		above = pages_between(h, TM_SLOW, level, TM_HEAT_LEVELS) +
			pages_between(h, TM_FAST, level, TM_HEAT_LEVELS);
		if (level >= t && above > l->quota_pages)
			return "pages above the threshold don't fit the quota";
		if (level < t && above <= l->quota_pages)
			return "a lower threshold would fit the quota";
	}
	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		if (level >= TM_PLAN_WARM_LEVEL && level >= t + half)
			hot += h->pages[TM_SLOW][level];
		if (level < TM_PLAN_WARM_LEVEL || level + half < t)
			cold += h->pages[TM_FAST][level];
	}
	if (p->hot_slow_pages != hot)
		return "wrong number of hot slow pages";
	if (p->cold_fast_pages != cold)
		return "wrong number of cold fast pages";
	/* The hottest move, now or later; the rest of those that would fit is the warm band. */
	fitting = slow_from(h, t);
	if (p->unpaired_pages != fitting - min(fitting, p->promote_pages + p->delayed_pages))
		return "wrong number of pages in the warm band";
	return NULL;
}

static const char *check_levels(const struct tm_histogram *h, const struct tm_plan_limits *l,
				const struct tm_plan *p, const struct amounts *a)
{
	u64 paired = p->promote_pages - a->filled;
	unsigned int demote_level = 0, gap = a->fine ? l->fine_gap : l->gap;

	if (p->promote_level != (p->promote_pages ? hot_level(h, p->promote_pages - 1) :
						    TM_HEAT_LEVELS))
		return "the level of promotion isn't that of the last page";
	if (paired)
		demote_level = cold_level(h, paired - 1);
	if (p->demote_pages > paired)
		demote_level = max(demote_level, TM_PLAN_WARM_LEVEL - 1);
	if (p->demote_pages && p->demote_level != demote_level)
		return "the level of demotion isn't that of the last page";
	if (paired && p->promote_level < cold_level(h, paired - 1) + gap)
		return "the levels of promotion and demotion are too close";
	return NULL;
}

/* Room is made piece by piece, and used at once or later: what @late says. */
static const char *check_quota(const struct tm_histogram *h, const struct tm_plan_limits *l,
			       const struct tm_plan *p, u64 late)
{
	u64 used = fast_to(h, TM_HEAT_LEVELS), quota = used + l->room_pages;
	u64 up = p->promote_pages, down = p->demote_pages, n;

	while (down || up) {
		n = late && down ? 0 : min(up, quota - used);
		up -= n;
		used += n;
		if (up && !down)
			return "promotes more than the quota holds";
		n = min(down, down / 3 + 1);
		down -= n;
		used -= n;
		late -= !!late;
	}
	return used <= quota ? NULL : "exceeds the quota";
}

/* What a plan leaves behind, and what the next one makes of it. */
static const char *check_outcome(const struct tm_histogram *h, const struct tm_plan_limits *l,
				 const struct tm_plan *p, const struct amounts *a)
{
	u64 restored = a->filled + p->demote_pages - p->promote_pages;
	struct tm_plan_limits next_limits = *l;
	struct tm_histogram after = *h;
	struct tm_plan next;
	const char *broken;
	struct moves m;

	if (!pick(h, p, &m))
		return "the levels don't hold as many pages as are to move";
	broken = check_pairs(m, a, l);
	if (broken)
		return broken;
	carry_out(&after, &m);
	if (fast_to(&after, TM_HEAT_LEVELS) + restored != fast_to(h, TM_HEAT_LEVELS) + a->filled)
		return "usage doesn't change by what was filled and restored";

	next_limits.room_pages -= a->filled;
	next_limits.short_pages -= restored;
	/* Of fine pairs none is left, if there were fewer than allowed. */
	next_limits.fine_pages = p->promote_pages < l->most_pages ? l->fine_pages - a->fine : 0;
	tm_plan_make(&after, &next_limits, &next);
	if (next.threshold != p->threshold)
		return "the threshold depends on where pages lie";
	if (!p->delayed_pages && (next.promote_pages || next.demote_pages))
		return "a plan leaves something to do for the next one";
	if (!restored && next.promote_pages + next.delayed_pages != p->delayed_pages)
		return "what was delayed isn't what comes next";
	return NULL;
}

/* "No limit" stays that. */
static u64 times(u64 pages, u64 n)
{
	return pages > ~0ULL / n ? ~0ULL : pages * n;
}

static u64 a_bit_more(u64 pages)
{
	return pages > ~0ULL / 2 ? ~0ULL : pages + 1 + pages / 8;
}

/* @n equal groups are one of @n times the pages. */
static const char *check_scale(const struct tm_histogram *h, const struct tm_plan_limits *l,
			       const struct tm_plan *p, u64 n)
{
	struct tm_plan_limits many_limits = {
		.quota_pages = times(l->quota_pages, n),
		.room_pages = times(l->room_pages, n),
		.short_pages = times(l->short_pages, n),
		.most_pages = times(l->most_pages, n),
		.gap = l->gap,
		.fine_gap = l->fine_gap,
		.fine_pages = times(l->fine_pages, n),
	};
	unsigned int tier, level;
	struct tm_histogram many;
	struct tm_plan q;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			many.pages[tier][level] = h->pages[tier][level] * n;
	tm_plan_make(&many, &many_limits, &q);
	if (q.threshold != p->threshold || q.promote_level != p->promote_level ||
	    (p->demote_pages && q.demote_level != p->demote_level))
		return "the levels depend on how many pages there are of each";
	if (q.promote_pages != p->promote_pages * n || q.demote_pages != p->demote_pages * n ||
	    q.unpaired_pages != p->unpaired_pages * n || q.delayed_pages != p->delayed_pages * n ||
	    q.hot_slow_pages != p->hot_slow_pages * n ||
	    q.cold_fast_pages != p->cold_fast_pages * n)
		return "the amounts don't grow with the pages";
	return NULL;
}

/* More of anything is never a reason for less. */
static const char *check_more(const struct tm_histogram *h, const struct tm_plan_limits *l,
			      const struct tm_plan *p)
{
	struct tm_plan_limits more = *l;
	struct tm_plan q;

	more.room_pages = a_bit_more(l->room_pages);
	tm_plan_make(h, &more, &q);
	if (q.promote_pages < p->promote_pages)
		return "promotes less with more room";
	if (q.demote_pages > p->demote_pages)
		return "demotes more with more room";

	more = *l;
	more.quota_pages = a_bit_more(l->quota_pages);
	tm_plan_make(h, &more, &q);
	if (q.threshold > p->threshold)
		return "a larger quota raises the threshold";

	more = *l;
	more.most_pages = a_bit_more(l->most_pages);
	tm_plan_make(h, &more, &q);
	if (q.promote_pages < p->promote_pages || q.delayed_pages > p->delayed_pages)
		return "promotes less when allowed more";

	more = *l;
	more.gap++;
	tm_plan_make(h, &more, &q);
	if (q.promote_pages > p->promote_pages)
		return "a larger gap lets more pages in";

	more = *l;
	more.fine_pages = a_bit_more(l->fine_pages);
	tm_plan_make(h, &more, &q);
	if (q.promote_pages < p->promote_pages || q.delayed_pages != p->delayed_pages ||
	    q.promote_pages - p->promote_pages > more.fine_pages - l->fine_pages)
		return "more fine exchanges aren't just that";

	more = *l;
	more.fine_gap++;
	tm_plan_make(h, &more, &q);
	if (q.promote_pages > p->promote_pages)
		return "a larger fine gap lets more pages in";
	return NULL;
}

/* Without pages for it, or with a fine gap that is none, a plan is as if there was no fine gap. */
static const char *check_fine(const struct tm_histogram *h, const struct tm_plan_limits *l,
			      const struct tm_plan *p)
{
	struct tm_plan_limits other = *l;
	struct tm_plan none, same;

	other.fine_pages = 0;
	memset(&none, 0, sizeof(none));
	tm_plan_make(h, &other, &none);
	other.fine_gap = l->gap;
	other.fine_pages = ~0ULL;
	memset(&same, 0, sizeof(same));
	tm_plan_make(h, &other, &same);
	if (memcmp(&none, &same, sizeof(none)))
		return "a fine gap without pages changes a plan";
	if (none.promote_pages > p->promote_pages || none.demote_pages > p->demote_pages ||
	    p->promote_pages - none.promote_pages > l->fine_pages ||
	    none.delayed_pages != p->delayed_pages || none.threshold != p->threshold)
		return "the fine exchange does more than add a few pages";
	if (p->promote_pages == none.promote_pages &&
	    (none.promote_level != p->promote_level || none.demote_level != p->demote_level))
		return "the fine exchange moves nothing, but changes levels";
	return NULL;
}

const char *oracle_plan(const struct tm_histogram *h, const struct tm_plan_limits *limits)
{
	struct amounts a = amounts_of(h, limits);
	struct tm_plan p;
	const char *broken;

	memset(&p, 0xff, sizeof(p));
	tm_plan_make(h, limits, &p);

	broken = check_numbers(h, limits, &p, &a);
	if (!broken)
		broken = check_threshold(h, limits, &p);
	if (!broken)
		broken = check_levels(h, limits, &p, &a);
	if (!broken)
		broken = check_quota(h, limits, &p, 0);
	if (!broken)
		broken = check_quota(h, limits, &p, 3);
	if (!broken)
		broken = check_quota(h, limits, &p, ~0ULL);
	if (!broken)
		broken = check_outcome(h, limits, &p, &a);
	if (!broken)
		broken = check_scale(h, limits, &p, 3);
	if (!broken)
		broken = check_more(h, limits, &p);
	if (!broken)
		broken = check_fine(h, limits, &p);
	if (!broken)
		broken = oracle_candidates(h, limits, &p);
	return broken;
}

/* The hottest pages that fit, one level after the other. */
static const char *check_hits(const struct tm_histogram *h, u64 quota_pages)
{
	unsigned int level, hits = tm_plan_hits(h, quota_pages);
	u128 all = 0, inside = 0, expected;

	for (level = TM_HEAT_LEVELS; level > 0; level--) {
		u64 n = h->pages[TM_FAST][level - 1] + h->pages[TM_SLOW][level - 1];

		all += (u128)n * tm_heat_accesses[level - 1];
		n = min(n, quota_pages);
		inside += (u128)n * tm_heat_accesses[level - 1];
		quota_pages -= n;
	}
	expected = all ? inside * 1024 / all : 1024;
	return hits == expected ? NULL : "a wrong share of hits";
}

const char *oracle_curve(const struct tm_histogram *h, u64 quota_pages)
{
	u64 more = a_bit_more(quota_pages);
	const char *broken = check_hits(h, quota_pages);

	if (broken)
		return broken;
	if (tm_plan_hits(h, quota_pages) > tm_plan_hits(h, more))
		return "a larger quota has fewer hits";
	if (tm_plan_hits(h, ~0ULL) != 1024)
		return "not all accesses hit although everything fits";
	return tm_plan_hits(h, 0) % 1024 ? "hits without a quota" : NULL;
}
