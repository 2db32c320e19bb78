/* SPDX-License-Identifier: GPL-2.0 */
/* One look at a group's pages: what observe.c, walk.c, look.c and who uses the result share. */
#ifndef TM_OBSERVE_H
#define TM_OBSERVE_H

#include <linux/hugetlb.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>

#include "policy/candidates.h"
#include "tiermem.h"

/* A page that is in use again just after a harvest, and whether it waits in a CPU's batch. */
struct tm_glimpsed {
	u64 pfn : 63;
	u64 batched : 1;
};

/* In one of so many passes an accessed page is asked whether it is still the same. */
#define TM_TRUST_PASSES	4
/* Windows of one group that are open at the same time. */
#define TM_OPEN_SLICES	64

/* Not a tier: ask the page. */
#define TM_ASK_PAGE	TM_NR_TIERS
/* In tm_observation::level_of: pages of this level are candidates. */
#define TM_WANTED	0x80

/**
 * struct tm_slice - a piece of an address space whose window is open
 * @mm: whose; a reference that keeps the structure, not the address space
 * @start, @end: addresses
 * @opened_ns: when
 * @idle_tables: page tables, by distance from @start, whose second stage saw
 *	no access since the window before
 * @bound: the process binds its memory to nodes
 */
struct tm_slice {
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	u64 opened_ns;
	u32 idle_tables;
	bool bound;
};

/**
 * struct tm_observation - one look at a group's pages
 * @g: the group, move_mutex held
 * @look: what for
 * @candidates: promotion (from slow) and demotion (from fast) candidates
 * @visited_pages: mapped pages, or unmapped folios' pages, looked at
 * @young_pages: of them, accessed ones
 * @young_slow_pages: of these, pages in slow memory, if this is a peek
 * @collect_level: hottest pages that %TM_LOOK_COLLECT is for
 * @glimpsed_pages: by class, pages that %TM_LOOK_GLIMPSE is for and has seen
 * @glimpsed, @nr_glimpsed: the first of them
 * @stopped: ended early, so the result is worth nothing
 */
struct tm_observation {
	struct tm_group *g;
	enum tm_look look;
	struct tm_candidates candidates[TM_NR_TIERS];
	u64 visited_pages;
	u64 young_pages;
	u64 young_slow_pages;
	unsigned int collect_level;
	u64 glimpsed_pages[TM_GLIMPSE_CLASSES];
	struct tm_glimpsed glimpsed[TM_GLIMPSE_PAGES];
	unsigned int nr_glimpsed;
	bool stopped;

	/* private: state of the walk */
	const struct tm_heat_table *table;
	u32 turn;
	unsigned int phase;
	tm_heat_t parity;
	/* TM_HEAT_TOLD if reclaim has asked since it was told, else 0. */
	tm_heat_t forget;
	unsigned long reclaim_asked_pages;
	nodemask_t slow;
	u8 tier_of_node[MAX_NUMNODES + 1];
	u64 counts[2][TM_NR_TIERS][TM_WANTED | (TM_HEAT_LEVELS + 1)];
	u8 level_of[TM_NR_TIERS][2 * TM_HEAT_STATES];
	unsigned long last_charge;
	bool last_mine;
	struct tm_slice *slice;
	bool notifiers;
	bool careful;
	long left_bytes;
	unsigned long walked_to;
	struct tm_slice open[TM_OPEN_SLICES];
	unsigned int first_open;
	unsigned int nr_open;
};

static __always_inline enum tm_tier tm_tier_of_node(const struct tm_observation *o, int nid)
{
	return o->tier_of_node[nid - NUMA_NO_NODE];
}

/* What a peek has seen. */
static __always_inline void tm_peeked_young(struct tm_observation *o, unsigned long pfn,
					    unsigned int nr_pages)
{
	o->young_pages += nr_pages;
	if (tm_tier_of_node(o, tm_heatmap_chunk(pfn)->nid) == TM_SLOW)
		o->young_slow_pages += nr_pages;
}

/* Reclaim was told that the page of this heat is in use, and hasn't asked since. */
static __always_inline bool tm_reclaim_is_told(const struct tm_observation *o, tm_heat_t heat)
{
	return heat & TM_HEAT_TOLD && !o->forget;
}

/* May an accessed page go without a look at its struct page, in this phase? */
static __always_inline bool tm_trusts(const struct tm_observation *o, tm_heat_t heat)
{
	return tm_reclaim_is_told(o, heat) && o->phase % TM_TRUST_PASSES;
}

/*
 * How fractions of heat are rounded. The same for all pages of a page table,
 * another one for each table, folio and pass. That is good enough: only the
 * mean over many passes has to be right.
 */
static inline unsigned int tm_next_phase(struct tm_observation *o)
{
	/* Evenly spread (Weyl). */
	o->turn += GOLDEN_RATIO_32;
	return o->turn >> 28;
}

bool tm_observation_mine(struct tm_observation *o, struct folio *folio);
void tm_observe_tasks(struct tm_observation *o);

void tm_look_at_folio(struct tm_observation *o, struct folio *folio, bool young, bool first);
void tm_look_at_table(struct tm_observation *o, struct mm_struct *mm, pte_t *pte,
		      unsigned long addr, unsigned long end);
unsigned long tm_look_at_huge(struct tm_observation *o, struct mm_struct *mm, pmd_t *pmd,
			      unsigned long addr, unsigned long nr);

unsigned long tm_walk(struct tm_observation *o, struct tm_slice *slice, unsigned long addr,
		      unsigned long most_bytes);

/* Mappings without pages of their own, or with pages that can't be moved. */
static inline bool tm_vma_is_special(struct vm_area_struct *vma)
{
	/* Of DAX, the walker would split gigantic entries just to look at them. */
	return is_vm_hugetlb_page(vma) || vma->vm_flags & (VM_PFNMAP | VM_IO | VM_MIXEDMAP) ||
	       vma_is_dax(vma);
}

/* Has somebody decided between the tiers? To bind to all nodes decides nothing. */
static inline bool tm_policy_binds(const struct mempolicy *policy)
{
	return policy && policy->mode == MPOL_BIND &&
	       !nodes_subset(node_states[N_MEMORY], policy->nodes);
}

#endif /* TM_OBSERVE_H */
