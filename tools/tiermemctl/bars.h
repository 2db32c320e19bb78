/* SPDX-License-Identifier: GPL-2.0 */
/* A heat map as text: bars of blocks or letters. */
#ifndef TIERMEMCTL_BARS_H
#define TIERMEMCTL_BARS_H

#include <stdbool.h>
#include <stddef.h>

#include "ranges.h"

/* Lines beside those of the map itself. */
#define BARS_OTHER_LINES 6

/**
 * bars_print() - print a map
 * @map: with some memory
 * @columns: of the terminal
 * @lines: the map has at most so many, with those around it
 * @colour: tell tiers by colours, not by the characters
 */
void bars_print(const struct heatmap *map, int columns, size_t lines, bool colour);

#endif
