// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: DRAM that groups share, and the epochs in which shares change.
 *
 * All of it runs in ktiermemd, so nothing but the two settings has a lock or needs
 * one. A group takes part while anything that was written to it is not the default.
 */
#include <linux/mm.h>
#include <linux/overflow.h>

#include "ksym.h"
#include "tiermem.h"

/* From epoch to epoch, while shares change and while they don't. */
#define MOVING_NS	(100ULL * NSEC_PER_MSEC)
#define CALM_NS		(1ULL * NSEC_PER_SEC)
/* And so many times what counting and sharing out takes: many groups have longer epochs. */
#define COST_TIMES	50
/* What tm_pool_targets() can take. */
#define MEMBERS_MAX	65535U

u64 tm_pool_pages = TM_POOL_MAX_PAGES;
enum tm_pool_policy tm_pool_policy = TM_POOL_FAIR;

static struct tm_pool pool;
/* Groups of the epoch at hand, with references, and the members that stand for them. */
static struct tm_pool_member *members;
static struct tm_group **groups;
static u32 nr_members, room_for_members;
static u64 last_ns, cost_ns;
/* Groups have shares. */
static bool shared;

bool tm_pool_used(void)
{
	return READ_ONCE(tm_pool_pages) < TM_POOL_MAX_PAGES;
}

static bool make_room(void)
{
	u32 more = max(2 * room_for_members, 64U);
	struct tm_pool_member *m;
	struct tm_group **g;

	if (nr_members + 2 <= room_for_members)
		return true;
	if (more > MEMBERS_MAX)
		return false;
	m = kvcalloc(more, sizeof(*m), GFP_KERNEL);
	g = kvcalloc(more, sizeof(*g), GFP_KERNEL);
	if (!m || !g) {
		kvfree(m);
		kvfree(g);
		return false;
	}
	if (nr_members) {
		memcpy(m, members, nr_members * sizeof(*m));
		memcpy(g, groups, nr_members * sizeof(*g));
	}
	kvfree(members);
	kvfree(groups);
	members = m;
	groups = g;
	room_for_members = more;
	return true;
}

static struct tm_pool_member *new_member(struct tm_group *g, u32 depth)
{
	struct tm_pool_member *m = &members[nr_members];

	*m = (struct tm_pool_member){
		/* A group may have come above others in the middle of this. */
		.depth = nr_members ? min(depth, members[nr_members - 1].depth + 1) : 0,
		.weight = TM_WEIGHT_DEFAULT,
		.max_pages = TM_QUOTA_MAX_PAGES,
		.used_pages = READ_ONCE(g->fast_pages) + READ_ONCE(g->slow_pages),
	};
	return m;
}

/* What is known of the pages that a group looks after itself. */
static void tell_heat(struct tm_pool_member *m, const struct tm_group *g)
{
	const struct tm_engine *e = &g->engine;

	if (!e->pages) {
		m->useful_pages = m->used_pages;
		return;
	}
	m->heat = &e->harvest.histogram;
	m->window_ns = e->heat_window_ns;
	m->activity = e->activity;
	m->useful_pages = tm_pool_useful_pages(&e->harvest, e->activity);
}

/* The nearest group above that takes part. */
static struct tm_group *group_above(const struct tm_group *g)
{
	struct mem_cgroup *m = g->memcg;
	struct tm_group *up = NULL;

	rcu_read_lock();
	while (!up && (m = parent_mem_cgroup(m))) {
		up = tm_group_of(m);
		if (up && (up->pool_index >= nr_members || groups[up->pool_index] != up))
			up = NULL;
	}
	rcu_read_unlock();
	/* Kept by the reference in groups[]. */
	return up;
}

static void add_group(struct tm_group *g)
{
	struct tm_group *up = group_above(g);
	struct tm_pool_member *m;

	tm_group_recount(g);
	m = new_member(g, up ? members[up->pool_index].depth + 1 : 0);
	m->weight = READ_ONCE(g->weight) ?: TM_WEIGHT_DEFAULT;
	m->min_pages = READ_ONCE(g->min_pages);
	m->max_pages = READ_ONCE(g->max_pages);
	m->share_pages = READ_ONCE(g->share_pages);
	if (m->share_pages == TM_QUOTA_MAX_PAGES)
		m->share_pages = READ_ONCE(g->fast_pages);
	if (up && up->pool_own) {
		struct tm_pool_member *own = &members[up->pool_index + 1];

		own->used_pages -= min(own->used_pages, m->used_pages);
		own->useful_pages = min(own->useful_pages, own->used_pages);
	}
	g->pool_index = nr_members;
	groups[nr_members++] = g;

	g->pool_own = READ_ONCE(g->dependents);
	if (!g->pool_own) {
		tell_heat(m, g);
		return;
	}
	/* Groups below have a part of its memory, and it has one itself. */
	m = new_member(g, m->depth + 1);
	m->share_pages = g->own_share_pages;
	tell_heat(m, g);
	groups[nr_members++] = NULL;
}

static void forget_groups(void)
{
	while (nr_members > 0)
		if (groups[--nr_members])
			tm_group_put(groups[nr_members]);
}

static void set_share(struct tm_group *g, u64 share_pages)
{
	int ret = tm_group_set_share(g, share_pages);

	if (ret && ret != -ENODEV)
		pr_warn_once("no share of the pool is kept: the allocator can't be watched (%d)\n",
			     ret);
}

/* The group of a cgroup, with a reference, if it takes part. */
static struct tm_group *participant(struct mem_cgroup *memcg)
{
	struct tm_group *g = css_is_dying(&memcg->css) ? NULL : tm_group_get(memcg, false);

	if (!g || tm_group_configured(g))
		return g;
	if (READ_ONCE(g->share_pages) < TM_QUOTA_MAX_PAGES)
		set_share(g, TM_QUOTA_MAX_PAGES);
	tm_group_put(g);
	return NULL;
}

/* Those above before those below. */
static bool collect_groups(void)
{
	struct mem_cgroup *m;

	for (m = K(mem_cgroup_iter)(NULL, NULL, NULL); m; m = K(mem_cgroup_iter)(NULL, m, NULL)) {
		struct tm_group *g = participant(m);

		if (!g)
			continue;
		if (!make_room()) {
			tm_group_put(g);
			K(mem_cgroup_iter_break)(NULL, m);
			return false;
		}
		add_group(g);
	}
	return true;
}

/* What groups have beside those below: as much as there is, and may come until the next epoch. */
static void bound_own(void)
{
	u32 i;

	for (i = 0; i < nr_members; i++)
		if (!groups[i])
			members[i].max_pages = members[i].used_pages +
				(members[i].used_pages ? members[i].used_pages / 8 + 1024 : 0);
}

/* What some lose first, so that the others find it free. */
static void apply_shares(void)
{
	u32 i;

	for (i = 0; i < nr_members; i++) {
		struct tm_group *g = groups[i];

		if (!g || members[i].share_pages >= READ_ONCE(g->share_pages))
			continue;
		set_share(g, members[i].share_pages);
		tm_daemon_cut(g);
	}
	for (i = 0; i < nr_members; i++) {
		struct tm_group *g = groups[i];

		if (!g)
			groups[i - 1]->own_share_pages = members[i].share_pages;
		else if (members[i].share_pages > READ_ONCE(g->share_pages))
			set_share(g, members[i].share_pages);
	}
	shared = true;
}

/* There is no pool any more. */
static void end_shares(void)
{
	struct tm_group *g = NULL;

	while ((g = tm_group_next(g)))
		if (READ_ONCE(g->share_pages) < TM_QUOTA_MAX_PAGES)
			set_share(g, TM_QUOTA_MAX_PAGES);
	pool.moving = false;
	shared = false;
}

static u64 next_epoch(bool now_please)
{
	return last_ns + max(pool.moving || now_please ? MOVING_NS : CALM_NS,
			     COST_TIMES * cost_ns);
}

/**
 * tm_pool_epoch - share out the pool, if it is time
 * @now_please: something that matters was changed
 *
 * Context: ktiermemd.
 * Return: when it wants to be called again.
 */
u64 tm_pool_epoch(bool now_please)
{
	u64 now = ktime_get_ns(), pages = READ_ONCE(tm_pool_pages);
	enum tm_pool_policy policy = READ_ONCE(tm_pool_policy);
	u64 next = next_epoch(now_please);

	if (pages >= TM_POOL_MAX_PAGES) {
		if (shared)
			end_shares();
		return U64_MAX;
	}
	if (shared && now < next)
		return next;
	last_ns = now;
	if (collect_groups()) {
		bound_own();
		tm_pool_targets(members, nr_members, pages, policy);
		tm_pool_step(&pool, members, nr_members, pages, policy);
		cost_ns = ktime_get_ns() - now;
		apply_shares();
	}
	forget_groups();
	return next_epoch(false);
}

/* Context: module exit, after the daemon. */
void tm_pool_exit(void)
{
	kvfree(members);
	kvfree(groups);
}
