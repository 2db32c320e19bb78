/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the glue files share.
 *
 * Lock order, outermost first:
 *
 *   cgroup_mutex, kernfs active reference	(the kernel's; handlers run under
 *						the second and never take the first)
 *   tm_group::move_mutex			one mover of a group's pages
 *     mmap_lock				(observe.c, read)
 *       page table lock
 *     tm_groups_lock				table of groups, quotas
 *       ftrace's locks				(steer.c arms and disarms)
 *     tm_group::count_mutex			recounts of one group
 *   tm_tiers_lock				writers of the tier table
 *   lruvec lru_lock				leaf, interrupts off
 *
 * The allocation hook (steer.c) takes no lock: it reads the group table and
 * the tier table under RCU, and admits pages with atomics.
 */
#ifndef TIERMEM_H
#define TIERMEM_H

#include "account.h"
#include "compat.h"
#include "group.h"
#include "heatmap.h"
#include "migrate.h"
#include "policy/glimpse.h"
#include "policy/pool.h"
#include "stats.h"
#include "tier.h"

/* ---- select.c --------------------------------------------------------- */

/**
 * enum tm_demote_result - how a demotion ended
 * @TM_DEMOTE_DONE: at or below the target
 * @TM_DEMOTE_SLOW_FULL: slow nodes have no room
 * @TM_DEMOTE_STUCK: what is left can't be moved now
 * @TM_DEMOTE_STOPPED: signal, dying cgroup or module exit
 */
enum tm_demote_result {
	TM_DEMOTE_DONE,
	TM_DEMOTE_SLOW_FULL,
	TM_DEMOTE_STUCK,
	TM_DEMOTE_STOPPED,
};

enum tm_demote_result tm_demote(struct tm_group *g);

typedef void (*tm_lru_visit)(struct folio *folio, void *arg);
void tm_lru_for_each_file(struct mem_cgroup *memcg, int nid, tm_lru_visit visit, void *arg);

/* ---- observe.c -------------------------------------------------------- */

struct tm_observation;

/**
 * enum tm_look - what a look at a page table entry is for
 * @TM_LOOK_OPEN: clear accessed bits: a window begins
 * @TM_LOOK_HARVEST: read and clear them: a window is over
 * @TM_LOOK_PEEK: only count them
 * @TM_LOOK_GLIMPSE: slow pages that were accessed again since the harvest
 * @TM_LOOK_COLLECT: every fast page is a candidate, hot or not; used where
 *	LRU lists don't lead to them
 */
enum tm_look {
	TM_LOOK_OPEN,
	TM_LOOK_HARVEST,
	TM_LOOK_PEEK,
	TM_LOOK_GLIMPSE,
	TM_LOOK_COLLECT,
};

void tm_observe_init(void);
struct tm_observation *tm_observation_new(void);
void tm_observation_free(struct tm_observation *o);
void tm_observe(struct tm_observation *o, struct tm_group *g, enum tm_look look);
void tm_observe_briefly(struct tm_observation *o, struct tm_group *g);
struct folio *tm_candidate_get(const struct tm_observation *o, enum tm_tier tier,
			       unsigned long pfn);

/* ---- glimpse.c -------------------------------------------------------- */

void tm_glimpse(struct tm_observation *o, u64 window_ns, u64 harvested_ns);

/* ---- exchange.c ------------------------------------------------------- */

u64 tm_exchange_most_pages(struct tm_group *g);
void tm_exchange(struct tm_group *g, struct tm_observation *o);

/* ---- pool.c ----------------------------------------------------------- */

extern u64 tm_pool_pages;
extern enum tm_pool_policy tm_pool_policy;

bool tm_pool_used(void);
u64 tm_pool_epoch(bool now_please);
void tm_pool_exit(void);

/* ---- steer.c ---------------------------------------------------------- */

int tm_steer_init(void);
void tm_steer_exit(void);
int tm_steer_arm(void);
void tm_steer_disarm(void);
bool tm_steer_armed(void);

/* ---- daemon.c --------------------------------------------------------- */

int tm_daemon_init(void);
void tm_daemon_start(void);
void tm_daemon_stop(void);
void tm_daemon_exit(void);
bool tm_daemon_sleep_until(u64 ns);
void tm_give_way(void);
void tm_daemon_kick(void);
void tm_daemon_kick_from_hook(struct tm_group *g);
void tm_daemon_cut(struct tm_group *g);
bool tm_stopping(void);

/* ---- cgroupfs.c, ctl.c, sysfs.c --------------------------------------- */

int tm_cgroupfs_init(void);
void tm_cgroupfs_exit(void);

int tm_ctl_init(void);
void tm_ctl_exit(void);

extern unsigned int tm_cpu_budget_percent;
extern unsigned int tm_migrate_mbps;

int tm_sysfs_init(void);
void tm_sysfs_exit(void);

#endif /* TIERMEM_H */
