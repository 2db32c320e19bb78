// SPDX-License-Identifier: GPL-2.0
/*
 * Groups: cgroups with a DRAM quota, and processes.
 *
 * A cgroup's group exists from the first write of a quota until the cgroup goes, or
 * until it has neither a quota nor a page on a slow node, and as long as a
 * group below it exists. It is found by css id through a table that the hook
 * reads under RCU. That of a process is in process.c's table, and exists while there
 * is a quota and the address space.
 */
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ksym.h"
#include "tiermem.h"

struct tm_group_table __rcu *tm_group_table;

/* Guards the table and every quota. */
static DEFINE_MUTEX(tm_groups_lock);

/* Outside tm_groups_lock: one change of a quota, with arming the hook, at a time. */
static DEFINE_MUTEX(tm_quota_lock);

/* Groups with a finite quota, guarded like them; the hook is armed while there is one. */
static unsigned int nr_limited;

static struct tm_group_table *table_locked(void)
{
	return rcu_dereference_protected(tm_group_table, lockdep_is_held(&tm_groups_lock));
}

/* Make room for a css id. */
static int table_grow(unsigned int id)
{
	struct tm_group_table *old = table_locked(), *new;
	unsigned int size = old ? old->size : 256;

	while (size <= id)
		size *= 2;
	if (old && size == old->size)
		return 0;
	new = kvzalloc(struct_size(new, slot, 2 * (size_t)size), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	new->size = size;
	new->limited = new->slot + size;
	if (old) {
		memcpy(new->slot, old->slot, old->size * sizeof(old->slot[0]));
		memcpy(new->limited, old->limited, old->size * sizeof(old->limited[0]));
	}
	rcu_assign_pointer(tm_group_table, new);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

static void group_free(struct tm_group *g)
{
	free_percpu(g->cpu);
	kfree(g);
}

static void group_free_rcu(struct rcu_head *head)
{
	group_free(container_of(head, struct tm_group, rcu));
}

static struct tm_group *lookup_locked(struct mem_cgroup *memcg)
{
	struct tm_group *g;

	rcu_read_lock();
	g = tm_group_of(memcg);
	rcu_read_unlock();
	return g;
}

/* Takes over a reference of @memcg's. */
static struct tm_group *group_alloc(struct mem_cgroup *memcg)
{
	struct tm_group *g = kzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return NULL;
	g->cpu = alloc_percpu(struct tm_group_cpu);
	if (!g->cpu) {
		kfree(g);
		return NULL;
	}
	g->memcg = memcg;
	refcount_set(&g->ref, 1);
	mutex_init(&g->count_mutex);
	mutex_init(&g->move_mutex);
	g->quota_pages = TM_QUOTA_MAX_PAGES;
	g->max_pages = TM_QUOTA_MAX_PAGES;
	g->share_pages = TM_QUOTA_MAX_PAGES;
	tm_engine_init(&g->engine);
	return g;
}

/* The group of a cgroup that has none. */
static struct tm_group *create_locked(struct mem_cgroup *memcg)
{
	struct tm_group *g;

	if (table_grow((unsigned int)memcg->css.id))
		return NULL;
	g = group_alloc(memcg);
	if (!g)
		return NULL;
	css_get(&memcg->css);
	g->id = memcg->css.id;
	rcu_assign_pointer(table_locked()->slot[g->id], g);
	return g;
}

/* Out of the table, unless somebody wrote something or groups below count on it. */
static void release_locked(struct tm_group *g)
{
	if (g->watched || g->dependents)
		return;
	if (g->mm)
		tm_process_unlink(g);
	else
		RCU_INIT_POINTER(table_locked()->slot[g->id], NULL);
	tm_group_put(g);
}

/* The quota follows from ceiling and share; change it, and with it what the hook sees. */
static void update_quota_locked(struct tm_group *g)
{
	nr_limited -= tm_group_limited(g);
	WRITE_ONCE(g->quota_pages, min(g->max_pages, g->share_pages));
	nr_limited += tm_group_limited(g);
	if (!g->mm)
		rcu_assign_pointer(table_locked()->limited[g->id],
				   tm_group_limited(g) ? g : NULL);
}

/* Groups between @memcg and @stop lose a dependent. */
static void unlink_ancestors(struct mem_cgroup *memcg, struct mem_cgroup *stop)
{
	while ((memcg = parent_mem_cgroup(memcg)) != stop) {
		struct tm_group *up = lookup_locked(memcg);

		up->dependents--;
		release_locked(up);
	}
}

/*
 * Counters are hierarchical, so every ancestor but the root has a group too,
 * watched or not.
 */
static int link_ancestors(struct mem_cgroup *memcg)
{
	struct mem_cgroup *m = memcg, *parent;

	while ((m = parent_mem_cgroup(m)) && (parent = parent_mem_cgroup(m))) {
		struct tm_group *up = lookup_locked(m) ?: create_locked(m);

		if (!up) {
			unlink_ancestors(memcg, m);
			return -ENOMEM;
		}
		up->dependents++;
	}
	return 0;
}

static struct mem_cgroup *root_of(struct mem_cgroup *memcg)
{
	struct mem_cgroup *parent;

	while ((parent = parent_mem_cgroup(memcg)))
		memcg = parent;
	return memcg;
}

/* The group of a cgroup, as one that somebody wrote to. */
static struct tm_group *watch_locked(struct mem_cgroup *memcg)
{
	struct tm_group *g = lookup_locked(memcg);

	if (g && g->watched)
		return g;
	if (link_ancestors(memcg))
		return NULL;
	if (!g)
		g = create_locked(memcg);
	if (g)
		WRITE_ONCE(g->watched, true);
	else
		unlink_ancestors(memcg, root_of(memcg));
	return g;
}

/**
 * tm_group_get - the group of a cgroup, with a reference
 * @memcg: cgroup; the caller keeps it alive
 * @create: something is to be written: make one if there is none
 *
 * Return: group, or NULL: none, no memory, or the cgroup is going away.
 */
struct tm_group *tm_group_get(struct mem_cgroup *memcg, bool create)
{
	struct tm_group *g;

	mutex_lock(&tm_groups_lock);
	if (create)
		g = css_is_dying(&memcg->css) ? NULL : watch_locked(memcg);
	else
		g = lookup_locked(memcg);
	if (g)
		refcount_inc(&g->ref);
	mutex_unlock(&tm_groups_lock);
	return g;
}

/* The group of an address space that is alive, as one that somebody writes to. */
static struct tm_group *create_process_locked(struct mm_struct *mm)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mm);
	struct tm_group *g = group_alloc(memcg);

	if (!g) {
		css_put(&memcg->css);
		return NULL;
	}
	mmgrab(mm);
	g->mm = mm;
	g->watched = true;
	tm_process_link(g);
	return g;
}

/**
 * tm_group_of_mm - the group of a process, with a reference
 * @mm: its address space; the caller keeps the structure
 * @create: a quota is to be written: make one if there is none
 *
 * Return: group, or NULL: none, or no memory.
 */
struct tm_group *tm_group_of_mm(struct mm_struct *mm, bool create)
{
	struct tm_group *g;

	mutex_lock(&tm_groups_lock);
	preempt_disable();
	g = tm_process_of(mm);
	preempt_enable();
	if (!g && create)
		g = create_process_locked(mm);
	if (g)
		refcount_inc(&g->ref);
	mutex_unlock(&tm_groups_lock);
	return g;
}

void tm_group_put(struct tm_group *g)
{
	if (!refcount_dec_and_test(&g->ref))
		return;
	css_put(&g->memcg->css);
	/* Not in a callback of RCU: what frees an address space takes locks of tasks. */
	if (g->mm)
		mmdrop(g->mm);
	call_rcu(&g->rcu, group_free_rcu);
}

/**
 * tm_group_next - iterate over all groups: cgroups, then processes
 * @prev: last one, whose reference is dropped; NULL to begin
 *
 * Groups that come or go meanwhile may be seen or not.
 *
 * Return: next group with a reference, or NULL at the end.
 */
struct tm_group *tm_group_next(struct tm_group *prev)
{
	u64 id = prev ? prev->id + 1 : 0;
	struct tm_group *next = NULL;
	struct tm_group_table *t;

	mutex_lock(&tm_groups_lock);
	t = table_locked();
	for (; id < t->size && !next; id++)
		next = rcu_dereference_protected(t->slot[id], lockdep_is_held(&tm_groups_lock));
	next = next ?: tm_process_next(id);
	if (next)
		refcount_inc(&next->ref);
	mutex_unlock(&tm_groups_lock);
	if (prev)
		tm_group_put(prev);
	return next;
}

/**
 * tm_group_remove - forget what was written to a group
 * @g: group; the caller holds a reference of its own
 *
 * Its pages stay where they are. The group itself goes when no group below
 * counts on it.
 */
void tm_group_remove(struct tm_group *g)
{
	mutex_lock(&tm_groups_lock);
	if (g->watched) {
		g->max_pages = TM_QUOTA_MAX_PAGES;
		g->min_pages = 0;
		g->weight = 0;
		g->share_pages = TM_QUOTA_MAX_PAGES;
		update_quota_locked(g);
		WRITE_ONCE(g->watched, false);
		if (!g->mm)
			unlink_ancestors(g->memcg, root_of(g->memcg));
		release_locked(g);
	}
	mutex_unlock(&tm_groups_lock);
}

/* How many have a quota? Without any there is nothing for the hook to do. */
unsigned int tm_groups_limited(void)
{
	return READ_ONCE(nr_limited);
}

/* Change one of the two numbers that a quota follows from. */
static int change(struct tm_group *g, u64 *number, u64 pages, u64 *old_pages)
{
	int ret = -ENODEV;

	mutex_lock(&tm_groups_lock);
	if (g->watched) {
		*old_pages = *number;
		WRITE_ONCE(*number, pages);
		update_quota_locked(g);
		ret = 0;
	}
	mutex_unlock(&tm_groups_lock);
	return ret;
}

static int change_and_arm(struct tm_group *g, u64 *number, u64 pages)
{
	u64 old_pages;
	int ret;

	mutex_lock(&tm_quota_lock);
	ret = change(g, number, pages, &old_pages);
	if (!ret && tm_group_limited(g)) {
		/* Before the hook can ask. */
		tm_group_recount(g);
		ret = tm_steer_arm();
		if (ret)
			change(g, number, old_pages, &old_pages);
	}
	mutex_unlock(&tm_quota_lock);
	if (!ret)
		tm_group_recount(g);
	return ret;
}

/**
 * tm_group_set_max - change dram_max
 * @g: group
 * @max_pages: new ceiling, %TM_QUOTA_MAX_PAGES for none
 *
 * On return no page beyond the new quota is admitted any more; pages that are
 * already there are the business of tm_demote().
 *
 * Return: 0; -ENODEV if the cgroup went; an error of ftrace if the hook can't
 * be armed, with the old quota kept.
 */
int tm_group_set_max(struct tm_group *g, u64 max_pages)
{
	return change_and_arm(g, &g->max_pages, max_pages);
}

/* The same for its share of the pool. */
int tm_group_set_share(struct tm_group *g, u64 share_pages)
{
	return change_and_arm(g, &g->share_pages, share_pages);
}

/* Change dram_min: of use where there is a pool. Return: 0, or -ENODEV as above. */
int tm_group_set_min(struct tm_group *g, u64 min_pages)
{
	int ret = -ENODEV;

	mutex_lock(&tm_groups_lock);
	if (g->watched) {
		WRITE_ONCE(g->min_pages, min_pages);
		ret = 0;
	}
	mutex_unlock(&tm_groups_lock);
	return ret;
}

/* Change dram_weight; 0 is the default, and no reason for a group to exist. */
int tm_group_set_weight(struct tm_group *g, u64 weight)
{
	int ret = -ENODEV;

	mutex_lock(&tm_groups_lock);
	if (g->watched) {
		WRITE_ONCE(g->weight, (u32)weight);
		ret = 0;
	}
	mutex_unlock(&tm_groups_lock);
	return ret;
}

/**
 * tm_group_set - change something about a cgroup's group, which is made if need be
 * @memcg: cgroup; the caller keeps it alive
 * @setter: tm_group_set_max() or one of its siblings
 * @value: for that
 *
 * Return: the group, with a reference, or an error: @setter's, ENOMEM or ENODEV.
 */
struct tm_group *tm_group_set(struct mem_cgroup *memcg,
			      int (*setter)(struct tm_group *g, u64 value), u64 value)
{
	struct tm_group *g;
	int ret;

	/* Again if the daemon dropped the group between the two steps. */
	do {
		g = tm_group_get(memcg, true);
		if (!g)
			return ERR_PTR(css_is_dying(&memcg->css) ? -ENODEV : -ENOMEM);
		ret = setter(g, value);
		if (!ret)
			return g;
		tm_group_put(g);
	} while (ret == -ENODEV && !css_is_dying(&memcg->css));
	return ERR_PTR(ret);
}

/* The lowest group that counts a cgroup's pages, with a reference; NULL if there is none. */
struct tm_group *tm_group_lowest(struct mem_cgroup *memcg)
{
	struct tm_group *g = NULL;

	rcu_read_lock();
	do
		g = tm_next_above(&memcg);
	while (g && !refcount_inc_not_zero(&g->ref));
	rcu_read_unlock();
	return g;
}

/* What binds a cgroup: the lowest quota on the way to the root. In pages. */
u64 tm_group_effective(struct mem_cgroup *memcg)
{
	u64 least = TM_QUOTA_MAX_PAGES;
	struct tm_group *g;

	rcu_read_lock();
	while ((g = tm_next_above(&memcg)))
		least = min(least, READ_ONCE(g->quota_pages));
	rcu_read_unlock();
	return least;
}

/* Is anything set of a cgroup above? */
bool tm_group_above(struct mem_cgroup *memcg)
{
	struct tm_group *g;

	memcg = parent_mem_cgroup(memcg);
	rcu_read_lock();
	do
		g = tm_next_above(&memcg);
	while (g && !tm_group_configured(g));
	rcu_read_unlock();
	return g;
}

/* The group that looks after a cgroup's pages. Context: RCU read side. */
struct tm_group *tm_group_nearest(struct mem_cgroup *memcg)
{
	struct tm_group *g;

	do
		g = tm_next_above(&memcg);
	while (g && !READ_ONCE(g->watched));
	return g;
}

/**
 * tm_group_allowed_nodes - nodes that the cpusets of a group's tasks allow
 * @g: group
 * @allowed: result; all nodes with memory if there is no task
 *
 * One task a cgroup is asked: a cpuset is a property of the cgroup.
 */
void tm_group_allowed_nodes(struct tm_group *g, nodemask_t *allowed)
{
	struct css_task_iter it;
	struct task_struct *task;
	struct mem_cgroup *m;

	if (g->mm) {
		tm_process_allowed_nodes(g->mm, allowed);
		return;
	}
	nodes_clear(*allowed);
	for (m = K(mem_cgroup_iter)(g->memcg, NULL, NULL); m;
	     m = K(mem_cgroup_iter)(g->memcg, m, NULL)) {
		K(css_task_iter_start)(&m->css, CSS_TASK_ITER_PROCS, &it);
		task = K(css_task_iter_next)(&it);
		if (task) {
			task_lock(task);
			nodes_or(*allowed, *allowed, task->mems_allowed);
			task_unlock(task);
		}
		K(css_task_iter_end)(&it);
	}
	if (nodes_empty(*allowed))
		*allowed = node_states[N_MEMORY];
}

int tm_groups_init(void)
{
	int ret;

	mutex_lock(&tm_groups_lock);
	ret = table_grow(0);
	mutex_unlock(&tm_groups_lock);
	return ret;
}

/* Context: module exit. No file, no hook and no daemon is left to use a group. */
void tm_groups_exit(void)
{
	struct tm_group *g = NULL;

	while ((g = tm_group_next(g)))
		tm_group_remove(g);
	/* group_free_rcu() is ours. */
	rcu_barrier();
	kvfree(rcu_dereference_protected(tm_group_table, true));
}
