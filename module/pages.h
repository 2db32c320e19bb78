/* SPDX-License-Identifier: GPL-2.0 */
/* What pages.c and who walks with it share. */
#ifndef TM_PAGES_H
#define TM_PAGES_H

#include <linux/mm.h>

/**
 * struct tm_page_walk - a walk over pages
 * @visit: called for what of a folio is mapped from @addr to @end, with the page table
 *	locked. Says false to end the walk, and in @next where to go on
 * @next: address
 */
struct tm_page_walk {
	bool (*visit)(struct tm_page_walk *w, struct folio *folio, unsigned long addr,
		      unsigned long end);
	unsigned long next;
};

int tm_walk_pages(struct tm_page_walk *w, struct mm_struct *mm, unsigned long *addr,
		  unsigned long end);

#endif /* TM_PAGES_H */
