// SPDX-License-Identifier: GPL-2.0
/*
 * Steering: where a new page of a full group goes.
 *
 * An ftrace callback at the page allocator's entry rewrites the preferred
 * node of user pages that their group has no room for. Nothing else about the
 * request changes: if the slow node is full too, the allocator falls back to
 * DRAM and nobody waits, reclaims or dies for a quota. The callback is
 * registered only while some group has a finite quota.
 *
 * NUMA balancing would undo it: it promotes whatever is touched. Its
 * allocations are admitted like others, and refused if the group is full.
 */
#include <linux/ftrace.h>
#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "ksym.h"
#include "tiermem.h"

/* What marks a page for user space; reclaim bits don't, THP faults drop them. */
#define USER_GFP	(__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_HARDWALL)

/* The allocator returns NULL for it at once and, with __GFP_NOWARN, silently. */
#define IMPOSSIBLE_ORDER	64

/* THP faults try the local node first, and alone: not a wish for this very node. */
static bool is_thp_fault(gfp_t gfp, unsigned long order)
{
	return order && gfp & __GFP_NORETRY;
}

/* NUMA balancing wants this very node, too, and may be refused. */
static bool is_promotion(gfp_t gfp)
{
	return gfp & __GFP_NOWARN && gfp & __GFP_NOMEMALLOC && !(gfp & __GFP_DIRECT_RECLAIM);
}

/*
 * The cgroup that the page will be charged to, as get_mem_cgroup_from_mm()
 * finds it; false if that is none or the root. (Not NULL: one test less.)
 */
static __always_inline bool charged_memcg(struct mem_cgroup **memcg)
{
	struct task_struct *tsk = current, *owner;

	*memcg = tsk->active_memcg;
	if (unlikely(*memcg))
		return true;
	if (unlikely(!tsk->mm))
		return false;
	owner = tm_rcu(tsk->mm->owner);
	if (unlikely(!owner))
		return false;
	*memcg = container_of(task_css(owner, memory_cgrp_id), struct mem_cgroup, css);
	return true;
}

/* Count for every limited group that the page would have been charged to. */
static void note(struct tm_group *own, struct mem_cgroup *memcg, long nr_pages, bool steered)
{
	struct tm_group *g = own ?: tm_next_above(&memcg);

	for (; g; g = tm_next_above(&memcg)) {
		if (!tm_group_limited(g))
			continue;
		if (steered) {
			this_cpu_add(g->cpu->steered_pages, nr_pages);
		} else {
			this_cpu_add(g->cpu->unsteered_pages, nr_pages);
			if (!atomic_read(&g->kicked))
				tm_daemon_kick_from_hook(g);
		}
	}
}

/* This CPU's stock didn't do: admit the page, or send it to a slow node that has room. */
static noinline notrace void admit_or_steer(struct pt_regs *regs, struct tm_group *own,
					    struct mem_cgroup *memcg, struct mem_cgroup *from)
{
	const nodemask_t *bound = (const nodemask_t *)regs->cx;
	gfp_t gfp = (__force gfp_t)regs->di;
	unsigned long order = regs->si;
	int nid;

	if (tm_group_take_from(own, memcg, from, 1L << order)) {
		if (order)
			tm_group_took_large(own, memcg, 1L << order);
		return;
	}
	if (gfp & __GFP_THISNODE && !is_thp_fault(gfp, order)) {
		regs->si = IMPOSSIBLE_ORDER;
		return;
	}
	nid = tm_tiers_pick(tm_rcu(tm_tiers), (int)regs->dx, bound ?: &current->mems_allowed,
			    1UL << order);
	if (nid == NUMA_NO_NODE) {
		note(own, memcg, 1L << order, false);
		return;
	}
	regs->dx = (unsigned long)nid;
	/* A large folio that finds no place there becomes small ones there, not large here. */
	if (order && gfp & __GFP_NOWARN)
		regs->di |= (__force unsigned long)__GFP_THISNODE;
	note(own, memcg, 1L << order, true);
}

static __always_inline void steer(struct pt_regs *regs, unsigned long order)
{
	struct mem_cgroup *memcg, *from;

	preempt_disable_notrace();
	if (likely(charged_memcg(&memcg)) && tm_node_is_fast((int)regs->dx)) {
		struct tm_group *own = tm_process_of(current->mm);

		from = unlikely(own) ? memcg : tm_group_take_stock(memcg, 1L << order);
		if (from)
			admit_or_steer(regs, own, memcg, from);
	}
	preempt_enable_notrace();
}

/*
 * A policy that binds is respected, but one that binds to nodes of both tiers,
 * as that of a guest on all nodes, leaves a choice. Single pages only: huge
 * ones with a nodemask may be hugetlb's.
 */
static bool notrace leaves_choice(const nodemask_t *bound, unsigned long order)
{
	bool choice;

	preempt_disable_notrace();
	choice = !order && nodes_intersects(*bound, tm_rcu(tm_tiers)->slow);
	preempt_enable_notrace();
	return choice;
}

/* A page for user space that is large, bound, or wanted on this very node. */
static noinline notrace void steer_special(struct pt_regs *regs)
{
	gfp_t gfp = (__force gfp_t)regs->di;
	unsigned long order = regs->si;

	if (gfp & __GFP_THISNODE && !is_thp_fault(gfp, order) && !is_promotion(gfp))
		return;
	if (regs->cx && !leaves_choice((const nodemask_t *)regs->cx, order))
		return;
	steer(regs, order);
}

/*
 * Arguments of the allocator: di = gfp, si = order, dx = preferred node,
 * cx = nodemask, or NULL.
 *
 * Nothing called from here allocates pages: it can't recurse and needs no guard
 * against that. Interrupts don't allocate user pages; if one did, the worst is
 * a page too many in this CPU's stock.
 */
static notrace void steer_callback(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct pt_regs *regs = tm_ftrace_regs(fregs);
	gfp_t gfp = (__force gfp_t)regs->di;

	/* Nearly always: one page, from wherever it is nearest. */
	if (likely((gfp & (USER_GFP | __GFP_THISNODE)) == USER_GFP && !(regs->si | regs->cx)))
		steer(regs, 0);
	else if (!(~gfp & USER_GFP))
		steer_special(regs);
}

/* Guards what follows. */
static DEFINE_MUTEX(tm_steer_lock);
static bool armed;

/*
 * Filled in once and never freed before exit: on 6.1 and 6.12
 * ftrace_free_filter() leaves pointers behind that a second use would free
 * again. PERMANENT keeps "sysctl kernel.ftrace_enabled=0" from disabling the
 * quota silently: that write fails with EBUSY while a quota is set.
 */
static struct ftrace_ops steer_ops = {
	.func = steer_callback,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

/**
 * tm_steer_arm - register the hook if it isn't
 *
 * Return: 0, or ftrace's error: EBUSY if ftrace is disabled by its sysctl.
 */
int tm_steer_arm(void)
{
	int ret = 0;

	mutex_lock(&tm_steer_lock);
	if (!armed) {
		ret = register_ftrace_function(&steer_ops);
		armed = !ret;
	}
	mutex_unlock(&tm_steer_lock);
	if (ret)
		pr_warn_ratelimited("can't hook the page allocator (%d); is kernel.ftrace_enabled 0?\n",
				    ret);
	return ret;
}

/**
 * tm_steer_disarm - unregister the hook if no quota needs it
 *
 * Waits until no CPU is in the callback; that may take a second.
 */
void tm_steer_disarm(void)
{
	mutex_lock(&tm_steer_lock);
	if (armed && !tm_groups_limited()) {
		unregister_ftrace_function(&steer_ops);
		armed = false;
	}
	mutex_unlock(&tm_steer_lock);
}

bool tm_steer_armed(void)
{
	return READ_ONCE(armed);
}

int tm_steer_init(void)
{
	return ftrace_set_filter_ip(&steer_ops, tm_ksym_alloc_addr, 0, 0);
}

/* Context: module exit; no quota can be written any more. */
void tm_steer_exit(void)
{
	mutex_lock(&tm_steer_lock);
	if (armed)
		unregister_ftrace_function(&steer_ops);
	armed = false;
	mutex_unlock(&tm_steer_lock);
	ftrace_free_filter(&steer_ops);
}
