/* SPDX-License-Identifier: GPL-2.0 */
/* Cgroups and processes with a quota. */
#ifndef TM_GROUP_H
#define TM_GROUP_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>

#include "compat.h"
#include "policy/engine.h"
#include "policy/quota.h"
#include "policy/rate.h"
#include "stats.h"
#include "tier.h"

/* Written by the hook on every admitted page, so one per CPU. */
struct tm_group_cpu {
	long stock_pages;		/* admitted ahead, not handed out yet */
	unsigned long steered_pages;	/* sent to a slow node */
	unsigned long unsteered_pages;	/* should have been, no room there */
};

/**
 * struct tm_group - a cgroup with a DRAM quota, or a process
 *
 * @memcg: the cgroup; of a process, the one that it was in when it got its quota. A css
 *	reference is held
 * @mm: of a process, its address space; a reference that keeps the structure only
 * @id: place in the order of tm_group_next(): the css id; above all those, a process
 * @hash: in the table of processes; tm_groups_lock to write
 * @ref: one for the table, one per user that sleeps
 * @rcu: frees it after the hook's readers
 * @quota_pages: what binds: the lower one of @max_pages and @share_pages; written
 *	under tm_groups_lock, read anywhere
 * @max_pages: dram_max; tm_groups_lock to write, as for the next five
 * @min_pages: dram_min
 * @weight: dram_weight, 0 if it was not written
 * @share_pages: its share of the pool, %TM_QUOTA_MAX_PAGES without a pool
 * @watched: something was written here. If not, the group exists only to count
 *	for those below it
 * @dependents: watched groups below; tm_groups_lock
 *
 * @taken_pages: pages ever admitted to DRAM by the hook and by promotions
 * @grant_pages: @taken_pages may rise up to here; written under count_mutex
 * @settled_pages: of @taken_pages, promotions that have arrived
 * @large_pages: of @taken_pages, pages of large folios that the hook admitted
 * @isolated_pages: fast pages that we hold off the LRU lists now
 * @cpu: per-CPU part of admission
 * @kicked: the hook asked for a recount
 *
 * @count_mutex: one recount at a time
 * @inflight, @inflight_large: admitted but not counted yet; count_mutex
 * @fast_pages, @slow_pages: usage at the last recount; count_mutex to write
 * @debt_pages: what of a process was then, or may have been, above the quota; count_mutex
 * @counted_ns: when; count_mutex, as for the next two
 * @walk_ns: of a process, what the last look at its page tables took
 * @walked_quota_pages: and what its quota was
 * @over: above the quota at the last recount; count_mutex
 *
 * @waiting: writers that want move_mutex
 * @move_mutex: guards what follows; one mover of the group's pages at a time
 * @engine: window, averages, plan; read without a lock for tiermem.stat
 * @parity: parity of the observation pass
 * @reclaim_asked_pages: what reclaim had looked at when the last harvest began
 * @opened_ns: when the window that runs now was opened; 0 if none runs
 * @looked_ns: when the bits were read last
 * @open_ns: no window is opened before this: the engine rests, or the CPU
 *	budget is used up
 * @visit_ns: CPU time that looking has taken since the last plan
 * @migrate_rate: its part of the migration rate
 * @busy: memory was steered between the last two passes
 * @steered_before: pages steered until the averages were started
 * @retry_ns: no futile demotion before this
 * @backoff_ns: how long the last futile demotion pushed retry_ns; 0 if it
 *	wasn't futile
 * @stuck: the last demotion ended with %TM_DEMOTE_STUCK
 * @mapped_ns: no futile walk of page tables before this
 * @seen_steered, @seen_unsteered: per-CPU sums at the last pass
 * @full_event_ns: when slow_full was last told
 *
 * @next_ns: when the daemon looks again; daemon only
 * @pool_index: its place among the members of the pool, in the epoch at hand; daemon
 *	only, as what follows
 * @pool_own: that epoch has a member after it for what it has beside groups below
 * @own_share_pages: the share of that
 * @counters: stats and events
 */
struct tm_group {
	struct mem_cgroup *memcg;
	struct mm_struct *mm;
	u64 id;
	struct hlist_node hash;
	refcount_t ref;
	struct rcu_head rcu;
	u64 quota_pages;
	u64 max_pages;
	u64 min_pages;
	u32 weight;
	u64 share_pages;
	bool watched;
	unsigned int dependents;

	atomic_long_t taken_pages ____cacheline_aligned_in_smp;
	long grant_pages;
	atomic_long_t settled_pages;
	atomic_long_t large_pages;
	atomic_long_t isolated_pages;
	struct tm_group_cpu __percpu *cpu;
	atomic_t kicked;

	struct mutex count_mutex;
	struct tm_inflight inflight;
	struct tm_inflight inflight_large;
	u64 fast_pages;
	u64 slow_pages;
	u64 debt_pages;
	u64 counted_ns;
	u64 walk_ns;
	u64 walked_quota_pages;
	bool over;

	atomic_t waiting;
	struct mutex move_mutex;
	struct tm_engine engine;
	bool parity;
	unsigned long reclaim_asked_pages;
	u64 opened_ns;
	u64 looked_ns;
	u64 open_ns;
	u64 visit_ns;
	struct tm_rate migrate_rate;
	bool busy;
	u64 steered_before;
	u64 retry_ns;
	u64 backoff_ns;
	bool stuck;
	u64 mapped_ns;
	u64 seen_steered;
	u64 seen_unsteered;
	u64 full_event_ns;

	u64 next_ns;
	u32 pool_index;
	bool pool_own;
	u64 own_share_pages;
	struct tm_counters counters;
};

/**
 * struct tm_group_table - groups by css id
 * @size: ids that it has place for
 * @limited: those with a finite quota, for the hook: the second half of @slot
 * @slot: all groups
 *
 * Read under RCU, replaced under tm_groups_lock when it grows.
 */
struct tm_group_table {
	struct rcu_head rcu;
	unsigned int size;
	struct tm_group __rcu **limited;
	struct tm_group __rcu *slot[];
};

extern struct tm_group_table __rcu *tm_group_table;

int tm_groups_init(void);
void tm_groups_exit(void);
struct tm_group *tm_group_get(struct mem_cgroup *memcg, bool create);
void tm_group_put(struct tm_group *g);
struct tm_group *tm_group_next(struct tm_group *prev);
void tm_group_remove(struct tm_group *g);
int tm_group_set_max(struct tm_group *g, u64 max_pages);
int tm_group_set_min(struct tm_group *g, u64 min_pages);
int tm_group_set_weight(struct tm_group *g, u64 weight);
int tm_group_set_share(struct tm_group *g, u64 share_pages);
struct tm_group *tm_group_set(struct mem_cgroup *memcg,
			      int (*setter)(struct tm_group *g, u64 value), u64 value);
u64 tm_group_effective(struct mem_cgroup *memcg);
bool tm_group_above(struct mem_cgroup *memcg);
struct tm_group *tm_group_nearest(struct mem_cgroup *memcg);
struct tm_group *tm_group_lowest(struct mem_cgroup *memcg);
struct tm_group *tm_group_of_mm(struct mm_struct *mm, bool create);
void tm_group_allowed_nodes(struct tm_group *g, nodemask_t *allowed);
unsigned int tm_groups_limited(void);

static inline bool tm_group_limited(const struct tm_group *g)
{
	return READ_ONCE(g->quota_pages) < TM_QUOTA_MAX_PAGES;
}

/* Is anything that was written not the default? */
static inline bool tm_group_configured(const struct tm_group *g)
{
	return READ_ONCE(g->max_pages) < TM_QUOTA_MAX_PAGES || READ_ONCE(g->min_pages) ||
	       READ_ONCE(g->weight);
}

/**
 * tm_group_of - the group of exactly this cgroup
 * @memcg: cgroup
 *
 * Context: RCU read side.
 * Return: the group, valid until the RCU read side ends, or NULL.
 */
static __always_inline struct tm_group *tm_group_of(const struct mem_cgroup *memcg)
{
	const struct tm_group_table *t = tm_rcu(tm_group_table);
	unsigned int id = (unsigned int)memcg->css.id;

	return id < t->size ? tm_rcu(t->slot[id]) : NULL;
}

/*
 * What counts for a group, counts for all above it: a process's cgroup, and all cgroups
 * from there to the root that have a group. Context: RCU read side.
 *
 *	for (up = tm_first_above(g, &above); up; up = tm_next_above(&above))
 */
static inline struct tm_group *tm_next_above(struct mem_cgroup **memcg)
{
	while (*memcg) {
		struct tm_group *g = tm_group_of(*memcg);

		*memcg = parent_mem_cgroup(*memcg);
		if (g)
			return g;
	}
	return NULL;
}

/* The group itself, or NULL if it isn't in the table any more; a cursor for the others. */
static inline struct tm_group *tm_first_above(struct tm_group *g, struct mem_cgroup **memcg)
{
	*memcg = g->memcg;
	return g->mm ? g : tm_next_above(memcg);
}

/* ---- process.c -------------------------------------------------------- */

/* Where ids of processes begin; those of cgroups have 16 bits. */
#define TM_PROCESS_ID	BIT_ULL(16)

/* How many there are; tm_groups_lock to write, read anywhere. */
extern unsigned int tm_nr_processes;

extern struct hlist_head tm_process_table[];

#define TM_PROCESS_BITS	6

/**
 * tm_process_of - the group of a process
 * @mm: address space, or NULL
 *
 * In line for the hook, which asks for every page while there is such a group.
 *
 * Context: RCU read side.
 * Return: group, or NULL.
 */
static __always_inline struct tm_group *tm_process_of(const struct mm_struct *mm)
{
	struct tm_group *g;

	if (likely(!READ_ONCE(tm_nr_processes)) || !mm)
		return NULL;
	hlist_for_each_entry_rcu(g, &tm_process_table[hash_ptr(mm, TM_PROCESS_BITS)], hash,
				 rcu_read_lock_sched_held())
		if (g->mm == mm)
			return g;
	return NULL;
}

struct tm_group *tm_process_next(u64 id);
void tm_process_link(struct tm_group *g);
void tm_process_unlink(struct tm_group *g);
u64 tm_process_recount(struct tm_group *g);
void tm_process_moved(struct tm_group *g, enum tm_tier to, unsigned long nr_pages);
void tm_process_pages(struct mm_struct *mm, u64 *fast_pages, u64 *slow_pages);
u64 tm_process_faulting(struct tm_group *g, u64 most);
void tm_process_allowed_nodes(struct mm_struct *mm, nodemask_t *allowed);
bool tm_process_binds(struct mm_struct *mm);
struct mm_struct *tm_mm_of_pid(int nr);
int tm_process_next_pid(int nr);

/* Nobody is left who could use its memory. */
static inline bool tm_group_gone(const struct tm_group *g)
{
	return g->mm ? !atomic_read(&g->mm->mm_users) : css_is_dying(&g->memcg->css);
}

#endif /* TM_GROUP_H */
