/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heat of one page: in how many of the last windows was it accessed?
 *
 * An accessed bit says only "at least once in the window", so heat is the
 * number of windows that showed the bit. One page costs 16 bits:
 *
 *   bit  0..6   history, newest window in bit 0; the highest set bit is a
 *               sentinel that marks how many windows were seen (0 to 6)
 *   bit  7      parity of the pass that visited the page last: a page mapped
 *               several times has one window per pass, not one per mapping
 *   bit  8..9   passes left in which a move back counts as ping-pong
 *   bit 10..15  tag of what the frame holds, so that a reused frame doesn't
 *               inherit the heat of its predecessor
 *
 * Zero means that the frame was never seen.
 */
#ifndef TM_POLICY_HEAT_H
#define TM_POLICY_HEAT_H

#include "env.h"

#define TM_HEAT_WINDOWS		6
#define TM_HEAT_LEVELS		(TM_HEAT_WINDOWS + 1)
#define TM_HEAT_TAG_BITS	6
#define TM_HEAT_MOVED_PASSES	3

typedef u16 tm_heat_t;

#define TM_HEAT_HIST_MASK	0x7fu
#define TM_HEAT_PARITY		0x80u
#define TM_HEAT_MOVED_SHIFT	8
#define TM_HEAT_MOVED_MASK	0x300u
#define TM_HEAT_TAG_SHIFT	10

/* Number of windows that the history covers. */
static inline unsigned int tm_heat_windows(tm_heat_t heat)
{
	unsigned int hist = heat & TM_HEAT_HIST_MASK;

	return hist > 1 ? 31 - (unsigned int)__builtin_clz(hist) : 0;
}

/* Windows with an access: 0 (cold) to %TM_HEAT_WINDOWS (hot). */
static inline unsigned int tm_heat_level(tm_heat_t heat)
{
	static const u8 ones[16] = { 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 };
	unsigned int hist = heat & TM_HEAT_HIST_MASK;

	/* The sentinel counts as a one; an empty history has none. */
	return hist ? ones[hist & 15] + ones[hist >> 4] - 1u : 0;
}

/* Did the page move within the last %TM_HEAT_MOVED_PASSES passes? */
static inline bool tm_heat_moved(tm_heat_t heat)
{
	return heat & TM_HEAT_MOVED_MASK;
}

static inline tm_heat_t tm_heat_mark_moved(tm_heat_t heat)
{
	return heat | TM_HEAT_MOVED_MASK;
}

/**
 * tm_heat_visit - account one mapping of a page in the current pass
 * @heat: what is stored for the frame
 * @tag: %TM_HEAT_TAG_BITS bits that identify what the frame holds now
 * @parity: parity of the pass
 * @young: the accessed bit was set since the last pass
 *
 * The first visit only starts a window: the bit that it found may be as old
 * as the page.
 *
 * Return: the new value.
 */
static inline tm_heat_t tm_heat_visit(tm_heat_t heat, unsigned int tag, bool parity, bool young)
{
	unsigned int hist = heat & TM_HEAT_HIST_MASK;
	unsigned int moved = heat & TM_HEAT_MOVED_MASK;
	unsigned int place = tag << TM_HEAT_TAG_SHIFT | (parity ? TM_HEAT_PARITY : 0);
	unsigned int differs = (heat ^ place) & ~(TM_HEAT_HIST_MASK | TM_HEAT_MOVED_MASK);

	if (!hist || differs & ~TM_HEAT_PARITY)
		/* Never seen, or seen when it held something else. */
		return (tm_heat_t)(place | 1);
	if (!differs) {
		/* Another mapping in the same pass. */
		if (hist > 1)
			hist |= young;
		return (tm_heat_t)(place | moved | hist);
	}
	hist = hist << 1 | young;
	if (hist > TM_HEAT_HIST_MASK)
		hist = (hist & (TM_HEAT_HIST_MASK >> 1)) | (1u << TM_HEAT_WINDOWS);
	if (moved)
		moved -= 1u << TM_HEAT_MOVED_SHIFT;
	return (tm_heat_t)(place | moved | hist);
}

#endif /* TM_POLICY_HEAT_H */
