/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the glue files share.
 *
 * Lock order, outermost first:
 *
 *   cgroup_mutex, kernfs active reference	(the kernel's; handlers run under
 *						the second and never take the first)
 *   tm_group::move_mutex			one mover of a group's pages
 *     mmap_lock				(observe.c, read)
 *       page table lock
 *     tm_groups_lock				table of groups, quotas
 *       ftrace's locks				(steer.c arms and disarms)
 *     tm_group::count_mutex			recounts of one group
 *   tm_tiers_lock				writers of the tier table
 *   lruvec lru_lock				leaf, interrupts off
 *
 * The allocation hook (steer.c) takes no lock: it reads the group table and
 * the tier table under RCU, and admits pages with atomics.
 */
#ifndef TIERMEM_H
#define TIERMEM_H

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
#include "policy/glimpse.h"
#include "policy/pool.h"
#include "policy/quota.h"
#include "policy/rate.h"

/* ---- stats.c ---------------------------------------------------------- */

/* Counters of tiermem.stat; all but the gauges are hierarchical. */
enum tm_stat {
	TM_STAT_PROMOTED_BYTES,
	TM_STAT_DEMOTED_BYTES,
	TM_STAT_PINGPONG_BYTES,
	TM_STAT_FAILED_PINNED,
	TM_STAT_FAILED_LOCKED,
	TM_STAT_FAILED_BUSY,
	TM_STAT_FAILED_NOMEM,
	TM_STAT_FAILED_GONE,
	TM_STAT_SCAN_PAGES,
	TM_STAT_SCAN_NSEC,
	TM_STAT_MIGRATE_NSEC,
	TM_STAT_OVER_QUOTA_BYTE_MSEC,
	TM_NR_STATS,
};

enum tm_event {
	TM_EVENT_OVER_QUOTA,	/* usage went above the quota */
	TM_EVENT_SLOW_FULL,	/* no room on slow nodes to demote or steer to */
	TM_EVENT_UNREACHABLE,	/* what is left above the quota can't be moved */
	TM_EVENT_THRASH,	/* more than half of the promotions went back */
	TM_NR_EVENTS,
};

struct tm_counters {
	atomic64_t stat[TM_NR_STATS];
	atomic64_t events[TM_NR_EVENTS];
	atomic64_t events_local[TM_NR_EVENTS];
};

/* Sums over all groups, shown on the root cgroup. */
extern struct tm_counters tm_totals;

struct tm_group;

void tm_stat_add(struct tm_group *g, enum tm_stat item, u64 n);
void tm_event(struct tm_group *g, enum tm_event event);

/*
 * The hook's RCU read side is a section with preemption off, which costs it
 * less than rcu_read_lock() and keeps its per-CPU counters in place as well.
 */
#define tm_rcu(p)	rcu_dereference_check(p, rcu_read_lock_sched_held())

/* ---- tier.c ----------------------------------------------------------- */

#define TM_MAX_TARGETS	8

/**
 * struct tm_tiers - which nodes are DRAM, and where pages go from each
 * @fast: nodes with DRAM
 * @slow: nodes with slower memory
 * @target: for each node, the nodes of the other tier, nearest first, ended
 *	by NUMA_NO_NODE
 *
 * Read under RCU, replaced as a whole when nodes come or go.
 */
struct tm_tiers {
	struct rcu_head rcu;
	nodemask_t fast;
	nodemask_t slow;
	short target[MAX_NUMNODES][TM_MAX_TARGETS];
};

extern struct tm_tiers __rcu *tm_tiers;

int tm_tiers_init(const char *slow_override);
void tm_tiers_exit(void);
void tm_tiers_refresh(void);
bool tm_tiers_have_slow(void);
void tm_tiers_get(nodemask_t *fast, nodemask_t *slow);
int tm_tiers_pick(const struct tm_tiers *t, int nid, const nodemask_t *allowed,
		  unsigned long nr_pages);
unsigned long tm_tiers_room(const nodemask_t *nodes);

static inline bool tm_node_is_fast(int nid)
{
	return node_isset(nid, tm_rcu(tm_tiers)->fast);
}

/* ---- group.c ---------------------------------------------------------- */

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

/* ---- account.c -------------------------------------------------------- */

unsigned long tm_memcg_pages(struct mem_cgroup *memcg, int nid);
unsigned long tm_memcg_file_pages(struct mem_cgroup *memcg, int nid);
void tm_subtree_pages(struct mem_cgroup *root, u64 *fast_pages, u64 *slow_pages);
u64 tm_subtree_hugetlb_pages(struct mem_cgroup *root);

/**
 * struct tm_recount - what was so when pages began to be counted
 * @quota_pages: the quota
 * @taken_pages: see tm_group::taken_pages
 * @held_pages: isolated pages
 * @inflight_pages: admitted, and perhaps not counted
 */
struct tm_recount {
	u64 quota_pages;
	u64 taken_pages;
	long held_pages;
	u64 inflight_pages;
};

void tm_recount_begin(struct tm_group *g, struct tm_recount *r);
void tm_recount_end(struct tm_group *g, const struct tm_recount *r, u64 fast_pages,
		    u64 slow_pages);
bool tm_may_be_in_fault(const struct task_struct *task);
u64 tm_group_recount(struct tm_group *g);
void tm_group_recount_path(struct tm_group *g);
u64 tm_group_excess(const struct tm_group *g);
void tm_group_sum_cpu(const struct tm_group *g, u64 *steered, u64 *unsteered);

/* ---- admit.c ---------------------------------------------------------- */

bool tm_group_take_from(struct tm_group *own, struct mem_cgroup *memcg, struct mem_cgroup *from,
			long nr_pages);
void tm_group_took_large(struct tm_group *own, struct mem_cgroup *memcg, long nr_pages);
void tm_group_settle(struct tm_group *g, long came_pages, long stayed_pages);
void tm_group_isolated(struct tm_group *g, long nr_pages);
long tm_group_room(struct tm_group *g);
u64 tm_group_shortage(struct tm_group *g);

/**
 * tm_group_take_stock - admit pages to DRAM from this CPU's stock
 * @memcg: the cgroup that they'll be charged to
 * @nr_pages: how many
 *
 * Every group from @memcg to the root must have room. In line, because this
 * loop is most of what the hook costs; the root has no quota and no turn.
 *
 * Context: RCU read side, preemption off (per-CPU stock).
 * Return: NULL if admitted, else the cgroup to go on from, see
 *	tm_group_take_from().
 */
static __always_inline struct mem_cgroup *tm_group_take_stock(struct mem_cgroup *memcg,
							      long nr_pages)
{
	const struct tm_group_table *t = tm_rcu(tm_group_table);
	struct tm_group __rcu **limited = t->limited;
	struct mem_cgroup *parent;

	for (; (parent = parent_mem_cgroup(memcg)); memcg = parent) {
		unsigned int id = (unsigned int)memcg->css.id;
		struct tm_group *g;
		long stock;

		if (unlikely(id >= t->size))
			continue;
		g = tm_rcu(limited[id]);
		if (!g)
			continue;
		stock = this_cpu_read(g->cpu->stock_pages);
		if (unlikely(stock < nr_pages))
			return memcg;
		this_cpu_write(g->cpu->stock_pages, stock - nr_pages);
	}
	return NULL;
}

/* ---- heatmap.c -------------------------------------------------------- */

/* Pages of a chunk, chunks of a leaf, and leaves for all the frames that there can be. */
#define TM_HEATMAP_SHIFT	15
#define TM_HEATMAP_LEAF_SHIFT	12
#define TM_HEATMAP_TOP_SHIFT	(TM_HEATMAP_SHIFT + TM_HEATMAP_LEAF_SHIFT)
#define TM_HEATMAP_LEAVES	(1U << (52 - PAGE_SHIFT - TM_HEATMAP_TOP_SHIFT))

/**
 * struct tm_heat_chunk - heat of 128 MiB of memory
 * @heat: by page frame number
 * @nid: node of all its pages, NUMA_NO_NODE if they are of several
 * @layout: when @nid was looked up
 */
struct tm_heat_chunk {
	tm_heat_t *heat;
	s16 nid;
	u16 layout;
};

/* There is always one: where nothing was seen, its heat is all %TM_HEAT_NEVER. */
extern struct tm_heat_chunk *tm_heatmap_leaf[TM_HEATMAP_LEAVES];

/* The chunk of a page frame, as it is. */
static __always_inline struct tm_heat_chunk *tm_heatmap_chunk(unsigned long pfn)
{
	return READ_ONCE(tm_heatmap_leaf[pfn >> TM_HEATMAP_TOP_SHIFT]) +
	       ((pfn >> TM_HEATMAP_SHIFT) & (BIT(TM_HEATMAP_LEAF_SHIFT) - 1));
}

/* The entry of a page frame in its chunk. */
static __always_inline tm_heat_t *tm_heatmap_entry(struct tm_heat_chunk *chunk, unsigned long pfn)
{
	return &READ_ONCE(chunk->heat)[pfn & (BIT(TM_HEATMAP_SHIFT) - 1)];
}

int tm_heatmap_init(void);
void tm_heatmap_exit(void);
void tm_heatmap_relayout(void);
struct tm_heat_chunk *tm_heatmap_chunk_slow(unsigned long pfn);
tm_heat_t tm_heatmap_read(struct folio *folio);
unsigned int tm_heatmap_level(struct folio *folio);
bool tm_heatmap_migrate(struct folio *src, struct folio *dst);

/* Identifies what a frame holds: its place in a file or an anonymous mapping. */
static __always_inline unsigned int tm_heat_tag(struct folio *folio)
{
	u64 place = (u64)(uintptr_t)READ_ONCE(folio->mapping) + folio->index * GOLDEN_RATIO_64;

	return hash_64(place, TM_HEAT_TAG_BITS);
}

/* ---- migrate.c -------------------------------------------------------- */

#define TM_BATCH_PAGES	512

/**
 * struct tm_batch - folios on their way to the other tier
 * @g: whose they are; it and all groups above it are accounted
 * @to: where they go
 * @allowed: nodes that the cgroup's cpuset allows
 * @folios: isolated folios
 * @nr_pages: their pages
 * @pingpong_pages: of them, pages that moved a short while ago already
 * @split: huge pages may be split if they can't be moved whole
 * @nomem: the target allocator found no room
 * @fragmented: it found room, but not for a huge page
 * @pinned_pages: refused because something pins them, all flushes
 * @moved_pages: all flushes
 * @pingpong_total_pages: all flushes
 */
struct tm_batch {
	struct tm_group *g;
	enum tm_tier to;
	const nodemask_t *allowed;
	struct list_head folios;
	unsigned long nr_pages;
	unsigned long pingpong_pages;
	bool split;
	bool nomem;
	bool fragmented;
	unsigned long pinned_pages;
	unsigned long moved_pages;
	unsigned long pingpong_total_pages;
};

void tm_batch_init(struct tm_batch *b, struct tm_group *g, enum tm_tier to,
		   const nodemask_t *allowed);
bool tm_batch_add(struct tm_batch *b, struct folio *folio);
unsigned long tm_batch_flush(struct tm_batch *b);

static inline bool tm_batch_full(const struct tm_batch *b)
{
	return b->nr_pages >= TM_BATCH_PAGES;
}

/* ---- select.c --------------------------------------------------------- */

/**
 * enum tm_demote_result - how a demotion ended
 * @TM_DEMOTE_DONE: at or below the target
 * @TM_DEMOTE_SLOW_FULL: slow nodes have no room
 * @TM_DEMOTE_STUCK: what is left can't be moved now
 * @TM_DEMOTE_STOPPED: signal, dying cgroup or module exit
 */
enum tm_demote_result {
	TM_DEMOTE_DONE,
	TM_DEMOTE_SLOW_FULL,
	TM_DEMOTE_STUCK,
	TM_DEMOTE_STOPPED,
};

enum tm_demote_result tm_demote(struct tm_group *g);

typedef void (*tm_lru_visit)(struct folio *folio, void *arg);
void tm_lru_for_each_file(struct mem_cgroup *memcg, int nid, tm_lru_visit visit, void *arg);

/* ---- observe.c -------------------------------------------------------- */

struct tm_observation;

/**
 * enum tm_look - what a look at a page table entry is for
 * @TM_LOOK_OPEN: clear accessed bits: a window begins
 * @TM_LOOK_HARVEST: read and clear them: a window is over
 * @TM_LOOK_PEEK: only count them
 * @TM_LOOK_GLIMPSE: slow pages that were accessed again since the harvest
 * @TM_LOOK_COLLECT: every fast page is a candidate, hot or not; used where
 *	LRU lists don't lead to them
 */
enum tm_look {
	TM_LOOK_OPEN,
	TM_LOOK_HARVEST,
	TM_LOOK_PEEK,
	TM_LOOK_GLIMPSE,
	TM_LOOK_COLLECT,
};

void tm_observe_init(void);
struct tm_observation *tm_observation_new(void);
void tm_observation_free(struct tm_observation *o);
void tm_observe(struct tm_observation *o, struct tm_group *g, enum tm_look look);
void tm_observe_briefly(struct tm_observation *o, struct tm_group *g);
struct folio *tm_candidate_get(const struct tm_observation *o, enum tm_tier tier,
			       unsigned long pfn);

/* ---- glimpse.c -------------------------------------------------------- */

void tm_glimpse(struct tm_observation *o, u64 window_ns, u64 harvested_ns);

/* ---- exchange.c ------------------------------------------------------- */

u64 tm_exchange_most_pages(struct tm_group *g);
void tm_exchange(struct tm_group *g, struct tm_observation *o);

/* ---- pool.c ----------------------------------------------------------- */

extern u64 tm_pool_pages;
extern enum tm_pool_policy tm_pool_policy;

bool tm_pool_used(void);
u64 tm_pool_epoch(bool now_please);
void tm_pool_exit(void);

/* ---- steer.c ---------------------------------------------------------- */

int tm_steer_init(void);
void tm_steer_exit(void);
int tm_steer_arm(void);
void tm_steer_disarm(void);
bool tm_steer_armed(void);

/* ---- daemon.c --------------------------------------------------------- */

int tm_daemon_init(void);
void tm_daemon_start(void);
void tm_daemon_stop(void);
void tm_daemon_exit(void);
bool tm_daemon_sleep_until(u64 ns);
void tm_give_way(void);
void tm_daemon_kick(void);
void tm_daemon_kick_from_hook(struct tm_group *g);
void tm_daemon_cut(struct tm_group *g);
bool tm_stopping(void);

/* ---- cgroupfs.c, ctl.c, sysfs.c --------------------------------------- */

int tm_cgroupfs_init(void);
void tm_cgroupfs_exit(void);

int tm_ctl_init(void);
void tm_ctl_exit(void);

extern unsigned int tm_cpu_budget_percent;
extern unsigned int tm_migrate_mbps;

int tm_sysfs_init(void);
void tm_sysfs_exit(void);

#endif /* TIERMEM_H */
