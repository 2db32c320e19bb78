// SPDX-License-Identifier: GPL-2.0
/*
 * Admission: taken_pages counts every page that the hook or a promotion lets
 * into DRAM, and may rise up to grant_pages. A recount (account.c) moves
 * grant_pages, so between two recounts the quota holds without anybody
 * looking at the LRU counters.
 */
#include <linux/mm.h>

#include "tiermem.h"

/* Pages that a CPU takes ahead, so that the shared counter stays quiet. */
#define STOCK_PAGES	32

/* Is the group short of room, so that the daemon had better count again? */
static __always_inline void maybe_kick(struct tm_group *g, long taken, long grant)
{
	/* A sixteenth of the quota left, but not less than a THP for every CPU or so. */
	long low = (long)(READ_ONCE(g->quota_pages) / 16) + 2 * HPAGE_PMD_NR;

	if (unlikely(grant - taken < low) && !atomic_read(&g->kicked))
		tm_daemon_kick_from_hook(g);
}

/* Admit pages to one group, from this CPU's stock if it has them. */
static bool take_one(struct tm_group *g, long nr_pages)
{
	long stock = this_cpu_read(g->cpu->stock_pages);
	long want, taken, grant;

	if (stock >= nr_pages) {
		this_cpu_write(g->cpu->stock_pages, stock - nr_pages);
		return true;
	}

	/* Near the quota, or for large folios, no stock: the last pages must find their taker. */
	grant = READ_ONCE(g->grant_pages);
	taken = atomic_long_read(&g->taken_pages);
	want = nr_pages;
	if (nr_pages < STOCK_PAGES && grant - taken > 16 * STOCK_PAGES)
		want = STOCK_PAGES;
	if (taken + want > grant) {
		maybe_kick(g, taken, grant);
		return false;
	}
	taken = atomic_long_add_return(want, &g->taken_pages);
	if (unlikely(taken > grant)) {
		atomic_long_sub(want, &g->taken_pages);
		return false;
	}
	this_cpu_add(g->cpu->stock_pages, want - nr_pages);
	maybe_kick(g, taken, grant);
	return true;
}

/**
 * tm_group_take_from - admit pages to DRAM
 * @own: group of the process, or NULL
 * @memcg: the cgroup that they'll be charged to
 * @from: @memcg, or the one that tm_group_take_stock() came to; those below
 *	it have admitted the pages already
 * @nr_pages: how many
 *
 * @own and every group from @memcg to the root must have room.
 *
 * Context: RCU read side, preemption off (per-CPU stock).
 * Return: true if admitted; false if some group is full.
 */
bool tm_group_take_from(struct tm_group *own, struct mem_cgroup *memcg, struct mem_cgroup *from,
			long nr_pages)
{
	struct tm_group *g;

	if (own && !take_one(own, nr_pages))
		return false;
	for (; from; from = parent_mem_cgroup(from)) {
		g = tm_group_of(from);
		if (g && tm_group_limited(g) && !take_one(g, nr_pages))
			break;
	}
	if (!from)
		return true;
	for (; memcg != from; memcg = parent_mem_cgroup(memcg)) {
		g = tm_group_of(memcg);
		if (g && tm_group_limited(g))
			atomic_long_sub(nr_pages, &g->taken_pages);
	}
	if (own)
		atomic_long_sub(nr_pages, &own->taken_pages);
	return false;
}

/* Large pages, just admitted: see inflight_pages() in account.c. Context: as above. */
void tm_group_took_large(struct tm_group *own, struct mem_cgroup *memcg, long nr_pages)
{
	struct tm_group *g = own ?: tm_next_above(&memcg);

	for (; g; g = tm_next_above(&memcg))
		if (tm_group_limited(g))
			atomic_long_add(nr_pages, &g->large_pages);
}

/**
 * tm_group_settle - account the end of a promotion that tm_group_take_from() admitted
 * @g: group
 * @came_pages: pages that are in DRAM now, and counted there
 * @stayed_pages: pages that didn't come after all
 */
void tm_group_settle(struct tm_group *g, long came_pages, long stayed_pages)
{
	struct mem_cgroup *above;
	struct tm_group *up;

	rcu_read_lock();
	for (up = tm_first_above(g, &above); up; up = tm_next_above(&above)) {
		if (!tm_group_limited(up))
			continue;
		atomic_long_add(came_pages, &up->settled_pages);
		atomic_long_sub(stayed_pages, &up->taken_pages);
	}
	rcu_read_unlock();
}

/* Pages that we took off the lists of fast nodes, or put back (negative). */
void tm_group_isolated(struct tm_group *g, long nr_pages)
{
	struct mem_cgroup *above;
	struct tm_group *up;

	rcu_read_lock();
	for (up = tm_first_above(g, &above); up; up = tm_next_above(&above))
		atomic_long_add(nr_pages, &up->isolated_pages);
	rcu_read_unlock();
}

/**
 * tm_group_room - what a promotion may still take
 * @g: group
 *
 * The least over @g and all groups above it, less their margins.
 *
 * Return: pages, negative if a margin is used up.
 */
long tm_group_room(struct tm_group *g)
{
	struct mem_cgroup *above;
	struct tm_group *up;
	long room = LONG_MAX;

	rcu_read_lock();
	for (up = tm_first_above(g, &above); up; up = tm_next_above(&above)) {
		if (tm_group_limited(up))
			room = min(room, READ_ONCE(up->grant_pages) -
				   atomic_long_read(&up->taken_pages) -
				   (long)tm_quota_margin(READ_ONCE(up->quota_pages)));
	}
	rcu_read_unlock();
	return room;
}

/**
 * tm_group_shortage - what is missing of a margin
 * @g: group
 *
 * The most over @g and all groups above it. By what was in DRAM at the
 * last recount: what is only assumed to be on its way takes room from a
 * promotion, but to demote for it would drain a group that has filled up.
 *
 * Return: pages.
 */
u64 tm_group_shortage(struct tm_group *g)
{
	struct mem_cgroup *above;
	struct tm_group *up;
	u64 shortage = 0;

	rcu_read_lock();
	for (up = tm_first_above(g, &above); up; up = tm_next_above(&above)) {
		u64 quota, used;

		if (!tm_group_limited(up))
			continue;
		quota = READ_ONCE(up->quota_pages);
		used = READ_ONCE(up->fast_pages) + tm_quota_margin(quota);
		if (used > quota)
			shortage = max(shortage, used - quota);
	}
	rcu_read_unlock();
	return shortage;
}
