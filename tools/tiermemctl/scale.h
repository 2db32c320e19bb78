/* SPDX-License-Identifier: GPL-2.0 */
/* Below the picture of a heat map: what its colours mean, and how much there is of each. */
#ifndef TIERMEMCTL_SCALE_H
#define TIERMEMCTL_SCALE_H

#include <cairo.h>

#include "ranges.h"

#define SCALE_HEIGHT 172

void scale_draw(cairo_t *cr, const struct heatmap *map, double left, double top,
		uint64_t cell_bytes);

/* The mark where addresses are left out, around @x. */
void scale_left_out(cairo_t *cr, double x, double top, double height);

#endif
