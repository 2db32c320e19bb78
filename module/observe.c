// SPDX-License-Identifier: GPL-2.0
/*
 * Observation: which pages of a group are accessed in a window?
 *
 * Page tables tell most cheaply (see look.c; against 750 instructions of
 * folio_referenced(), which besides is wrong for 4K pages under MGLRU). A
 * guest's accesses show only in the second-stage tables, which the MMU
 * notifiers of KVM read for us. Page cache that nobody maps shows in
 * PG_referenced, on the LRU lists.
 *
 * Brief windows are shorter than a look at everything may take. For them
 * address spaces are cut into slices: one after the other is opened, and
 * harvested when its own window is over. Long windows are opened and
 * harvested by a look at everything each, and the daemon does other things
 * in between.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "ksym.h"
#include "observe.h"
#include "trace.h"

/* Walked under one hold of the mmap_lock, and before others get the CPU: see tm_walk(). */
#define WALK_BYTES	(8UL << 20)
/* Opened in one go. */
#define SLICE_BYTES	(32UL << 20)
/* A window of this length or longer has slices of that size. */
#define SLICE_NS	(8ULL * NSEC_PER_MSEC)

/* One for each of the engine's weights. */
static struct tm_heat_table tables[TM_ENGINE_WEIGHTS] __read_mostly;

/* Is the folio charged to a cgroup that this group, and no nearer one, looks after? Or its own? */
static noinline bool mine_slow(struct tm_observation *o, struct folio *folio)
{
	struct mem_cgroup *memcg;

	if (o->g->mm)
		return !tm_folio_shared(folio);
	rcu_read_lock();
	o->last_charge = READ_ONCE(folio->memcg_data);
	memcg = folio_memcg(folio);
	o->last_mine = memcg && tm_group_nearest(memcg) == o->g;
	rcu_read_unlock();
	return o->last_mine;
}

/* Neighbours mostly belong to the same cgroup, so the last answer is kept. */
bool tm_observation_mine(struct tm_observation *o, struct folio *folio)
{
	if (likely(READ_ONCE(folio->memcg_data) == o->last_charge))
		return o->last_mine;
	return mine_slow(o, folio);
}

/* A writer of the quota waits for us, or the module is to go. Collecting is the writer's own. */
static bool should_stop(struct tm_observation *o)
{
	if (tm_stopping() ||
	    (o->look != TM_LOOK_COLLECT && atomic_read(&o->g->waiting)))
		o->stopped = true;
	return o->stopped;
}

/* ---- slices with an open window ------------------------------------------------------- */

/* Opening a slice must take much less than a window. */
static unsigned long slice_bytes(const struct tm_observation *o)
{
	u64 bytes = SLICE_BYTES * min(o->g->engine.window_ns, SLICE_NS);

	return max_t(unsigned long, div64_u64(bytes, SLICE_NS), HPAGE_PMD_SIZE);
}

/* Wait for the end of a window; a part of it early is near enough, and a wakeup less. */
static void wait_for_window(struct tm_observation *o, u64 opened_ns)
{
	u64 window_ns = o->g->engine.window_ns, end_ns = opened_ns + window_ns;

	if (should_stop(o) || ktime_get_ns() + window_ns / 8 >= end_ns)
		return;
	if (!tm_daemon_sleep_until(end_ns))
		o->stopped = true;
}

static void harvest_first(struct tm_observation *o)
{
	struct tm_slice *s = &o->open[o->first_open];
	unsigned long addr = s->start;

	wait_for_window(o, s->opened_ns);
	if (!o->stopped && mmget_not_zero(s->mm)) {
		o->look = TM_LOOK_HARVEST;
		while (addr < s->end && !should_stop(o))
			addr = tm_walk(o, s, addr, WALK_BYTES);
		mmput(s->mm);
	}
	mmdrop(s->mm);
	o->first_open = (o->first_open + 1) % TM_OPEN_SLICES;
	o->nr_open--;
}

static bool first_is_due(const struct tm_observation *o)
{
	return o->nr_open && ktime_get_ns() >= o->open[o->first_open].opened_ns +
						o->g->engine.window_ns;
}

static void open_slices(struct tm_observation *o, struct mm_struct *mm, bool bound)
{
	unsigned long addr = 0;

	while (addr < TASK_SIZE_MAX && !should_stop(o) && atomic_read(&mm->mm_users) > 1) {
		u64 before = o->visited_pages;
		struct tm_slice *s;

		if (o->nr_open == TM_OPEN_SLICES)
			harvest_first(o);
		s = &o->open[(o->first_open + o->nr_open) % TM_OPEN_SLICES];
		*s = (struct tm_slice){
			.mm = mm,
			.start = addr,
			.end = TASK_SIZE_MAX,
			.opened_ns = ktime_get_ns(),
			.bound = bound,
		};
		o->look = TM_LOOK_OPEN;
		addr = tm_walk(o, s, addr, slice_bytes(o));
		s->end = addr;
		if (o->visited_pages != before) {
			mmgrab(mm);
			o->nr_open++;
		}
		while (first_is_due(o))
			harvest_first(o);
	}
}

/* ---- everything that a group has ------------------------------------------------------- */

static void look_at_mm(struct tm_observation *o, struct mm_struct *mm, bool bound, bool brief)
{
	struct tm_slice s = { .mm = mm, .end = TASK_SIZE_MAX, .bound = bound };
	unsigned long addr = 0;

	if (brief) {
		open_slices(o, mm, bound);
		return;
	}
	/* Once we are its last user, the process is gone and waits for us to let go. */
	while (addr < s.end && !should_stop(o) && atomic_read(&mm->mm_users) > 1)
		addr = tm_walk(o, &s, addr, WALK_BYTES);
}

/* A process may live on after its first thread has ended. */
static struct mm_struct *process_mm(struct task_struct *leader)
{
	struct mm_struct *mm = get_task_mm(leader);
	struct task_struct *thread;

	if (mm)
		return mm;
	rcu_read_lock();
	for_each_thread(leader, thread) {
		mm = get_task_mm(thread);
		if (mm)
			break;
	}
	rcu_read_unlock();
	return mm;
}

/* Does a group of its own look after a process? Only quotas of its cgroups concern it, too. */
static bool has_own_group(const struct tm_observation *o, const struct mm_struct *mm)
{
	bool has;

	if (o->look == TM_LOOK_COLLECT)
		return false;
	preempt_disable();
	has = tm_process_of(mm);
	preempt_enable();
	return has;
}

static void look_at_process(struct tm_observation *o, bool brief)
{
	struct mm_struct *mm = o->g->mm;

	if (!mmget_not_zero(mm))
		return;
	look_at_mm(o, mm, tm_process_binds(mm), brief);
	mmput(mm);
}

static void look_at_tasks(struct tm_observation *o, struct mem_cgroup *memcg, bool brief)
{
	struct mm_struct *last = NULL;
	struct css_task_iter it;
	struct task_struct *task;

	K(css_task_iter_start)(&memcg->css, CSS_TASK_ITER_PROCS, &it);
	while (!should_stop(o) && (task = K(css_task_iter_next)(&it))) {
		struct mm_struct *mm = process_mm(task);
		bool bound;

		if (!mm)
			continue;
		if (has_own_group(o, mm)) {
			mmput(mm);
			continue;
		}
		task_lock(task);
		bound = tm_policy_binds(task->mempolicy);
		task_unlock(task);
		/* vfork() and the like: neighbours may share an address space. */
		if (mm != last)
			look_at_mm(o, mm, bound, brief);
		if (last)
			mmput(last);
		last = mm;
	}
	K(css_task_iter_end)(&it);
	if (last)
		mmput(last);
}

/* Page cache that is read and written through file descriptors only. */
static void look_at_unmapped(struct folio *folio, void *arg)
{
	struct tm_observation *o = arg;
	bool young;

	if (folio_mapped(folio))
		return;
	young = folio_test_clear_referenced(folio);
	o->visited_pages += (u64)folio_nr_pages(folio);
	if (o->look == TM_LOOK_HARVEST) {
		o->young_pages += young ? (u64)folio_nr_pages(folio) : 0;
		o->phase = tm_next_phase(o);
		tm_look_at_folio(o, folio, young, true);
	}
}

static void look_at_files(struct tm_observation *o, struct mem_cgroup *memcg)
{
	int nid;

	for_each_node_state(nid, N_MEMORY)
		tm_lru_for_each_file(memcg, nid, look_at_unmapped, o);
}

enum parts { TASKS = 1, FILES = 2, BRIEF = 4 };

/* The cgroups that a group, and no nearer one, looks after. */
static void look_at_group(struct tm_observation *o, unsigned int parts)
{
	struct mem_cgroup *root = o->g->memcg, *m;

	if (o->stopped)
		return;
	if (o->g->mm) {
		if (parts & TASKS)
			look_at_process(o, parts & BRIEF);
		return;
	}
	for (m = K(mem_cgroup_iter)(root, NULL, NULL); m; m = K(mem_cgroup_iter)(root, m, NULL)) {
		bool nearest;

		rcu_read_lock();
		nearest = tm_group_nearest(m) == o->g;
		rcu_read_unlock();
		if (nearest && parts & TASKS)
			look_at_tasks(o, m, parts & BRIEF);
		if (nearest && parts & FILES)
			look_at_files(o, m);
		if (o->stopped) {
			K(mem_cgroup_iter_break)(root, m);
			break;
		}
	}
}

/* ---- an observation --------------------------------------------------------------------- */

/* Pages that reclaim, for the sake of whatever cgroup, has asked about so far. */
static unsigned long reclaim_asked_pages(void)
{
	unsigned long pages = 0;
#ifdef CONFIG_VM_EVENT_COUNTERS
	int cpu;

	for_each_online_cpu(cpu) {
		const unsigned long *event = per_cpu(vm_event_states, cpu).event;

		pages += READ_ONCE(event[PGSCAN_ANON]) + READ_ONCE(event[PGSCAN_FILE]);
	}
#else
	/* Any moment, then. */
	pages = (unsigned long)ktime_get_ns();
#endif
	return pages;
}

static void begin(struct tm_observation *o, struct tm_group *g)
{
	nodemask_t fast;
	int nid;

	lockdep_assert_held(&g->move_mutex);
	o->g = g;
	tm_candidates_clear(&o->candidates[TM_SLOW], false);
	tm_candidates_clear(&o->candidates[TM_FAST], true);
	o->visited_pages = 0;
	o->young_pages = 0;
	o->young_slow_pages = 0;
	o->stopped = false;
	/* Of a process each page is asked: no page is charged to 1. */
	o->last_charge = g->mm ? 1 : 0;
	o->last_mine = false;
	o->reclaim_asked_pages = reclaim_asked_pages();
	o->forget = o->reclaim_asked_pages == g->reclaim_asked_pages ? 0 : TM_HEAT_TOLD;
	tm_tiers_get(&fast, &o->slow);
	o->tier_of_node[0] = TM_ASK_PAGE;
	for_each_node(nid)
		o->tier_of_node[nid - NUMA_NO_NODE] = node_isset(nid, o->slow) ? TM_SLOW : TM_FAST;
}

static void begin_harvest(struct tm_observation *o)
{
	struct tm_engine *e = &o->g->engine;
	s64 room_pages = tm_group_room(o->g);
	unsigned int state;
	int floor, ceiling;

	memset(o->counts, 0, sizeof(o->counts));
	o->table = &tables[tm_engine_weight_index(e)];
	o->g->parity = !o->g->parity;
	o->parity = o->g->parity ? TM_HEAT_PARITY : 0;
	o->turn = get_random_u32();
	tm_plan_candidates(&e->harvest.histogram, room_pages, tm_engine_fine_gap(e),
			   min(tm_engine_candidates(e, room_pages), TM_CANDIDATES),
			   &floor, &ceiling);
	for (state = 0; state < 2 * TM_HEAT_STATES; state++) {
		int level = (int)tm_heat_level((tm_heat_t)state);
		/* What moved not long ago may stay for a while. */
		bool rests = state & TM_HEAT_MOVED && !tm_engine_hurries(e);
		bool up = level < (int)TM_HEAT_LEVELS && level >= floor && !rests;
		bool down = level <= ceiling && !rests;

		o->level_of[TM_SLOW][state] = (u8)(level | (up ? TM_WANTED : 0));
		o->level_of[TM_FAST][state] = (u8)(level | (down ? TM_WANTED : 0));
	}
}

static void end_harvest(struct tm_observation *o)
{
	struct tm_harvest *h = &o->g->engine.harvest;
	unsigned int tier, level;

	o->g->reclaim_asked_pages = o->reclaim_asked_pages;
	h->unknown_pages = 0;
	h->unknown_young_pages = 0;
	for (tier = 0; tier < TM_NR_TIERS; tier++) {
		u64 *idle = o->counts[0][tier], *young = o->counts[1][tier];

		for (level = 0; level < TM_HEAT_LEVELS; level++) {
			u64 seen = young[level] + young[TM_WANTED | level];

			h->young.pages[tier][level] = seen;
			h->histogram.pages[tier][level] = seen + idle[level] +
							  idle[TM_WANTED | level];
		}
		h->unknown_pages += idle[TM_HEAT_UNKNOWN] + young[TM_HEAT_UNKNOWN];
		h->unknown_young_pages += young[TM_HEAT_UNKNOWN];
	}
}

static void end(struct tm_observation *o, u64 start_ns, u64 window_ns)
{
	u64 spent_ns = ktime_get_ns() - start_ns;

	tm_stat_add(o->g, TM_STAT_SCAN_PAGES, o->visited_pages);
	trace_tm_observe(cgroup_id(o->g->memcg->css.cgroup), window_ns,
			 o->visited_pages << PAGE_SHIFT, o->young_pages << PAGE_SHIFT,
			 o->candidates[TM_SLOW].nr, o->candidates[TM_FAST].nr, spent_ns);
}

/**
 * tm_observe - look once at every page of a group
 * @o: observation; after a harvest the engine of @g has the histogram, and
 *	@o the candidates
 * @g: group, move_mutex held
 * @look: what for
 *
 * Visits every page of the cgroups that @g, and no nearer group, looks after.
 *
 * Context: process, may sleep.
 */
void tm_observe(struct tm_observation *o, struct tm_group *g, enum tm_look look)
{
	u64 start_ns = ktime_get_ns();
	unsigned int parts = TASKS;

	begin(o, g);
	o->look = look;
	if (look == TM_LOOK_OPEN || look == TM_LOOK_HARVEST)
		parts |= FILES;
	if (look == TM_LOOK_HARVEST)
		begin_harvest(o);
	look_at_group(o, parts);
	if (look == TM_LOOK_HARVEST && !o->stopped)
		end_harvest(o);
	end(o, start_ns, look == TM_LOOK_HARVEST ? start_ns - g->opened_ns : 0);
}

/* Once more at the page tables of what was just harvested, @o->look says what for. */
void tm_observe_tasks(struct tm_observation *o)
{
	look_at_group(o, TASKS);
}

/**
 * tm_observe_briefly - open a brief window for every page of a group, and harvest it
 * @o: observation, as after a harvest of tm_observe()
 * @g: group, move_mutex held
 *
 * Context: ktiermemd, sleeps until the windows are over.
 */
void tm_observe_briefly(struct tm_observation *o, struct tm_group *g)
{
	u64 start_ns = ktime_get_ns(), files_ns, files_pages;

	begin(o, g);
	begin_harvest(o);
	o->first_open = 0;
	o->nr_open = 0;

	o->look = TM_LOOK_OPEN;
	look_at_group(o, FILES);
	files_ns = ktime_get_ns();
	files_pages = o->visited_pages;
	look_at_group(o, TASKS | BRIEF);
	while (o->nr_open)
		harvest_first(o);
	if (files_pages) {
		wait_for_window(o, files_ns);
		o->look = TM_LOOK_HARVEST;
		look_at_group(o, FILES);
	}
	if (!o->stopped)
		end_harvest(o);
	end(o, start_ns, g->engine.window_ns);
}

/**
 * tm_candidate_get - the folio of a candidate
 * @o: observation that found it
 * @tier: tier that it was found in
 * @pfn: its page frame number
 *
 * Time has passed since: the frame may hold something else, or nothing.
 *
 * Return: folio of the same group in the same tier with a reference, or NULL.
 */
struct folio *tm_candidate_get(const struct tm_observation *o, enum tm_tier tier,
			       unsigned long pfn)
{
	struct folio *folio = NULL;
	struct page *page;
	bool same;

	/* A struct page goes with its memory: tier.c waits for us before it may. */
	rcu_read_lock();
	page = pfn_to_online_page(pfn);
	if (page)
		folio = page_folio(page);
	if (folio && !folio_try_get(folio))
		folio = NULL;
	rcu_read_unlock();
	if (!folio)
		return NULL;
	/* It may have been freed and become part of something else just before. */
	same = page_folio(page) == folio && !folio_test_hugetlb(folio) &&
	       folio_test_lru(folio) &&
	       node_isset(folio_nid(folio), o->slow) == (tier == TM_SLOW);
	if (same && o->g->mm) {
		same = folio_mapped(folio) && !tm_folio_shared(folio);
	} else if (same) {
		struct mem_cgroup *memcg;

		rcu_read_lock();
		memcg = folio_memcg(folio);
		same = memcg && tm_group_nearest(memcg) == o->g;
		rcu_read_unlock();
	}
	if (same)
		return folio;
	folio_put(folio);
	return NULL;
}

/* Return: an observation for tm_observe(), or NULL. */
struct tm_observation *tm_observation_new(void)
{
	struct tm_observation *o = kzalloc(sizeof(*o), GFP_KERNEL);
	int tier;

	if (!o)
		return NULL;
	for (tier = 0; tier < TM_NR_TIERS; tier++) {
		o->candidates[tier].all = kvmalloc_array(TM_CANDIDATES, sizeof(struct tm_candidate),
							 GFP_KERNEL);
		if (!o->candidates[tier].all) {
			tm_observation_free(o);
			return NULL;
		}
	}
	return o;
}

void tm_observation_free(struct tm_observation *o)
{
	int tier;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		kvfree(o->candidates[tier].all);
	kfree(o);
}

/* Context: module init. */
void tm_observe_init(void)
{
	unsigned int i;

	for (i = 0; i < TM_ENGINE_WEIGHTS; i++)
		tm_heat_table_fill(&tables[i], tm_engine_weight[i]);
}
