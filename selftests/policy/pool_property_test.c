// SPDX-License-Identifier: GPL-2.0
/* Sharing a pool: random trees of groups against what must hold for all of them. */
#include "random.h"

#define MEMBERS		40

static struct tm_pool_member members[MEMBERS];
static struct tm_histogram heat[MEMBERS];

/* Mostly flat, as machines are; sometimes a chain. */
static u32 random_depth(u32 before)
{
	return one_in(3) ? (u32)below(before + 2) : before;
}

static void random_member(struct tm_pool_member *m, struct tm_histogram *h, u64 most)
{
	unsigned int level;

	m->weight = one_in(2) ? TM_WEIGHT_DEFAULT : 1 + (u32)below(TM_WEIGHT_MAX);
	m->min_pages = one_in(2) ? 0 : magnitude(most);
	m->max_pages = one_in(2) ? TM_QUOTA_MAX_PAGES : magnitude(most);
	m->used_pages = magnitude(most);
	m->useful_pages = below(m->used_pages + 1);
	m->share_pages = magnitude(most);
	m->window_ns = TM_WINDOW_MIN_NS + magnitude(TM_WINDOW_MAX_NS - TM_WINDOW_MIN_NS);
	m->activity = (u32)below(TM_ACTIVE + 1);
	memset(h, 0, sizeof(*h));
	for (level = 0; level < TM_HEAT_LEVELS; level++)
		if (one_in(2))
			h->pages[below(2)][level] = magnitude(most);
	m->heat = one_in(8) ? NULL : h;
}

static u32 random_members(u32 most_members, u64 most_pages)
{
	u32 n = 1 + (u32)below(most_members), i;

	memset(members, 0, sizeof(members));
	for (i = 0; i < n; i++) {
		random_member(&members[i], &heat[i], most_pages);
		members[i].depth = i ? random_depth(members[i - 1].depth) : 0;
	}
	return n;
}

static void print_members(u32 n, u64 pool_pages)
{
	u32 i;

	ksft_print_msg("pool %llu\n", (unsigned long long)pool_pages);
	for (i = 0; i < n; i++)
		ksft_print_msg("%*s%u: weight %u min %llu max %llu used %llu useful %llu reserved %llu target %llu share %llu\n",
			       (int)members[i].depth * 2, "", i, members[i].weight,
			       (unsigned long long)members[i].min_pages,
			       (unsigned long long)members[i].max_pages,
			       (unsigned long long)members[i].used_pages,
			       (unsigned long long)members[i].useful_pages,
			       (unsigned long long)members[i].reserved_pages,
			       (unsigned long long)members[i].target_pages,
			       (unsigned long long)members[i].share_pages);
}

static void test_targets(u64 most_pages, const char *what)
{
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases / 2 && !broken; i++) {
		enum tm_pool_policy policy = one_in(2) ? TM_POOL_FAIR : TM_POOL_THROUGHPUT;
		u32 n = random_members(MEMBERS, most_pages);
		u64 pool = magnitude(most_pages);

		tm_pool_targets(members, n, pool, policy);
		broken = oracle_pool_targets(members, n, pool, policy);
		if (broken)
			print_members(n, pool);
	}
	report(broken, i, what);
}

/* Few pages at few levels, so that all ways can be tried. */
static void test_best(bool have_shares, const char *what)
{
	const char *broken = NULL;
	unsigned long i;
	u32 k;

	for (i = 0; i < nr_cases / 4 && !broken; i++) {
		u32 n = random_members(5, 4);
		u64 pool = below(10);

		for (k = 0; k < n; k++) {
			members[k].depth = min(members[k].depth, 2u);
			members[k].window_ns = 1000000 << below(8);
			members[k].used_pages = 4;
			members[k].weight = 1 + (u32)below(1000);
			if (!have_shares)
				members[k].share_pages = 0;
		}
		tm_pool_targets(members, n, pool, TM_POOL_THROUGHPUT);
		/* Thresholds have steps of 1/64; what somebody has counts an eighth more. */
		broken = oracle_pool_best(members, n, pool,
					  have_shares ? 8 / 9. * 63 / 64 : 63 / 64.);
		if (broken)
			print_members(n, pool);
	}
	report(broken, i, what);
}

static void test_steps(void)
{
	static struct tm_pool_member before[MEMBERS];
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases / 10 && !broken; i++) {
		enum tm_pool_policy policy = one_in(2) ? TM_POOL_FAIR : TM_POOL_THROUGHPUT;
		u32 n = random_members(MEMBERS, PAGES_16T), step;
		struct tm_pool p = { .moving = one_in(2) };
		u64 pool = magnitude(PAGES_16T);

		for (step = 0; step < 22 && !broken; step++) {
			memcpy(before, members, sizeof(before));
			tm_pool_targets(members, n, pool, policy);
			tm_pool_step(&p, members, n, pool, policy);
			broken = oracle_pool_step(before, members, n, pool);
		}
		if (!broken && p.moving)
			broken = "still moving after 22 steps";
		if (broken)
			print_members(n, pool);
	}
	report(broken, i, "steps: within all limits, 5 % of the pool at a time, and they end");
}

int main(void)
{
	random_begin(6);
	test_targets(8, "targets: a few pages are shared as they should be");
	test_targets(PAGES_16T, "targets: and terabytes");
	test_targets(TM_POOL_MAX_PAGES, "targets: and more than there can be");
	test_best(false, "throughput: no other way to share a pool serves more");
	test_best(true, "throughput: nor an eighth more than one that leaves things as they are");
	test_steps();
	ksft_finished();
}
