// SPDX-License-Identifier: GPL-2.0
/*
 * Groups: cgroups with a DRAM quota.
 *
 * A group exists from the first write of a quota until the cgroup goes, or
 * until it has neither a quota nor a page on a slow node. It is found by css
 * id through a table that the hook reads under RCU.
 *
 * Admission: taken_pages counts every page that the hook or a promotion lets
 * into DRAM, and may rise up to grant_pages. A recount sums the LRU counters
 * of the subtree and moves grant_pages accordingly, so between two recounts
 * the quota holds without anybody looking at the counters.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ksym.h"
#include "tiermem.h"
#include "trace.h"

/* Pages that a CPU takes ahead, so that the shared counter stays quiet. */
#define STOCK_PAGES	32

struct tm_group_table __rcu *tm_group_table;

/* Guards the table and every quota. */
static DEFINE_MUTEX(tm_groups_lock);

/* Outside tm_groups_lock: one change of a quota, with arming the hook, at a time. */
static DEFINE_MUTEX(tm_quota_lock);

/* Groups with a finite quota; the hook is armed while there is one. */
static unsigned int nr_limited;

static struct tm_group_table *table_locked(void)
{
	return rcu_dereference_protected(tm_group_table, lockdep_is_held(&tm_groups_lock));
}

/* Make room for a css id. */
static int table_grow(unsigned int id)
{
	struct tm_group_table *old = table_locked(), *new;
	unsigned int size = old ? old->size : 256;

	while (size <= id)
		size *= 2;
	if (old && size == old->size)
		return 0;
	new = kvzalloc(struct_size(new, slot, size), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	new->size = size;
	if (old)
		memcpy(new->slot, old->slot, old->size * sizeof(old->slot[0]));
	rcu_assign_pointer(tm_group_table, new);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

static void group_free(struct tm_group *g)
{
	free_percpu(g->cpu);
	kfree(g);
}

static void group_free_rcu(struct rcu_head *head)
{
	group_free(container_of(head, struct tm_group, rcu));
}

static struct tm_group *group_create(struct mem_cgroup *memcg)
{
	struct tm_group *g;

	if (table_grow((unsigned int)memcg->css.id))
		return NULL;
	g = kzalloc(sizeof(*g), GFP_KERNEL);
	if (!g)
		return NULL;
	g->cpu = alloc_percpu(struct tm_group_cpu);
	if (!g->cpu) {
		kfree(g);
		return NULL;
	}
	g->memcg = memcg;
	css_get(&memcg->css);
	refcount_set(&g->ref, 1);
	mutex_init(&g->count_mutex);
	mutex_init(&g->move_mutex);
	g->quota_pages = TM_QUOTA_MAX_PAGES;
	g->promote_floor = TM_PLAN_HOT_LEVEL;
	rcu_assign_pointer(table_locked()->slot[memcg->css.id], g);
	return g;
}

/**
 * tm_group_get - the group of a cgroup, with a reference
 * @memcg: cgroup; the caller keeps it alive
 * @create: make one if there is none
 *
 * Return: group, or NULL: none, no memory, or the cgroup is going away.
 */
struct tm_group *tm_group_get(struct mem_cgroup *memcg, bool create)
{
	struct tm_group *g;

	mutex_lock(&tm_groups_lock);
	rcu_read_lock();
	g = tm_group_of(memcg);
	rcu_read_unlock();
	if (!g && create && !css_is_dying(&memcg->css))
		g = group_create(memcg);
	if (g)
		refcount_inc(&g->ref);
	mutex_unlock(&tm_groups_lock);
	return g;
}

void tm_group_put(struct tm_group *g)
{
	if (!refcount_dec_and_test(&g->ref))
		return;
	css_put(&g->memcg->css);
	call_rcu(&g->rcu, group_free_rcu);
}

/**
 * tm_group_next - iterate over all groups
 * @prev: last one, whose reference is dropped; NULL to begin
 *
 * Groups that come or go meanwhile may be seen or not.
 *
 * Return: next group with a reference, or NULL at the end.
 */
struct tm_group *tm_group_next(struct tm_group *prev)
{
	unsigned int id = prev ? (unsigned int)prev->memcg->css.id + 1 : 0;
	struct tm_group *next = NULL;
	struct tm_group_table *t;

	mutex_lock(&tm_groups_lock);
	t = table_locked();
	for (; id < t->size && !next; id++)
		next = rcu_dereference_protected(t->slot[id], lockdep_is_held(&tm_groups_lock));
	if (next)
		refcount_inc(&next->ref);
	mutex_unlock(&tm_groups_lock);
	if (prev)
		tm_group_put(prev);
	return next;
}

/**
 * tm_group_remove - forget a group
 * @g: group; the caller holds a reference of its own
 *
 * Its pages stay where they are.
 */
void tm_group_remove(struct tm_group *g)
{
	struct tm_group __rcu **slot;
	bool mine;

	mutex_lock(&tm_groups_lock);
	slot = &table_locked()->slot[g->memcg->css.id];
	mine = rcu_access_pointer(*slot) == g;
	if (mine) {
		if (tm_group_limited(g))
			nr_limited--;
		RCU_INIT_POINTER(*slot, NULL);
	}
	mutex_unlock(&tm_groups_lock);
	if (mine)
		tm_group_put(g);
}

/* Is there anything for the hook to do? */
bool tm_groups_any_limited(void)
{
	return READ_ONCE(nr_limited);
}

static int change_quota(struct tm_group *g, u64 quota_pages, u64 *old_pages)
{
	int ret = -ENODEV;

	mutex_lock(&tm_groups_lock);
	if (rcu_access_pointer(table_locked()->slot[g->memcg->css.id]) == g) {
		*old_pages = g->quota_pages;
		nr_limited -= tm_group_limited(g);
		WRITE_ONCE(g->quota_pages, quota_pages);
		nr_limited += tm_group_limited(g);
		ret = 0;
	}
	mutex_unlock(&tm_groups_lock);
	return ret;
}

/**
 * tm_group_set_quota - change dram_max
 * @g: group
 * @quota_pages: new ceiling, %TM_QUOTA_MAX_PAGES for none
 *
 * On return no page beyond the new quota is admitted any more; pages that are
 * already there are the business of tm_demote().
 *
 * Return: 0; -ENODEV if the cgroup went; an error of ftrace if the hook can't
 * be armed, with the old quota kept.
 */
int tm_group_set_quota(struct tm_group *g, u64 quota_pages)
{
	u64 old_pages;
	int ret;

	mutex_lock(&tm_quota_lock);
	ret = change_quota(g, quota_pages, &old_pages);
	if (!ret && tm_group_limited(g)) {
		/* Before the hook can ask. */
		tm_group_recount(g);
		ret = tm_steer_arm();
		if (ret)
			change_quota(g, old_pages, &old_pages);
	}
	mutex_unlock(&tm_quota_lock);
	if (!ret)
		tm_group_recount(g);
	return ret;
}

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
 * Return: pages.
 */
unsigned long tm_memcg_pages(struct mem_cgroup *memcg, int nid)
{
	struct mem_cgroup_per_node *pn = memcg->nodeinfo[nid];
	struct lruvec *lruvec = &pn->lruvec;
	long sum = 0;
	int gen, type, zone, list;

	for (zone = 0; zone < MAX_NR_ZONES; zone++) {
		for (list = 0; list < NR_LRU_LISTS; list++)
			sum += (long)READ_ONCE(pn->lru_zone_size[zone][list]);
		for (gen = 0; gen < MAX_NR_GENS; gen++)
			for (type = 0; type < ANON_AND_FILE; type++)
				sum += READ_ONCE(lruvec->lrugen.nr_pages[gen][type][zone]);
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

/* A THP and two LRU batches a CPU may be admitted and not counted yet. */
static u64 inflight_cap(void)
{
	return (u64)num_online_cpus() * (HPAGE_PMD_NR + 64);
}

static void account_over_quota(struct tm_group *g, u64 quota, u64 now)
{
	u64 excess = g->fast_pages > quota ? g->fast_pages - quota : 0;

	if (g->over && g->counted_ns)
		tm_stat_add(g->memcg, TM_STAT_OVER_QUOTA_BYTE_MSEC,
			    (excess << PAGE_SHIFT) * div_u64(now - g->counted_ns, NSEC_PER_MSEC));
	if (excess && !g->over) {
		trace_tm_over_quota(cgroup_id(g->memcg->css.cgroup), excess << PAGE_SHIFT);
		tm_event(g, TM_EVENT_OVER_QUOTA);
	}
	g->over = excess;
	g->counted_ns = now;
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
	u64 quota, used, slow, taken, room, inflight;
	long held;

	mutex_lock(&g->count_mutex);
	quota = READ_ONCE(g->quota_pages);
	/*
	 * Read before the sum: what is taken from here on counts against the
	 * new grant even if the sum has it too, never the other way round.
	 */
	taken = (u64)atomic_long_read(&g->taken_pages);
	held = atomic_long_read(&g->isolated_pages);
	tm_subtree_pages(g->memcg, &used, &slow);
	/* Isolated pages may come back. They are off the lists on either side of the sum. */
	used += (u64)max3(0L, held, atomic_long_read(&g->isolated_pages));
	inflight = tm_inflight_update(&g->inflight,
				      taken - (u64)atomic_long_read(&g->settled_pages),
				      ktime_get_ns(), inflight_cap());
	room = tm_quota_room(quota, used, inflight);
	WRITE_ONCE(g->grant_pages, (long)(taken + room));
	WRITE_ONCE(g->fast_pages, used);
	WRITE_ONCE(g->slow_pages, slow);
	account_over_quota(g, quota, ktime_get_ns());
	mutex_unlock(&g->count_mutex);
	return used;
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

/* Is the group short of room, so that the daemon had better count again? */
static __always_inline void maybe_kick(struct tm_group *g, long taken, long grant)
{
	/* A sixteenth of the quota left, but not less than a THP for every CPU or so. */
	long low = (long)(READ_ONCE(g->quota_pages) / 16) + 2 * HPAGE_PMD_NR;

	if (unlikely(grant - taken < low) && !atomic_read(&g->kicked))
		tm_daemon_kick_from_hook(g);
}

/* Admit pages to one group, from this CPU's stock if it has them. */
static __always_inline bool take_one(struct tm_group *g, long nr_pages)
{
	long stock = this_cpu_read(g->cpu->stock_pages);
	long want, taken, grant;

	if (likely(stock >= nr_pages)) {
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
 * tm_group_take - admit pages to DRAM
 * @memcg: the cgroup that they'll be charged to
 * @nr_pages: how many
 *
 * Every group from @memcg to the root must have room.
 *
 * Context: RCU read side, preemption off (per-CPU stock).
 * Return: true if admitted; false if some group is full.
 */
bool tm_group_take(struct mem_cgroup *memcg, long nr_pages)
{
	struct mem_cgroup *m, *undo;

	for (m = memcg; m; m = parent_mem_cgroup(m)) {
		struct tm_group *g = tm_group_of(m);

		if (!g || !tm_group_limited(g) || take_one(g, nr_pages))
			continue;
		for (undo = memcg; undo != m; undo = parent_mem_cgroup(undo)) {
			g = tm_group_of(undo);
			if (g && tm_group_limited(g))
				atomic_long_sub(nr_pages, &g->taken_pages);
		}
		return false;
	}
	return true;
}

/**
 * tm_group_settle - account the end of a promotion that tm_group_take() admitted
 * @memcg: cgroup
 * @came_pages: pages that are in DRAM now, and counted there
 * @stayed_pages: pages that didn't come after all
 */
void tm_group_settle(struct mem_cgroup *memcg, long came_pages, long stayed_pages)
{
	rcu_read_lock();
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		struct tm_group *g = tm_group_of(memcg);

		if (!g || !tm_group_limited(g))
			continue;
		atomic_long_add(came_pages, &g->settled_pages);
		atomic_long_sub(stayed_pages, &g->taken_pages);
	}
	rcu_read_unlock();
}

/* Pages that we took off the lists of fast nodes, or put back (negative). */
void tm_group_isolated(struct mem_cgroup *memcg, long nr_pages)
{
	rcu_read_lock();
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		struct tm_group *g = tm_group_of(memcg);

		if (g)
			atomic_long_add(nr_pages, &g->isolated_pages);
	}
	rcu_read_unlock();
}

/**
 * tm_group_room - what a promotion may still take
 * @memcg: cgroup
 *
 * The least over all groups from @memcg to the root, less their margins.
 *
 * Return: pages, negative if a margin is used up.
 */
long tm_group_room(struct mem_cgroup *memcg)
{
	long room = LONG_MAX;

	rcu_read_lock();
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		struct tm_group *g = tm_group_of(memcg);

		if (g && tm_group_limited(g))
			room = min(room, READ_ONCE(g->grant_pages) -
				   atomic_long_read(&g->taken_pages) -
				   (long)tm_quota_margin(READ_ONCE(g->quota_pages)));
	}
	rcu_read_unlock();
	return room;
}

/* The group that looks after a cgroup's pages. Context: RCU read side. */
struct tm_group *tm_group_nearest(struct mem_cgroup *memcg)
{
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		struct tm_group *g = tm_group_of(memcg);

		if (g)
			return g;
	}
	return NULL;
}

/**
 * tm_group_allowed_nodes - nodes that the cpusets of a group's tasks allow
 * @g: group
 * @allowed: result; all nodes with memory if there is no task
 *
 * One task a cgroup is asked: a cpuset is a property of the cgroup.
 */
void tm_group_allowed_nodes(struct tm_group *g, nodemask_t *allowed)
{
	struct css_task_iter it;
	struct task_struct *task;
	struct mem_cgroup *m;

	nodes_clear(*allowed);
	for (m = K(mem_cgroup_iter)(g->memcg, NULL, NULL); m;
	     m = K(mem_cgroup_iter)(g->memcg, m, NULL)) {
		K(css_task_iter_start)(&m->css, CSS_TASK_ITER_PROCS, &it);
		task = K(css_task_iter_next)(&it);
		if (task) {
			task_lock(task);
			nodes_or(*allowed, *allowed, task->mems_allowed);
			task_unlock(task);
		}
		K(css_task_iter_end)(&it);
	}
	if (nodes_empty(*allowed))
		*allowed = node_states[N_MEMORY];
}

int tm_groups_init(void)
{
	int ret;

	mutex_lock(&tm_groups_lock);
	ret = table_grow(0);
	mutex_unlock(&tm_groups_lock);
	return ret;
}

/* Context: module exit. No file, no hook and no daemon is left to use a group. */
void tm_groups_exit(void)
{
	struct tm_group *g = NULL;

	while ((g = tm_group_next(g)))
		tm_group_remove(g);
	/* group_free_rcu() is ours. */
	rcu_barrier();
	kvfree(rcu_dereference_protected(tm_group_table, true));
}
