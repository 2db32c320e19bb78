/* SPDX-License-Identifier: GPL-2.0 */
/* Text and colours in a picture. */
#ifndef TIERMEMCTL_PEN_H
#define TIERMEMCTL_PEN_H

#include <cairo.h>

#include "tally.h"

enum pen_anchor { PEN_LEFT, PEN_MIDDLE, PEN_RIGHT };

/* Of all that is no memory. */
#define PEN_BLACK	0x1a1a1a
#define PEN_GREY	0x666666
#define PEN_PALE	0xbbbbbb

struct pen {
	cairo_t *cr;
	double size;
	bool bold;
	unsigned int colour;		/* 0xrrggbb */
};

void pen_colour(cairo_t *cr, unsigned int colour);

/* The colour of memory; @level -1 is unknown heat. */
unsigned int pen_heat(enum mem_tier tier, int level);

/**
 * pen_text() - write a line
 * @pen: with what
 * @x: where, by @anchor
 * @y: of the line that letters stand on
 * @anchor: left end, middle or right end of the text
 * @width: what it has room for, the beginning makes way for an ellipsis; 0 is no limit
 * @text: what; whatever bytes a name has
 */
void pen_text(const struct pen *pen, double x, double y, enum pen_anchor anchor, double width,
	      const char *text);

/* As printf(), without a limit. */
void pen_print(const struct pen *pen, double x, double y, enum pen_anchor anchor,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
