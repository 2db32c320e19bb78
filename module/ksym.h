/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel functions that tiermem needs and the kernel doesn't export.
 *
 * They are called through static calls, which take the prototype from the
 * kernel's own header: a changed signature breaks the build, not the machine.
 * A static call is a direct call, so kernels that seal the landing pads of
 * functions nobody takes the address of (X86_KERNEL_IBT) accept it.
 */
#ifndef TM_KSYM_H
#define TM_KSYM_H

#include <linux/cgroup.h>
#include <linux/memory-tiers.h>
#include <linux/mmu_notifier.h>
#include <linux/ptrace.h>
#include <linux/sched/cputime.h>
#include <linux/static_call.h>
#include <linux/swap.h>

#include "compat.h"

#define TM_KSYMS(X) \
	X(cgroup_add_dfl_cftypes) \
	X(cgroup_rm_cftypes) \
	X(css_task_iter_start) \
	X(css_task_iter_next) \
	X(css_task_iter_end) \
	X(mem_cgroup_iter) \
	X(mem_cgroup_iter_break) \
	X(folio_isolate_lru) \
	X(migrate_pages) \
	X(putback_movable_pages) \
	X(lru_add_drain_all) \
	X(walk_page_range) \
	X(__mmu_notifier_clear_young) \
	X(__mmu_notifier_test_young) \
	X(node_is_toptier) \
	X(task_sched_runtime) \
	X(ptrace_may_access) \
	TM_KSYMS_PTE(X)

#define TM_KSYM_DECLARE(f)	DECLARE_STATIC_CALL(tm_##f, f);
TM_KSYMS(TM_KSYM_DECLARE)
#undef TM_KSYM_DECLARE

/* Call a bound function: K(migrate_pages)(...). */
#define K(f)	static_call(tm_##f)

/**
 * tm_ksym_bind - find every symbol of the table
 * @missing: name of a symbol to treat as missing, for tests; may be NULL
 *
 * Context: module init, may sleep.
 * Return: 0, or -ENOENT after one line that names the symbol.
 */
int tm_ksym_bind(const char *missing);

/* Address of the page allocator's entry, for the hook; set by tm_ksym_bind(). */
extern unsigned long tm_ksym_alloc_addr;

#endif /* TM_KSYM_H */
