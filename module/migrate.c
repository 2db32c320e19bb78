// SPDX-License-Identifier: GPL-2.0
/*
 * Moving pages: isolate, migrate_pages() with a target allocator of our own,
 * put back what stayed. No decisions here.
 *
 * The reason given is MR_NUMA_MISPLACED: with it the kernel keeps the
 * NR_ISOLATED counters and doesn't split a huge page that can't be moved
 * whole. Where a quota can't be met otherwise, MR_SYSCALL lets it split.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/vmstat.h>

#include "ksym.h"
#include "tiermem.h"
#include "trace.h"

/* No reclaim, no reserves, no other node: what doesn't fit isn't moved. */
#define TM_TARGET_GFP \
	((GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_THISNODE | __GFP_NOWARN | \
	 __GFP_NOMEMALLOC | __GFP_NORETRY)

void tm_batch_init(struct tm_batch *b, struct tm_group *g, enum tm_tier to,
		   const nodemask_t *allowed)
{
	memset(b, 0, sizeof(*b));
	b->g = g;
	b->to = to;
	b->allowed = allowed;
	INIT_LIST_HEAD(&b->folios);
}

/* Why a folio can't be moved now, or TM_NR_STATS if nothing speaks against it. */
static enum tm_stat obstacle(struct folio *folio)
{
	if (folio_maybe_dma_pinned(folio))
		return TM_STAT_FAILED_PINNED;
	if (folio_test_locked(folio))
		return TM_STAT_FAILED_LOCKED;
	/* Unmapping a page that KSM shares among thousands would stall them all. */
	if (folio_test_writeback(folio) || folio_test_ksm(folio))
		return TM_STAT_FAILED_BUSY;
	return TM_NR_STATS;
}

static void count_failed(struct tm_batch *b, struct folio *folio, enum tm_stat why)
{
	if (why == TM_STAT_FAILED_PINNED)
		b->pinned_pages += (unsigned long)folio_nr_pages(folio);
	tm_stat_add(b->g, why, (u64)folio_size(folio));
}

/**
 * tm_batch_add - isolate a folio for the batch
 * @b: batch with room
 * @folio: folio with a reference, which is dropped in any case
 *
 * Return: true if it is in the batch.
 */
bool tm_batch_add(struct tm_batch *b, struct folio *folio)
{
	long nr_pages = folio_nr_pages(folio);
	enum tm_stat why = obstacle(folio);
	bool isolated = false;

	if (why != TM_NR_STATS) {
		count_failed(b, folio, why);
		goto out;
	}
	/* First the books, then the page: a recount must not miss it. */
	if (b->to == TM_SLOW)
		tm_group_isolated(b->g, nr_pages);
	isolated = tm_isolated(K(folio_isolate_lru)(folio));
	if (isolated) {
		list_add_tail(&folio->lru, &b->folios);
		mod_node_page_state(folio_pgdat(folio), NR_ISOLATED_ANON + folio_is_file_lru(folio),
				    nr_pages);
		b->nr_pages += (unsigned long)nr_pages;
	} else if (b->to == TM_SLOW) {
		tm_group_isolated(b->g, -nr_pages);
	}
out:
	folio_put(folio);
	return isolated;
}

static struct folio *alloc_target(struct folio *src, struct tm_batch *b)
{
	long nr_pages = folio_nr_pages(src);
	struct folio *dst = NULL;
	int nid;

	rcu_read_lock();
	nid = tm_tiers_pick(rcu_dereference(tm_tiers), folio_nid(src), b->allowed,
			    (unsigned long)nr_pages);
	rcu_read_unlock();
	if (nid != NUMA_NO_NODE)
		dst = __folio_alloc(TM_TARGET_GFP, folio_order(src), nid, NULL);
	if (!dst) {
		/* Room, but not in one piece: small pages would fit. */
		if (nid != NUMA_NO_NODE && folio_test_large(src))
			b->fragmented = true;
		else
			b->nomem = true;
		return NULL;
	}
	if (tm_heatmap_migrate(src, dst))
		b->pingpong_pages += (unsigned long)nr_pages;
	return dst;
}

static tm_migrate_unit *alloc_target_unit(tm_migrate_unit *src, unsigned long private)
{
	struct folio *dst = alloc_target(tm_unit_folio(src), (struct tm_batch *)private);

	return tm_folio_unit(dst);
}

/* Put back what is left, and say why. */
static void putback(struct tm_batch *b)
{
	struct folio *folio;

	list_for_each_entry(folio, &b->folios, lru) {
		enum tm_stat why = obstacle(folio);

		if (why == TM_NR_STATS)
			why = b->nomem || b->fragmented ? TM_STAT_FAILED_NOMEM :
							  TM_STAT_FAILED_BUSY;
		count_failed(b, folio, why);
	}
	if (!list_empty(&b->folios))
		K(putback_movable_pages)(&b->folios);
}

/* Admit a batch of promotions to every group that it concerns. */
static bool take_batch(struct tm_batch *b)
{
	bool taken;

	rcu_read_lock();
	preempt_disable();
	taken = tm_group_take_from(b->g->mm ? b->g : NULL, b->g->memcg, b->g->memcg,
				   (long)b->nr_pages);
	preempt_enable();
	rcu_read_unlock();
	return taken;
}

/**
 * tm_batch_flush - move the folios of a batch
 * @b: batch; empty afterwards
 *
 * Promotions are admitted first, so that a quota holds at every instant.
 *
 * Context: process, may sleep; no page table lock and no lru_lock held.
 * Return: pages moved.
 */
unsigned long tm_batch_flush(struct tm_batch *b)
{
	u64 start_ns = ktime_get_ns(), spent_ns;
	unsigned long nr_pages = b->nr_pages;
	unsigned int moved = 0;
	bool admitted = true;

	if (!nr_pages)
		return 0;
	if (b->to == TM_FAST)
		admitted = take_batch(b);
	if (admitted)
		K(migrate_pages)(&b->folios, alloc_target_unit, NULL, (unsigned long)b,
				 MIGRATE_ASYNC, b->split ? MR_SYSCALL : MR_NUMA_MISPLACED, &moved);
	putback(b);

	/* First the books, as above. */
	if (b->g->mm)
		tm_process_moved(b->g, b->to, moved);
	if (b->to == TM_SLOW)
		tm_group_isolated(b->g, -(long)nr_pages);
	else if (admitted)
		tm_group_settle(b->g, (long)moved, (long)(nr_pages - moved));

	spent_ns = ktime_get_ns() - start_ns;
	tm_stat_add(b->g, b->to == TM_FAST ? TM_STAT_PROMOTED_BYTES : TM_STAT_DEMOTED_BYTES,
		    (u64)moved << PAGE_SHIFT);
	tm_stat_add(b->g, TM_STAT_PINGPONG_BYTES, (u64)b->pingpong_pages << PAGE_SHIFT);
	tm_stat_add(b->g, TM_STAT_MIGRATE_NSEC, spent_ns);
	trace_tm_migrate(cgroup_id(b->g->memcg->css.cgroup), b->to, nr_pages << PAGE_SHIFT,
			 (u64)moved << PAGE_SHIFT, (u64)b->pingpong_pages << PAGE_SHIFT, spent_ns);

	INIT_LIST_HEAD(&b->folios);
	b->nr_pages = 0;
	b->moved_pages += moved;
	b->pingpong_total_pages += b->pingpong_pages;
	b->pingpong_pages = 0;
	return moved;
}
