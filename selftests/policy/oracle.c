// SPDX-License-Identifier: GPL-2.0
/* What must hold for any input, written a second time in the plainest way. */
#include <stdio.h>
#include <string.h>

#include "oracle.h"

#define UNTOUCHED	0xdeadULL

const char *oracle_parse(const char *text)
{
	const char *suffixes = "kKmMgGtTpPeE", *suffix;
	size_t len = strlen(text), digits = strspn(text, "0123456789");
	size_t zeros = strspn(text, "0"), i;
	enum tm_parse_result result;
	u64 pages = UNTOUCHED;
	u128 expected = 0;

	result = tm_quota_parse(text, &pages);

	if (!strcmp(text, "max")) {
		expected = TM_QUOTA_MAX_PAGES;
	} else if (!digits || len > digits + 1 ||
		   (len == digits + 1 && !strchr(suffixes, text[digits]))) {
		if (result != TM_PARSE_MALFORMED)
			return "accepted a malformed quota";
		return pages == UNTOUCHED ? NULL : "a malformed quota changed the result";
	} else if (digits - zeros > 20) {
		expected = TM_QUOTA_MAX_PAGES;
	} else {
		/* 20 digits are less than 2^67, and the largest shift is 60. */
		for (i = zeros; i < digits; i++)
			expected = expected * 10 + (unsigned char)(text[i] - '0');
		suffix = len > digits ? strchr(suffixes, text[digits]) : NULL;
		if (suffix)
			expected <<= 10 * ((suffix - suffixes) / 2 + 1);
		expected >>= TM_PAGE_SHIFT;
		if (expected > TM_QUOTA_MAX_PAGES)
			expected = TM_QUOTA_MAX_PAGES;
	}

	if (result != TM_PARSE_OK)
		return "refused a well-formed quota";
	return pages == expected ? NULL : "read a wrong number of pages";
}

struct model_page {
	bool seen;
	bool parity;
	unsigned int tag;
	unsigned int moved_passes;
	unsigned int nr_windows;
	bool windows[TM_HEAT_WINDOWS];	/* newest first */
};

static void model_visit(struct model_page *m, unsigned int tag, bool parity, bool young)
{
	unsigned int i;

	if (!m->seen || m->tag != tag) {
		*m = (struct model_page){ .seen = true, .parity = parity, .tag = tag };
		return;
	}
	if (m->parity == parity) {
		if (m->nr_windows && young)
			m->windows[0] = true;
		return;
	}
	m->parity = parity;
	for (i = TM_HEAT_WINDOWS - 1; i > 0; i--)
		m->windows[i] = m->windows[i - 1];
	m->windows[0] = young;
	if (m->nr_windows < TM_HEAT_WINDOWS)
		m->nr_windows++;
	if (m->moved_passes)
		m->moved_passes--;
}

static const char *model_compare(const struct model_page *m, tm_heat_t heat)
{
	unsigned int i, level = 0;

	for (i = 0; i < m->nr_windows; i++)
		level += m->windows[i];

	if (!heat)
		return "a visited page looks as if it was never seen";
	if (tm_heat_windows(heat) > TM_HEAT_WINDOWS)
		return "more windows than the history holds";
	if (tm_heat_level(heat) > tm_heat_windows(heat))
		return "more accesses than windows";
	if (tm_heat_windows(heat) != m->nr_windows)
		return "wrong number of windows";
	if (tm_heat_level(heat) != level)
		return "wrong level";
	if (tm_heat_moved(heat) != !!m->moved_passes)
		return "wrong memory of the last move";
	if (heat >> TM_HEAT_TAG_SHIFT != m->tag)
		return "the tag was damaged";
	if (!(heat & TM_HEAT_PARITY) != !m->parity)
		return "wrong parity";
	return NULL;
}

const char *oracle_heat(const u8 *ops, size_t nr_ops)
{
	struct model_page model = { 0 };
	bool parity = false, young;
	const char *broken;
	tm_heat_t heat = 0;
	unsigned int tag = 0;
	size_t i;

	for (i = 0; i < nr_ops; i++) {
		if (ops[i] & ORACLE_NEXT_PASS)
			parity = !parity;
		if (ops[i] & ORACLE_MOVED) {
			heat = tm_heat_mark_moved(heat);
			model.moved_passes = TM_HEAT_MOVED_PASSES;
		}
		if (ops[i] & ORACLE_NEW_TAG)
			tag = (tag + ORACLE_TAG_STEP(ops[i])) % (1u << TM_HEAT_TAG_BITS);
		young = ops[i] & ORACLE_YOUNG;

		heat = tm_heat_visit(heat, tag, parity, young);
		model_visit(&model, tag, parity, young);
		broken = model_compare(&model, heat);
		if (broken)
			return broken;
	}
	return NULL;
}

static u128 pages_between(const struct tm_histogram *h, enum tm_tier tier, unsigned int lowest,
			  unsigned int highest)
{
	unsigned int level;
	u128 sum = 0;

	for (level = lowest; level <= highest && level < TM_HEAT_LEVELS; level++)
		sum += h->pages[tier][level];
	return sum;
}

static u128 both_from(const struct tm_histogram *h, unsigned int lowest)
{
	return pages_between(h, TM_FAST, lowest, TM_HEAT_LEVELS) +
	       pages_between(h, TM_SLOW, lowest, TM_HEAT_LEVELS);
}

/* Is there a slow page so much hotter than a fast one that they may change places? */
static bool exchange_is_due(const struct tm_histogram *h)
{
	unsigned int level;

	for (level = TM_PLAN_GAP; level < TM_HEAT_LEVELS; level++)
		if (pages_between(h, TM_SLOW, level, TM_HEAT_LEVELS) &&
		    pages_between(h, TM_FAST, 0, level - TM_PLAN_GAP))
			return true;
	return false;
}

const char *oracle_plan(const struct tm_histogram *h, u64 quota_pages, u64 inflight_pages)
{
	u128 used = pages_between(h, TM_FAST, 0, TM_HEAT_LEVELS) + h->fresh_pages[TM_FAST];
	u64 room = tm_quota_room(quota_pages, (u64)used, inflight_pages);
	u64 shortage = used > quota_pages ? (u64)used - quota_pages : 0;
	struct tm_plan p, more;

	memset(&p, 0xff, sizeof(p));
	tm_plan_make(h, quota_pages, room, shortage, &p);

	if (p.threshold > TM_HEAT_LEVELS)
		return "the threshold is no level";
	if (both_from(h, p.threshold) > quota_pages)
		return "the pages above the threshold don't fit the quota";
	if (p.threshold && both_from(h, p.threshold - 1) <= quota_pages)
		return "a lower threshold would fit, too";

	if (p.promote_level < TM_PLAN_WINDOWS || p.fill_level < TM_PLAN_WINDOWS)
		return "pages without evidence may be promoted";
	if (p.demote_level + TM_PLAN_GAP > p.promote_level)
		return "the levels of promotion and demotion are too close";
	if (p.hot_slow_pages != pages_between(h, TM_SLOW, p.promote_level, TM_HEAT_LEVELS))
		return "wrong number of hot slow pages";
	if (p.cold_fast_pages != pages_between(h, TM_FAST, 0, p.demote_level))
		return "wrong number of cold fast pages";

	if (p.promote_pages > pages_between(h, TM_SLOW, p.fill_level, TM_HEAT_LEVELS))
		return "promotes idle pages";
	if (p.demote_pages > p.cold_fast_pages)
		return "demotes pages that aren't cold";
	if (p.promote_pages > (u128)room + p.cold_fast_pages)
		return "promotes more than room and cold pages allow";
	if (p.promote_pages > (u128)room + p.demote_pages)
		return "promotes more than room and demotions make place for";
	if (p.demote_pages > (u128)p.promote_pages + shortage)
		return "demotes more than promotions and the margin ask for";
	if (used + p.promote_pages - p.demote_pages > max((u128)quota_pages, used))
		return "exceeds the quota";
	if (!exchange_is_due(h)) {
		if (p.promote_pages > room)
			return "exchanges pages of like heat";
		if (p.demote_pages > min(shortage, h->pages[TM_FAST][0]))
			return "restores the margin with pages that were accessed";
	}

	/* A larger quota never makes it harder to be hot. */
	tm_plan_make(h, quota_pages + 1 + quota_pages / 8, room, shortage, &more);
	if (more.threshold > p.threshold)
		return "the threshold rises with the quota";
	return NULL;
}
