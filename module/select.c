// SPDX-License-Identifier: GPL-2.0
/*
 * Finding pages to demote: from the LRU lists of the group's cgroups, coldest
 * first, and through page tables for what is on no list (mlocked memory).
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ksym.h"
#include "observe.h"

/* Folios looked at under one hold of the lru_lock, and taken from it. */
#define SCAN_FOLIOS	256
#define GRAB_FOLIOS	64

/*
 * After a demotion that led nowhere, the next ones only probe: they give up
 * after so many refusals. Scanning rotates the lists, so each probe meets
 * other pages.
 */
#define PROBE_FOLIOS	4096
/*
 * After slow nodes were full, so much room makes demotion worth while again:
 * more than what their kswapd frees in one go, or we would feed each other.
 */
#define REFILL_PAGES	(4 * TM_BATCH_PAGES)
/* Page tables are walked again after so many times what the futile walk took. */
#define MAPPED_COST	100

/* Sweeps over the lists: each takes pages that are hotter by so many levels, the last one all. */
#define SWEEP_LEVELS	4

/* Classic lists from cold to hot; mlocked folios are on no list. */
static const enum lru_list classic_order[] = {
	LRU_INACTIVE_FILE, LRU_INACTIVE_ANON, LRU_ACTIVE_FILE, LRU_ACTIVE_ANON,
};

#define NR_CLASSIC	ARRAY_SIZE(classic_order)
#define NR_LISTS	(NR_CLASSIC + MAX_NR_GENS * ANON_AND_FILE * MAX_NR_ZONES)

/**
 * nth_list - the lists of an lruvec from cold to hot, whatever the LRU mode
 * @pn: cgroup and node
 * @i: 0 to NR_LISTS - 1
 * @type: result, LRU_GEN_ANON or LRU_GEN_FILE
 * @nr_pages: result, pages on the list, roughly
 *
 * The mode can be switched at run time, so both kinds may hold folios.
 *
 * Return: list.
 */
static struct list_head *nth_list(struct mem_cgroup_per_node *pn, unsigned int i, int *type,
				  long *nr_pages)
{
	struct lruvec *lruvec = &pn->lruvec;
	unsigned long oldest;
	int gen, zone;

	*nr_pages = 0;
	if (i < NR_CLASSIC) {
		enum lru_list lru = classic_order[i];

		for (zone = 0; zone < MAX_NR_ZONES; zone++)
			*nr_pages += (long)READ_ONCE(pn->lru_zone_size[zone][lru]);
		*type = is_file_lru(lru);
		return &lruvec->lists[lru];
	}

	i -= NR_CLASSIC;
	zone = (int)(i % MAX_NR_ZONES);
	i /= MAX_NR_ZONES;
	*type = !(i % ANON_AND_FILE);		/* file before anon */
	oldest = min(READ_ONCE(lruvec->lrugen.min_seq[LRU_GEN_ANON]),
		     READ_ONCE(lruvec->lrugen.min_seq[LRU_GEN_FILE]));
	gen = (int)((oldest + i / ANON_AND_FILE) % MAX_NR_GENS);
	*nr_pages = READ_ONCE(lruvec->lrugen.nr_pages[gen][*type][zone]);
	return &lruvec->lrugen.folios[gen][*type][zone];
}

/*
 * Take references on folios from the cold end of a list. What was looked at
 * goes to the other end: that is how a scan makes progress without a cursor.
 */
static unsigned int grab(struct lruvec *lruvec, struct list_head *list, struct folio **grabbed,
			 long *left_pages)
{
	unsigned int n = 0, scanned = 0;

	spin_lock_irq(&lruvec->lru_lock);
	while (n < GRAB_FOLIOS && scanned++ < SCAN_FOLIOS && *left_pages > 0 &&
	       !list_empty(list)) {
		struct folio *folio = list_entry(list->prev, struct folio, lru);

		list_move(&folio->lru, list);
		*left_pages -= folio_nr_pages(folio);
		if (folio_try_get(folio))
			grabbed[n++] = folio;
	}
	if (list_empty(list))
		*left_pages = 0;
	spin_unlock_irq(&lruvec->lru_lock);
	return n;
}

/**
 * struct demotion - one run of tm_demote()
 * @g: group, move_mutex held
 * @target_pages: usage to reach
 * @max_level: hottest page that this sweep takes
 * @excess_pages: at the beginning of the sweep
 * @share_pages: what the cgroup at hand should give in this sweep
 * @allowed: nodes that the group's cpuset allows
 * @moved_pages: so far
 * @refused: folios that couldn't be isolated
 * @probe: give up after a few of them
 * @least_room: pages of room on slow nodes that make it worth while
 * @full: slow nodes have no room
 * @split: they have, but not for whole huge pages
 */
struct demotion {
	struct tm_group *g;
	u64 target_pages;
	unsigned int max_level;
	u64 excess_pages;
	u64 share_pages;
	nodemask_t allowed;
	u64 moved_pages;
	unsigned int refused;
	bool probe;
	u64 least_room;
	bool full;
	bool split;
};

static bool interrupted(const struct demotion *d)
{
	return tm_stopping() || tm_group_gone(d->g) ||
	       (!(current->flags & PF_KTHREAD) && signal_pending(current));
}

static u64 excess(const struct demotion *d)
{
	u64 used = READ_ONCE(d->g->fast_pages);

	return used > d->target_pages ? used - d->target_pages : 0;
}

/* Move what is in the batch and look where that leaves the group. */
static bool flush_done(struct demotion *d, struct tm_batch *b)
{
	d->moved_pages += tm_batch_flush(b);
	tm_group_recount(d->g);
	d->full |= b->nomem;
	d->split |= b->fragmented;
	b->split = d->split;
	cond_resched();
	return d->full || !excess(d) || interrupted(d);
}

/* Returns true if there is no more to do or nothing more can be done. */
static bool demote_list(struct demotion *d, struct tm_batch *b, struct lruvec *lruvec,
			struct list_head *list, long nr_pages)
{
	struct folio *grabbed[GRAB_FOLIOS];

	while (nr_pages > 0 && b->moved_pages < d->share_pages) {
		unsigned int n = grab(lruvec, list, grabbed, &nr_pages), i;

		for (i = 0; i < n; i++) {
			struct folio *folio = grabbed[i];

			if (b->nr_pages >= excess(d) || tm_heatmap_level(folio) > d->max_level)
				folio_put(folio);
			else if (!tm_batch_add(b, folio))
				d->refused++;
		}
		if (d->probe && d->refused > PROBE_FOLIOS)
			return true;
		if ((tm_batch_full(b) || b->nr_pages >= excess(d)) && flush_done(d, b))
			return true;
		cond_resched();
	}
	return false;
}

static bool demote_node(struct demotion *d, struct mem_cgroup *memcg, int nid)
{
	struct mem_cgroup_per_node *pn = memcg->nodeinfo[nid];
	struct tm_group *lowest;
	struct tm_batch b;
	unsigned int i;
	bool done = false;

	if (!tm_memcg_pages(memcg, nid))
		return false;
	lowest = tm_group_lowest(memcg);
	if (!lowest)
		return false;
	tm_batch_init(&b, lowest, TM_SLOW, &d->allowed);
	b.split = d->split;
	/* Each cgroup gives in proportion to what it has. */
	d->share_pages = div64_u64(d->excess_pages * tm_memcg_pages(memcg, nid),
				   max(READ_ONCE(d->g->fast_pages), 1ULL)) + TM_BATCH_PAGES;
	for (i = 0; i < NR_LISTS && !done; i++) {
		long nr_pages;
		int type;
		struct list_head *list = nth_list(pn, i, &type, &nr_pages);

		if (nr_pages > 0)
			done = demote_list(d, &b, &pn->lruvec, list, nr_pages);
	}
	if (b.nr_pages)
		done |= flush_done(d, &b);
	tm_group_put(lowest);
	return done;
}

static void demote_sweep(struct demotion *d)
{
	struct mem_cgroup *root = d->g->memcg, *m;
	nodemask_t fast, slow;
	bool done = false;
	int nid;

	d->excess_pages = excess(d);
	tm_tiers_get(&fast, &slow);
	for (m = K(mem_cgroup_iter)(root, NULL, NULL); m; m = K(mem_cgroup_iter)(root, m, NULL)) {
		for_each_node_mask(nid, fast) {
			done = demote_node(d, m, nid);
			if (done)
				break;
		}
		if (done) {
			K(mem_cgroup_iter_break)(root, m);
			break;
		}
	}
}

/* The lists don't lead to mlocked pages, nor to those of one process; page tables do. */
static void demote_mapped(struct demotion *d)
{
	u64 start_ns = ktime_get_ns(), before = d->moved_pages;
	struct tm_observation *o = tm_observation_new();
	const struct tm_candidates *found;
	struct tm_batch b;
	bool done = false;
	unsigned int i;

	if (!o)
		return;
	found = &o->candidates[TM_FAST];
	o->collect_level = d->max_level;
	tm_observe(o, d->g, TM_LOOK_COLLECT);
	tm_batch_init(&b, d->g, TM_SLOW, &d->allowed);
	b.split = d->split;
	for (i = 0; i < found->nr && !done; i++) {
		struct folio *folio = tm_candidate_get(o, TM_FAST, found->all[i].pfn);

		if (folio)
			tm_batch_add(&b, folio);
		if (tm_batch_full(&b) || b.nr_pages >= excess(d))
			done = flush_done(d, &b);
	}
	flush_done(d, &b);
	tm_observation_free(o);
	if (d->moved_pages == before)
		d->g->mapped_ns = ktime_get_ns() + MAPPED_COST * (ktime_get_ns() - start_ns);
}

static enum tm_demote_result run_sweeps(struct demotion *d)
{
	bool mapped = d->g->mm, drained = false;
	bool tried_split = false;
	u64 before;

	/* What the smaller quota has no room for, by the heat of the last observation. */
	d->max_level = tm_plan_threshold(&d->g->engine.harvest.histogram, d->target_pages);
	d->max_level -= min(d->max_level, 1U);
	if (d->probe)
		d->max_level = TM_HEAT_LEVELS;
	if (mapped && d->probe && ktime_get_ns() < d->g->mapped_ns)
		return TM_DEMOTE_STUCK;
	for (;;) {
		if (interrupted(d))
			return TM_DEMOTE_STOPPED;
		if (!excess(d))
			return TM_DEMOTE_DONE;
		if (d->full || tm_tiers_room(&d->allowed) < min(d->least_room, excess(d)))
			return TM_DEMOTE_SLOW_FULL;

		before = d->moved_pages;
		if (mapped)
			demote_mapped(d);
		else
			demote_sweep(d);
		if (d->moved_pages > before || (d->split && !tried_split)) {
			tried_split = d->split;
			continue;
		}

		/* Nothing moved: take hotter pages, then those on no list. */
		if (d->max_level < TM_HEAT_LEVELS) {
			d->max_level = min(d->max_level + SWEEP_LEVELS, TM_HEAT_LEVELS);
		} else if (!drained && (!d->probe || ktime_get_ns() >= d->g->mapped_ns)) {
			/* Folios in the per-CPU batches can't be isolated. */
			K(lru_add_drain_all)();
			tm_group_recount(d->g);
			drained = true;
			mapped = true;
		} else {
			return TM_DEMOTE_STUCK;
		}
	}
}

/**
 * tm_demote - bring a group below its quota
 * @g: group; the caller holds move_mutex
 *
 * Demotes down to the quota less its margin, so that the next new pages find
 * room in DRAM, and counts as done once the quota itself is met.
 *
 * Context: process, may sleep. A signal ends it early, except in a kthread.
 * Return: how it ended.
 */
enum tm_demote_result tm_demote(struct tm_group *g)
{
	u64 quota = READ_ONCE(g->quota_pages);
	struct demotion d = {
		.g = g,
		.target_pages = quota - tm_quota_margin(quota),
		.probe = g->stuck,
		.least_room = g->backoff_ns ? REFILL_PAGES : 1,
	};
	enum tm_demote_result ret;

	lockdep_assert_held(&g->move_mutex);
	tm_group_recount(g);
	tm_group_allowed_nodes(g, &d.allowed);
	ret = run_sweeps(&d);
	return tm_group_excess(g) ? ret : TM_DEMOTE_DONE;
}

/**
 * tm_lru_for_each_file - visit the file folios of a cgroup on a node
 * @memcg: cgroup
 * @nid: node
 * @visit: called with a reference held, no lock
 * @arg: for @visit
 */
void tm_lru_for_each_file(struct mem_cgroup *memcg, int nid, tm_lru_visit visit, void *arg)
{
	struct mem_cgroup_per_node *pn = memcg->nodeinfo[nid];
	struct folio *grabbed[GRAB_FOLIOS];
	unsigned int i;

	/* Most cgroups have none; to look at each list takes ten times as long. */
	if (!tm_memcg_file_pages(memcg, nid))
		return;
	for (i = 0; i < NR_LISTS; i++) {
		long nr_pages;
		int type;
		struct list_head *list = nth_list(pn, i, &type, &nr_pages);

		while (type && nr_pages > 0) {
			unsigned int n = grab(&pn->lruvec, list, grabbed, &nr_pages);

			while (n--) {
				visit(grabbed[n], arg);
				folio_put(grabbed[n]);
			}
			cond_resched();
		}
	}
}
