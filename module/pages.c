// SPDX-License-Identifier: GPL-2.0
/* The pages of an address space, one after the other: a look that changes nothing. */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pagewalk.h>

#include "ksym.h"
#include "observe.h"
#include "pages.h"

/* What is walked under one hold of the mmap_lock. */
#define CHUNK_BYTES	(64UL << 20)

/* What a page table maps. */
static bool visit_table(struct tm_page_walk *w, struct mm_struct *mm, pmd_t *pmd,
			unsigned long addr, unsigned long end)
{
	spinlock_t *ptl;	/* of the table */
	pte_t *start = tm_pte_offset_map_lock(mm, pmd, addr, &ptl), *pte;
	bool go_on = true;

	if (!start)
		return true;
	for (pte = start; go_on && addr < end; pte++, addr += PAGE_SIZE) {
		pte_t val = READ_ONCE(*pte);

		if (pte_present(val) && !(pte_flags(val) & (_PAGE_SPECIAL | _PAGE_DEVMAP)))
			go_on = w->visit(w, page_folio(pte_page(val)), addr, addr + PAGE_SIZE);
	}
	pte_unmap_unlock(start, ptl);
	return go_on;
}

static bool visit_huge(struct tm_page_walk *w, struct mm_struct *mm, pmd_t *pmd,
		       unsigned long addr, unsigned long end)
{
	spinlock_t *ptl = pmd_lock(mm, pmd);
	bool go_on = true;

	if (pmd_trans_huge(*pmd) && pmd_present(*pmd) && !pmd_devmap(*pmd))
		go_on = w->visit(w, page_folio(pmd_page(*pmd)), addr, end);
	spin_unlock(ptl);
	return go_on;
}

static int visit_pud(pud_t *pud, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct tm_page_walk *w = walk->private;
	pud_t val = READ_ONCE(*pud);
	unsigned long end;
	pmd_t *pmd;

	/* As in walk.c: the walker itself would split what is gigantic. */
	walk->action = ACTION_CONTINUE;
	if (!pud_present(val) || pud_leaf(val))
		return 0;
	for (pmd = pmd_offset(pud, addr); addr < next; pmd++, addr = end) {
		pmd_t entry = READ_ONCE(*pmd);
		bool go_on = true;

		end = min((addr & PMD_MASK) + PMD_SIZE, next);
		if (pmd_trans_huge(entry))
			go_on = visit_huge(w, walk->mm, pmd, addr, end);
		else if (!pmd_none(entry))
			go_on = visit_table(w, walk->mm, pmd, addr, end);
		if (!go_on)
			return 1;
	}
	cond_resched();
	return 0;
}

static const struct mm_walk_ops visit_ops = {
	.pud_entry = visit_pud,
	TM_WALK_RDLOCK
};

/**
 * tm_walk_pages - visit what page tables map, for one hold of the mmap_lock
 * @w: what to do with a page
 * @mm: address space; the caller keeps its pages, too
 * @addr: where to begin; after that, where to go on
 * @end: where to end
 *
 * Pages of hugetlb, of devices, and what is not present are left out.
 *
 * Context: process, may sleep.
 * Return: 0, or -EINTR.
 */
int tm_walk_pages(struct tm_page_walk *w, struct mm_struct *mm, unsigned long *addr,
		  unsigned long end)
{
	unsigned long stop = end - *addr > CHUNK_BYTES ? *addr + CHUNK_BYTES : end;
	struct vm_area_struct *vma;
	int ret = mmap_read_lock_killable(mm);

	if (ret)
		return ret;
	while (*addr < stop && !mmap_lock_is_contended(mm)) {
		unsigned long start;

		vma = find_vma(mm, *addr);
		if (!vma || vma->vm_start >= end) {
			*addr = end;
			break;
		}
		start = max(*addr, vma->vm_start);
		/* Holes cost nothing. */
		stop = max(stop, start + min(CHUNK_BYTES, end - start));
		*addr = min(vma->vm_end, stop);
		if (tm_vma_is_special(vma))
			continue;
		if (K(walk_page_range)(mm, start, *addr, &visit_ops, w) > 0) {
			*addr = w->next;
			break;
		}
	}
	mmap_read_unlock(mm);
	return 0;
}
