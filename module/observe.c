// SPDX-License-Identifier: GPL-2.0
/*
 * Observation: which pages were accessed since the last pass?
 *
 * Page tables tell most cheaply (about 30 instructions a page against 750 of
 * folio_referenced(), which besides is wrong for 4K pages under MGLRU). A
 * guest's accesses show only in the second-stage tables, which the MMU
 * notifiers of KVM read for us. Page cache that nobody maps shows in
 * PG_referenced, on the LRU lists.
 *
 * Bits are cleared without a TLB flush, as the kernel itself does: a page
 * that stays in a TLB looks cold, so no page is called cold on one window.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ksym.h"
#include "tiermem.h"
#include "trace.h"

/* Address space walked under one hold of the mmap_lock. */
#define WALK_BYTES	(64UL << 20)

/* tm_plan_level() by history. A table, because every page of every pass asks. */
static u8 level_of[TM_HEAT_HIST_MASK + 1] __read_mostly;

static void add_candidate(struct tm_observation *o, enum tm_tier tier, unsigned long pfn,
			  unsigned int level)
{
	if (o->nr[tier] < TM_CANDIDATES)
		o->candidates[tier][o->nr[tier]++] = (struct tm_candidate){ pfn, level };
}

static tm_heat_t *entry_of(struct tm_observation *o, unsigned long pfn)
{
	unsigned long nr = pfn >> TM_HEATMAP_SHIFT;

	if (!o->chunk || nr != o->chunk_nr) {
		o->chunk = tm_heatmap_chunk(pfn, true);
		o->chunk_nr = nr;
	}
	return o->chunk ? &o->chunk[pfn & TM_HEATMAP_MASK] : NULL;
}

/* Is the folio charged to a cgroup that this group, and no nearer one, looks after? */
static noinline bool mine_slow(struct tm_observation *o, struct folio *folio)
{
	struct mem_cgroup *memcg;

	rcu_read_lock();
	o->last_charge = READ_ONCE(folio->memcg_data);
	memcg = folio_memcg(folio);
	o->last_mine = memcg && tm_group_nearest(memcg) == o->g;
	rcu_read_unlock();
	return o->last_mine;
}

/* Neighbours mostly belong to the same cgroup, so the last answer is kept. */
static __always_inline bool mine(struct tm_observation *o, struct folio *folio)
{
	if (likely(READ_ONCE(folio->memcg_data) == o->last_charge))
		return o->last_mine;
	return mine_slow(o, folio);
}

/**
 * visit - account one mapping of a folio, or an unmapped folio
 * @o: observation
 * @folio: folio that can't go away: mapped under the page table lock, or referenced
 * @nr_pages: its size
 * @young: was accessed
 * @first: this mapping stands for the folio; the others of a folio that is
 *	mapped page by page only add their accesses
 *
 * Inlined, because it runs for every page of every group in every window.
 */
static __always_inline void visit(struct tm_observation *o, struct folio *folio, u64 nr_pages,
				  bool young, bool first)
{
	unsigned long pfn = folio_pfn(folio);
	enum tm_tier tier;
	unsigned int level;
	tm_heat_t *entry, old, heat;
	bool parity;

	if (!mine(o, folio))
		return;
	tier = node_isset(folio_nid(folio), o->slow) ? TM_SLOW : TM_FAST;
	if (unlikely(o->all_fast)) {
		if (tier == TM_FAST && first)
			add_candidate(o, tier, pfn, 0);
		return;
	}

	entry = entry_of(o, pfn);
	if (unlikely(!entry))
		return;
	old = READ_ONCE(*entry);
	parity = first ? o->parity : old & TM_HEAT_PARITY;
	heat = tm_heat_visit(old, tm_heat_tag(folio), parity, young);
	WRITE_ONCE(*entry, heat);
	if (!first || !((old ^ heat) & TM_HEAT_PARITY))
		return;

	o->young_pages += young ? nr_pages : 0;
	/* In a CPU's batch on its way to a list, for as long as it takes: can't be moved. */
	if (unlikely(!folio_test_lru(folio)))
		return;
	level = level_of[heat & TM_HEAT_HIST_MASK];
	o->pages[tier][level] += nr_pages;
	if (o->wanted[tier] >> level & 1)
		add_candidate(o, tier, pfn, level);
}

/* Read and clear the second stage's accessed bits; KVM answers for a range as a whole. */
static noinline bool second_stage_young(struct tm_observation *o, unsigned long addr,
					unsigned long size)
{
	return K(__mmu_notifier_clear_young)(o->mm, addr, addr + size);
}

/*
 * Entries without a struct page of ordinary memory are special or of devices;
 * mappings full of them are skipped whole.
 */
static void visit_pmd(struct tm_observation *o, pmd_t *pmd, unsigned long addr)
{
	struct folio *folio;
	bool young = false;

	if (!pmd_present(*pmd) || pmd_devmap(*pmd))
		return;
	folio = page_folio(pmd_page(*pmd));
	if (!o->all_fast) {
		young = pmd_young(*pmd) &&
			test_and_clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)pmd);
		if (o->second_stage)
			young |= second_stage_young(o, addr & HPAGE_PMD_MASK, HPAGE_PMD_SIZE);
	}
	if (young)
		tm_folio_give_back(folio);
	visit(o, folio, HPAGE_PMD_NR, young, true);
}

static noinline void visit_large(struct tm_observation *o, struct page *page, bool young)
{
	struct folio *folio = page_folio(page);

	visit(o, folio, (u64)folio_nr_pages(folio), young, page == &folio->page);
}

static __always_inline void visit_pte(struct tm_observation *o, pte_t *pte, unsigned long addr)
{
	pte_t val = READ_ONCE(*pte);
	struct page *page;
	bool young;

	/* NUMA balancing's PROT_NONE entries count as present, and as not accessed. */
	if (!pte_present(val) || pte_flags(val) & (_PAGE_SPECIAL | _PAGE_DEVMAP))
		return;
	page = pte_page(val);
	young = pte_flags(val) & _PAGE_ACCESSED;
	if (likely(!o->all_fast)) {
		if (young)
			clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)&pte->pte);
		if (unlikely(o->second_stage))
			young |= second_stage_young(o, addr, PAGE_SIZE);
		if (young)
			tm_folio_give_back(page_folio(page));
	}
	if (unlikely(PageCompound(page)))
		visit_large(o, page, young);
	else
		visit(o, (struct folio *)page, 1, young, true);
}

static int walk_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct tm_observation *o = walk->private;
	spinlock_t *ptl;
	pte_t *start, *pte;

	/* Said before anything else: the walker would split a huge page to descend. */
	walk->action = ACTION_CONTINUE;
	if (pmd_trans_huge(READ_ONCE(*pmd))) {
		ptl = pmd_lock(walk->mm, pmd);
		if (pmd_trans_huge(*pmd))
			visit_pmd(o, pmd, addr);
		spin_unlock(ptl);
		return 0;
	}

	start = tm_pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (!start)
		return 0;
	for (pte = start; addr < next; pte++, addr += PAGE_SIZE)
		visit_pte(o, pte, addr);
	pte_unmap_unlock(start, ptl);
	cond_resched();
	return 0;
}

static const struct mm_walk_ops walk_ops = {
	.pmd_entry = walk_pmd,
	TM_WALK_RDLOCK
};

/* Has somebody decided between the tiers? To bind to all nodes decides nothing. */
static bool binds(const struct mempolicy *policy)
{
	return policy && policy->mode == MPOL_BIND &&
	       !nodes_subset(node_states[N_MEMORY], policy->nodes);
}

/* Mappings without pages of their own, or with pages that can't be moved. */
static bool skip_vma(const struct tm_observation *o, struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return true;
	/* Of DAX, the walker would split gigantic entries just to look at them. */
	if (vma->vm_flags & (VM_PFNMAP | VM_IO | VM_MIXEDMAP) || vma_is_dax(vma))
		return true;
	/* Bound memory stays where it is, except for a quota's sake. */
	return !o->all_fast && (vma->vm_policy ? binds(vma->vm_policy) : o->bound);
}

static void walk_mm(struct tm_observation *o, struct mm_struct *mm)
{
	unsigned long addr = 0;
	bool more = true;

	o->mm = mm;
	o->second_stage = mm_has_notifiers(mm);
	/* Once we are its last user, the process is gone and waits for us to let go. */
	while (more && !tm_stopping() && atomic_read(&mm->mm_users) > 1) {
		struct vm_area_struct *vma;
		unsigned long walked = 0;

		mmap_read_lock(mm);
		while (walked < WALK_BYTES && !mmap_lock_is_contended(mm)) {
			unsigned long start, end;

			vma = find_vma(mm, addr);
			more = vma;
			if (!more)
				break;
			start = max(addr, vma->vm_start);
			end = min(vma->vm_end, start + WALK_BYTES);
			addr = end;
			if (skip_vma(o, vma))
				continue;
			K(walk_page_range)(mm, start, end, &walk_ops, o);
			walked += end - start;
		}
		mmap_read_unlock(mm);
		cond_resched();
	}
	o->mm = NULL;
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

static void walk_tasks(struct tm_observation *o, struct mem_cgroup *memcg)
{
	struct mm_struct *last = NULL;
	struct css_task_iter it;
	struct task_struct *task;

	K(css_task_iter_start)(&memcg->css, CSS_TASK_ITER_PROCS, &it);
	while ((task = K(css_task_iter_next)(&it))) {
		struct mm_struct *mm = process_mm(task);

		if (!mm)
			continue;
		task_lock(task);
		o->bound = binds(task->mempolicy);
		task_unlock(task);
		/* vfork() and the like: neighbours may share an address space. */
		if (mm != last)
			walk_mm(o, mm);
		if (last)
			mmput(last);
		last = mm;
		if (tm_stopping())
			break;
	}
	K(css_task_iter_end)(&it);
	if (last)
		mmput(last);
}

/* Page cache that is read and written through file descriptors only. */
static void visit_unmapped(struct folio *folio, void *arg)
{
	if (!folio_mapped(folio))
		visit(arg, folio, (u64)folio_nr_pages(folio), folio_test_clear_referenced(folio),
		      true);
}

/**
 * tm_observe - harvest one window of a group
 * @o: observation; histogram and candidates are the result
 * @g: group, move_mutex held
 *
 * Visits every page of the cgroups that @g, and no nearer group, looks after.
 *
 * Context: process, may sleep.
 */
void tm_observe(struct tm_observation *o, struct tm_group *g)
{
	u64 start_ns = ktime_get_ns(), spent_ns;
	struct mem_cgroup *m;
	unsigned int level;
	nodemask_t fast;
	int nid, tier;

	lockdep_assert_held(&g->move_mutex);
	memset(o->pages, 0, sizeof(o->pages));
	o->g = g;
	o->nr[TM_FAST] = 0;
	o->nr[TM_SLOW] = 0;
	o->young_pages = 0;
	o->last_charge = 0;
	o->last_mine = false;
	tm_tiers_get(&fast, &o->slow);
	o->wanted[TM_SLOW] = ((1U << TM_HEAT_LEVELS) - 1) & (~0U << g->promote_floor);
	o->wanted[TM_FAST] = (2U << g->demote_ceiling) - 1;
	if (!o->all_fast)
		g->parity = !g->parity;
	o->parity = g->parity;

	for (m = K(mem_cgroup_iter)(g->memcg, NULL, NULL); m;
	     m = K(mem_cgroup_iter)(g->memcg, m, NULL)) {
		bool nearest;

		rcu_read_lock();
		nearest = tm_group_nearest(m) == g;
		rcu_read_unlock();
		if (!nearest)
			continue;
		walk_tasks(o, m);
		if (o->all_fast)
			continue;
		for_each_node_state(nid, N_MEMORY)
			tm_lru_for_each_file(m, nid, visit_unmapped, o);
	}

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		for (level = 0; level < TM_HEAT_LEVELS; level++)
			o->histogram.pages[tier][level] = o->pages[tier][level];

	/* Too many candidates: next time only the best. Room for more: more of them. */
	if (o->nr[TM_SLOW] == TM_CANDIDATES)
		g->promote_floor = min(g->promote_floor + 1, TM_HEAT_LEVELS - 1U);
	else
		g->promote_floor = max(g->promote_floor, TM_PLAN_HOT_LEVEL + 1U) - 1;
	if (o->nr[TM_FAST] == TM_CANDIDATES)
		g->demote_ceiling = max(g->demote_ceiling, 1U) - 1;
	else
		g->demote_ceiling = min(g->demote_ceiling + 1, TM_HEAT_LEVELS - 1U - TM_PLAN_GAP);

	spent_ns = ktime_get_ns() - start_ns;
	tm_stat_add(g->memcg, TM_STAT_SCAN_NSEC, spent_ns);
	trace_tm_observe(cgroup_id(g->memcg->css.cgroup), o->young_pages << PAGE_SHIFT,
			 o->nr[TM_SLOW], o->nr[TM_FAST], spent_ns);
}

/**
 * tm_candidate_get - the folio of a candidate
 * @o: observation that found it
 * @tier: tier that it was found in
 * @c: candidate
 *
 * Time has passed since: the frame may hold something else, or nothing.
 *
 * Return: folio of the same group in the same tier with a reference, or NULL.
 */
struct folio *tm_candidate_get(const struct tm_observation *o, enum tm_tier tier,
			       struct tm_candidate c)
{
	struct folio *folio = NULL;
	struct page *page;
	bool same;

	/* A struct page goes with its memory: tier.c waits for us before it may. */
	rcu_read_lock();
	page = pfn_to_online_page(c.pfn);
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
	if (same) {
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

int tm_observation_init(struct tm_observation *o)
{
	unsigned int hist;
	int tier;

	for (hist = 0; hist < ARRAY_SIZE(level_of); hist++)
		level_of[hist] = (u8)tm_plan_level((tm_heat_t)hist);

	memset(o, 0, sizeof(*o));
	for (tier = 0; tier < TM_NR_TIERS; tier++) {
		o->candidates[tier] = kvmalloc_array(TM_CANDIDATES, sizeof(struct tm_candidate),
						     GFP_KERNEL);
		if (!o->candidates[tier]) {
			tm_observation_free(o);
			return -ENOMEM;
		}
	}
	return 0;
}

void tm_observation_free(struct tm_observation *o)
{
	int tier;

	for (tier = 0; tier < TM_NR_TIERS; tier++)
		kvfree(o->candidates[tier]);
}
