/* SPDX-License-Identifier: GPL-2.0 */
/* Colours of a terminal. */
#ifndef TIERMEMCTL_COLOUR_H
#define TIERMEMCTL_COLOUR_H

#include <stdbool.h>

enum colour { COLOUR_NONE, COLOUR_DRAM, COLOUR_SLOW, COLOURS };

/* Is stdout a terminal that has colours, and nobody against it (NO_COLOR)? */
bool colour_wanted(void);

/* What makes all that is printed next of a colour; of more shades, if the terminal has them. */
const char *colour_text(enum colour colour);

#endif
