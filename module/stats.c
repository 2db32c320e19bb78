// SPDX-License-Identifier: GPL-2.0
/* Counters and events: of a group, of its ancestors, and of all. */
#include <linux/kernfs.h>

#include "ksym.h"
#include "tiermem.h"
#include "trace.h"

struct tm_counters tm_totals;

/**
 * tm_stat_add - count for a group and all groups above it
 * @g: where it happened
 * @item: counter
 * @n: how much
 */
void tm_stat_add(struct tm_group *g, enum tm_stat item, u64 n)
{
	struct mem_cgroup *above;
	struct tm_group *up;

	if (!n)
		return;
	atomic64_add((s64)n, &tm_totals.stat[item]);
	rcu_read_lock();
	for (up = tm_first_above(g, &above); up; up = tm_next_above(&above))
		atomic64_add((s64)n, &up->counters.stat[item]);
	rcu_read_unlock();
}

/* Wake up whoever polls or watches a file of a cgroup. */
static void notify(struct mem_cgroup *memcg, const char *name)
{
	struct kernfs_node *kn = kernfs_find_and_get(memcg->css.cgroup->kn, name);

	if (kn) {
		kernfs_notify(kn);
		kernfs_put(kn);
	}
}

/**
 * tm_event - something that an operator should hear of
 * @g: where
 * @event: what
 *
 * Callers see to it that no event comes more often than every 10 ms.
 *
 * Context: process, may sleep: takes the lock of kernfs, which no caller holds.
 */
void tm_event(struct tm_group *g, enum tm_event event)
{
	struct mem_cgroup *memcg;

	trace_tm_event(cgroup_id(g->memcg->css.cgroup), event);
	atomic64_inc(&g->counters.events_local[event]);
	atomic64_inc(&tm_totals.events[event]);
	if (g->mm)
		/* It has no files; whoever wants to know asks. */
		return;
	notify(g->memcg, "tiermem.events.local");

	/* The group keeps its cgroup, and that keeps its ancestors. */
	for (memcg = g->memcg; memcg; memcg = parent_mem_cgroup(memcg)) {
		struct tm_group *up;

		rcu_read_lock();
		up = tm_group_of(memcg);
		if (up)
			atomic64_inc(&up->counters.events[event]);
		rcu_read_unlock();
		if (up)
			notify(memcg, "tiermem.events");
	}
}
