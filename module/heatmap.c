// SPDX-License-Identifier: GPL-2.0
/*
 * The store of heat: 16 bits a page frame, in chunks that are allocated when
 * a page in their range is seen first, and freed at exit. What the bits mean
 * is policy/heat.h's business.
 *
 * Entries are read and written without a lock. Two movers that meet on one
 * frame can lose a window of evidence, and nothing else.
 */
#include <linux/slab.h>
#include <linux/xarray.h>

#include "tiermem.h"

/* Chunks by page frame number >> TM_HEATMAP_SHIFT. */
static DEFINE_XARRAY(chunks);

/**
 * tm_heatmap_chunk - the chunk that covers a page frame
 * @pfn: page frame number
 * @create: allocate it if there is none
 *
 * Context: may be atomic, so a new chunk may not be had.
 * Return: chunk, valid until module exit, or NULL.
 */
tm_heat_t *tm_heatmap_chunk(unsigned long pfn, bool create)
{
	unsigned long nr = pfn >> TM_HEATMAP_SHIFT;
	tm_heat_t *chunk = xa_load(&chunks, nr), *old;

	if (chunk || !create)
		return chunk;
	chunk = kzalloc(sizeof(tm_heat_t) << TM_HEATMAP_SHIFT, GFP_NOWAIT | __GFP_NOWARN);
	if (!chunk)
		return NULL;
	old = xa_cmpxchg(&chunks, nr, NULL, chunk, GFP_NOWAIT | __GFP_NOWARN);
	if (!old)
		return chunk;
	kfree(chunk);
	return xa_is_err(old) ? NULL : old;
}

/* Heat of a folio, cold if the entry isn't about what the frame holds now. */
tm_heat_t tm_heatmap_read(struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio);
	tm_heat_t *chunk = tm_heatmap_chunk(pfn, false), heat;

	if (!chunk)
		return 0;
	heat = READ_ONCE(chunk[pfn & TM_HEATMAP_MASK]);
	return heat >> TM_HEAT_TAG_SHIFT == tm_heat_tag(folio) ? heat : 0;
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
	tm_heat_t *chunk;

	if (!heat)
		return false;
	chunk = tm_heatmap_chunk(folio_pfn(dst), true);
	if (chunk)
		WRITE_ONCE(chunk[folio_pfn(dst) & TM_HEATMAP_MASK], tm_heat_mark_moved(heat));
	return tm_heat_moved(heat);
}

/* Context: module exit. */
void tm_heatmap_exit(void)
{
	unsigned long nr;
	tm_heat_t *chunk;

	xa_for_each(&chunks, nr, chunk)
		kfree(chunk);
	xa_destroy(&chunks);
}
