/* SPDX-License-Identifier: GPL-2.0 */
/* Which nodes are DRAM, which are slower. */
#ifndef TM_TIER_H
#define TM_TIER_H

#include <linux/nodemask.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

/*
 * The hook's RCU read side is a section with preemption off, which costs it
 * less than rcu_read_lock() and keeps its per-CPU counters in place as well.
 */
#define tm_rcu(p)	rcu_dereference_check(p, rcu_read_lock_sched_held())

#define TM_MAX_TARGETS	8

/**
 * struct tm_tiers - which nodes are DRAM, and where pages go from each
 * @fast: nodes with DRAM
 * @slow: nodes with slower memory
 * @target: for each node, the nodes of the other tier, nearest first, ended
 *	by NUMA_NO_NODE
 *
 * Read under RCU, replaced as a whole when nodes come or go.
 */
struct tm_tiers {
	struct rcu_head rcu;
	nodemask_t fast;
	nodemask_t slow;
	short target[MAX_NUMNODES][TM_MAX_TARGETS];
};

extern struct tm_tiers __rcu *tm_tiers;

int tm_tiers_init(const char *slow_override);
void tm_tiers_exit(void);
void tm_tiers_refresh(void);
bool tm_tiers_have_slow(void);
void tm_tiers_get(nodemask_t *fast, nodemask_t *slow);
int tm_tiers_pick(const struct tm_tiers *t, int nid, const nodemask_t *allowed,
		  unsigned long nr_pages);
unsigned long tm_tiers_room(const nodemask_t *nodes);

static inline bool tm_node_is_fast(int nid)
{
	return node_isset(nid, tm_rcu(tm_tiers)->fast);
}

#endif /* TM_TIER_H */
