/* SPDX-License-Identifier: GPL-2.0 */
/* Folios on their way to the other tier. */
#ifndef TM_MIGRATE_H
#define TM_MIGRATE_H

#include <linux/list.h>
#include <linux/nodemask.h>

#include "group.h"

#define TM_BATCH_PAGES	512

/**
 * struct tm_batch - folios on their way to the other tier
 * @g: whose they are; it and all groups above it are accounted
 * @to: where they go
 * @allowed: nodes that the cgroup's cpuset allows
 * @folios: isolated folios
 * @nr_pages: their pages
 * @pingpong_pages: of them, pages that moved a short while ago already
 * @split: huge pages may be split if they can't be moved whole
 * @nomem: the target allocator found no room
 * @fragmented: it found room, but not for a huge page
 * @pinned_pages: refused because something pins them, all flushes
 * @moved_pages: all flushes
 * @pingpong_total_pages: all flushes
 */
struct tm_batch {
	struct tm_group *g;
	enum tm_tier to;
	const nodemask_t *allowed;
	struct list_head folios;
	unsigned long nr_pages;
	unsigned long pingpong_pages;
	bool split;
	bool nomem;
	bool fragmented;
	unsigned long pinned_pages;
	unsigned long moved_pages;
	unsigned long pingpong_total_pages;
};

void tm_batch_init(struct tm_batch *b, struct tm_group *g, enum tm_tier to,
		   const nodemask_t *allowed);
bool tm_batch_add(struct tm_batch *b, struct folio *folio);
unsigned long tm_batch_flush(struct tm_batch *b);

static inline bool tm_batch_full(const struct tm_batch *b)
{
	return b->nr_pages >= TM_BATCH_PAGES;
}

#endif /* TM_MIGRATE_H */
