/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A glimpse: which slow pages are accessed again at once, after a window?
 *
 * A window is long enough for the pages at the border of the quota to show or
 * not, and so a page that is used a thousand times in it looks like one that is
 * used three times: that it belongs into DRAM takes several windows to be sure
 * of, as many more as it was idle before. Such pages stand out a moment after
 * their bits were cleared. Chance makes others do so as well; how many, the
 * averages tell, level by level: of cold pages hardly any.
 */
#ifndef TM_POLICY_GLIMPSE_H
#define TM_POLICY_GLIMPSE_H

#include "window.h"

/* Most pages that one glimpse remembers, and raises. */
#define TM_GLIMPSE_PAGES	1024u
/* Levels, and below them the pages that none is known of. */
#define TM_GLIMPSE_CLASSES	(TM_HEAT_LEVELS + 1)
/* Heat of a page that a glimpse has shown to be hot: six sevenths of all windows. */
#define TM_GLIMPSE_STATE	(TM_HEAT_SETTLED + 96u)

/**
 * tm_glimpse_ns - how long after the harvest of a window
 * @h: what the window showed
 * @window_ns: its length
 *
 * Return: nanoseconds; others wait meanwhile. 0 if there is nothing to see.
 */
u64 tm_glimpse_ns(const struct tm_harvest *h, u64 window_ns);

/* Was a small page in use in the window, and is not known to be hot? */
static inline bool tm_glimpse_wants(tm_heat_t heat)
{
	return heat & TM_HEAT_STATE_MASK && heat & TM_HEAT_SIGHTED &&
	       !(heat & TM_HEAT_LARGE) &&
	       (heat & TM_HEAT_STATE_MASK) < TM_GLIMPSE_STATE;
}

static inline unsigned int tm_glimpse_class(tm_heat_t heat)
{
	unsigned int level = tm_heat_level(heat);

	return level == TM_HEAT_UNKNOWN ? 0 : level + 1;
}

/**
 * tm_glimpse_hot - which of them are more than chance?
 * @h: what the window showed
 * @window_ns: its length
 * @since_ns: for how long bits have been clear since
 * @seen_pages: by tm_glimpse_class(), slow pages that the window saw and that were
 *	accessed since
 *
 * Return: of the classes below this one, more than half of the pages are hot. 0 for none.
 */
unsigned int tm_glimpse_hot(const struct tm_harvest *h, u64 window_ns, u64 since_ns,
			    const u64 seen_pages[TM_GLIMPSE_CLASSES]);

/**
 * tm_glimpse_raise - a slow page is hot
 * @h: what the window showed; the page counts as what it is from now on
 * @heat: of the page, as tm_glimpse_wants() it
 *
 * What moved not long ago rests, lest pages of like heat change places again and again,
 * and is ping-pong if it moves back; but such a page is in another phase now.
 *
 * Return: its new heat.
 */
tm_heat_t tm_glimpse_raise(struct tm_harvest *h, tm_heat_t heat);

#endif /* TM_POLICY_GLIMPSE_H */
