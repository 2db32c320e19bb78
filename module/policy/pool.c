// SPDX-License-Identifier: GPL-2.0
/* Sharing a pool of DRAM. */
#include "pool.h"

u64 tm_pool_useful_pages(const struct tm_harvest *h, u32 activity)
{
	const u64 *fast = h->histogram.pages[TM_FAST], *slow = h->histogram.pages[TM_SLOW];
	u64 accesses = 0, pages = 0, n, needed;
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++)
		accesses += (fast[level] + slow[level]) * tm_heat_accesses[level];
	needed = accesses - div64_u64(accesses, 100);
	for (level = TM_HEAT_LEVELS; level > 0 && needed; level--) {
		unsigned int each = tm_heat_accesses[level - 1];

		n = fast[level - 1] + slow[level - 1];
		if (each && n * each >= needed)
			n = div64_u64(needed + each - 1, each);
		needed -= min(needed, n * each);
		pages += n;
	}
	return mul_u64_u64_div_u64(pages, activity, TM_ACTIVE) + h->unknown_pages;
}

/* ---- the tree -------------------------------------------------------------- */

static u64 sum_up_to(u64 a, u64 b, u64 most)
{
	return a >= most || b >= most - a ? most : a + b;
}

static bool is_leaf(const struct tm_pool_member *m, u32 i)
{
	return m[i].end == i + 1;
}

/* Siblings are @from and on, the subtree of each skipped, up to @to. */
#define for_each_sibling(i, members, from, to) \
	for ((i) = (from); (i) < (to); (i) = (members)[i].end)

/* Ends of subtrees, and what they have and can have. */
static void gather(struct tm_pool_member *m, u32 n)
{
	const u64 most = TM_POOL_MAX_PAGES;
	u32 i, child;

	for (i = n; i > 0; i--) {
		struct tm_pool_member *p = &m[i - 1];
		u64 used = 0, cap = 0;

		for (p->end = i; p->end < n && m[p->end].depth > p->depth;)
			p->end = m[p->end].end;
		for_each_sibling(child, m, i, p->end) {
			used = sum_up_to(used, m[child].used_pages, most);
			cap = sum_up_to(cap, m[child].cap_pages, most);
		}
		p->cap_pages = min(p->max_pages, p->end == i ? most : cap);
		p->used_pages = min(p->end == i ? p->used_pages : used, p->cap_pages);
	}
}

/* A reservation counts for what there is, and so much of what may come until the next epoch. */
#define GROWTH_PART	8
#define GROWTH_PAGES	1024

/*
 * What siblings have reserved, of @limit pages that the member above has: their
 * own reservations as far as there is memory for them, in proportion if that is
 * too much.
 */
static void reserve(struct tm_pool_member *m, u32 first, u32 end, u64 limit)
{
	u64 claims = 0;
	u32 i;

	for_each_sibling(i, m, first, end) {
		u64 used = m[i].used_pages;

		m[i].reserved_pages = min(min(m[i].min_pages, m[i].cap_pages),
					  used + used / GROWTH_PART + GROWTH_PAGES);
		claims += m[i].reserved_pages;
	}
	for_each_sibling(i, m, first, end)
		if (claims > limit)
			m[i].reserved_pages = mul_u64_u64_div_u64(m[i].reserved_pages, limit,
								  claims);
}

/* What is reserved is as good as used: who is above needs it for those below. */
static void gather_useful(struct tm_pool_member *m, u32 n)
{
	u32 i, child;

	for (i = n; i > 0; i--) {
		struct tm_pool_member *p = &m[i - 1];

		if (p->end != i) {
			p->used_pages = 0;
			p->useful_pages = 0;
		}
		for_each_sibling(child, m, i, p->end) {
			p->used_pages = sum_up_to(p->used_pages, m[child].used_pages,
						  TM_POOL_MAX_PAGES);
			p->useful_pages = sum_up_to(p->useful_pages, m[child].useful_pages,
						    TM_POOL_MAX_PAGES);
		}
		p->useful_pages = min(max(p->useful_pages, p->reserved_pages), p->cap_pages);
		p->used_pages = min(max(p->used_pages, p->useful_pages), p->cap_pages);
	}
}

/* ---- the parts of an amount -------------------------------------------------- */

/* What @level of filling gives to a sibling: weight times that, in pages. */
static u64 filled(const struct tm_pool_member *m, u64 level)
{
	u64 want = m->want_pages > m->target_pages ? m->want_pages - m->target_pages : 0;

	return min(want, mul_u64_u64_div_u64(level, m->weight, TM_WEIGHT_MAX));
}

/* Together, or @most if that is less. */
static u64 filled_together(const struct tm_pool_member *m, u32 first, u32 end, u64 level, u64 most)
{
	u64 sum = 0;
	u32 i;

	for_each_sibling(i, m, first, end)
		sum = sum_up_to(sum, filled(&m[i], level), most);
	return sum;
}

/* Enough for whoever has the least weight. */
#define FILL_MAX	(TM_POOL_MAX_PAGES * TM_WEIGHT_MAX)

/*
 * Give siblings what they want beyond what they have, up to @left pages together:
 * by weight, and nobody more than that.
 *
 * Returns what is left.
 */
static u64 fill(struct tm_pool_member *m, u32 first, u32 end, u64 left)
{
	u64 low = 0, high = FILL_MAX, middle;
	u32 i;

	if (!left)
		return 0;
	if (filled_together(m, first, end, FILL_MAX, left) < left)
		low = FILL_MAX;
	/* The highest level that doesn't take more than there is. */
	while (low + 1 < high) {
		middle = low + (high - low) / 2;
		if (filled_together(m, first, end, middle, left + 1) <= left)
			low = middle;
		else
			high = middle;
	}
	for_each_sibling(i, m, first, end) {
		u64 part = filled(&m[i], low);

		m[i].target_pages += part;
		left -= part;
	}
	/* Parts of a page, if not all have what they want. */
	for_each_sibling(i, m, first, end) {
		if (left && m[i].want_pages > m[i].target_pages) {
			m[i].target_pages++;
			left--;
		}
	}
	return left;
}

/* ---- by the value of pages ----------------------------------------------------- */

/*
 * A page's value is its accesses a second times the weights of those that have it:
 * 2^36 is one access of heat's 1/64 in a nanosecond, at the default weight.
 */
#define IMPORTANCE_DEFAULT	1024ULL
#define IMPORTANCE_MAX		(IMPORTANCE_DEFAULT << 14)
#define VALUE_SCALE		(IMPORTANCE_DEFAULT << 26)

/*
 * Thresholds in 64 steps an octave: finer differences are noise.
 */
#define STEP_BITS	6
#define THRESHOLDS	(56u << STEP_BITS)

static u64 threshold_value(unsigned int threshold)
{
	u64 mantissa = (1u << STEP_BITS) + (threshold & ((1u << STEP_BITS) - 1));

	return mantissa << (threshold >> STEP_BITS);
}

/* From accesses a window of a page to its value. */
static void appraise(struct tm_pool_member *m, u32 n)
{
	u32 i, child;

	for (i = 0; i < n; i++) {
		u64 importance = m[i].depth ? m[i].value : IMPORTANCE_DEFAULT;

		importance = mul_u64_u64_div_u64(importance, m[i].weight, TM_WEIGHT_DEFAULT);
		importance = min(max(importance, 1ULL), IMPORTANCE_MAX);
		for_each_sibling(child, m, i + 1, m[i].end)
			m[child].value = importance;
		m[i].value = is_leaf(m, i) && m[i].heat ?
			mul_u64_u64_div_u64(importance * m[i].activity, VALUE_SCALE,
					    m[i].window_ns) : 0;
	}
}

/* What a member has already is worth so much more there: noise is no reason to move it. */
#define KEEP_PART	8

/* Pages of a leaf with at least this value. */
static u64 pages_worth(const struct tm_pool_member *m, u64 value)
{
	unsigned int level = TM_HEAT_LEVELS;
	u64 sum = 0, keep = 0;

	while (m->value && level) {
		u64 pages, worth;

		level--;
		pages = m->heat->pages[TM_FAST][level] + m->heat->pages[TM_SLOW][level];
		worth = m->value * tm_heat_accesses[level];
		if (worth + worth / KEEP_PART < value)
			break;
		keep += pages;
		if (worth >= value)
			sum += pages;
	}
	return max(sum, min(keep, m->share_pages));
}

/* Value of the hottest @pages pages of a leaf, in 2^32. */
static u64 value_of(const struct tm_pool_member *m, u64 pages)
{
	unsigned int level = TM_HEAT_LEVELS;
	u64 sum = 0;

	while (m->value && level && pages) {
		u64 n, worth;

		level--;
		n = min(pages, m->heat->pages[TM_FAST][level] + m->heat->pages[TM_SLOW][level]);
		worth = m->value * tm_heat_accesses[level];
		sum = sum_up_to(sum, mul_u64_u64_div_u64(worth, n, 1ULL << 32), ~0ULL);
		pages -= n;
	}
	return sum;
}

/* What siblings and those below would have if pages of at least @value had a place in DRAM. */
static void want_worth(struct tm_pool_member *m, u32 first, u32 end, unsigned int threshold)
{
	u64 value = threshold_value(threshold);
	u32 i, child;

	for (i = end; i > first; i--) {
		struct tm_pool_member *p = &m[i - 1];

		p->want_pages = pages_worth(p, value);
		for_each_sibling(child, m, i, p->end)
			p->want_pages = sum_up_to(p->want_pages, m[child].want_pages,
						  TM_POOL_MAX_PAGES);
		p->want_pages = min(max(p->want_pages, p->reserved_pages), p->cap_pages);
	}
}

static u64 fill_by_value(struct tm_pool_member *m, u32 first, u32 end, u64 left)
{
	unsigned int low = 0, high = THRESHOLDS - 1, middle;

	/* The lowest threshold above which all pages fit; above the highest there are none. */
	while (low + 1 < high) {
		middle = low + (high - low) / 2;
		want_worth(m, first, end, middle);
		if (filled_together(m, first, end, FILL_MAX, left + 1) <= left)
			high = middle;
		else
			low = middle;
	}
	want_worth(m, first, end, high);
	left = fill(m, first, end, left);
	/* And some of the next. */
	want_worth(m, first, end, low);
	return fill(m, first, end, left);
}

/* ---- targets --------------------------------------------------------------------- */

/* Share out @amount among siblings. */
static void share_out(struct tm_pool_member *m, u32 first, u32 end, u64 amount,
		      enum tm_pool_policy policy)
{
	u64 left = amount;
	u32 i;

	for_each_sibling(i, m, first, end) {
		m[i].target_pages = m[i].reserved_pages;
		left -= m[i].reserved_pages;
	}
	if (policy == TM_POOL_THROUGHPUT)
		left = fill_by_value(m, first, end, left);
	for_each_sibling(i, m, first, end)
		m[i].want_pages = m[i].useful_pages;
	left = fill(m, first, end, left);
	for_each_sibling(i, m, first, end)
		m[i].want_pages = m[i].used_pages;
	left = fill(m, first, end, left);
	for_each_sibling(i, m, first, end)
		m[i].want_pages = m[i].cap_pages;
	fill(m, first, end, left);
}

void tm_pool_targets(struct tm_pool_member *m, u32 n, u64 pool_pages, enum tm_pool_policy policy)
{
	u32 i;

	gather(m, n);
	reserve(m, 0, n, pool_pages);
	for (i = 0; i < n; i++)
		reserve(m, i + 1, m[i].end, m[i].reserved_pages);
	gather_useful(m, n);
	if (policy == TM_POOL_THROUGHPUT)
		appraise(m, n);
	share_out(m, 0, n, pool_pages, policy);
	for (i = 0; i < n; i++)
		share_out(m, i + 1, m[i].end, m[i].target_pages, policy);
}

/* ---- steps ----------------------------------------------------------------------- */

/* Of the pool, how much changes hands at a time at most, and how much at least. */
#define STEP_PART	20
#define CALM_PART	50
/* A small group has a reason to move much less than that: when it wants so much more. */
#define WANT_PART	8
#define WANT_PAGES	256

/* Siblings have no more than @limit, by taking as much from each as it can spare. */
static void cut(struct tm_pool_member *m, u32 first, u32 end, u64 limit)
{
	u64 sum = 0, spare = 0;
	u32 i;

	for_each_sibling(i, m, first, end) {
		m[i].share_pages = min(max(m[i].share_pages, m[i].reserved_pages), m[i].cap_pages);
		sum += m[i].share_pages;
		spare += m[i].share_pages - m[i].reserved_pages;
	}
	if (sum <= limit)
		return;
	for_each_sibling(i, m, first, end) {
		u64 mine = m[i].share_pages - m[i].reserved_pages;

		/* Rounded up: together no less than what is too much. */
		m[i].share_pages -= min(mine, mul_u64_u64_div_u64(sum - limit, mine, spare) + 1);
	}
}

/* Would targets serve so much more than shares do that it's worth moving pages for? */
static bool serves_more(const struct tm_pool_member *m, u32 n)
{
	u64 now = 0, then = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		if (!is_leaf(m, i))
			continue;
		now = sum_up_to(now, value_of(&m[i], m[i].share_pages), ~0ULL);
		then = sum_up_to(then, value_of(&m[i], m[i].target_pages), ~0ULL);
	}
	return then > now && then - now > div64_u64(now, CALM_PART);
}

void tm_pool_step(struct tm_pool *p, struct tm_pool_member *m, u32 n, u64 pool_pages,
		  enum tm_pool_policy policy)
{
	u64 up = 0, down = 0, most = div64_u64(pool_pages, STEP_PART) + 1;
	bool wanted = false, calm;
	u32 i;

	cut(m, 0, n, pool_pages);
	for (i = 0; i < n; i++) {
		u64 has = m[i].share_pages, target = m[i].target_pages;

		cut(m, i + 1, m[i].end, m[i].share_pages);
		if (!is_leaf(m, i))
			continue;
		if (target > has)
			up = sum_up_to(up, target - has, TM_POOL_MAX_PAGES);
		else
			down += has - target;
		if (policy == TM_POOL_FAIR || !m[i].heat)
			wanted |= min(target, m[i].used_pages) > has + has / WANT_PART + WANT_PAGES;
	}
	calm = max(up, down) < div64_u64(pool_pages, CALM_PART);
	if (policy == TM_POOL_THROUGHPUT && down)
		calm = !serves_more(m, n);
	if (!p->moving && !wanted && calm)
		return;
	p->moving = down > most;
	for (i = 0; i < n; i++) {
		u64 has = m[i].share_pages, target = m[i].target_pages;

		if (!p->moving)
			m[i].share_pages = target;
		else if (target > has)
			m[i].share_pages += mul_u64_u64_div_u64(target - has, most, down);
		else
			/* Rounded up: what the others get is less. */
			m[i].share_pages -= min(has - target,
						mul_u64_u64_div_u64(has - target, most, down) + 1);
	}
}
