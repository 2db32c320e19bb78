/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels, and nothing else. The rest of the module reads
 * as if only the newest kernel existed. This is the one file that may test the
 * kernel's version, and it does so only where no feature test can tell.
 */
#ifndef TM_COMPAT_H
#define TM_COMPAT_H

/* Not a difference between kernels, but this header is the one that all files include. */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/version.h>
#include <linux/cgroup.h>
#include <linux/ftrace.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/migrate.h>
#include <linux/page_idle.h>
#include <linux/pagewalk.h>

/* Kernels that this source was read against and run on: docs/kernels.md. */
#define TM_KERNEL_MIN	KERNEL_VERSION(6, 1, 0)
#define TM_KERNEL_END	KERNEL_VERSION(6, 13, 0)

#if LINUX_VERSION_CODE < TM_KERNEL_MIN || LINUX_VERSION_CODE >= TM_KERNEL_END
#error "tiermem: supports Linux 6.1 to 6.12; see docs/kernels.md"
#endif
#ifndef CONFIG_X86_64
#error "tiermem: supports x86-64 only: its hook rewrites argument registers"
#endif
#if !defined(CONFIG_NUMA) || !defined(CONFIG_MEMCG) || !defined(CONFIG_MIGRATION) || \
	!defined(CONFIG_KPROBES) || !defined(CONFIG_KALLSYMS_ALL) || \
	!defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !defined(CONFIG_LRU_GEN) || \
	!defined(CONFIG_MEMORY_HOTPLUG)
#error "tiermem: kernel lacks a config option that it needs; see docs/kernels.md"
#endif

/* Debian's revision of the kernel that the headers belong to. */
#ifdef TM_HAVE_PACKAGE_H	/* Kbuild found it */
#include <generated/package.h>
#endif
#ifndef LINUX_PACKAGE_ID
#define LINUX_PACKAGE_ID ""
#endif

/* The page allocator's entry; allocation profiling renamed it in 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define TM_ALLOC_SYMBOL		"__alloc_pages_noprof"
#else
#define TM_ALLOC_SYMBOL		"__alloc_pages"
#endif

/*
 * Is this a kernel that the source was read against? Only the first two
 * numbers count: distributions keep them through all their updates.
 */
static inline bool tm_kernel_in_bounds(const char *release)
{
	unsigned int major, minor, code;

	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return false;
	code = KERNEL_VERSION(major, minor, 0);
	return code >= TM_KERNEL_MIN && code < TM_KERNEL_END;
}

/* Since 6.13, and backported by Debian, the registers are behind an accessor. */
static inline struct pt_regs *tm_ftrace_regs(struct ftrace_regs *fregs)
{
#ifdef arch_ftrace_regs
	return &arch_ftrace_regs(fregs)->regs;
#else
	return &fregs->regs;
#endif
}

/* mm/internal.h isn't shipped; these prototypes are checked by docs/kernels.md's pfunct run. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
bool folio_isolate_lru(struct folio *folio);
#define tm_isolated(ret)	(ret)		/* true: isolated */
#else
int folio_isolate_lru(struct folio *folio);
#define tm_isolated(ret)	(!(ret))	/* 0: isolated */
#endif

/* Target allocators of migrate_pages() take folios since 6.5. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
typedef struct folio tm_migrate_unit;
#define tm_unit_folio(unit)	(unit)
#define tm_folio_unit(folio)	(folio)
#else
typedef struct page tm_migrate_unit;
#define tm_unit_folio(unit)	page_folio(unit)
#define tm_folio_unit(folio)	((folio) ? &(folio)->page : NULL)
#endif

/* Walkers declare how they lock since 6.5. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define TM_WALK_RDLOCK		.walk_lock = PGWALK_RDLOCK,
#else
#define TM_WALK_RDLOCK
#endif

/*
 * Since 6.5 pte_offset_map_lock() may fail, and is built on a function that
 * isn't exported. Before, the caller had to exclude huge and bad entries.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define TM_KSYMS_PTE(X)		X(__pte_offset_map_lock)
#define TM_PTE_ACQUIRE_RCU	__acquire(RCU)	/* for sparse: pte_unmap() releases it */
#define tm_pte_map_lock(mm, pmd, addr, ptl) K(__pte_offset_map_lock)(mm, pmd, addr, ptl)
#else
#define TM_KSYMS_PTE(X)
#define TM_PTE_ACQUIRE_RCU	do { } while (0)
static inline pte_t *tm_pte_map_lock(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
				     spinlock_t **ptl)
{
	pmd_t val = READ_ONCE(*pmd);
	pte_t *pte;

	if (pmd_none(val) || pmd_trans_huge(val) || !pmd_present(val) || pmd_bad(val))
		return NULL;
	pte = pte_offset_map_lock(mm, pmd, addr, ptl);
	__release(*ptl);	/* for sparse: tm_pte_offset_map_lock() acquires it */
	return pte;
}
#endif

/* Map and lock the page table below @pmd; NULL if there is none to walk. */
#define tm_pte_offset_map_lock(mm, pmd, addr, ptl) ({			\
	pte_t *__pte;							\
									\
	if (__cond_lock(*(ptl), __pte = tm_pte_map_lock(mm, pmd, addr, ptl)))	\
		TM_PTE_ACQUIRE_RCU;					\
	__pte;								\
})

/* Hugetlb pages that an address space has mapped, in pages of the base size. */
static inline u64 tm_hugetlb_pages(struct mm_struct *mm)
{
#ifdef CONFIG_HUGETLB_PAGE
	return (u64)atomic_long_read(&mm->hugetlb_usage);
#else
	return 0;
#endif
}

/*
 * Give an accessed bit that we took back to reclaim: page_idle's young flag
 * where the kernel has it, else the flag that reclaim looks at next.
 */
static inline void tm_folio_give_back(struct folio *folio)
{
#ifdef CONFIG_PAGE_IDLE_FLAG
	if (!folio_test_young(folio))
		folio_set_young(folio);
#else
	if (!folio_test_referenced(folio))
		folio_set_referenced(folio);
#endif
}

/* Do several address spaces map the folio, or one several times? A good guess for large ones. */
static inline bool tm_folio_shared(struct folio *folio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	return folio_likely_mapped_shared(folio);
#else
	/* Of a huge page its first page, and the mapping as a whole, tell. */
	return page_mapcount(&folio->page) > 1;
#endif
}

#endif /* TM_COMPAT_H */
