/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. cgroup is the id that bpftrace's cgroupid() and stat -c %i
 * give; sizes are bytes, times nanoseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tiermem

#if !defined(TM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TM_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(tm_migrate,
	TP_PROTO(u64 cgroup, int to_slow, u64 tried_bytes, u64 moved_bytes, u64 pingpong_bytes,
		 u64 ns),
	TP_ARGS(cgroup, to_slow, tried_bytes, moved_bytes, pingpong_bytes, ns),
	TP_STRUCT__entry(
		__field(u64, cgroup)
		__field(int, to_slow)
		__field(u64, tried_bytes)
		__field(u64, moved_bytes)
		__field(u64, pingpong_bytes)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->cgroup = cgroup;
		__entry->to_slow = to_slow;
		__entry->tried_bytes = tried_bytes;
		__entry->moved_bytes = moved_bytes;
		__entry->pingpong_bytes = pingpong_bytes;
		__entry->ns = ns;
	),
	TP_printk("cgroup=%llu %s tried_bytes=%llu moved_bytes=%llu pingpong_bytes=%llu ns=%llu",
		  __entry->cgroup, __entry->to_slow ? "demote" : "promote",
		  __entry->tried_bytes, __entry->moved_bytes, __entry->pingpong_bytes,
		  __entry->ns)
);

TRACE_EVENT(tm_observe,
	TP_PROTO(u64 cgroup, u64 window_ns, u64 pages_bytes, u64 young_bytes, u32 promote,
		 u32 demote, u64 ns),
	TP_ARGS(cgroup, window_ns, pages_bytes, young_bytes, promote, demote, ns),
	TP_STRUCT__entry(
		__field(u64, cgroup)
		__field(u64, window_ns)
		__field(u64, pages_bytes)
		__field(u64, young_bytes)
		__field(u32, promote)
		__field(u32, demote)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->cgroup = cgroup;
		__entry->window_ns = window_ns;
		__entry->pages_bytes = pages_bytes;
		__entry->young_bytes = young_bytes;
		__entry->promote = promote;
		__entry->demote = demote;
		__entry->ns = ns;
	),
	TP_printk("cgroup=%llu window_ns=%llu pages_bytes=%llu young_bytes=%llu promote_candidates=%u demote_candidates=%u ns=%llu",
		  __entry->cgroup, __entry->window_ns, __entry->pages_bytes,
		  __entry->young_bytes, __entry->promote, __entry->demote, __entry->ns)
);

TRACE_EVENT(tm_plan,
	TP_PROTO(u64 cgroup, u32 threshold, u32 gap, u32 promote_level, u32 demote_level,
		 u64 promote_bytes, u64 demote_bytes, u64 delayed_bytes),
	TP_ARGS(cgroup, threshold, gap, promote_level, demote_level, promote_bytes, demote_bytes,
		delayed_bytes),
	TP_STRUCT__entry(
		__field(u64, cgroup)
		__field(u32, threshold)
		__field(u32, gap)
		__field(u32, promote_level)
		__field(u32, demote_level)
		__field(u64, promote_bytes)
		__field(u64, demote_bytes)
		__field(u64, delayed_bytes)
	),
	TP_fast_assign(
		__entry->cgroup = cgroup;
		__entry->threshold = threshold;
		__entry->gap = gap;
		__entry->promote_level = promote_level;
		__entry->demote_level = demote_level;
		__entry->promote_bytes = promote_bytes;
		__entry->demote_bytes = demote_bytes;
		__entry->delayed_bytes = delayed_bytes;
	),
	TP_printk("cgroup=%llu threshold=%u gap=%u promote_level=%u demote_level=%u promote_bytes=%llu demote_bytes=%llu delayed_bytes=%llu",
		  __entry->cgroup, __entry->threshold, __entry->gap, __entry->promote_level,
		  __entry->demote_level, __entry->promote_bytes, __entry->demote_bytes,
		  __entry->delayed_bytes)
);

TRACE_EVENT(tm_glimpse,
	TP_PROTO(u64 cgroup, u64 since_ns, u64 seen_bytes, u64 raised_bytes),
	TP_ARGS(cgroup, since_ns, seen_bytes, raised_bytes),
	TP_STRUCT__entry(
		__field(u64, cgroup)
		__field(u64, since_ns)
		__field(u64, seen_bytes)
		__field(u64, raised_bytes)
	),
	TP_fast_assign(
		__entry->cgroup = cgroup;
		__entry->since_ns = since_ns;
		__entry->seen_bytes = seen_bytes;
		__entry->raised_bytes = raised_bytes;
	),
	TP_printk("cgroup=%llu since_ns=%llu seen_bytes=%llu raised_bytes=%llu", __entry->cgroup,
		  __entry->since_ns, __entry->seen_bytes, __entry->raised_bytes)
);

TRACE_EVENT(tm_over_quota,
	TP_PROTO(u64 cgroup, u64 excess_bytes),
	TP_ARGS(cgroup, excess_bytes),
	TP_STRUCT__entry(
		__field(u64, cgroup)
		__field(u64, excess_bytes)
	),
	TP_fast_assign(
		__entry->cgroup = cgroup;
		__entry->excess_bytes = excess_bytes;
	),
	TP_printk("cgroup=%llu excess_bytes=%llu", __entry->cgroup, __entry->excess_bytes)
);

TRACE_EVENT(tm_event,
	TP_PROTO(u64 cgroup, int event),
	TP_ARGS(cgroup, event),
	TP_STRUCT__entry(
		__field(u64, cgroup)
		__field(int, event)
	),
	TP_fast_assign(
		__entry->cgroup = cgroup;
		__entry->event = event;
	),
	TP_printk("cgroup=%llu event=%s", __entry->cgroup,
		  __print_symbolic(__entry->event, { 0, "over_quota" }, { 1, "slow_full" },
				   { 2, "unreachable" }, { 3, "thrash" }))
);

#endif /* TM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
