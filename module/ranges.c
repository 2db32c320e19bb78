// SPDX-License-Identifier: GPL-2.0
/*
 * Where the memory of a process is, and how hot: a look at its page tables that
 * changes nothing. Bounded by the ranges that are asked for, and a few KiB of
 * memory, however large the process is.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "ctl.h"
#include "pages.h"
#include "tiermem.h"

/* Ranges between two copies to the caller. */
#define CHUNK_RANGES	64

/**
 * struct map - a map that is being made
 * @walk: over the pages
 * @ranges: finished ranges, and the one at hand
 * @nr: how many
 * @most: end when there are so many
 * @step: their length
 * @levels: of the range at hand: sum of the levels of its pages of known heat
 * @known_pages: and how many these are
 * @slow: nodes
 * @full: there was no room for a page
 */
struct map {
	struct tm_page_walk walk;
	struct tiermem_range ranges[CHUNK_RANGES];
	u32 nr;
	u32 most;
	u64 step;
	u64 levels;
	u64 known_pages;
	nodemask_t slow;
	bool full;
};

static void finish_range(struct map *m)
{
	if (m->nr)
		m->ranges[m->nr - 1].heat = m->known_pages ?
			(u32)div64_u64(m->levels, m->known_pages) : TIERMEM_HEAT_UNKNOWN;
	m->levels = 0;
	m->known_pages = 0;
}

/* The range of an address; NULL if it is a new one, and there is no room for that. */
static struct tiermem_range *range_of(struct map *m, unsigned long addr)
{
	u64 start = addr & ~(m->step - 1);

	if (m->nr && m->ranges[m->nr - 1].start == start)
		return &m->ranges[m->nr - 1];
	if (m->nr == m->most)
		return NULL;
	finish_range(m);
	m->ranges[m->nr] = (struct tiermem_range){ .start = start };
	return &m->ranges[m->nr++];
}

/* Add a page, or what of a huge one is from @addr to @end. False if there is no room for it. */
static bool add(struct tm_page_walk *w, struct folio *folio, unsigned long addr, unsigned long end)
{
	struct map *m = container_of(w, struct map, walk);
	tm_heat_t heat = tm_heatmap_read(folio);
	unsigned int level = tm_heat_level(heat);
	bool slow = node_isset(folio_nid(folio), m->slow);

	while (addr < end) {
		struct tiermem_range *r = range_of(m, addr);
		unsigned long bytes;

		if (!r) {
			m->full = true;
			w->next = addr;
			return false;
		}
		bytes = (unsigned long)min_t(u64, end - addr, r->start + m->step - addr);
		*(slow ? &r->slow_bytes : &r->dram_bytes) += bytes;
		if (level < TM_HEAT_LEVELS) {
			m->levels += (u64)level * (bytes >> PAGE_SHIFT);
			m->known_pages += bytes >> PAGE_SHIFT;
		}
		addr += bytes;
	}
	return true;
}

/**
 * tm_ranges - fill in the ranges of a request
 * @h: request, checked; @h->start and @h->nr are set
 *
 * Context: process, may sleep. A signal ends it early, with what there is by then.
 * Return: 0 or a negative error number.
 */
int tm_ranges(struct tiermem_heatmap *h)
{
	struct tiermem_range __user *to = u64_to_user_ptr(h->ranges);
	unsigned long addr = min_t(u64, h->start, TASK_SIZE_MAX);
	unsigned long end = min_t(u64, h->end, TASK_SIZE_MAX);
	struct mm_struct *mm = tm_mm_of_pid(h->pid);
	struct map *m;
	nodemask_t fast;
	u32 filled = 0;
	int ret = 0;

	if (IS_ERR(mm))
		return (int)PTR_ERR(mm);
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (m)
		m->walk.visit = add;
	else
		ret = -ENOMEM;
	while (!ret && addr < end && filled < h->nr && !signal_pending(current)) {
		m->nr = 0;
		m->full = false;
		m->most = min_t(u32, h->nr - filled, CHUNK_RANGES);
		m->step = h->step;
		tm_tiers_get(&fast, &m->slow);
		/* Until there is something that finds no room: all ranges are complete then. */
		while (!ret && addr < end && !m->full && !signal_pending(current))
			ret = tm_walk_pages(&m->walk, mm, &addr, end);
		finish_range(m);
		if (!ret && copy_to_user(to + filled, m->ranges, m->nr * sizeof(m->ranges[0])))
			ret = -EFAULT;
		filled += m->nr;
	}
	kfree(m);
	mmput(mm);
	h->nr = filled;
	h->start = addr >= end ? h->end : addr;
	return ret;
}
