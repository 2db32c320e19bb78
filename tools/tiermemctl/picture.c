// SPDX-License-Identifier: GPL-2.0
/* A heat map as a picture. */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cairo-svg.h>

#include "layout.h"
#include "pen.h"
#include "picture.h"
#include "replace.h"
#include "root.h"
#include "scale.h"
#include "size.h"
#include "verb.h"

/* Lengths are in units of 1/96 inch, which are the pixels of a screen; a PNG has two for each. */
#define PNG_SCALE	2

#define MARGIN		24
#define CELLS		128
#define CELL_WIDTH	6
#define ROW_HEIGHT	12
#define ROW_PITCH	14
#define GROUP_GAP	8
#define HEAD_HEIGHT	104
#define FOOT_GAP	30

#define MAP_LEFT	126
#define MAP_RIGHT	(MAP_LEFT + CELLS * CELL_WIDTH)
#define NAME_LEFT	(MAP_RIGHT + 16)
#define NAME_WIDTH	130
#define DRAM_RIGHT	(NAME_LEFT + NAME_WIDTH + 52)
#define SLOW_RIGHT	(DRAM_RIGHT + 48)
#define WIDTH		(SLOW_RIGHT + MARGIN)

struct picture {
	const struct heatmap *map;
	struct layout layout;
	cairo_t *cr;
};

static double row_top(const struct picture *p, const struct layout_line *line)
{
	return HEAD_HEIGHT + (line - p->layout.line) * ROW_PITCH + line->group * GROUP_GAP;
}

static double map_bottom(const struct picture *p)
{
	return row_top(p, &p->layout.line[p->layout.lines - 1]) + ROW_HEIGHT;
}

static double height(const struct picture *p)
{
	return map_bottom(p) + FOOT_GAP + SCALE_HEIGHT + MARGIN;
}

static void draw_title(const struct picture *p)
{
	const struct pen title = { p->cr, 18, true, PEN_BLACK };
	const struct pen text = { p->cr, 12, false, PEN_GREY };
	const struct process *process = p->map->process;
	const struct tally *t = &p->map->sum;
	char size[3][SIZE_CHARS], *name;

	name = format_text("Memory of %s (%d)", process->command, process->pid);
	pen_text(&title, MARGIN, MARGIN + 14, PEN_LEFT, WIDTH - 2 * MARGIN, name);
	free(name);
	pen_print(&text, MARGIN, MARGIN + 34, PEN_LEFT, "%s: %s in DRAM, %s in slow memory",
		  size_text(tally_bytes(t), size[0]), size_text(t->bytes[DRAM], size[1]),
		  size_text(t->bytes[SLOW], size[2]));
	if (process->cgroup)
		pen_text(&text, SLOW_RIGHT, MARGIN + 34, PEN_RIGHT, WIDTH / 2, process->cgroup);
}

/* What is above the rows: how far it is from the beginning of a row. */
static void draw_axis(const struct picture *p)
{
	const struct pen text = { p->cr, 10, false, PEN_GREY };
	const double y = HEAD_HEIGHT - 14;
	char size[SIZE_CHARS];
	int i;

	pen_print(&text, MAP_LEFT - 10, y, PEN_RIGHT, "address");
	pen_print(&text, NAME_LEFT, y, PEN_LEFT, "mapping");
	pen_print(&text, DRAM_RIGHT, y, PEN_RIGHT, "DRAM");
	pen_print(&text, SLOW_RIGHT, y, PEN_RIGHT, "slow");
	pen_colour(p->cr, PEN_PALE);
	cairo_set_line_width(p->cr, 1);
	for (i = 0; i <= 4; i++) {
		/* Lines of one pixel, not of two that are half as dark. */
		double x = MAP_LEFT + i * CELLS / 4 * CELL_WIDTH + 0.5;

		cairo_move_to(p->cr, x, y + 4);
		cairo_line_to(p->cr, x, y + 8);
	}
	cairo_stroke(p->cr);
	for (i = 0; i <= 4; i++)
		pen_print(&text, MAP_LEFT + i * CELLS / 4 * CELL_WIDTH, y,
			  i == 0 ? PEN_LEFT : i == 4 ? PEN_RIGHT : PEN_MIDDLE, "+%s",
			  size_text(p->layout.cell_bytes * CELLS / 4 * i, size));
}

/* Cells that are next to each other and look alike, in one rectangle. */
struct strip {
	double left, top, right, bottom;
};

static void end_strip(cairo_t *cr, struct strip *s)
{
	if (s->right > s->left)
		cairo_rectangle(cr, s->left, s->top, s->right - s->left, s->bottom - s->top);
	s->right = s->left;
}

static void add_to_strip(cairo_t *cr, struct strip *s, const struct strip *cell)
{
	if (s->right > s->left && fabs(s->right - cell->left) < 0.01 &&
	    fabs(s->top - cell->top) < 0.01 && fabs(s->bottom - cell->bottom) < 0.01) {
		s->right = cell->right;
		return;
	}
	end_strip(cr, s);
	*s = *cell;
}

/* What of a cell is in a tier: DRAM above, slow below. */
static bool cell_part(const struct layout_cell *cell, enum mem_tier tier, struct strip *part)
{
	double dram = (double)cell->sum.bytes[DRAM] / tally_bytes(&cell->sum);
	/* Halves of pixels: else a picture has many more rectangles than anybody sees. */
	double border = round(2 * ROW_HEIGHT * dram) / 2;

	if (tier == DRAM)
		part->bottom = part->top + border;
	else
		part->top += border;
	return part->bottom > part->top;
}

/* All cells of one colour at once, which makes files small. */
static void draw_cells(const struct picture *p, enum mem_tier tier, int level)
{
	const struct layout *l = &p->layout;
	struct strip strip = { 0 };
	size_t i, k;

	for (i = 0; i < l->lines; i++)
		for (k = 0; k < l->line[i].cells; k++) {
			const struct layout_cell *cell = &l->cell[l->line[i].cell + k];
			double top = row_top(p, &l->line[i]), left = MAP_LEFT + k * CELL_WIDTH;
			struct strip part = { left, top, left + CELL_WIDTH, top + ROW_HEIGHT };

			if (cell->kind == CELL_MEMORY && cell_part(cell, tier, &part) &&
			    tally_level(&cell->sum, tier) == level)
				add_to_strip(p->cr, &strip, &part);
		}
	end_strip(p->cr, &strip);
	pen_colour(p->cr, pen_heat(tier, level));
	cairo_fill(p->cr);
}

static void draw_left_out(const struct picture *p)
{
	const struct layout *l = &p->layout;
	size_t i, k;

	for (i = 0; i < l->lines; i++)
		for (k = 0; k < l->line[i].cells; k++)
			if (l->cell[l->line[i].cell + k].kind == CELL_LEFT_OUT)
				scale_left_out(p->cr, MAP_LEFT + (k + 0.5) * CELL_WIDTH,
					       row_top(p, &l->line[i]), ROW_HEIGHT);
}

static void draw_labels(const struct picture *p, const struct layout_line *line)
{
	const struct layout_group *g = &p->layout.group[line->group];
	const struct pen text = { p->cr, 10, false, line->first ? PEN_BLACK : PEN_GREY };
	const struct pen dram = { p->cr, 10, false, pen_heat(DRAM, 24) };
	const struct pen slow = { p->cr, 10, false, pen_heat(SLOW, 24) };
	double y = row_top(p, line) + ROW_HEIGHT - 2.5;
	char *address = layout_address(&p->layout, line), *name, size[SIZE_CHARS];

	pen_print(&text, MAP_LEFT - 10, y, PEN_RIGHT, "%s", address);
	free(address);
	if (!line->first)
		return;
	name = layout_name(g);
	pen_text(&text, NAME_LEFT, y, PEN_LEFT, NAME_WIDTH, name);
	free(name);
	pen_print(&dram, DRAM_RIGHT, y, PEN_RIGHT, "%s", size_text(g->sum.bytes[DRAM], size));
	pen_print(&slow, SLOW_RIGHT, y, PEN_RIGHT, "%s", size_text(g->sum.bytes[SLOW], size));
}

static void draw(struct picture *p, cairo_surface_t *surface)
{
	int tier, level;
	size_t i;

	p->cr = cairo_create(surface);
	pen_colour(p->cr, 0xffffff);
	cairo_paint(p->cr);
	draw_title(p);
	draw_axis(p);
	for (tier = DRAM; tier < TIERS; tier++)
		for (level = -1; level < TIERMEM_HEAT_LEVELS; level++)
			draw_cells(p, tier, level);
	draw_left_out(p);
	for (i = 0; i < p->layout.lines; i++)
		draw_labels(p, &p->layout.line[i]);
	scale_draw(p->cr, p->map, MAP_LEFT, map_bottom(p) + FOOT_GAP, p->layout.cell_bytes);
	cairo_destroy(p->cr);
}

static cairo_status_t write_some(void *out, const unsigned char *data, unsigned int length)
{
	return fwrite(data, 1, length, out) == length ? CAIRO_STATUS_SUCCESS :
							CAIRO_STATUS_WRITE_ERROR;
}

static bool is_a(const char *file, const char *suffix)
{
	size_t n = strlen(file);

	return n > strlen(suffix) && !strcasecmp(file + n - strlen(suffix), suffix);
}

bool picture_can(const char *file)
{
	return is_a(file, ".svg") || is_a(file, ".png");
}

/* Return: whether cairo could do it all; what the disk says, the file tells. */
static bool finish(cairo_surface_t *surface, cairo_status_t written)
{
	cairo_status_t status = cairo_surface_status(surface);

	cairo_surface_destroy(surface);
	if (!status)
		status = written;
	if (!status || status == CAIRO_STATUS_WRITE_ERROR)
		return true;
	warnx("cannot draw: %s", cairo_status_to_string(status));
	return false;
}

static bool write_svg(FILE *out, void *arg)
{
	struct picture *p = arg;
	cairo_surface_t *surface = cairo_svg_surface_create_for_stream(write_some, out, WIDTH,
								       height(p));

	cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
	draw(p, surface);
	cairo_surface_finish(surface);
	return finish(surface, CAIRO_STATUS_SUCCESS);
}

static bool write_png(FILE *out, void *arg)
{
	struct picture *p = arg;
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
							      PNG_SCALE * WIDTH,
							      PNG_SCALE * height(p));

	cairo_surface_set_device_scale(surface, PNG_SCALE, PNG_SCALE);
	draw(p, surface);
	return finish(surface, cairo_surface_write_to_png_stream(surface, write_some, out));
}

int picture_write(const char *file, const struct heatmap *map, size_t lines)
{
	struct picture p = { .map = map };
	int status;

	layout_make(&p.layout, map, CELLS, lines);
	status = file_replace(file, is_a(file, ".png") ? write_png : write_svg, &p);
	layout_free(&p.layout);
	return status;
}
