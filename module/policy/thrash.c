// SPDX-License-Identifier: GPL-2.0
/* The brake: how much of the migration rate a group is worth. */
#include "thrash.h"

void tm_thrash_init(struct tm_thrash *t)
{
	t->share = TM_SHARE_FULL;
	t->pause = 0;
	t->moved_pages = 0;
	t->back_pages = 0;
}

bool tm_thrash_account(struct tm_thrash *t, u64 moved_pages, u64 back_pages)
{
	bool stop;

	t->moved_pages += moved_pages;
	t->back_pages += back_pages;
	if (t->moved_pages < TM_THRASH_PAGES)
		return false;
	stop = t->back_pages > t->moved_pages / 2;
	if (stop) {
		t->share = TM_SHARE_PROBE;
		t->pause = TM_THRASH_PAUSE;
	} else if (t->back_pages > div64_u64(t->moved_pages, 10)) {
		t->share = max(t->share / 2, TM_SHARE_PROBE);
	} else if (t->back_pages <= div64_u64(t->moved_pages, 50)) {
		t->share = min(t->share + TM_SHARE_FULL / 8, TM_SHARE_FULL);
	}
	t->moved_pages = 0;
	t->back_pages = 0;
	return stop;
}

unsigned int tm_thrash_share(struct tm_thrash *t)
{
	if (t->pause) {
		t->pause--;
		return 0;
	}
	return t->share;
}
