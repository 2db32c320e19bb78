/* SPDX-License-Identifier: GPL-2.0 */
/* Counters and events of groups. */
#ifndef TM_STATS_H
#define TM_STATS_H

#include <linux/atomic.h>
#include <linux/types.h>

/* Counters of tiermem.stat; all but the gauges are hierarchical. */
enum tm_stat {
	TM_STAT_PROMOTED_BYTES,
	TM_STAT_DEMOTED_BYTES,
	TM_STAT_PINGPONG_BYTES,
	TM_STAT_FAILED_PINNED,
	TM_STAT_FAILED_LOCKED,
	TM_STAT_FAILED_BUSY,
	TM_STAT_FAILED_NOMEM,
	TM_STAT_FAILED_GONE,
	TM_STAT_SCAN_PAGES,
	TM_STAT_SCAN_NSEC,
	TM_STAT_MIGRATE_NSEC,
	TM_STAT_OVER_QUOTA_BYTE_MSEC,
	TM_NR_STATS,
};

enum tm_event {
	TM_EVENT_OVER_QUOTA,	/* usage went above the quota */
	TM_EVENT_SLOW_FULL,	/* no room on slow nodes to demote or steer to */
	TM_EVENT_UNREACHABLE,	/* what is left above the quota can't be moved */
	TM_EVENT_THRASH,	/* more than half of the promotions went back */
	TM_NR_EVENTS,
};

struct tm_counters {
	atomic64_t stat[TM_NR_STATS];
	atomic64_t events[TM_NR_EVENTS];
	atomic64_t events_local[TM_NR_EVENTS];
};

/* Sums over all groups, shown on the root cgroup. */
extern struct tm_counters tm_totals;

struct tm_group;

void tm_stat_add(struct tm_group *g, enum tm_stat item, u64 n);
void tm_event(struct tm_group *g, enum tm_event event);

#endif /* TM_STATS_H */
