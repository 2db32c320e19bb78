// SPDX-License-Identifier: GPL-2.0
/* Which nodes are DRAM, which are slower, and where pages go from each. */
#include <linux/memory.h>
#include <linux/mmzone.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "ksym.h"
#include "tiermem.h"

struct tm_tiers __rcu *tm_tiers;

/* Serialises updates. */
static DEFINE_MUTEX(tm_tiers_lock);

/* slow_nodes=, empty if not given; set once at init. */
static nodemask_t override_slow;

/*
 * Nodes of which a block is being taken offline, or was less than
 * LEAVE_PAUSE ago: filling them would work against the administrator. All
 * three are only written by the hotplug notifier, which the kernel serialises.
 */
#define LEAVE_PAUSE	HZ
static nodemask_t leaving;
static unsigned long leaving_until[MAX_NUMNODES];
static int leaving_now = NUMA_NO_NODE;

/* A slow node must leave this much free above its high watermark. */
#define RESERVE_PAGES	256

static bool node_leaving(int nid)
{
	return node_isset(nid, leaving) || time_before(jiffies, READ_ONCE(leaving_until[nid]));
}

/* Pages that can be allocated on a node without waking its kswapd. */
static unsigned long node_room(int nid)
{
	pg_data_t *pgdat = NODE_DATA(nid);
	unsigned long room = 0;
	int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &pgdat->node_zones[i];
		unsigned long free, reserve;

		if (!managed_zone(zone))
			continue;
		free = zone_page_state(zone, NR_FREE_PAGES);
		reserve = high_wmark_pages(zone) + RESERVE_PAGES;
		if (free > reserve)
			room += free - reserve;
	}
	return room;
}

/**
 * tm_tiers_pick - nearest node of the other tier with room
 * @t: tier table
 * @nid: where the page is, or would be
 * @allowed: nodes that may be used; NULL for all
 * @nr_pages: pages needed
 *
 * Context: RCU read side; called by the hook.
 * Return: node, or NUMA_NO_NODE.
 */
int tm_tiers_pick(const struct tm_tiers *t, int nid, const nodemask_t *allowed,
		  unsigned long nr_pages)
{
	int i;

	for (i = 0; i < TM_MAX_TARGETS; i++) {
		int to = t->target[nid][i];

		if (to == NUMA_NO_NODE)
			break;
		if (allowed && !node_isset(to, *allowed))
			continue;
		if (!node_leaving(to) && node_room(to) >= nr_pages)
			return to;
	}
	return NUMA_NO_NODE;
}

/**
 * tm_tiers_room - pages that slow nodes can still take
 * @allowed: nodes that may be used
 *
 * Return: pages.
 */
unsigned long tm_tiers_room(const nodemask_t *allowed)
{
	nodemask_t fast, slow;
	unsigned long room = 0;
	int nid;

	tm_tiers_get(&fast, &slow);
	for_each_node_mask(nid, slow)
		if (node_isset(nid, *allowed) && !node_leaving(nid))
			room += node_room(nid);
	return room;
}

/* Copies, so that callers may sleep. */
void tm_tiers_get(nodemask_t *fast, nodemask_t *slow)
{
	const struct tm_tiers *t;

	rcu_read_lock();
	t = rcu_dereference(tm_tiers);
	*fast = t->fast;
	*slow = t->slow;
	rcu_read_unlock();
}

bool tm_tiers_have_slow(void)
{
	bool have;

	rcu_read_lock();
	have = !nodes_empty(rcu_dereference(tm_tiers)->slow);
	rcu_read_unlock();
	return have;
}

/*
 * slow_nodes= if given, else what the kernel's memory tiers rank below the
 * top one, else nodes without CPUs: on 6.1, or without HMAT, a plain
 * CPU-less node shares DRAM's tier. Some node must stay fast.
 */
static void classify(struct tm_tiers *t)
{
	int nid;

	if (!nodes_empty(override_slow)) {
		nodes_and(t->slow, override_slow, node_states[N_MEMORY]);
	} else {
		for_each_node_state(nid, N_MEMORY)
			if (!K(node_is_toptier)(nid))
				node_set(nid, t->slow);
		if (nodes_empty(t->slow))
			nodes_andnot(t->slow, node_states[N_MEMORY], node_states[N_CPU]);
	}
	nodes_andnot(t->fast, node_states[N_MEMORY], t->slow);
	if (nodes_empty(t->fast)) {
		t->fast = t->slow;
		nodes_clear(t->slow);
	}
}

/* Fill one row of the target table, nearest first. */
static void rank_targets(struct tm_tiers *t, int nid)
{
	nodemask_t left = node_isset(nid, t->slow) ? t->fast : t->slow;
	int i;

	for (i = 0; i < TM_MAX_TARGETS; i++) {
		int best = NUMA_NO_NODE, to;

		for_each_node_mask(to, left)
			if (best == NUMA_NO_NODE ||
			    node_distance(nid, to) < node_distance(nid, best))
				best = to;
		t->target[nid][i] = best;
		if (best == NUMA_NO_NODE)
			break;
		node_clear(best, left);
	}
}

/*
 * Look at the nodes again.
 *
 * Keeps the old table when there is no memory for a new one, until the next
 * hotplug event.
 *
 * Context: process, may sleep.
 */
static void update(void)
{
	struct tm_tiers *t, *old;
	int nid;

	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return;

	mutex_lock(&tm_tiers_lock);
	classify(t);
	for_each_node(nid)
		rank_targets(t, nid);
	old = rcu_dereference_protected(tm_tiers, lockdep_is_held(&tm_tiers_lock));
	if (old && nodes_equal(old->fast, t->fast) && nodes_equal(old->slow, t->slow)) {
		old = t;
	} else {
		rcu_assign_pointer(tm_tiers, t);
		pr_info("DRAM on nodes %*pbl, slow memory on nodes %*pbl\n",
			nodemask_pr_args(&t->fast), nodemask_pr_args(&t->slow));
	}
	mutex_unlock(&tm_tiers_lock);
	if (old)
		kfree_rcu(old, rcu);
}

/* Set by the notifier, taken by the daemon. */
static atomic_t changed = ATOMIC_INIT(0);

/* Update the table if memory came or went since the last call. */
void tm_tiers_refresh(void)
{
	if (atomic_xchg(&changed, 0))
		update();
}

static int hotplug(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct memory_notify *arg = data;

	switch (action) {
	case MEM_GOING_OFFLINE:
		/* Only now: before and after it is online, memory has no valid struct pages. */
		leaving_now = pfn_to_nid(arg->start_pfn);
		node_set(leaving_now, leaving);
		break;
	case MEM_OFFLINE:
	case MEM_CANCEL_OFFLINE:
		/* Cancelled by somebody before us: we weren't told. */
		if (leaving_now != NUMA_NO_NODE) {
			WRITE_ONCE(leaving_until[leaving_now], jiffies + LEAVE_PAUSE);
			node_clear(leaving_now, leaving);
			leaving_now = NUMA_NO_NODE;
		}
		/* For tm_candidate_get(), which may just have found the memory online. */
		if (action == MEM_OFFLINE)
			synchronize_rcu();
		fallthrough;
	case MEM_ONLINE:
		tm_heatmap_relayout();
		atomic_set(&changed, 1);
		tm_daemon_kick();
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block hotplug_nb = { .notifier_call = hotplug };

/**
 * tm_tiers_init - classify nodes and follow memory hotplug
 * @slow_override: node list of slow_nodes=, or NULL
 *
 * Return: 0 or a negative errno, after a line that says what was wrong.
 */
int tm_tiers_init(const char *slow_override)
{
	int ret, nid;

	for_each_node(nid)
		leaving_until[nid] = jiffies;
	if (slow_override && *slow_override) {
		ret = nodelist_parse(slow_override, override_slow);
		if (ret || !nodes_subset(override_slow, node_possible_map)) {
			pr_err("slow_nodes=%s is not a list of this machine's nodes (%*pbl); not loaded\n",
			       slow_override, nodemask_pr_args(&node_possible_map));
			return -EINVAL;
		}
		if (nodes_subset(node_states[N_MEMORY], override_slow)) {
			pr_err("slow_nodes=%s leaves no DRAM node; not loaded\n", slow_override);
			return -EINVAL;
		}
	}

	update();
	if (!rcu_access_pointer(tm_tiers))
		return -ENOMEM;
	ret = register_memory_notifier(&hotplug_nb);
	if (ret) {
		kfree(rcu_dereference_protected(tm_tiers, true));
		return ret;
	}
	return 0;
}

void tm_tiers_exit(void)
{
	unregister_memory_notifier(&hotplug_nb);
	kfree(rcu_dereference_protected(tm_tiers, true));
}
