/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heat of one page: how likely is it that a window sees the page accessed?
 *
 * An accessed bit says only "at least once in the window". Heat is a moving
 * average of such bits. One page costs 16 bits:
 *
 *   bit  0..6   state: what is known about it, see below
 *   bit  7      it moved to the other tier not long ago
 *   bit  8      the last window saw it accessed
 *   bit  9      parity of the pass that visited the page last: a page mapped
 *               several times has one window per pass, not one per mapping
 *   bit 10      the frame is the first of a large folio
 *   bit 11      whoever else asks whether the page was accessed has been told
 *   bit 12..15  tag of what the frame holds, so that a reused frame doesn't
 *               inherit the heat of its predecessor
 *
 * States:
 *
 *   0           never seen
 *   1..14       fresh: 1 to 4 windows, of which so many saw it accessed
 *   15..127     settled: a moving average of windows, 0 to 112
 *
 * A settled page's next state is old + (bit - old) / weight. Seven bits would
 * be too few for a weight of 32 if that was rounded; instead one of 16 tables
 * is used in turn, which round so that the mean is right (a probabilistic
 * counter, Morris 1978). The noise of this is a quarter of the average's own.
 */
#ifndef TM_POLICY_HEAT_H
#define TM_POLICY_HEAT_H

#include "env.h"

typedef u16 tm_heat_t;

#define TM_HEAT_STATE_MASK	0x007fu
#define TM_HEAT_MOVED		0x0080u
#define TM_HEAT_SIGHTED		0x0100u
#define TM_HEAT_PARITY		0x0200u
#define TM_HEAT_LARGE		0x0400u
#define TM_HEAT_TOLD		0x0800u
#define TM_HEAT_TAG_SHIFT	12
#define TM_HEAT_TAG_BITS	4

#define TM_HEAT_NEVER		0u
/* Fresh, @n windows, 1 to 4, @k of them with an access. */
#define TM_HEAT_FRESH(n, k)	((n) * ((n) + 1u) / 2u + (k))
#define TM_HEAT_FRESH_WINDOWS	4u
#define TM_HEAT_SETTLED		15u
#define TM_HEAT_STATES		128u
/* The settled state that means "accessed in every window". */
#define TM_HEAT_ALWAYS		(TM_HEAT_STATES - 1u - TM_HEAT_SETTLED)

/*
 * Levels are what plans are made of: the average p as asin(sqrt(p)). On this
 * scale the average's noise is the same at every level (the transformation
 * that stabilizes the variance of a binomial, Anscombe 1948), so a distance
 * in levels means the same everywhere.
 */
#define TM_HEAT_LEVELS		32u
/* Level of a page with too little history to be hot or cold. */
#define TM_HEAT_UNKNOWN		TM_HEAT_LEVELS

/* Phases of rounding. */
#define TM_HEAT_PHASES		16u

/* What a table knows of an entry: state, and whether it moved. */
#define TM_HEAT_TABLE_MASK	(TM_HEAT_STATE_MASK | TM_HEAT_MOVED)

/**
 * struct tm_heat_table - next states
 * @next: by the accessed bit, phase of rounding, and %TM_HEAT_TABLE_MASK's bits
 */
struct tm_heat_table {
	u8 next[2][TM_HEAT_PHASES][2 * TM_HEAT_STATES];
};

/**
 * tm_heat_table_fill - make the table of a weight
 * @t: table
 * @weight: how many windows count, about: 1 to 64
 */
void tm_heat_table_fill(struct tm_heat_table *t, unsigned int weight);

/* Level of each state, or %TM_HEAT_UNKNOWN. */
extern const u8 tm_heat_level_of_state[TM_HEAT_STATES];

/* How likely a window sees an access to a page of a level, in 1/1024. */
extern const u16 tm_heat_chance[TM_HEAT_LEVELS];

/* Accesses in a window to a page of a level, in 1/64: -64 ln(1 - chance). */
extern const u16 tm_heat_accesses[TM_HEAT_LEVELS];

static inline unsigned int tm_heat_level(tm_heat_t heat)
{
	return tm_heat_level_of_state[heat & TM_HEAT_STATE_MASK];
}

/* Does the entry say anything about a frame that holds @tag? */
static inline bool tm_heat_is_about(tm_heat_t heat, unsigned int tag)
{
	return heat & TM_HEAT_STATE_MASK && heat >> TM_HEAT_TAG_SHIFT == tag;
}

/* An entry for a page whose first window is over. */
static inline tm_heat_t tm_heat_first(unsigned int tag, bool large, bool parity, bool young)
{
	return (tm_heat_t)(tag << TM_HEAT_TAG_SHIFT | (large ? TM_HEAT_LARGE : 0) |
			   (parity ? TM_HEAT_PARITY : 0) | (young ? TM_HEAT_SIGHTED : 0) |
			   TM_HEAT_FRESH(1u, young));
}

/**
 * tm_heat_visit - a window of a page is over
 * @heat: what is stored for the frame; not %TM_HEAT_NEVER
 * @t: table of the weight in use
 * @phase: of rounding, below %TM_HEAT_PHASES, another one each time
 * @young: the accessed bit was set
 *
 * That the page moved is forgotten in one of 16 windows: in phase 0.
 *
 * Return: the new value, with the other parity.
 */
static inline tm_heat_t tm_heat_visit(tm_heat_t heat, const struct tm_heat_table *t,
				      unsigned int phase, bool young)
{
	unsigned int keep = (heat & ~(TM_HEAT_TABLE_MASK | TM_HEAT_SIGHTED)) ^ TM_HEAT_PARITY;

	return (tm_heat_t)(keep | (young ? TM_HEAT_SIGHTED : 0) |
			   t->next[young][phase][heat & TM_HEAT_TABLE_MASK]);
}

/* The same, where the bit was not set; @next is @t->next[0][phase]. */
static inline tm_heat_t tm_heat_visit_idle(tm_heat_t heat, const u8 *next)
{
	return (tm_heat_t)(((heat & ~(TM_HEAT_TABLE_MASK | TM_HEAT_SIGHTED)) ^ TM_HEAT_PARITY) |
			   next[heat & TM_HEAT_TABLE_MASK]);
}

/**
 * tm_heat_visit_again - another mapping of the page in the same pass
 * @heat: what the first one left; not %TM_HEAT_NEVER
 * @t: table of the weight in use
 * @phase: of rounding
 * @young: this mapping's accessed bit was set
 *
 * Only the first access in a pass counts. Where it comes late, the page has
 * been found idle by another mapping already, which is hardly different from
 * one window more.
 *
 * Return: the new value.
 */
static inline tm_heat_t tm_heat_visit_again(tm_heat_t heat, const struct tm_heat_table *t,
					    unsigned int phase, bool young)
{
	if (!young || heat & TM_HEAT_SIGHTED)
		return heat;
	return (tm_heat_t)((heat & ~TM_HEAT_TABLE_MASK) | TM_HEAT_SIGHTED |
			   t->next[1][phase][heat & TM_HEAT_TABLE_MASK]);
}

#endif /* TM_POLICY_HEAT_H */
