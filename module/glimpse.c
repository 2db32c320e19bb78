// SPDX-License-Identifier: GPL-2.0
/* A glimpse: slow pages that are accessed again at once, see policy/glimpse.h. */
#include "ksym.h"
#include "observe.h"
#include "trace.h"

/*
 * The last pages that a CPU has allocated are in its batch until it allocates more.
 * If it doesn't, and uses them all the time, they would stay in slow memory.
 */
static bool empty_batches(void)
{
	static u64 emptied_ns;
	u64 now = ktime_get_ns();

	/* Each CPU that has any works for it. */
	if (now < emptied_ns + NSEC_PER_SEC / 10)
		return false;
	emptied_ns = now;
	K(lru_add_drain_all)();
	return true;
}

/* Those of the classes below @hot become candidates. Returns how many that are. */
static unsigned int raise_glimpsed(struct tm_observation *o, unsigned int hot)
{
	const unsigned int level = tm_heat_level(TM_GLIMPSE_STATE);
	bool tried = false, empty = false;
	unsigned int i, raised = 0;

	for (i = 0; i < o->nr_glimpsed; i++) {
		struct tm_glimpsed page = o->glimpsed[i];
		tm_heat_t *entry = tm_heatmap_entry(tm_heatmap_chunk(page.pfn), page.pfn);
		tm_heat_t heat = READ_ONCE(*entry);

		/* What is mapped twice was raised already. */
		if (!tm_glimpse_wants(heat) || tm_glimpse_class(heat) >= hot)
			continue;
		if (page.batched && !tried) {
			empty = empty_batches();
			tried = true;
		}
		/* The next glimpse sees it again. */
		if (page.batched && !empty)
			continue;
		WRITE_ONCE(*entry, tm_glimpse_raise(&o->g->engine.harvest, heat));
		tm_candidates_add(&o->candidates[TM_SLOW], page.pfn, level);
		raised++;
	}
	return raised;
}

/**
 * tm_glimpse - which slow pages are accessed again at once?
 * @o: observation, just after a harvest; they become candidates for promotion
 * @window_ns: length of the window that was harvested
 * @harvested_ns: when its harvest began
 *
 * Only what page tables of processes say; a second stage would have to be cleared
 * to be asked.
 *
 * Context: ktiermemd, the group's move_mutex held; sleeps for a moment.
 */
void tm_glimpse(struct tm_observation *o, u64 window_ns, u64 harvested_ns)
{
	const struct tm_harvest *h = &o->g->engine.harvest;
	u64 after_ns = tm_glimpse_ns(h, window_ns), since_ns;
	unsigned int raised = 0;

	/* Xen's guests have other frame numbers in their page tables. */
	if (!after_ns || cpu_feature_enabled(X86_FEATURE_XENPV) ||
	    !tm_daemon_sleep_until(harvested_ns + after_ns))
		return;
	/* Of the first page; this walk is the faster one, so it is less of the others. */
	since_ns = ktime_get_ns() - harvested_ns;
	o->look = TM_LOOK_GLIMPSE;
	o->visited_pages = 0;
	o->nr_glimpsed = 0;
	memset(o->glimpsed_pages, 0, sizeof(o->glimpsed_pages));
	tm_observe_tasks(o);
	tm_stat_add(o->g, TM_STAT_SCAN_PAGES, o->visited_pages);
	if (!o->stopped)
		raised = raise_glimpsed(o, tm_glimpse_hot(h, window_ns, since_ns,
							  o->glimpsed_pages));
	trace_tm_glimpse(cgroup_id(o->g->memcg->css.cgroup), since_ns,
			 (u64)o->nr_glimpsed << PAGE_SHIFT, (u64)raised << PAGE_SHIFT);
	/* The harvest is complete all the same. */
	o->stopped = false;
}
