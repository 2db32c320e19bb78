// SPDX-License-Identifier: GPL-2.0
/* What must hold for any input, written a second time in the plainest way. */
#include <math.h>
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

/* A page as one would describe it: the windows that are known, or their mean. */
struct model_page {
	bool seen;
	bool settled;
	unsigned int windows;	/* while not settled, */
	unsigned int accessed;	/* of them */
	unsigned int mean;	/* once settled, 0 to TM_HEAT_ALWAYS */
	bool parity;
	bool sighted;
	bool moved;
	bool large;
	bool told;
	unsigned int tag;
};

static struct model_page model_of(tm_heat_t heat)
{
	struct model_page m = { .seen = true };
	unsigned int state = heat & 0x7f, n, k;

	m.moved = heat & 0x80;
	m.sighted = heat & 0x100;
	m.parity = heat & 0x200;
	m.large = heat & 0x400;
	m.told = heat & 0x800;
	m.tag = heat >> 12;
	m.seen = state;
	m.settled = state >= 15;
	if (m.settled)
		m.mean = state - 15;
	/* 1 and 2 are one window, 3 to 5 are two, and so on. */
	for (n = 1; n <= 4; n++)
		for (k = 0; k <= n; k++)
			if (state == n * (n + 1) / 2 + k) {
				m.windows = n;
				m.accessed = k;
			}
	return m;
}

static bool same(const struct model_page *a, const struct model_page *b)
{
	return a->seen == b->seen && a->settled == b->settled && a->windows == b->windows &&
	       a->accessed == b->accessed && a->mean == b->mean && a->parity == b->parity &&
	       a->sighted == b->sighted && a->moved == b->moved && a->large == b->large &&
	       a->told == b->told && a->tag == b->tag;
}

/* Over all phases: the mean of the next averages is right to half a phase. */
static const char *check_rounding(const struct tm_heat_table *t, unsigned int old, bool young,
				  unsigned int weight)
{
	double to = young ? TM_HEAT_ALWAYS : 0, exact = (to - old) / weight, mean = 0;
	unsigned int phase;

	for (phase = 0; phase < TM_HEAT_PHASES; phase++) {
		unsigned int next = t->next[young][phase][TM_HEAT_SETTLED + old];
		double step = (double)next - TM_HEAT_SETTLED - old;

		if (next < TM_HEAT_SETTLED || next >= TM_HEAT_STATES)
			return "a settled page doesn't stay settled";
		if (fabs(step - exact) >= 1)
			return "an average goes further than to the next whole number";
		mean += step / TM_HEAT_PHASES;
	}
	/* The least step lets both ends be reached. */
	if (fabs(exact) > 0 && fabs(exact) < 1.0 / TM_HEAT_PHASES)
		exact = copysign(1.0 / TM_HEAT_PHASES, exact);
	return fabs(mean - exact) <= 0.5 / TM_HEAT_PHASES + 1 / 1e9 ? NULL :
	       "an average is biased by more than half a phase";
}

/* One window more; a settled page's mean is taken from @heat, and checked. */
static const char *model_window(struct model_page *m, const struct tm_heat_table *t,
				unsigned int weight, bool young, tm_heat_t heat)
{
	const char *broken;

	m->sighted = young;
	if (m->settled) {
		broken = check_rounding(t, m->mean, young, weight);
		m->mean = (heat & TM_HEAT_STATE_MASK) - TM_HEAT_SETTLED;
		return broken;
	}
	m->windows++;
	m->accessed += young;
	if (m->windows <= TM_HEAT_FRESH_WINDOWS)
		return NULL;
	/* As if there had been two idle windows more. */
	*m = (struct model_page){
		.seen = true, .settled = true,
		.mean = (unsigned int)lround((double)TM_HEAT_ALWAYS * m->accessed /
					     (m->windows + 2)),
		.parity = m->parity, .sighted = m->sighted, .moved = m->moved,
		.large = m->large, .told = m->told, .tag = m->tag,
	};
	return NULL;
}

static const char *heat_step(struct model_page *m, tm_heat_t *heat,
			     const struct tm_heat_table *t, unsigned int weight, u8 op)
{
	bool young = op & ORACLE_YOUNG;
	unsigned int phase = op >> 4;
	const char *broken = NULL;
	struct model_page now;
	tm_heat_t old;

	if (op & ORACLE_MOVED) {
		*heat |= TM_HEAT_MOVED;
		m->moved = true;
	}
	old = *heat;
	if (op & ORACLE_NEW_TAG)
		m->tag = (m->tag + 1 + phase % 8) % (1u << TM_HEAT_TAG_BITS);
	if (!tm_heat_is_about(*heat, m->tag)) {
		*heat = tm_heat_first(m->tag, phase & 2, phase & 1, young);
		*m = (struct model_page){
			.seen = true, .windows = 1, .accessed = young, .sighted = young,
			.large = phase & 2, .parity = phase & 1, .tag = m->tag,
		};
	} else if (op & ORACLE_AGAIN) {
		*heat = tm_heat_visit_again(*heat, t, phase, young);
		if (young && !m->sighted) {
			m->moved = m->moved && phase;
			broken = model_window(m, t, weight, true, *heat);
		}
	} else {
		*heat = tm_heat_visit(*heat, t, phase, young);
		if (!young && *heat != tm_heat_visit_idle(old, t->next[0][phase]))
			return "an idle window isn't one without an access";
		m->parity = !m->parity;
		m->moved = m->moved && phase;
		broken = model_window(m, t, weight, young, *heat);
	}
	now = model_of(*heat);
	if (broken)
		return broken;
	if (!now.seen)
		return "a page that was visited looks as if it was never seen";
	if (!same(&now, m)) {
		fprintf(stderr, "op %#x: %#x became %#x\n", op, old, *heat);
		return "a visit isn't as in the model";
	}
	if ((tm_heat_level(*heat) == TM_HEAT_UNKNOWN) != (!m->settled && m->windows < 2))
		return "a level without a history, or none with one";
	return NULL;
}

const char *oracle_heat(const u8 *ops, size_t nr_ops)
{
	struct tm_heat_table table;
	struct model_page model;
	const char *broken = NULL;
	unsigned int weight;
	tm_heat_t heat;
	size_t i;

	if (nr_ops < 3)
		return NULL;
	weight = 1 + ops[0] % 64;
	tm_heat_table_fill(&table, weight);
	/* Whatever 16 bits there are: all of them are legal. */
	heat = (tm_heat_t)(ops[1] | ops[2] << 8);
	model = model_of(heat);
	for (i = 3; i < nr_ops && !broken; i++)
		broken = heat_step(&model, &heat, &table, weight, ops[i]);
	return broken;
}
