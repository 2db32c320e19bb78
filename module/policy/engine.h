/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine of one group: what a pass does with what it saw.
 *
 * A pass observes one window, asks tm_engine_step() for a plan, carries it
 * out and reports with tm_engine_moved(). The module and the trace simulator
 * run the same code.
 */
#ifndef TM_POLICY_ENGINE_H
#define TM_POLICY_ENGINE_H

#include "thrash.h"
#include "window.h"

/* Weights of the averages; a pass uses one of them. */
#define TM_ENGINE_WEIGHTS	8

/**
 * struct tm_engine - state of the engine of a group
 * @window_ns: length of the next window
 * @rest_ns: time from the end of this pass to the next window
 * @learned: windows since the averages were started or restarted, saturating
 * @surprises: windows in a row in which DRAM served much less than expected,
 *	those in which it served very much less twice
 * @fine_ns: since when pages add up that may be exchanged across the fine gap
 * @young_pages: pages that the last window saw accessed
 * @pages: pages that it looked at
 * @activity: see tm_harvest_activity()
 * @heat_window_ns: the window that heat is about: windows averaged as heat is
 * @harvest: what the last window showed
 * @plan: what follows from it
 * @thrash: the brake
 */
struct tm_engine {
	u64 window_ns;
	u64 rest_ns;
	unsigned int learned;
	unsigned int surprises;
	u64 fine_ns;
	u64 young_pages;
	u64 pages;
	u32 activity;
	u64 heat_window_ns;
	struct tm_harvest harvest;
	struct tm_plan plan;
	struct tm_thrash thrash;
};

extern const u8 tm_engine_weight[TM_ENGINE_WEIGHTS];

/**
 * struct tm_engine_input - what a step has to know besides the harvest
 * @quota_pages: what the group may have in DRAM, less the margin
 * @room_pages: of it, what nobody uses
 * @short_pages: pages by which the margin itself is used up
 * @most_pages: promote no more than this
 * @now_ns: monotonic time
 */
struct tm_engine_input {
	u64 quota_pages;
	u64 room_pages;
	u64 short_pages;
	u64 most_pages;
	u64 now_ns;
};

void tm_engine_init(struct tm_engine *e);

/*
 * Much memory is new: what was learned is about other memory. Averages begin
 * again, with few windows, and settle from there.
 */
void tm_engine_restart(struct tm_engine *e);

/**
 * tm_engine_woken - does a group do other things than it used to?
 * @e: engine
 * @pages: pages looked at, in the middle of a window
 * @young_pages: of them, pages that the window has shown so far
 * @young_slow_pages: of these, pages in slow memory
 *
 * An idle group has long windows, in which the hottest pages are the last ones to
 * tell apart. When it begins to work, and not with what DRAM has, it is time for
 * tm_engine_restart().
 */
bool tm_engine_woken(const struct tm_engine *e, u64 pages, u64 young_pages, u64 young_slow_pages);

/* Which of the weights the next pass uses. */
unsigned int tm_engine_weight_index(const struct tm_engine *e);

/*
 * Levels that a plan wants between a page and the one that it displaces, and
 * for a few pages.
 */
unsigned int tm_engine_gap(const struct tm_engine *e);
unsigned int tm_engine_fine_gap(const struct tm_engine *e);

/*
 * Settling: the next windows are worth a budget that was saved up. Later, pages
 * that moved not long ago are left where they are.
 */
bool tm_engine_hurries(const struct tm_engine *e);

/*
 * How many pages of a tier the next pass may have a use for, with so much room: to remember
 * a page costs as much as to look at several. While averages settle that is anybody's guess.
 */
u64 tm_engine_candidates(const struct tm_engine *e, s64 room_pages);

/*
 * Of a budget's savings of at most so much, what this group has to leave for others, and for
 * later: nothing while it settles, half while it still learns much, else all.
 */
u64 tm_engine_reserve(const struct tm_engine *e, u64 savings_ns);

/*
 * The quota that a window's length should be right for. A group of which little is
 * known has windows of 100 ms and more for half of its quota: the hottest pages are
 * in DRAM sooner, and the rest follows.
 */
u64 tm_engine_window_quota(const struct tm_engine *e, u64 quota_pages);

/**
 * tm_engine_step - a window is over
 * @e: engine; @harvest is what the window showed
 * @in: what to keep
 *
 * Sets @plan, and window and rest of the next pass.
 */
void tm_engine_step(struct tm_engine *e, const struct tm_engine_input *in);

/**
 * tm_engine_moved - a plan was carried out
 * @e: engine
 * @moved_pages: pages promoted or demoted
 * @back_pages: of them, pages that had moved the other way not long ago
 *
 * Return: true if the group thrashes.
 */
bool tm_engine_moved(struct tm_engine *e, u64 moved_pages, u64 back_pages);

#endif /* TM_POLICY_ENGINE_H */
