// SPDX-License-Identifier: GPL-2.0
/*
 * What page table entries say about pages: were they accessed?
 *
 * The loop over page table entries is where the CPU budget goes, one look for
 * every page in every window. So a page that is known costs no look at its
 * struct page, which is a cache line: its heat tells how it was, and that
 * reclaim was told of an access, and its chunk of heat on which node it is.
 * Whether the frame holds something else by now is asked when it is accessed,
 * not each time, or becomes a candidate.
 *
 * Bits are cleared without a TLB flush, as the kernel itself does: a page
 * that stays in a TLB looks cold, so no page is called cold on one window.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>

#include "ksym.h"
#include "observe.h"

/* A window of a folio is over. */
static void harvest_folio(struct tm_observation *o, struct folio *folio, bool young, bool first)
{
	unsigned long pfn = folio_pfn(folio);
	struct tm_heat_chunk *chunk = tm_heatmap_chunk_slow(pfn);
	bool large = folio_test_large(folio);
	unsigned int tag = tm_heat_tag(folio), level;
	enum tm_tier tier;
	tm_heat_t *entry, heat;

	if (unlikely(!chunk))
		return;
	entry = tm_heatmap_entry(chunk, pfn);
	heat = READ_ONCE(*entry);
	tier = tm_tier_of_node(o, folio_nid(folio));
	if (!tm_heat_is_about(heat, tag) || !(heat & TM_HEAT_LARGE) == large) {
		/* Seen for the first time, or it was something else. */
		if (!first)
			return;
		WRITE_ONCE(*entry, tm_heat_first(tag, large, o->parity, young));
		o->counts[young][tier][TM_HEAT_UNKNOWN] += (u64)folio_nr_pages(folio);
		return;
	}
	if (!first || !((heat ^ o->parity) & TM_HEAT_PARITY)) {
		WRITE_ONCE(*entry, tm_heat_visit_again(heat, o->table, o->phase, young));
		return;
	}
	heat = tm_heat_visit(heat, o->table, o->phase, young) & ~o->forget;
	/* Of page cache that nobody maps the flag itself was taken. */
	if (young && folio_mapped(folio))
		heat |= TM_HEAT_TOLD;
	WRITE_ONCE(*entry, heat);
	/* In a CPU's batch on its way to a list, for as long as it takes: can't be moved. */
	if (unlikely(!folio_test_lru(folio)))
		return;
	level = o->level_of[tier][heat & TM_HEAT_TABLE_MASK];
	o->counts[young][tier][level] += (u64)folio_nr_pages(folio);
	if (level & TM_WANTED)
		tm_candidates_add(&o->candidates[tier], pfn, level & ~TM_WANTED);
}

/**
 * tm_look_at_folio - a look at one mapping of a folio, or at an unmapped folio
 * @o: observation
 * @folio: folio that can't go away: mapped under the page table lock, or referenced
 * @young: was accessed
 * @first: this mapping stands for the folio; the others of a folio that is
 *	mapped page by page only add their accesses
 */
void tm_look_at_folio(struct tm_observation *o, struct folio *folio, bool young, bool first)
{
	if (!tm_observation_mine(o, folio))
		return;
	if (o->look == TM_LOOK_HARVEST)
		harvest_folio(o, folio, young, first);
	else if (o->look == TM_LOOK_COLLECT && first &&
		 tm_tier_of_node(o, folio_nid(folio)) == TM_FAST &&
		 tm_heatmap_level(folio) <= o->collect_level)
		tm_candidates_add(&o->candidates[TM_FAST], folio_pfn(folio), 0);
}

static noinline void visit_page(struct tm_observation *o, struct page *page, bool young)
{
	struct folio *folio = page_folio(page);

	if (young)
		tm_folio_give_back(folio);
	tm_look_at_folio(o, folio, young, page == &folio->page);
}

/* Is the page what its heat is about? */
static __always_inline bool is_same(struct tm_observation *o, struct folio *folio, tm_heat_t heat)
{
	return !folio_test_large(folio) && heat >> TM_HEAT_TAG_SHIFT == tm_heat_tag(folio) &&
	       tm_observation_mine(o, folio);
}

/* And can it be moved? */
static __always_inline bool is_about(struct tm_observation *o, struct page *page, tm_heat_t heat)
{
	struct folio *folio = page_folio(page);

	return folio_test_lru(folio) && is_same(o, folio, heat);
}

/*
 * A known page is cold, or hot, enough to be a candidate.
 * Return: whether it is still there, and can be moved.
 */
static noinline bool consider(struct tm_observation *o, enum tm_tier tier, unsigned long pfn,
			      tm_heat_t heat)
{
	if (!is_about(o, pfn_to_page(pfn), heat))
		return false;
	tm_candidates_add(&o->candidates[tier], pfn, tm_heat_level(heat));
	return true;
}

/* Read and clear the second stage's accessed bits; KVM answers for a range as a whole. */
static noinline bool second_stage_young(struct mm_struct *mm, unsigned long addr,
					unsigned long end)
{
	return K(__mmu_notifier_clear_young)(mm, addr, end);
}

/*
 * A page was accessed before the window that is opened: tell reclaim, unless it
 * has been told, and hasn't asked since.
 */
static __always_inline void tell_reclaim(struct tm_observation *o, unsigned long pfn)
{
	tm_heat_t *entry = tm_heatmap_entry(tm_heatmap_chunk(pfn), pfn);
	tm_heat_t heat = READ_ONCE(*entry);

	if (tm_reclaim_is_told(o, heat))
		return;
	tm_folio_give_back(page_folio(pfn_to_page(pfn)));
	if (heat & TM_HEAT_STATE_MASK && !(heat & TM_HEAT_LARGE))
		WRITE_ONCE(*entry, heat | TM_HEAT_TOLD);
}

/* A page was accessed in the moment since the harvest. */
static noinline void glimpse(struct tm_observation *o, unsigned long pfn)
{
	struct tm_heat_chunk *chunk = tm_heatmap_chunk(pfn);
	tm_heat_t heat = READ_ONCE(*tm_heatmap_entry(chunk, pfn));
	struct folio *folio;

	if (tm_tier_of_node(o, chunk->nid) != TM_SLOW || !tm_glimpse_wants(heat))
		return;
	o->glimpsed_pages[tm_glimpse_class(heat)]++;
	folio = page_folio(pfn_to_page(pfn));
	if (o->nr_glimpsed < TM_GLIMPSE_PAGES && is_same(o, folio, heat))
		o->glimpsed[o->nr_glimpsed++] = (struct tm_glimpsed){
			pfn, !folio_test_lru(folio)
		};
}

/* Returns how many pages that was. */
static __always_inline unsigned int look_at_pte(struct tm_observation *o, struct mm_struct *mm,
						pte_t *pte, unsigned long addr, enum tm_look look,
						bool second_stage)
{
	pte_t val = READ_ONCE(*pte);
	bool young;

	/* NUMA balancing's PROT_NONE entries count as present, and as not accessed. */
	if (!pte_present(val) || pte_flags(val) & (_PAGE_SPECIAL | _PAGE_DEVMAP))
		return 0;
	young = pte_flags(val) & _PAGE_ACCESSED;
	if (look == TM_LOOK_PEEK) {
		if (young)
			tm_peeked_young(o, pte_pfn(val), 1);
		return 1;
	}
	if (look == TM_LOOK_GLIMPSE) {
		if (young)
			glimpse(o, pte_pfn(val));
		return 1;
	}
	if (look == TM_LOOK_COLLECT) {
		visit_page(o, pte_page(val), false);
		return 1;
	}
	if (young)
		clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)&pte->pte);
	if (look == TM_LOOK_OPEN) {
		if (young)
			tell_reclaim(o, pte_pfn(val));
		return 1;
	}
	if (second_stage)
		young |= second_stage_young(mm, addr, addr + PAGE_SIZE);
	o->young_pages += young;
	visit_page(o, pte_page(val), young);
	return 1;
}

static noinline unsigned int harvest_pte(struct tm_observation *o, struct mm_struct *mm,
					 pte_t *pte, unsigned long addr)
{
	return look_at_pte(o, mm, pte, addr, TM_LOOK_HARVEST, false);
}

#define PTE_PAGE_MASK	(_PAGE_PRESENT | _PAGE_SPECIAL | _PAGE_DEVMAP)

/*
 * A page that was accessed. Its struct page is looked at only if reclaim has to
 * be told, and in some of the passes to see whether it is still the same.
 * Return: false if that is not so, or not that simple.
 */
static __always_inline bool harvest_accessed(struct tm_observation *o, pte_t *pte,
					     unsigned long pfn, tm_heat_t *entry,
					     enum tm_tier tier)
{
	tm_heat_t heat = READ_ONCE(*entry);
	unsigned int level;

	if (!tm_trusts(o, heat)) {
		struct page *page = pfn_to_page(pfn);

		if (unlikely(!is_about(o, page, heat)))
			return false;
		tm_folio_give_back(page_folio(page));
	}
	clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)&pte->pte);
	heat = tm_heat_visit(heat, o->table, o->phase, true) | TM_HEAT_TOLD;
	level = o->level_of[tier][heat & TM_HEAT_TABLE_MASK];
	if (unlikely(level & TM_WANTED) && !consider(o, tier, pfn, heat)) {
		WRITE_ONCE(*entry, TM_HEAT_NEVER);
	} else {
		WRITE_ONCE(*entry, heat);
		o->counts[1][tier][level]++;
	}
	o->young_pages++;
	return true;
}

/**
 * harvest_anon - harvest a page table of an anonymous mapping
 * @o: observation
 * @mm: address space
 * @pte: first entry
 * @addr: its address
 * @end: end of the last one
 *
 * Nearly every look is at a page that is known and small, and mostly at one
 * that was not accessed. What such a page needs is kept in variables here,
 * from one page to the next one of the same chunk of heat.
 *
 * Return: pages looked at.
 */
static unsigned int harvest_anon(struct tm_observation *o, struct mm_struct *mm, pte_t *pte,
				 unsigned long addr, unsigned long end)
{
	const u8 *next = o->table->next[0][o->phase], *level_of = NULL;
	/* Of a page that this pass hasn't visited yet. */
	const tm_heat_t expected = o->parity ^ TM_HEAT_PARITY, forget = o->forget;
	unsigned long chunk_nr = ~0UL;
	unsigned int pages = 0;
	tm_heat_t *heat = NULL;
	u64 *counts = NULL;
	enum tm_tier tier = TM_FAST;

	for (; addr < end; pte++, addr += PAGE_SIZE) {
		pte_t val = READ_ONCE(*pte);
		unsigned long pfn = (val.pte & PTE_PFN_MASK) >> PAGE_SHIFT;
		unsigned int level;
		tm_heat_t *entry, old;

		if (unlikely((val.pte & PTE_PAGE_MASK) != _PAGE_PRESENT)) {
			pages += harvest_pte(o, mm, pte, addr);
			continue;
		}
		if (unlikely(pfn >> TM_HEATMAP_SHIFT != chunk_nr)) {
			struct tm_heat_chunk *chunk = tm_heatmap_chunk(pfn);

			tier = tm_tier_of_node(o, chunk->nid);
			if (unlikely(tier == TM_ASK_PAGE)) {
				chunk_nr = ~0UL;
				pages += harvest_pte(o, mm, pte, addr);
				continue;
			}
			chunk_nr = pfn >> TM_HEATMAP_SHIFT;
			heat = chunk->heat - (chunk_nr << TM_HEATMAP_SHIFT);
			counts = o->counts[0][tier];
			level_of = o->level_of[tier];
		}
		entry = heat + pfn;
		old = READ_ONCE(*entry);
		if (unlikely(!(old & TM_HEAT_STATE_MASK) ||
			     (old ^ expected) & (TM_HEAT_PARITY | TM_HEAT_LARGE))) {
			pages += harvest_pte(o, mm, pte, addr);
			continue;
		}
		if (val.pte & _PAGE_ACCESSED) {
			pages += harvest_accessed(o, pte, pfn, entry, tier) ?
				1 : harvest_pte(o, mm, pte, addr);
			continue;
		}
		old = tm_heat_visit_idle(old, next) & ~forget;
		WRITE_ONCE(*entry, old);
		level = level_of[old & TM_HEAT_TABLE_MASK];
		counts[level]++;
		pages++;
		if (unlikely(level & TM_WANTED) && !consider(o, tier, pfn, old)) {
			/* It looks like something else by now; the next pass asks its page. */
			WRITE_ONCE(*entry, TM_HEAT_NEVER);
			counts[level]--;
		}
	}
	return pages;
}

/*
 * A look at the second stage costs some hundred instructions. A window opens
 * for a page table at once, and that also tells whether anything below was
 * accessed since the last harvest. If not, the table is asked as a whole
 * again; in the rare case that it was accessed now, nobody knows which page,
 * and these windows tell nothing.
 */
static bool table_is_idle(struct tm_observation *o, struct mm_struct *mm, unsigned long addr,
			  unsigned long end)
{
	struct tm_slice *s = o->slice;
	unsigned long nr = (addr >> PMD_SHIFT) - (s->start >> PMD_SHIFT);
	bool young;

	if (o->look == TM_LOOK_OPEN) {
		young = second_stage_young(mm, addr, end);
		if (!young && nr < 32)
			s->idle_tables |= 1U << nr;
		return true;
	}
	return nr < 32 && s->idle_tables >> nr & 1 && !second_stage_young(mm, addr, end);
}

static __always_inline unsigned int look_at_ptes(struct tm_observation *o, struct mm_struct *mm,
						 pte_t *pte, unsigned long addr,
						 unsigned long end, enum tm_look look,
						 bool second_stage)
{
	unsigned int pages = 0;

	for (; addr < end; pte++, addr += PAGE_SIZE)
		pages += look_at_pte(o, mm, pte, addr, look, second_stage);
	return pages;
}

/*
 * Of so many pages one stands for all: to ask for the second stage's bit costs as
 * much as some dozen looks at page table entries.
 */
#define PEEK_PAGES	128

static noinline void peek_at_second_stage(struct tm_observation *o, struct mm_struct *mm,
					  const pte_t *pte, unsigned long addr, unsigned long end)
{
	/* Others each time. */
	unsigned long i = tm_next_phase(o) * (PEEK_PAGES / TM_HEAT_PHASES);
	unsigned long nr = (end - addr) >> PAGE_SHIFT;

	for (; i < nr; i += PEEK_PAGES) {
		pte_t val = READ_ONCE(pte[i]);

		if (pte_present(val) && K(__mmu_notifier_test_young)(mm, addr + i * PAGE_SIZE))
			tm_peeked_young(o, pte_pfn(val), PEEK_PAGES);
	}
}

/**
 * tm_look_at_table - look at the entries of a page table
 * @o: observation
 * @mm: address space
 * @pte: first entry, its table locked
 * @addr: its address
 * @end: end of the last one
 */
void tm_look_at_table(struct tm_observation *o, struct mm_struct *mm, pte_t *pte,
		      unsigned long addr, unsigned long end)
{
	bool idle = !o->notifiers || o->look > TM_LOOK_HARVEST || table_is_idle(o, mm, addr, end);
	unsigned int pages = 0;

	/* One loop for each purpose, so that none asks in every turn which it is. */
	switch (o->look) {
	case TM_LOOK_OPEN:
		pages = look_at_ptes(o, mm, pte, addr, end, TM_LOOK_OPEN, false);
		break;
	case TM_LOOK_HARVEST:
		o->phase = tm_next_phase(o);
		if (!idle)
			pages = look_at_ptes(o, mm, pte, addr, end, TM_LOOK_HARVEST, true);
		else if (o->careful)
			pages = look_at_ptes(o, mm, pte, addr, end, TM_LOOK_HARVEST, false);
		else
			pages = harvest_anon(o, mm, pte, addr, end);
		break;
	case TM_LOOK_PEEK:
		pages = look_at_ptes(o, mm, pte, addr, end, TM_LOOK_PEEK, false);
		if (o->notifiers)
			peek_at_second_stage(o, mm, pte, addr, end);
		break;
	case TM_LOOK_GLIMPSE:
		pages = look_at_ptes(o, mm, pte, addr, end, TM_LOOK_GLIMPSE, false);
		break;
	case TM_LOOK_COLLECT:
		pages = look_at_ptes(o, mm, pte, addr, end, TM_LOOK_COLLECT, false);
		break;
	}
	o->visited_pages += pages;
}
