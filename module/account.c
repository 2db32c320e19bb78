// SPDX-License-Identifier: GPL-2.0
/* Counting: how many pages a group has in each tier, and what that leaves it. */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "ksym.h"
#include "tiermem.h"
#include "trace.h"

/**
 * tm_memcg_pages - pages of one cgroup on one node, by its LRU counters
 * @memcg: cgroup, without its descendants
 * @nid: node
 *
 * Sums the classic and the multi-generational counters, because the mode can
 * change at run time; what isn't in use is zero. Exact at once, unlike the
 * flushed statistics. Pages in the per-CPU batches on their way to a list
 * (31 folios a CPU) aren't counted.
 *
 * Under the lock: aging takes thousands of pages off one generation and then adds
 * them to another, and where the host takes the CPU away between the two, they
 * would be missing for as long as that takes, and be granted once more.
 *
 * Return: pages.
 */
unsigned long tm_memcg_pages(struct mem_cgroup *memcg, int nid)
{
	struct mem_cgroup_per_node *pn = memcg->nodeinfo[nid];
	struct lruvec *lruvec = &pn->lruvec;
	long sum = 0;
	int gen, type, zone, list;
	unsigned long flags;

	spin_lock_irqsave(&lruvec->lru_lock, flags);
	for (zone = 0; zone < MAX_NR_ZONES; zone++) {
		for (list = 0; list < NR_LRU_LISTS; list++)
			sum += (long)READ_ONCE(pn->lru_zone_size[zone][list]);
		for (gen = 0; gen < MAX_NR_GENS; gen++)
			for (type = 0; type < ANON_AND_FILE; type++)
				sum += READ_ONCE(lruvec->lrugen.nr_pages[gen][type][zone]);
	}
	spin_unlock_irqrestore(&lruvec->lru_lock, flags);
	return (unsigned long)max(sum, 0L);
}

/* The same for pages of files, shared memory not included. */
unsigned long tm_memcg_file_pages(struct mem_cgroup *memcg, int nid)
{
	struct mem_cgroup_per_node *pn = memcg->nodeinfo[nid];
	long sum = 0;
	int gen, zone;

	for (zone = 0; zone < MAX_NR_ZONES; zone++) {
		sum += (long)READ_ONCE(pn->lru_zone_size[zone][LRU_INACTIVE_FILE]);
		sum += (long)READ_ONCE(pn->lru_zone_size[zone][LRU_ACTIVE_FILE]);
		for (gen = 0; gen < MAX_NR_GENS; gen++)
			sum += READ_ONCE(pn->lruvec.lrugen.nr_pages[gen][LRU_GEN_FILE][zone]);
	}
	return (unsigned long)max(sum, 0L);
}

/**
 * tm_subtree_pages - pages of a cgroup and its descendants by tier
 * @root: cgroup
 * @fast_pages: on DRAM
 * @slow_pages: on slower memory
 *
 * Context: process; doesn't sleep.
 */
void tm_subtree_pages(struct mem_cgroup *root, u64 *fast_pages, u64 *slow_pages)
{
	nodemask_t fast, slow;
	struct mem_cgroup *m;
	int nid;

	tm_tiers_get(&fast, &slow);
	*fast_pages = 0;
	*slow_pages = 0;
	for (m = K(mem_cgroup_iter)(root, NULL, NULL); m; m = K(mem_cgroup_iter)(root, m, NULL)) {
		for_each_node_mask(nid, fast)
			*fast_pages += tm_memcg_pages(m, nid);
		for_each_node_mask(nid, slow)
			*slow_pages += tm_memcg_pages(m, nid);
	}
}

/**
 * tm_subtree_hugetlb_pages - hugetlb pages that processes of a subtree have mapped
 * @root: cgroup
 *
 * They are on no LRU list and not charged to memory cgroups. Pages that several
 * processes share count for each of them.
 *
 * Context: process; doesn't sleep.
 * Return: pages of the base size.
 */
u64 tm_subtree_hugetlb_pages(struct mem_cgroup *root)
{
	struct task_struct *task;
	struct css_task_iter it;
	struct mem_cgroup *m;
	u64 pages = 0;

	for (m = K(mem_cgroup_iter)(root, NULL, NULL); m; m = K(mem_cgroup_iter)(root, m, NULL)) {
		K(css_task_iter_start)(&m->css, CSS_TASK_ITER_PROCS, &it);
		while ((task = K(css_task_iter_next)(&it))) {
			task_lock(task);
			if (task->mm)
				pages += tm_hugetlb_pages(task->mm);
			task_unlock(task);
		}
		K(css_task_iter_end)(&it);
	}
	return pages;
}

/* Is the task running, or waiting for something that a fault can wait for? */
bool tm_may_be_in_fault(const struct task_struct *task)
{
	unsigned int state = READ_ONCE(task->__state);

	return state == TASK_RUNNING || state & TASK_UNINTERRUPTIBLE;
}

/* Tasks of a group that may be in the middle of a page fault; counts up to @most. */
static u64 faulting_tasks(struct tm_group *g, u64 most)
{
	struct task_struct *task;
	struct css_task_iter it;
	struct mem_cgroup *m;
	u64 n = 0;

	if (g->mm)
		return tm_process_faulting(g, most);
	for (m = K(mem_cgroup_iter)(g->memcg, NULL, NULL); m;
	     m = K(mem_cgroup_iter)(g->memcg, m, NULL)) {
		K(css_task_iter_start)(&m->css, 0, &it);
		while (n < most && (task = K(css_task_iter_next)(&it)))
			n += tm_may_be_in_fault(task);
		K(css_task_iter_end)(&it);
		if (n >= most) {
			K(mem_cgroup_iter_break)(g->memcg, m);
			break;
		}
	}
	return n;
}

/*
 * Pages that are on their way: no more than were admitted lately, and no more
 * than one a task that may be in a fault, and small ones in two LRU batches a
 * CPU. Asked for before LRU lists are counted: what isn't on its way by then
 * is on a list.
 */
static u64 inflight_pages(struct tm_group *g, u64 taken)
{
	u64 now = ktime_get_ns(), large = (u64)atomic_long_read(&g->large_pages);
	u64 small = taken - (u64)atomic_long_read(&g->settled_pages) - large;
	u64 most_small = (u64)num_online_cpus() * 64, tasks;

	/* Read after @taken, large ones may be more. */
	small = tm_inflight_update(&g->inflight, (u64)max_t(s64, small, 0), now,
				   TM_INFLIGHT_NS);
	large = tm_inflight_update(&g->inflight_large, large, now, TM_INFLIGHT_LARGE_NS);
	if (!large && small <= most_small)
		return small;
	tasks = faulting_tasks(g, max(DIV_ROUND_UP_ULL(large, HPAGE_PMD_NR), small));
	return min(small, most_small + tasks) + min(large, HPAGE_PMD_NR * tasks);
}

static void account_over_quota(struct tm_group *g, u64 quota, u64 now)
{
	u64 excess = g->fast_pages > quota ? g->fast_pages - quota : 0;

	if (g->over && g->counted_ns)
		tm_stat_add(g, TM_STAT_OVER_QUOTA_BYTE_MSEC,
			    (excess << PAGE_SHIFT) * div_u64(now - g->counted_ns, NSEC_PER_MSEC));
	if (excess && !g->over) {
		trace_tm_over_quota(cgroup_id(g->memcg->css.cgroup), excess << PAGE_SHIFT);
		/* A share of the pool becomes smaller all the time; that is no event. */
		if (g->fast_pages > READ_ONCE(g->max_pages))
			tm_event(g, TM_EVENT_OVER_QUOTA);
	}
	g->over = excess;
	g->counted_ns = now;
}

/* Pages that CPUs have admitted ahead: any of them may be in DRAM the next moment. */
static u64 stock_pages(const struct tm_group *g)
{
	long sum = 0;
	int cpu;

	for_each_online_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(g->cpu, cpu)->stock_pages);
	return (u64)max(sum, 0L);
}

/* Before pages are counted. Context: count_mutex held. */
void tm_recount_begin(struct tm_group *g, struct tm_recount *r)
{
	r->quota_pages = READ_ONCE(g->quota_pages);
	/*
	 * Read before the sum: what is taken from here on counts against the
	 * new grant even if the sum has it too, never the other way round.
	 */
	r->taken_pages = (u64)atomic_long_read(&g->taken_pages);
	r->held_pages = atomic_long_read(&g->isolated_pages);
	r->inflight_pages = inflight_pages(g, r->taken_pages);
}

/* They have been: grant what is left of the quota. Context: count_mutex held. */
void tm_recount_end(struct tm_group *g, const struct tm_recount *r, u64 fast_pages, u64 slow_pages)
{
	u64 used = fast_pages, all;

	/* Isolated pages may come back. They are off the lists on either side of the sum. */
	used += (u64)max3(0L, r->held_pages, atomic_long_read(&g->isolated_pages));
	all = used + stock_pages(g);
	WRITE_ONCE(g->grant_pages, (long)(r->taken_pages + tm_quota_room(r->quota_pages, all,
									 r->inflight_pages)));
	all += r->inflight_pages;
	g->debt_pages = all > r->quota_pages ? all - r->quota_pages : 0;
	WRITE_ONCE(g->fast_pages, used);
	WRITE_ONCE(g->slow_pages, slow_pages);
	account_over_quota(g, r->quota_pages, ktime_get_ns());
}

/**
 * tm_group_recount - look at the counters and grant what is left of the quota
 * @g: group
 *
 * Context: process, may sleep.
 * Return: pages on fast nodes.
 */
u64 tm_group_recount(struct tm_group *g)
{
	struct tm_recount r;
	u64 fast, slow;

	if (g->mm)
		return tm_process_recount(g);
	mutex_lock(&g->count_mutex);
	tm_recount_begin(g, &r);
	tm_subtree_pages(g->memcg, &fast, &slow);
	tm_recount_end(g, &r, fast, slow);
	fast = g->fast_pages;
	mutex_unlock(&g->count_mutex);
	return fast;
}

/**
 * tm_group_recount_path - recount a group and the limited groups above it
 * @g: group
 *
 * What one group gives up in DRAM is room in the quotas of its ancestors too,
 * and a promotion has to be admitted by all of them.
 *
 * Context: process, may sleep.
 */
void tm_group_recount_path(struct tm_group *g)
{
	struct mem_cgroup *memcg = g->mm ? g->memcg : parent_mem_cgroup(g->memcg);

	tm_group_recount(g);
	/* The group keeps its cgroup, and that keeps its ancestors. */
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		struct tm_group *up = tm_group_get(memcg, false);

		if (!up)
			continue;
		if (tm_group_limited(up))
			tm_group_recount(up);
		tm_group_put(up);
	}
}

/* Pages above the quota at the last recount. */
u64 tm_group_excess(const struct tm_group *g)
{
	u64 quota = READ_ONCE(g->quota_pages), used = READ_ONCE(g->fast_pages);

	return used > quota ? used - quota : 0;
}

/* Sum of the hook's per-CPU counters. */
void tm_group_sum_cpu(const struct tm_group *g, u64 *steered, u64 *unsteered)
{
	int cpu;

	*steered = 0;
	*unsteered = 0;
	for_each_possible_cpu(cpu) {
		const struct tm_group_cpu *c = per_cpu_ptr(g->cpu, cpu);

		*steered += READ_ONCE(c->steered_pages);
		*unsteered += READ_ONCE(c->unsteered_pages);
	}
}
