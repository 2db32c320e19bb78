/* SPDX-License-Identifier: GPL-2.0 */
/* Quotas as numbers: what users write, and what a group may take. */
#ifndef TM_POLICY_QUOTA_H
#define TM_POLICY_QUOTA_H

#include "env.h"

/* No ceiling, in pages and in bytes. */
#define TM_QUOTA_MAX_PAGES	((u64)1 << 51)
#define TM_PAGE_SHIFT		12
#define TM_QUOTA_MAX_BYTES	(TM_QUOTA_MAX_PAGES << TM_PAGE_SHIFT)

/* Errors of tm_quota_parse(); the glue maps them to errno. */
enum tm_parse_result {
	TM_PARSE_OK,
	TM_PARSE_MALFORMED,
};

/**
 * tm_quota_parse - read a quota as users write it
 * @text: NUL-terminated, surrounding white space already removed
 * @pages: result, rounded down to whole pages
 *
 * Accepts "max", or decimal digits with at most one suffix K, M, G, T, P or E
 * in either case. What exceeds the address space becomes
 * %TM_QUOTA_MAX_PAGES, as it does for the kernel's own memory.max.
 *
 * Return: %TM_PARSE_OK, or %TM_PARSE_MALFORMED with @pages untouched.
 */
enum tm_parse_result tm_quota_parse(const char *text, u64 *pages);

/**
 * tm_quota_margin - room that the daemon keeps free below a quota
 * @quota_pages: the quota
 *
 * New pages should land in DRAM until the next pass, so the daemon fills a
 * quota only up to this margin: 1/64 of it, at most 64 MiB.
 *
 * Return: pages.
 */
u64 tm_quota_margin(u64 quota_pages);

/**
 * struct tm_inflight - how many admitted pages may not be counted yet
 * @old_taken: cumulative admissions at the snapshot before @new_taken's
 * @new_taken: cumulative admissions at @new_ns
 * @new_ns: when @new_taken was read
 *
 * A page is admitted before it is allocated, zeroed and put on an LRU list.
 * Until then no counter shows it. What was admitted within the last horizon
 * is therefore assumed to be still on its way.
 */
struct tm_inflight {
	u64 old_taken;
	u64 new_taken;
	u64 new_ns;
};

#define TM_INFLIGHT_NS		(20 * 1000 * 1000ULL)
/*
 * A huge page is zeroed with preemption points. Where there are more tasks
 * than CPUs, many can be on their way at once, each for several time slices.
 */
#define TM_INFLIGHT_LARGE_NS	(1000 * 1000 * 1000ULL)

/**
 * tm_inflight_update - estimate pages in flight
 * @f: state, zeroed at first
 * @taken: cumulative admissions now
 * @now_ns: monotonic time
 * @horizon_ns: how long a page may take
 *
 * Return: pages.
 */
u64 tm_inflight_update(struct tm_inflight *f, u64 taken, u64 now_ns, u64 horizon_ns);

/**
 * tm_quota_room - pages that a group may still take
 * @quota_pages: its quota
 * @used_pages: pages on fast nodes, isolated ones included
 * @inflight_pages: admitted but not counted yet
 *
 * Return: pages; 0 when the quota is used up.
 */
u64 tm_quota_room(u64 quota_pages, u64 used_pages, u64 inflight_pages);

#endif /* TM_POLICY_QUOTA_H */
