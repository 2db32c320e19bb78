// SPDX-License-Identifier: GPL-2.0
/* Address spaces: which page tables, and entries of huge pages, there are to look at. */
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagewalk.h>

#include "ksym.h"
#include "observe.h"

/* What a look at a huge page, or at a hole, costs, as bytes of a mapping in 4K pages. */
#define NOT_A_TABLE_BYTES	(8 * PAGE_SIZE)

/* Look at the entries of a page table, if there is one. Returns what that cost. */
static unsigned long look_at_table(struct tm_observation *o, struct mm_struct *mm, pmd_t *pmd,
				   unsigned long addr, unsigned long end)
{
	spinlock_t *ptl;
	pte_t *start = tm_pte_offset_map_lock(mm, pmd, addr, &ptl);

	if (!start)
		return NOT_A_TABLE_BYTES;
	tm_look_at_table(o, mm, start, addr, end);
	pte_unmap_unlock(start, ptl);
	cond_resched();
	return end - addr;
}

/*
 * The kernel's walker takes 90 instructions from one entry of this level to
 * the next one, three times what a look at an idle huge page takes, so it gets
 * the level above only.
 */
static int walk_pud(pud_t *pud, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct tm_observation *o = walk->private;
	pud_t val = READ_ONCE(*pud);
	unsigned long end, looks;
	pmd_t *pmd;

	/* Else the walker would split a gigantic page, and descend itself. */
	walk->action = ACTION_CONTINUE;
	if (!pud_present(val) || pud_leaf(val))
		return 0;
	for (pmd = pmd_offset(pud, addr); addr < next; pmd += looks, addr = end) {
		pmd_t entry = READ_ONCE(*pmd);
		unsigned long cost_bytes = NOT_A_TABLE_BYTES;

		looks = 1;
		if (pmd_trans_huge(entry)) {
			looks = DIV_ROUND_UP(next - (addr & PMD_MASK), PMD_SIZE);
			looks = min(looks, DIV_ROUND_UP((unsigned long)o->left_bytes,
							NOT_A_TABLE_BYTES));
			looks = tm_look_at_huge(o, walk->mm, pmd, addr, looks);
			cost_bytes *= looks;
		}
		end = min((addr & PMD_MASK) + looks * PMD_SIZE, next);
		if (!pmd_none(entry) && !pmd_trans_huge(entry))
			cost_bytes = look_at_table(o, walk->mm, pmd, addr, end);
		o->left_bytes -= (long)cost_bytes;
		if (o->left_bytes <= 0) {
			o->walked_to = end;
			return 1;
		}
	}
	cond_resched();
	return 0;
}

static const struct mm_walk_ops walk_ops = {
	.pud_entry = walk_pud,
	TM_WALK_RDLOCK
};

static bool skip_vma(const struct tm_observation *o, struct vm_area_struct *vma)
{
	if (tm_vma_is_special(vma))
		return true;
	/* Bound memory stays where it is, except for a quota's sake. */
	return o->look != TM_LOOK_COLLECT &&
	       (vma->vm_policy ? tm_policy_binds(vma->vm_policy) : o->slice->bound);
}

/**
 * tm_walk - look at a slice of an address space
 * @o: observation
 * @slice: of which address space; the caller keeps that
 * @addr: from where on, in the slice
 * @most_bytes: end early, after what costs as much as so many bytes in 4K pages
 *
 * Ends early as well where somebody waits for the mmap_lock.
 *
 * Context: process, may sleep.
 * Return: address to go on from; @slice's end if there is no more.
 */
unsigned long tm_walk(struct tm_observation *o, struct tm_slice *slice, unsigned long addr,
		      unsigned long most_bytes)
{
	struct mm_struct *mm = slice->mm;

	o->slice = slice;
	o->notifiers = mm_has_notifiers(mm);
	/* A guest's accesses show in the second stage, which isn't asked. */
	if (o->look == TM_LOOK_GLIMPSE && o->notifiers)
		return slice->end;
	o->left_bytes = (long)most_bytes;
	mmap_read_lock(mm);
	while (addr < slice->end && o->left_bytes > 0 && !mmap_lock_is_contended(mm)) {
		struct vm_area_struct *vma = find_vma(mm, addr);
		unsigned long start;

		if (!vma || vma->vm_start >= slice->end) {
			addr = slice->end;
			break;
		}
		start = max(addr, vma->vm_start);
		addr = min(vma->vm_end, slice->end);
		if (skip_vma(o, vma))
			continue;
		/* Xen's guests have other frame numbers in their page tables. */
		o->careful = !vma_is_anonymous(vma) || cpu_feature_enabled(X86_FEATURE_XENPV);
		if (K(walk_page_range)(mm, start, addr, &walk_ops, o) > 0)
			addr = o->walked_to;
	}
	mmap_read_unlock(mm);
	tm_give_way();
	return addr;
}
