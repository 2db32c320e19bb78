/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The brake: how much of the migration rate a group is worth.
 *
 * Pages that move both ways within a short time were moved for nothing. The
 * share of the rate follows from how many do, by additive increase and
 * multiplicative decrease, as in TCP's congestion control (Chiu, Jain 1989).
 */
#ifndef TM_POLICY_THRASH_H
#define TM_POLICY_THRASH_H

#include "env.h"

#define TM_SHARE_FULL	1024u
#define TM_SHARE_PROBE	(TM_SHARE_FULL / 16)
/* Verdicts wait until so many pages have moved. */
#define TM_THRASH_PAGES	256u
/* Passes without a move after most came back. */
#define TM_THRASH_PAUSE	16u

/**
 * struct tm_thrash - state of the brake
 * @share: of the rate, in 1/%TM_SHARE_FULL
 * @pause: passes left without moves
 * @moved_pages: since the last verdict
 * @back_pages: of them, pages that had moved not long ago
 */
struct tm_thrash {
	unsigned int share;
	unsigned int pause;
	u64 moved_pages;
	u64 back_pages;
};

void tm_thrash_init(struct tm_thrash *t);

/**
 * tm_thrash_account - after the moves of a pass
 * @t: state
 * @moved_pages: promoted or demoted in this pass
 * @back_pages: of them, pages that had moved the other way not long ago
 *
 * Over 10 % halve the share, under 2 % raise it by an eighth; over 50 %
 * stop for %TM_THRASH_PAUSE passes, and go on with a sixteenth.
 *
 * Return: true if it stops.
 */
bool tm_thrash_account(struct tm_thrash *t, u64 moved_pages, u64 back_pages);

/* A pass begins. Return: share of the rate that it may use; 0 in a pause. */
unsigned int tm_thrash_share(struct tm_thrash *t);

#endif /* TM_POLICY_THRASH_H */
