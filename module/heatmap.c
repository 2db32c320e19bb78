// SPDX-License-Identifier: GPL-2.0
/*
 * The store of heat: 16 bits a page frame, in chunks that are allocated when
 * a page in their range is seen first, and freed at exit. What the bits mean
 * is policy/heat.h's business.
 *
 * A pass looks up a chunk for nearly every page, because frames are in no
 * order, so the index is two plain arrays. A chunk also knows its node: that
 * saves a look at struct page, which is a cache line for each page.
 *
 * Entries are read and written without a lock. Two movers that meet on one
 * frame can lose a window of evidence, and nothing else.
 */
#include <linux/memory_hotplug.h>
#include <linux/slab.h>

#include "tiermem.h"

#define CHUNK_PAGES	BIT(TM_HEATMAP_SHIFT)
#define LEAF_CHUNKS	BIT(TM_HEATMAP_LEAF_SHIFT)

struct tm_heat_chunk *tm_heatmap_leaf[TM_HEATMAP_LEAVES] __read_mostly;

/* What is there before anything was seen; never written to. */
static struct tm_heat_chunk *nothing_leaf;
static tm_heat_t *nothing_heat;

/* Which layout of memory the chunks' nodes are from; odd or even doesn't matter. */
static atomic_t layout = ATOMIC_INIT(1);

/* Memory came or went: chunks look up their node again. */
void tm_heatmap_relayout(void)
{
	atomic_inc(&layout);
}

/* The node of a whole chunk, or NUMA_NO_NODE if it has pages of several. */
static int node_of_chunk(unsigned long pfn)
{
	unsigned long end = (pfn | (CHUNK_PAGES - 1)) + 1;
	int nid = NUMA_NO_NODE;

	/* Nodes begin and end with page blocks. */
	for (pfn = end - CHUNK_PAGES; pfn < end; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page)
			continue;
		if (nid != NUMA_NO_NODE && nid != page_to_nid(page))
			return NUMA_NO_NODE;
		nid = page_to_nid(page);
	}
	return nid;
}

/* Return: a leaf without heat, or NULL. */
static struct tm_heat_chunk *new_leaf(gfp_t gfp)
{
	struct tm_heat_chunk *leaf = kcalloc(LEAF_CHUNKS, sizeof(*leaf), gfp);
	unsigned int i;

	for (i = 0; leaf && i < LEAF_CHUNKS; i++)
		leaf[i] = (struct tm_heat_chunk){ .heat = nothing_heat, .nid = NUMA_NO_NODE };
	return leaf;
}

static bool make_leaf(struct tm_heat_chunk **slot)
{
	struct tm_heat_chunk *leaf = new_leaf(GFP_NOWAIT | __GFP_NOWARN);

	if (leaf && cmpxchg(slot, nothing_leaf, leaf) != nothing_leaf)
		kfree(leaf);
	return leaf;
}

static bool make_heat(struct tm_heat_chunk *chunk)
{
	tm_heat_t *heat = kcalloc(CHUNK_PAGES, sizeof(*heat), GFP_NOWAIT | __GFP_NOWARN);

	if (heat && cmpxchg(&chunk->heat, nothing_heat, heat) != nothing_heat)
		kfree(heat);
	return heat;
}

/**
 * tm_heatmap_chunk_slow - the chunk of a page frame, made if there is none
 * @pfn: page frame number
 *
 * Context: may be atomic, so a new chunk may not be had. The frame is in use.
 * Return: chunk, valid until module exit, with the node as it is now; or NULL.
 */
struct tm_heat_chunk *tm_heatmap_chunk_slow(unsigned long pfn)
{
	struct tm_heat_chunk **slot = &tm_heatmap_leaf[pfn >> TM_HEATMAP_TOP_SHIFT], *chunk;
	int now = atomic_read(&layout);

	if (READ_ONCE(*slot) == nothing_leaf && !make_leaf(slot))
		return NULL;
	chunk = tm_heatmap_chunk(pfn);
	if (READ_ONCE(chunk->heat) == nothing_heat && !make_heat(chunk))
		return NULL;
	if (READ_ONCE(chunk->layout) != (u16)now) {
		WRITE_ONCE(chunk->nid, (s16)node_of_chunk(pfn));
		WRITE_ONCE(chunk->layout, (u16)now);
	}
	return chunk;
}

/* Heat of a folio, %TM_HEAT_NEVER if the entry isn't about what the frame holds now. */
tm_heat_t tm_heatmap_read(struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio);
	tm_heat_t heat = READ_ONCE(*tm_heatmap_entry(tm_heatmap_chunk(pfn), pfn));

	return tm_heat_is_about(heat, tm_heat_tag(folio)) ? heat : TM_HEAT_NEVER;
}

/* Its level. Where nothing is known it is as cold as can be. */
unsigned int tm_heatmap_level(struct folio *folio)
{
	unsigned int level = tm_heat_level(tm_heatmap_read(folio));

	return level == TM_HEAT_UNKNOWN ? 0 : level;
}

/**
 * tm_heatmap_migrate - let a page's heat follow it
 * @src: where it is
 * @dst: where it will be
 *
 * Called before the copy; if that fails, the tag keeps the next user of @dst
 * from inheriting the heat.
 *
 * Return: true if the page moved a short while ago already.
 */
bool tm_heatmap_migrate(struct folio *src, struct folio *dst)
{
	tm_heat_t heat = tm_heatmap_read(src);
	struct tm_heat_chunk *chunk;

	if (heat == TM_HEAT_NEVER)
		return false;
	chunk = tm_heatmap_chunk_slow(folio_pfn(dst));
	if (chunk)
		WRITE_ONCE(*tm_heatmap_entry(chunk, folio_pfn(dst)), heat | TM_HEAT_MOVED);
	return heat & TM_HEAT_MOVED;
}

/* Return: 0 or -ENOMEM. */
int tm_heatmap_init(void)
{
	unsigned int leaf;

	nothing_heat = kcalloc(CHUNK_PAGES, sizeof(*nothing_heat), GFP_KERNEL);
	if (!nothing_heat)
		return -ENOMEM;
	nothing_leaf = new_leaf(GFP_KERNEL);
	if (!nothing_leaf) {
		kfree(nothing_heat);
		return -ENOMEM;
	}
	for (leaf = 0; leaf < TM_HEATMAP_LEAVES; leaf++)
		tm_heatmap_leaf[leaf] = nothing_leaf;
	return 0;
}

/* Context: module exit, after the last pass. */
void tm_heatmap_exit(void)
{
	unsigned int leaf, i;

	for (leaf = 0; leaf < TM_HEATMAP_LEAVES; leaf++) {
		struct tm_heat_chunk *chunks = tm_heatmap_leaf[leaf];

		if (chunks == nothing_leaf)
			continue;
		for (i = 0; i < LEAF_CHUNKS; i++)
			if (chunks[i].heat != nothing_heat)
				kfree(chunks[i].heat);
		kfree(chunks);
	}
	kfree(nothing_leaf);
	kfree(nothing_heat);
}
