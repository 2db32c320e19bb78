// SPDX-License-Identifier: GPL-2.0
/* Shares of a pool: what makes them fair, looked at pair by pair, and the best there is. */
#include "oracle.h"

/* Sibling by sibling, without the ring's scratch. */
static u32 next_sibling(const struct tm_pool_member *m, u32 n, u32 i)
{
	u32 depth = m[i].depth;

	while (++i < n && m[i].depth > depth)
		;
	return i < n && m[i].depth == depth ? i : n;
}

static bool has_others_below(const struct tm_pool_member *m, u32 n, u32 i)
{
	return i + 1 < n && m[i + 1].depth > m[i].depth;
}

static u32 first_below(const struct tm_pool_member *m, u32 n, u32 i)
{
	return has_others_below(m, n, i) ? i + 1 : n;
}

/* What a member can have at most, its own and that of all below. */
static u64 most_of(const struct tm_pool_member *m, u32 n, u32 i)
{
	u64 sum = 0;
	u32 c;

	if (!has_others_below(m, n, i))
		return min(m[i].max_pages, TM_POOL_MAX_PAGES);
	for (c = first_below(m, n, i); c < n; c = next_sibling(m, n, c))
		sum = min(sum + most_of(m, n, c), TM_POOL_MAX_PAGES);
	return min(sum, m[i].max_pages);
}

/* Nobody has more by weight than somebody who could make use of it. */
static const char *fair_pair(const struct tm_pool_member *a, const struct tm_pool_member *b)
{
	u128 more = b->target_pages - b->reserved_pages, less = a->target_pages - a->reserved_pages;

	if (a->target_pages >= a->useful_pages)
		return NULL;
	if (b->target_pages > max(b->useful_pages, b->reserved_pages))
		return "a member has what is of no use to it, and another would have used it";
	/* A page either way is rounding. */
	if (more > less + 1 && (more - 1) * a->weight > (less + 1) * b->weight)
		return "a member has more by weight than one that could make use of it";
	return NULL;
}

/* Siblings from @first share @amount, @reserved of it for their reservations. */
static const char *oracle_siblings(const struct tm_pool_member *m, u32 n, u32 first, u64 amount,
				   u64 reserved, enum tm_pool_policy policy)
{
	u128 sum = 0, reserved_sum = 0;
	const char *broken = NULL;
	bool more = false;
	u32 i, k;

	for (i = first; i < n; i = next_sibling(m, n, i)) {
		sum += m[i].target_pages;
		reserved_sum += m[i].reserved_pages;
		more |= m[i].target_pages < most_of(m, n, i);
		if (m[i].target_pages > most_of(m, n, i))
			return "more than the ceiling";
		if (m[i].target_pages < m[i].reserved_pages)
			return "less than what is reserved";
		if (m[i].reserved_pages > m[i].min_pages)
			return "more is reserved than was asked for";
		for (k = first; policy == TM_POOL_FAIR && k < n && !broken;
		     k = next_sibling(m, n, k))
			broken = fair_pair(&m[i], &m[k]);
		if (broken)
			return broken;
	}
	if (first < n && sum > amount)
		return "siblings have more than there is";
	if (first < n && sum < amount && more)
		return "something is left, and could be had";
	if (first < n && reserved_sum > reserved)
		return "more is reserved than the one above has reserved";
	return NULL;
}

const char *oracle_pool_targets(const struct tm_pool_member *m, u32 n, u64 pool_pages,
				enum tm_pool_policy policy)
{
	const char *broken;
	u32 i;

	if (!n)
		return NULL;
	broken = oracle_siblings(m, n, 0, pool_pages, pool_pages, policy);
	for (i = 0; i < n && !broken; i++)
		broken = oracle_siblings(m, n, first_below(m, n, i), m[i].target_pages,
					 m[i].reserved_pages, policy);
	return broken;
}

/* Do shares keep to all limits, those below a member to its share? A page for each is rounding. */
static bool within_limits(const struct tm_pool_member *shares, const struct tm_pool_member *limits,
			  u32 n, u64 pool_pages)
{
	u128 sum = 0;
	u32 i, c;

	for (i = 0; i < n; i++) {
		u128 below = 0;

		if (shares[i].share_pages < limits[i].reserved_pages ||
		    shares[i].share_pages > limits[i].cap_pages)
			return false;
		if (!limits[i].depth)
			sum += shares[i].share_pages;
		for (c = first_below(limits, n, i); c < n; c = next_sibling(limits, n, c))
			below += shares[c].share_pages;
		if (below > shares[i].share_pages + n)
			return false;
	}
	return sum <= pool_pages;
}

const char *oracle_pool_step(const struct tm_pool_member *before, const struct tm_pool_member *m,
			     u32 n, u64 pool_pages)
{
	u64 lost = 0;
	u32 i;

	if (!within_limits(m, m, n, pool_pages))
		return "a share beyond a limit";
	for (i = 0; i < n; i++)
		if (!has_others_below(m, n, i) && m[i].share_pages < before[i].share_pages)
			lost += before[i].share_pages - m[i].share_pages;
	/* What is beyond a limit goes at once. */
	if (within_limits(before, m, n, pool_pages) && lost > pool_pages / 20 + 1 + 3 * n)
		return "more than 5 % changed hands";
	return NULL;
}

/* Accesses a second by weight, in any unit, that @pages of the hottest pages of a leaf serve. */
static double hits(const struct tm_pool_member *m, double importance, u64 pages)
{
	double per_page = importance * m->activity / (double)m->window_ns, sum = 0;
	unsigned int level;

	for (level = TM_HEAT_LEVELS; m->heat && level > 0 && pages; level--) {
		u64 here = m->heat->pages[TM_FAST][level - 1] + m->heat->pages[TM_SLOW][level - 1];
		u64 taken = min(here, pages);

		sum += (double)taken * tm_heat_accesses[level - 1] * per_page;
		pages -= taken;
	}
	return sum;
}

/**
 * struct brute - the search through all ways to share a pool
 * @m: members
 * @n: how many
 * @pool: pages
 * @had: pages of each member in the way at hand, those below included
 * @importance: weights of each and those above
 * @best: the most hits so far
 */
struct brute {
	const struct tm_pool_member *m;
	u32 n;
	u64 pool;
	u64 had[ORACLE_POOL_MEMBERS];
	double importance[ORACLE_POOL_MEMBERS];
	double best;
};

static double hits_of_way(const struct brute *b, const u64 *pages)
{
	double sum = 0;
	u32 i;

	for (i = 0; i < b->n; i++)
		if (!has_others_below(b->m, b->n, i))
			sum += hits(&b->m[i], b->importance[i], pages[i]);
	return sum;
}

/* Members from the last to the first, so that those below come before those above. */
static void try_all(struct brute *b, u32 i)
{
	const struct tm_pool_member *m = b->m;
	u64 pages, sum = 0;
	u32 c;

	if (!i) {
		for (c = 0; c < b->n; c = next_sibling(m, b->n, c))
			sum += b->had[c];
		if (sum <= b->pool)
			b->best = max(b->best, hits_of_way(b, b->had));
		return;
	}
	i--;
	if (has_others_below(m, b->n, i)) {
		for (c = i + 1; c < b->n; c = next_sibling(m, b->n, c))
			sum += b->had[c];
		b->had[i] = sum;
		if (sum >= m[i].reserved_pages && sum <= m[i].max_pages)
			try_all(b, i);
		return;
	}
	for (pages = m[i].reserved_pages; pages <= min(m[i].max_pages, b->pool); pages++) {
		b->had[i] = pages;
		try_all(b, i);
	}
}

const char *oracle_pool_best(const struct tm_pool_member *m, u32 n, u64 pool_pages, double part)
{
	struct brute b = { .m = m, .n = n, .pool = pool_pages };
	u64 targets[ORACLE_POOL_MEMBERS];
	double ours;
	u32 i, c;

	for (i = 0; i < n; i++) {
		if (!m[i].depth)
			b.importance[i] = 1;
		b.importance[i] *= m[i].weight / (double)TM_WEIGHT_DEFAULT;
		for (c = first_below(m, n, i); c < n; c = next_sibling(m, n, c))
			b.importance[c] = b.importance[i];
		targets[i] = m[i].target_pages;
	}
	try_all(&b, n);
	ours = hits_of_way(&b, targets);
	if (ours < b.best * part)
		return "another way to share the pool serves more";
	return NULL;
}
