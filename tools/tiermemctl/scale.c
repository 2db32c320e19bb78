// SPDX-License-Identifier: GPL-2.0
/* Below the picture of a heat map: what its colours mean, and how much there is of each. */
#include <math.h>

#include "pen.h"
#include "scale.h"
#include "size.h"

#define LEVEL_WIDTH	12
#define SCALE_WIDTH	(TIERMEM_HEAT_LEVELS * LEVEL_WIDTH)
#define BAR_HEIGHT	52
#define STRIP_HEIGHT	10
/* Between the colours of the two tiers: room for the numbers that are of both. */
#define NUMBERS_HEIGHT	18
#define TITLE_HEIGHT	22

#define NOTES_LEFT	(SCALE_WIDTH + 96)
#define NOTE_HEIGHT	22
#define SWATCH		11

struct histogram {
	uint64_t bytes[TIERS][TIERMEM_HEAT_LEVELS];
	uint64_t most;
};

static void fill_in(struct histogram *h, const struct heatmap *map)
{
	int tier, level;
	size_t i;

	for (i = 0; i < map->ranges; i++) {
		const struct tiermem_range *r = &map->range[i];

		if (r->heat >= TIERMEM_HEAT_LEVELS)
			continue;
		h->bytes[DRAM][r->heat] += r->dram_bytes;
		h->bytes[SLOW][r->heat] += r->slow_bytes;
	}
	for (tier = DRAM; tier < TIERS; tier++)
		for (level = 0; level < TIERMEM_HEAT_LEVELS; level++)
			if (h->bytes[tier][level] > h->most)
				h->most = h->bytes[tier][level];
}

static void box(cairo_t *cr, double x, double y, double width, double height,
		unsigned int colour)
{
	pen_colour(cr, colour);
	cairo_rectangle(cr, x, y, width, height);
	cairo_fill(cr);
}

/* From the strip of colours upwards for DRAM, downwards for slow memory. */
static void draw_bars(cairo_t *cr, const struct histogram *h, enum mem_tier tier, double left,
		      double strip)
{
	int level;

	for (level = 0; level < TIERMEM_HEAT_LEVELS; level++) {
		double x = left + level * LEVEL_WIDTH, length;

		box(cr, x, strip, LEVEL_WIDTH, STRIP_HEIGHT, pen_heat(tier, level));
		if (!h->bytes[tier][level])
			continue;
		/* What there is can be seen, however little. */
		length = fmax(1, round((double)BAR_HEIGHT * h->bytes[tier][level] / h->most));
		box(cr, x + 1, tier == DRAM ? strip - 2 - length : strip + STRIP_HEIGHT + 2,
		    LEVEL_WIDTH - 2, length, pen_heat(tier, level));
	}
}

/* Of the windows that see a page of this level accessed. */
static double percent_of(double level)
{
	double sine = sin(level / TIERMEM_HEAT_LEVELS * M_PI / 2);

	return 100 * sine * sine;
}

static void draw_scale(cairo_t *cr, const struct heatmap *map, double left, double top)
{
	const struct pen text = { cr, 10, false, PEN_GREY };
	const struct pen title = { cr, 11, true, PEN_BLACK };
	const double dram = top + TITLE_HEIGHT + BAR_HEIGHT;
	const double slow = dram + STRIP_HEIGHT + NUMBERS_HEIGHT;
	const double numbers = dram + STRIP_HEIGHT + 13;
	struct histogram h = { 0 };
	char size[SIZE_CHARS];
	int i;

	fill_in(&h, map);
	pen_print(&title, left, top, PEN_LEFT, "How much is accessed in how many of the windows");
	pen_print(&text, left, top + 16, PEN_LEFT, h.most ? "The longest bar is %s." :
		  "Nothing is known yet of %s.", size_text(h.most ?: tally_bytes(&map->sum), size));
	draw_bars(cr, &h, DRAM, left, dram);
	draw_bars(cr, &h, SLOW, left, slow);
	for (i = 0; i <= 4; i++)
		pen_print(&text, left + i * SCALE_WIDTH / 4, numbers,
			  i == 0 ? PEN_LEFT : i == 4 ? PEN_RIGHT : PEN_MIDDLE, "%.0f %%",
			  percent_of(i * TIERMEM_HEAT_LEVELS / 4.0));
	pen_print(&text, left - 10, dram + 9, PEN_RIGHT, "DRAM");
	pen_print(&text, left - 10, slow + 9, PEN_RIGHT, "slow memory");
}

void scale_left_out(cairo_t *cr, double x, double top, double height)
{
	pen_colour(cr, PEN_GREY);
	cairo_set_line_width(cr, 1);
	cairo_move_to(cr, x + 1.5, top);
	cairo_line_to(cr, x - 1.5, top + height / 3);
	cairo_line_to(cr, x + 1.5, top + 2 * height / 3);
	cairo_line_to(cr, x - 1.5, top + height);
	cairo_stroke(cr);
}

static void draw_notes(cairo_t *cr, const struct tally *t, double left, double top,
		       uint64_t cell_bytes)
{
	const struct pen text = { cr, 11, false, PEN_BLACK };
	char size[4][SIZE_CHARS];
	double y = top + TITLE_HEIGHT;

	box(cr, left, y - 9, SWATCH, SWATCH, pen_heat(DRAM, HOT_LEVEL));
	pen_print(&text, left + 20, y, PEN_LEFT,
		  "DRAM: %s. %s of it is cold, accessed in less than %.0f %% of the windows",
		  size_text(t->bytes[DRAM], size[0]), size_text(t->cold_bytes[DRAM], size[1]),
		  percent_of(COLD_LEVELS));
	y += NOTE_HEIGHT;
	box(cr, left, y - 9, SWATCH, SWATCH, pen_heat(SLOW, HOT_LEVEL));
	pen_print(&text, left + 20, y, PEN_LEFT,
		  "Slow memory: %s. %s of it is hot, accessed in %.0f %% of the windows or more",
		  size_text(t->bytes[SLOW], size[0]), size_text(t->hot_bytes[SLOW], size[1]),
		  percent_of(HOT_LEVEL));
	y += NOTE_HEIGHT;
	box(cr, left, y - 9, SWATCH / 2.0, SWATCH, pen_heat(DRAM, -1));
	box(cr, left + SWATCH / 2.0, y - 9, SWATCH / 2.0, SWATCH, pen_heat(SLOW, -1));
	pen_print(&text, left + 20, y, PEN_LEFT, "Heat not known: %s in DRAM, %s in slow memory",
		  size_text(t->bytes[DRAM] - t->known_bytes[DRAM], size[0]),
		  size_text(t->bytes[SLOW] - t->known_bytes[SLOW], size[1]));
	y += NOTE_HEIGHT;
	box(cr, left, y - 9, SWATCH, SWATCH / 2.0, pen_heat(DRAM, HOT_LEVEL));
	box(cr, left, y - 9 + SWATCH / 2.0, SWATCH, SWATCH / 2.0, pen_heat(SLOW, HOT_LEVEL));
	pen_print(&text, left + 20, y, PEN_LEFT, "A cell is %s: a part of it in DRAM, and a part in slow memory",
		  size_text(cell_bytes, size[0]));
	y += NOTE_HEIGHT;
	scale_left_out(cr, left + SWATCH / 2.0, y - 10, SWATCH + 1);
	pen_print(&text, left + 20, y, PEN_LEFT, "Addresses without memory are left out");
}

void scale_draw(cairo_t *cr, const struct heatmap *map, double left, double top,
		uint64_t cell_bytes)
{
	draw_scale(cr, map, left, top);
	draw_notes(cr, &map->sum, left + NOTES_LEFT, top, cell_bytes);
}
