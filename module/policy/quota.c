// SPDX-License-Identifier: GPL-2.0
/* Quotas as numbers: what users write, and what a group may take. */
#include "quota.h"

/* Bits of a size suffix, or -1. */
static int suffix_shift(char c)
{
	switch (c) {
	case 'k': case 'K':
		return 10;
	case 'm': case 'M':
		return 20;
	case 'g': case 'G':
		return 30;
	case 't': case 'T':
		return 40;
	case 'p': case 'P':
		return 50;
	case 'e': case 'E':
		return 60;
	}
	return -1;
}

enum tm_parse_result tm_quota_parse(const char *text, u64 *pages)
{
	bool huge = false;
	u64 bytes = 0;

	if (text[0] == 'm' && text[1] == 'a' && text[2] == 'x' && !text[3]) {
		*pages = TM_QUOTA_MAX_PAGES;
		return TM_PARSE_OK;
	}

	if (*text < '0' || *text > '9')
		return TM_PARSE_MALFORMED;
	for (; *text >= '0' && *text <= '9'; text++) {
		u64 digit = (u64)(*text - '0');

		if (bytes > div64_u64(~0ULL - digit, 10))
			huge = true;
		else
			bytes = bytes * 10 + digit;
	}

	if (*text) {
		int shift = suffix_shift(*text++);

		if (shift < 0 || *text)
			return TM_PARSE_MALFORMED;
		if (bytes > ~0ULL >> shift)
			huge = true;
		else
			bytes <<= shift;
	}

	bytes >>= TM_PAGE_SHIFT;
	*pages = huge ? TM_QUOTA_MAX_PAGES : min(bytes, TM_QUOTA_MAX_PAGES);
	return TM_PARSE_OK;
}

u64 tm_quota_margin(u64 quota_pages)
{
	const u64 most = (64ULL << 20) >> TM_PAGE_SHIFT;

	return min(quota_pages / 64, most);
}

u64 tm_inflight_update(struct tm_inflight *f, u64 taken, u64 now_ns, u64 horizon_ns)
{
	/*
	 * Two snapshots, the older one at least one horizon back: whatever was
	 * taken since then may be in flight. Clocks of two CPUs may disagree a
	 * little: time that goes back isn't a horizon.
	 */
	if ((s64)(now_ns - f->new_ns) >= (s64)horizon_ns) {
		f->old_taken = f->new_taken;
		f->new_taken = taken;
		f->new_ns = now_ns;
	}
	return taken > f->old_taken ? taken - f->old_taken : 0;
}

u64 tm_quota_room(u64 quota_pages, u64 used_pages, u64 inflight_pages)
{
	u64 used = used_pages + inflight_pages;

	return quota_pages > used ? quota_pages - used : 0;
}
