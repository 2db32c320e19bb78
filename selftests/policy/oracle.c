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

static u64 pages_between(const struct tm_histogram *h, enum tm_tier tier, unsigned int lowest,
			 unsigned int highest)
{
	unsigned int level;
	u64 sum = 0;

	for (level = lowest; level <= highest && level < TM_HEAT_LEVELS; level++)
		sum += h->pages[tier][level];
	return sum;
}

/* Never less than hot, however low @lowest is. */
static u64 slow_from(const struct tm_histogram *h, unsigned int lowest)
{
	if (lowest < TM_PLAN_HOT_LEVEL)
		lowest = TM_PLAN_HOT_LEVEL;
	return pages_between(h, TM_SLOW, lowest, TM_HEAT_LEVELS);
}

static u64 fast_to(const struct tm_histogram *h, unsigned int highest)
{
	return pages_between(h, TM_FAST, 0, highest);
}

/*
 * The most pairs, without pairing anything: of n pairs the last one joins the
 * n-th coldest fast page, of some level, with a slow page that is hotter by
 * the gap. So for that level there are n fast pages at or below it, and n
 * slow ones hot enough for it, besides those that went into the room.
 */
static u64 most_pairs(const struct tm_histogram *h, u64 room_pages)
{
	unsigned int level;
	u64 most = 0;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		u64 hot = slow_from(h, level + TM_PLAN_GAP);

		hot -= min(hot, room_pages);
		most = max(most, min(hot, fast_to(h, level)));
	}
	return most;
}

/* The pages of a tier that a plan moves, by level. */
struct moves {
	u64 pages[TM_NR_TIERS][TM_HEAT_LEVELS];
};

/* Pick what the plan names. False if the levels that it names don't hold as much. */
static bool pick(const struct tm_histogram *h, const struct tm_plan *p, struct moves *m)
{
	u64 left = p->promote_pages;
	unsigned int level;

	memset(m, 0, sizeof(*m));
	for (level = TM_HEAT_LEVELS; level-- > p->promote_level;) {
		m->pages[TM_SLOW][level] = min(left, h->pages[TM_SLOW][level]);
		left -= m->pages[TM_SLOW][level];
	}
	if (left)
		return false;

	left = p->demote_pages;
	for (level = 0; left && level < TM_HEAT_LEVELS && level <= p->demote_level; level++) {
		m->pages[TM_FAST][level] = min(left, h->pages[TM_FAST][level]);
		left -= m->pages[TM_FAST][level];
	}
	return !left;
}

/* Pages keep their heat when they move. */
static void carry_out(struct tm_histogram *h, const struct moves *m)
{
	unsigned int level;

	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		h->pages[TM_FAST][level] -= m->pages[TM_FAST][level];
		h->pages[TM_SLOW][level] += m->pages[TM_FAST][level];
		h->pages[TM_SLOW][level] -= m->pages[TM_SLOW][level];
		h->pages[TM_FAST][level] += m->pages[TM_SLOW][level];
	}
}

/* Let the hottest @filled pages in for nothing; each other one takes a page's place. */
static const char *check_pairs(struct moves m, u64 filled)
{
	unsigned int hot = TM_HEAT_LEVELS - 1, cold = 0;
	u64 n;

	for (;;) {
		while (hot && !m.pages[TM_SLOW][hot])
			hot--;
		if (!m.pages[TM_SLOW][hot])
			return NULL;
		if (hot < TM_PLAN_HOT_LEVEL)
			return "promotes pages that aren't hot";
		if (filled) {
			n = min(filled, m.pages[TM_SLOW][hot]);
			filled -= n;
			m.pages[TM_SLOW][hot] -= n;
			continue;
		}
		while (cold < TM_HEAT_LEVELS && !m.pages[TM_FAST][cold])
			cold++;
		if (cold == TM_HEAT_LEVELS)
			return "promotes a page that nothing made place for";
		if (hot < cold + TM_PLAN_GAP)
			return "exchanges pages of like heat";
		n = min(m.pages[TM_SLOW][hot], m.pages[TM_FAST][cold]);
		m.pages[TM_SLOW][hot] -= n;
		m.pages[TM_FAST][cold] -= n;
	}
}

static const char *check_numbers(const struct tm_histogram *h, u64 room_pages, u64 short_pages,
				 const struct tm_plan *p)
{
	u64 filled = min(room_pages, slow_from(h, 0)), paired = most_pairs(h, room_pages);
	u64 idle = fast_to(h, 0);

	if (p->hot_slow_pages != slow_from(h, 0))
		return "wrong number of hot slow pages";
	if (p->cold_fast_pages != idle)
		return "wrong number of cold fast pages";
	if (p->promote_pages < filled)
		return "leaves room although there are hot pages";
	if (p->promote_pages < filled + paired)
		return "leaves out an exchange that would pay";
	if (p->promote_pages > filled + paired)
		return "promotes more than room and exchange allow";
	if (p->demote_pages < paired)
		return "demotes less than the exchange needs";
	idle -= min(idle, paired);
	if (p->demote_pages - paired > min(short_pages, idle))
		return "demotes more than the exchange and the margin need";
	if (p->demote_pages - paired < min(short_pages, idle))
		return "doesn't restore the margin although there are idle pages";
	return NULL;
}

static const char *check_levels(const struct tm_histogram *h, const struct tm_plan *p)
{
	if (p->promote_level < TM_PLAN_HOT_LEVEL || p->promote_level > TM_HEAT_LEVELS)
		return "the level of promotion isn't hot";
	if (p->promote_pages ? p->promote_level == TM_HEAT_LEVELS :
			       p->promote_level < TM_HEAT_LEVELS)
		return "the level of promotion doesn't tell whether there are any";
	if (p->promote_pages && p->promote_pages <= slow_from(h, p->promote_level + 1))
		return "the level of promotion is lower than needed";
	if (p->demote_pages && p->demote_level &&
	    p->demote_pages <= fast_to(h, p->demote_level - 1))
		return "the level of demotion is higher than needed";
	if (p->promote_pages && p->demote_pages &&
	    p->promote_level < p->demote_level + TM_PLAN_GAP)
		return "the levels of promotion and demotion are too close";
	return NULL;
}

/* What a plan leaves behind, and what the next one makes of it. */
static const char *check_outcome(const struct tm_histogram *h, u64 room_pages, u64 short_pages,
				 const struct tm_plan *p)
{
	u64 filled = min(room_pages, slow_from(h, 0)), fast = fast_to(h, TM_HEAT_LEVELS);
	u64 restored = filled + p->demote_pages - p->promote_pages;
	struct tm_histogram after = *h;
	struct tm_plan next;
	const char *broken;
	unsigned int level;
	struct moves m;

	if (!pick(h, p, &m))
		return "the levels don't hold as many pages as are to move";
	broken = check_pairs(m, filled);
	if (broken)
		return broken;

	carry_out(&after, &m);
	for (level = 0; level < TM_HEAT_LEVELS; level++)
		if (after.pages[TM_FAST][level] + after.pages[TM_SLOW][level] !=
		    h->pages[TM_FAST][level] + h->pages[TM_SLOW][level])
			return "pages were lost or invented";
	if (fast_to(&after, TM_HEAT_LEVELS) > fast + room_pages)
		return "exceeds the quota";
	if (fast_to(&after, TM_HEAT_LEVELS) + restored != fast + filled)
		return "usage doesn't change by what was filled and restored";

	tm_plan_make(&after, 0, 0, &next);
	if (next.promote_pages || next.demote_pages)
		return "an exchange is followed by another one";
	tm_plan_make(&after, room_pages - filled, short_pages - restored, &next);
	if (next.promote_pages || next.demote_pages)
		return "a plan leaves something to do for the next one";
	return NULL;
}

const char *oracle_plan(const struct tm_histogram *h, u64 room_pages, u64 short_pages)
{
	struct tm_plan p, roomier;
	const char *broken;

	memset(&p, 0xff, sizeof(p));
	tm_plan_make(h, room_pages, short_pages, &p);

	broken = check_numbers(h, room_pages, short_pages, &p);
	if (!broken)
		broken = check_levels(h, &p);
	if (!broken)
		broken = check_outcome(h, room_pages, short_pages, &p);
	if (broken)
		return broken;

	/* More room is never a reason to promote less, or to displace more. */
	tm_plan_make(h, room_pages + 1 + room_pages / 8, short_pages, &roomier);
	if (roomier.promote_pages < p.promote_pages)
		return "promotes less with more room";
	if (roomier.demote_pages > p.demote_pages)
		return "demotes more with more room";
	return NULL;
}
