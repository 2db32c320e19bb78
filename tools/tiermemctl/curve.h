/* SPDX-License-Identifier: GPL-2.0 */
/* What part of a group's accesses so much DRAM would serve: tiermem.dram_curve. */
#ifndef TIERMEMCTL_CURVE_H
#define TIERMEMCTL_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curve {
	struct curve_point {
		double bytes;
		double percent;
	} *point;			/* both grow */
	size_t n;			/* 0: nothing was observed yet */
};

/* Return: 0, or a negative error number; curve_free() either way. */
int curve_read(struct curve *curve, const char *cgroup);

void curve_free(struct curve *curve);

/* Bytes that serve @percent of the accesses; all that was observed, if nothing less does. */
uint64_t curve_bytes(const struct curve *curve, double percent);

/* Percentage of the accesses that @bytes serve. */
double curve_percent(const struct curve *curve, uint64_t bytes);

/* Has nothing been accessed? Then no DRAM serves everything. */
bool curve_idle(const struct curve *curve);

#endif
