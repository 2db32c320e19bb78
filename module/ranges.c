// SPDX-License-Identifier: GPL-2.0
/*
 * Where the memory of a process is, and how hot: a look at its page tables that
 * changes nothing. Bounded by the ranges that are asked for, and a few KiB of
 * memory, however large the process is.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pagewalk.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "ctl.h"
#include "ksym.h"
#include "observe.h"

/* Ranges between two copies to the caller, and what is walked under one hold of the mmap_lock. */
#define CHUNK_RANGES	64
#define CHUNK_BYTES	(64UL << 20)

/**
 * struct map - a map that is being made
 * @ranges: finished ranges, and the one at hand
 * @nr: how many
 * @most: end when there are so many
 * @step: their length
 * @levels: of the range at hand: sum of the levels of its pages of known heat
 * @known_pages: and how many these are
 * @slow: nodes
 * @full: there was no room for a page
 * @next: the address of that
 */
struct map {
	struct tiermem_range ranges[CHUNK_RANGES];
	u32 nr;
	u32 most;
	u64 step;
	u64 levels;
	u64 known_pages;
	nodemask_t slow;
	bool full;
	unsigned long next;
};

static void finish_range(struct map *m)
{
	if (m->nr)
		m->ranges[m->nr - 1].heat = m->known_pages ?
			(u32)div64_u64(m->levels, m->known_pages) : TIERMEM_HEAT_UNKNOWN;
	m->levels = 0;
	m->known_pages = 0;
}

/* The range of an address; NULL if it is a new one, and there is no room for that. */
static struct tiermem_range *range_of(struct map *m, unsigned long addr)
{
	u64 start = addr & ~(m->step - 1);

	if (m->nr && m->ranges[m->nr - 1].start == start)
		return &m->ranges[m->nr - 1];
	if (m->nr == m->most)
		return NULL;
	finish_range(m);
	m->ranges[m->nr] = (struct tiermem_range){ .start = start };
	return &m->ranges[m->nr++];
}

/* Add a page, or what of a huge one is from @addr to @end. False if there is no room for it. */
static bool add(struct map *m, struct folio *folio, unsigned long addr, unsigned long end)
{
	tm_heat_t heat = tm_heatmap_read(folio);
	unsigned int level = tm_heat_level(heat);
	bool slow = node_isset(folio_nid(folio), m->slow);

	while (addr < end) {
		struct tiermem_range *r = range_of(m, addr);
		unsigned long bytes;

		if (!r) {
			m->full = true;
			m->next = addr;
			return false;
		}
		bytes = (unsigned long)min_t(u64, end - addr, r->start + m->step - addr);
		*(slow ? &r->slow_bytes : &r->dram_bytes) += bytes;
		if (level < TM_HEAT_LEVELS) {
			m->levels += (u64)level * (bytes >> PAGE_SHIFT);
			m->known_pages += bytes >> PAGE_SHIFT;
		}
		addr += bytes;
	}
	return true;
}

static bool add_table(struct map *m, struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
		      unsigned long end)
{
	spinlock_t *ptl;
	pte_t *start = tm_pte_offset_map_lock(mm, pmd, addr, &ptl), *pte;
	bool go_on = true;

	if (!start)
		return true;
	for (pte = start; go_on && addr < end; pte++, addr += PAGE_SIZE) {
		pte_t val = READ_ONCE(*pte);

		if (pte_present(val) && !(pte_flags(val) & (_PAGE_SPECIAL | _PAGE_DEVMAP)))
			go_on = add(m, page_folio(pte_page(val)), addr, addr + PAGE_SIZE);
	}
	pte_unmap_unlock(start, ptl);
	return go_on;
}

static bool add_huge(struct map *m, struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
		     unsigned long end)
{
	spinlock_t *ptl = pmd_lock(mm, pmd);
	bool go_on = true;

	if (pmd_trans_huge(*pmd) && pmd_present(*pmd) && !pmd_devmap(*pmd))
		go_on = add(m, page_folio(pmd_page(*pmd)), addr, end);
	spin_unlock(ptl);
	return go_on;
}

static int map_pud(pud_t *pud, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct map *m = walk->private;
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
			go_on = add_huge(m, walk->mm, pmd, addr, end);
		else if (!pmd_none(entry))
			go_on = add_table(m, walk->mm, pmd, addr, end);
		if (!go_on)
			return 1;
	}
	cond_resched();
	return 0;
}

static const struct mm_walk_ops map_ops = {
	.pud_entry = map_pud,
	TM_WALK_RDLOCK
};

/* A hold of the mmap_lock. Returns where to go on, or a negative error number. */
static int map_some(struct map *m, struct mm_struct *mm, unsigned long *addr, unsigned long end)
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
		if (K(walk_page_range)(mm, start, *addr, &map_ops, m) > 0) {
			*addr = m->next;
			break;
		}
	}
	mmap_read_unlock(mm);
	return 0;
}

/* As mm_access() does it: no other program than the one that was asked about. */
static struct mm_struct *mm_of_pid(int nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm;

	put_pid(pid);
	if (!task)
		return ERR_PTR(-ESRCH);
	if (down_read_killable(&task->signal->exec_update_lock)) {
		put_task_struct(task);
		return ERR_PTR(-EINTR);
	}
	mm = get_task_mm(task);
	if (!mm) {
		mm = ERR_PTR(-ESRCH);
	} else if (mm != current->mm &&
		   !K(ptrace_may_access)(task, PTRACE_MODE_READ_FSCREDS)) {
		mmput(mm);
		mm = ERR_PTR(-EACCES);
	}
	up_read(&task->signal->exec_update_lock);
	put_task_struct(task);
	return mm;
}

/**
 * tm_ranges - fill in the ranges of a request
 * @h: request, checked; @h->start and @h->nr are set
 *
 * Context: process, may sleep. A signal ends it early, with what there is by then.
 * Return: 0 or a negative error number.
 */
int tm_ranges(struct tiermem_heatmap *h)
{
	struct tiermem_range __user *to = u64_to_user_ptr(h->ranges);
	unsigned long addr = min_t(u64, h->start, TASK_SIZE_MAX);
	unsigned long end = min_t(u64, h->end, TASK_SIZE_MAX);
	struct mm_struct *mm = mm_of_pid(h->pid);
	struct map *m;
	nodemask_t fast;
	u32 filled = 0;
	int ret = 0;

	if (IS_ERR(mm))
		return (int)PTR_ERR(mm);
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		ret = -ENOMEM;
	while (!ret && addr < end && filled < h->nr && !signal_pending(current)) {
		m->nr = 0;
		m->full = false;
		m->most = min_t(u32, h->nr - filled, CHUNK_RANGES);
		m->step = h->step;
		tm_tiers_get(&fast, &m->slow);
		/* Until there is something that finds no room: all ranges are complete then. */
		while (!ret && addr < end && !m->full && !signal_pending(current))
			ret = map_some(m, mm, &addr, end);
		finish_range(m);
		if (!ret && copy_to_user(to + filled, m->ranges, m->nr * sizeof(m->ranges[0])))
			ret = -EFAULT;
		filled += m->nr;
	}
	kfree(m);
	mmput(mm);
	h->nr = filled;
	h->start = addr >= end ? h->end : addr;
	return ret;
}
