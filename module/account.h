/* SPDX-License-Identifier: GPL-2.0 */
/* How many pages a group has, and how many more it may have. */
#ifndef TM_ACCOUNT_H
#define TM_ACCOUNT_H

#include "group.h"

unsigned long tm_memcg_pages(struct mem_cgroup *memcg, int nid);
unsigned long tm_memcg_file_pages(struct mem_cgroup *memcg, int nid);
void tm_subtree_pages(struct mem_cgroup *root, u64 *fast_pages, u64 *slow_pages);
u64 tm_subtree_hugetlb_pages(struct mem_cgroup *root);

/**
 * struct tm_recount - what was so when pages began to be counted
 * @quota_pages: the quota
 * @taken_pages: see tm_group::taken_pages
 * @held_pages: isolated pages
 * @inflight_pages: admitted, and perhaps not counted
 */
struct tm_recount {
	u64 quota_pages;
	u64 taken_pages;
	long held_pages;
	u64 inflight_pages;
};

void tm_recount_begin(struct tm_group *g, struct tm_recount *r);
void tm_recount_end(struct tm_group *g, const struct tm_recount *r, u64 fast_pages,
		    u64 slow_pages);
bool tm_may_be_in_fault(const struct task_struct *task);
u64 tm_group_recount(struct tm_group *g);
void tm_group_recount_path(struct tm_group *g);
u64 tm_group_excess(const struct tm_group *g);
void tm_group_sum_cpu(const struct tm_group *g, u64 *steered, u64 *unsteered);

/* ---- admit.c ---------------------------------------------------------- */

bool tm_group_take_from(struct tm_group *own, struct mem_cgroup *memcg, struct mem_cgroup *from,
			long nr_pages);
void tm_group_took_large(struct tm_group *own, struct mem_cgroup *memcg, long nr_pages);
void tm_group_settle(struct tm_group *g, long came_pages, long stayed_pages);
void tm_group_isolated(struct tm_group *g, long nr_pages);
long tm_group_room(struct tm_group *g);
u64 tm_group_shortage(struct tm_group *g);

/**
 * tm_group_take_stock - admit pages to DRAM from this CPU's stock
 * @memcg: the cgroup that they'll be charged to
 * @nr_pages: how many
 *
 * Every group from @memcg to the root must have room. In line, because this
 * loop is most of what the hook costs; the root has no quota and no turn.
 *
 * Context: RCU read side, preemption off (per-CPU stock).
 * Return: NULL if admitted, else the cgroup to go on from, see
 *	tm_group_take_from().
 */
static __always_inline struct mem_cgroup *tm_group_take_stock(struct mem_cgroup *memcg,
							      long nr_pages)
{
	const struct tm_group_table *t = tm_rcu(tm_group_table);
	struct tm_group __rcu **limited = t->limited;
	struct mem_cgroup *parent;

	for (; (parent = parent_mem_cgroup(memcg)); memcg = parent) {
		unsigned int id = (unsigned int)memcg->css.id;
		struct tm_group *g;
		long stock;

		if (unlikely(id >= t->size))
			continue;
		g = tm_rcu(limited[id]);
		if (!g)
			continue;
		stock = this_cpu_read(g->cpu->stock_pages);
		if (unlikely(stock < nr_pages))
			return memcg;
		this_cpu_write(g->cpu->stock_pages, stock - nr_pages);
	}
	return NULL;
}

#endif /* TM_ACCOUNT_H */
