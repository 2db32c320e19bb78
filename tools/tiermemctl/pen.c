// SPDX-License-Identifier: GPL-2.0
/* Text and colours in a picture. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pen.h"
#include "root.h"
#include "text.h"

#define ELLIPSIS "\xe2\x80\xa6"

void pen_colour(cairo_t *cr, unsigned int colour)
{
	cairo_set_source_rgb(cr, (colour >> 16 & 255) / 255.0, (colour >> 8 & 255) / 255.0,
			     (colour & 255) / 255.0);
}

/* Between two colours, @part of 1 on the way. */
static unsigned int mix(unsigned int from, unsigned int to, double part)
{
	unsigned int mixed = 0;
	int shift;

	for (shift = 0; shift < 24; shift += 8) {
		int a = from >> shift & 255, b = to >> shift & 255;

		mixed |= (unsigned int)(a + (b - a) * part + 0.5) << shift;
	}
	return mixed;
}

unsigned int pen_heat(enum mem_tier tier, int level)
{
	/* Pale to dark, so that heat is seen in grey, too; blue and red, so that tiers are. */
	static const struct { unsigned int unknown, cold, warm, hot; } ramps[TIERS] = {
		[DRAM] = { 0xc3ccd4, 0xd9e8f5, 0x4a97c9, 0x08306b },
		[SLOW] = { 0xd6cdc2, 0xfdebd0, 0xfc8d3c, 0x9c1006 },
	};
	const double middle = (TIERMEM_HEAT_LEVELS - 1) / 2.0;

	if (level < 0)
		return ramps[tier].unknown;
	if (level < middle)
		return mix(ramps[tier].cold, ramps[tier].warm, level / middle);
	return mix(ramps[tier].warm, ramps[tier].hot, level / middle - 1);
}

static double width_of(cairo_t *cr, const char *text)
{
	cairo_text_extents_t extents;

	cairo_text_extents(cr, text, &extents);
	return extents.x_advance;
}

/* As much of the end as there is room for: to be freed. */
static char *shorten(cairo_t *cr, const char *text, double width)
{
	char *fit = format_text("%s", text);

	while (*text && width_of(cr, fit) > width) {
		/* All bytes of a character. */
		do
			text++;
		while ((*text & 0xc0) == 0x80);
		free(fit);
		fit = format_text(ELLIPSIS "%s", text);
	}
	return fit;
}

void pen_text(const struct pen *pen, double x, double y, enum pen_anchor anchor, double width,
	      const char *text)
{
	char *printable = text_printable(text), *utf8 = text_utf8(printable), *fit = utf8;
	cairo_t *cr = pen->cr;

	cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
			       pen->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cr, pen->size);
	pen_colour(cr, pen->colour);
	if (width) {
		fit = shorten(cr, utf8, width);
		free(utf8);
	}
	if (anchor != PEN_LEFT)
		x -= width_of(cr, fit) / (anchor == PEN_MIDDLE ? 2 : 1);
	cairo_move_to(cr, x, y);
	cairo_show_text(cr, fit);
	free(printable);
	free(fit);
}

void pen_print(const struct pen *pen, double x, double y, enum pen_anchor anchor,
	       const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_list(format, args);
	va_end(args);
	pen_text(pen, x, y, anchor, 0, text);
	free(text);
}
