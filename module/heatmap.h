/* SPDX-License-Identifier: GPL-2.0 */
/* Where the heat of each page is kept. */
#ifndef TM_HEATMAP_H
#define TM_HEATMAP_H

#include <linux/bits.h>
#include <linux/hash.h>

#include "compat.h"
#include "policy/heat.h"

/* Pages of a chunk, chunks of a leaf, and leaves for all the frames that there can be. */
#define TM_HEATMAP_SHIFT	15
#define TM_HEATMAP_LEAF_SHIFT	12
#define TM_HEATMAP_TOP_SHIFT	(TM_HEATMAP_SHIFT + TM_HEATMAP_LEAF_SHIFT)
#define TM_HEATMAP_LEAVES	(1U << (52 - PAGE_SHIFT - TM_HEATMAP_TOP_SHIFT))

/**
 * struct tm_heat_chunk - heat of 128 MiB of memory
 * @heat: by page frame number
 * @nid: node of all its pages, NUMA_NO_NODE if they are of several
 * @layout: when @nid was looked up
 */
struct tm_heat_chunk {
	tm_heat_t *heat;
	s16 nid;
	u16 layout;
};

/* There is always one: where nothing was seen, its heat is all %TM_HEAT_NEVER. */
extern struct tm_heat_chunk *tm_heatmap_leaf[TM_HEATMAP_LEAVES];

/* The chunk of a page frame, as it is. */
static __always_inline struct tm_heat_chunk *tm_heatmap_chunk(unsigned long pfn)
{
	return READ_ONCE(tm_heatmap_leaf[pfn >> TM_HEATMAP_TOP_SHIFT]) +
	       ((pfn >> TM_HEATMAP_SHIFT) & (BIT(TM_HEATMAP_LEAF_SHIFT) - 1));
}

/* The entry of a page frame in its chunk. */
static __always_inline tm_heat_t *tm_heatmap_entry(struct tm_heat_chunk *chunk, unsigned long pfn)
{
	return &READ_ONCE(chunk->heat)[pfn & (BIT(TM_HEATMAP_SHIFT) - 1)];
}

int tm_heatmap_init(void);
void tm_heatmap_exit(void);
void tm_heatmap_relayout(void);
struct tm_heat_chunk *tm_heatmap_chunk_slow(unsigned long pfn);
tm_heat_t tm_heatmap_read(struct folio *folio);
unsigned int tm_heatmap_level(struct folio *folio);
bool tm_heatmap_migrate(struct folio *src, struct folio *dst);

/* Identifies what a frame holds: its place in a file or an anonymous mapping. */
static __always_inline unsigned int tm_heat_tag(struct folio *folio)
{
	u64 place = (u64)(uintptr_t)READ_ONCE(folio->mapping) + folio->index * GOLDEN_RATIO_64;

	return hash_64(place, TM_HEAT_TAG_BITS);
}

#endif /* TM_HEATMAP_H */
