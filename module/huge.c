// SPDX-License-Identifier: GPL-2.0
/*
 * What entries that map huge pages say about them: were they accessed?
 *
 * What look.c says of page table entries is true here as well. A huge page
 * stands for 512 small ones, so there are few; but a guest or a database may
 * have nothing else, and then these loops are where the CPU budget goes.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "ksym.h"
#include "observe.h"

/*
 * Entries without a struct page of ordinary memory are special or of devices;
 * mappings full of them are skipped whole.
 */
static void look_at_huge_locked(struct tm_observation *o, struct mm_struct *mm, pmd_t *pmd,
				unsigned long addr)
{
	struct folio *folio;
	bool young = false;

	if (!pmd_present(*pmd) || pmd_devmap(*pmd))
		return;
	folio = page_folio(pmd_page(*pmd));
	o->visited_pages += HPAGE_PMD_NR;
	if (o->look == TM_LOOK_OPEN || o->look == TM_LOOK_HARVEST) {
		young = pmd_young(*pmd) &&
			test_and_clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)pmd);
		if (o->notifiers)
			young |= K(__mmu_notifier_clear_young)(mm, addr & HPAGE_PMD_MASK,
						    (addr & HPAGE_PMD_MASK) + HPAGE_PMD_SIZE);
		o->young_pages += young ? HPAGE_PMD_NR : 0;
		if (young)
			tm_folio_give_back(folio);
	}
	if (o->look != TM_LOOK_OPEN)
		tm_look_at_folio(o, folio, young, true);
}

/* What the entry of a huge page has, of ordinary memory. */
#define HUGE_PRESENT	(_PAGE_PRESENT | _PAGE_PSE)
#define HUGE_MASK	(HUGE_PRESENT | _PAGE_SPECIAL | _PAGE_DEVMAP)

static unsigned long peek_at_huge(struct tm_observation *o, struct mm_struct *mm,
				  const pmd_t *pmd, unsigned long addr, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		pmdval_t val = READ_ONCE(pmd[i]).pmd;

		if ((val & HUGE_MASK) != HUGE_PRESENT)
			break;
		if (val & _PAGE_ACCESSED ||
		    (o->notifiers &&
		     K(__mmu_notifier_test_young)(mm, addr + i * HPAGE_PMD_SIZE)))
			tm_peeked_young(o, (val & PHYSICAL_PMD_PAGE_MASK) >> PAGE_SHIFT,
					HPAGE_PMD_NR);
	}
	return i;
}

/*
 * Without the lock: only CPUs change an entry behind its holder's back, and set
 * bits; we take back the one that they set, of this very entry or not at all.
 */
static __always_inline bool take_accessed(pmd_t *pmd, pmdval_t val)
{
	return cmpxchg(&pmd->pmd, val, val & ~_PAGE_ACCESSED) == val;
}

static unsigned long open_huge(struct tm_observation *o, pmd_t *pmd, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		pmdval_t val = READ_ONCE(pmd[i]).pmd;

		if ((val & HUGE_MASK) != HUGE_PRESENT)
			break;
		if (val & _PAGE_ACCESSED) {
			unsigned long pfn = (val & PHYSICAL_PMD_PAGE_MASK) >> PAGE_SHIFT;
			tm_heat_t heat = READ_ONCE(*tm_heatmap_entry(tm_heatmap_chunk(pfn), pfn));

			if (!tm_reclaim_is_told(o, heat) || !take_accessed(&pmd[i], val))
				break;
		}
	}
	return i;
}

/* As harvest_anon() in look.c does. */
static unsigned long harvest_huge(struct tm_observation *o, pmd_t *pmd, unsigned long nr)
{
	const tm_heat_t expected = o->parity ^ TM_HEAT_PARITY ^ TM_HEAT_LARGE, forget = o->forget;
	unsigned long chunk_nr = ~0UL, i;
	struct tm_heat_chunk *chunk;
	enum tm_tier tier = TM_FAST;

	for (i = 0; i < nr; i++) {
		pmdval_t val = READ_ONCE(pmd[i]).pmd;
		unsigned long pfn = (val & PHYSICAL_PMD_PAGE_MASK) >> PAGE_SHIFT;
		bool young = val & _PAGE_ACCESSED;
		tm_heat_t *entry, heat;
		unsigned int level;

		if ((val & HUGE_MASK) != HUGE_PRESENT)
			break;
		if (unlikely(pfn >> TM_HEATMAP_SHIFT != chunk_nr)) {
			chunk = tm_heatmap_chunk(pfn);
			tier = tm_tier_of_node(o, chunk->nid);
			if (unlikely(tier == TM_ASK_PAGE))
				break;
			chunk_nr = pfn >> TM_HEATMAP_SHIFT;
		}
		entry = tm_heatmap_entry(chunk, pfn);
		heat = READ_ONCE(*entry);
		if (unlikely(!(heat & TM_HEAT_STATE_MASK) ||
			     (heat ^ expected) & (TM_HEAT_PARITY | TM_HEAT_LARGE)))
			break;
		if (young && !tm_trusts(o, heat))
			break;
		heat = tm_heat_visit(heat, o->table, o->phase, young) & ~forget;
		level = o->level_of[tier][heat & TM_HEAT_TABLE_MASK];
		if (unlikely(level & TM_WANTED) || (young && !take_accessed(&pmd[i], val)))
			break;
		WRITE_ONCE(*entry, heat);
		o->counts[young][tier][level] += HPAGE_PMD_NR;
		o->young_pages += young ? HPAGE_PMD_NR : 0;
		o->phase = tm_next_phase(o);
	}
	return i;
}

/*
 * Most looks at huge pages need no lock and no struct page: the entry may
 * change under us, but to what it says of a page we only add a window.
 * Return: how many entries, from the first one on, that was all for.
 */
static unsigned long glance_at_huge(struct tm_observation *o, struct mm_struct *mm, pmd_t *pmd,
				    unsigned long addr, unsigned long nr)
{
	/* A huge page is never idle for long, so its average tells soon enough. */
	if (o->look == TM_LOOK_PEEK || o->look == TM_LOOK_GLIMPSE)
		return peek_at_huge(o, mm, pmd, addr, nr);
	if (o->careful || o->notifiers)
		return 0;
	if (o->look == TM_LOOK_OPEN)
		return open_huge(o, pmd, nr);
	return o->look == TM_LOOK_HARVEST ? harvest_huge(o, pmd, nr) : 0;
}

/**
 * tm_look_at_huge - look at entries that map huge pages
 * @o: observation
 * @mm: address space
 * @pmd: the first entry, of a huge page
 * @addr: an address in that page
 * @nr: how many entries there are, at least one; the others may be any
 *
 * The page may be mapped page by page by the time that the entry is locked;
 * the next pass looks at those.
 *
 * Return: how many entries were looked at, at least one.
 */
unsigned long tm_look_at_huge(struct tm_observation *o, struct mm_struct *mm, pmd_t *pmd,
			      unsigned long addr, unsigned long nr)
{
	unsigned long looks;
	spinlock_t *ptl;

	o->phase = tm_next_phase(o);
	looks = glance_at_huge(o, mm, pmd, addr, nr);
	if (looks) {
		o->visited_pages += looks * HPAGE_PMD_NR;
		return looks;
	}
	ptl = pmd_lock(mm, pmd);
	if (pmd_trans_huge(*pmd))
		look_at_huge_locked(o, mm, pmd, addr);
	spin_unlock(ptl);
	return 1;
}
