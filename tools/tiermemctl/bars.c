// SPDX-License-Identifier: GPL-2.0
/* A heat map as text: bars of blocks or letters. */
#include <stdio.h>
#include <stdlib.h>

#include "bars.h"
#include "colour.h"
#include "layout.h"
#include "root.h"
#include "size.h"
#include "text.h"

/* Two sizes, and what is before and behind the bar. */
#define NUMBERS_WIDTH	(LAYOUT_ADDRESS_CHARS + 2 * 7 + 2)

#define LEAST_BAR	10
#define LEAST_NAME	16

/* Unknown heat, and four parts of what is known: idle to hot. */
#define SHADES		5

/*
 * Without colours tiers differ in their characters; without UTF-8 those are letters and digits.
 */
struct glyphs {
	const char *shade[TIERS][SHADES];
	const char *left_out;
	bool colour;
};

static const struct glyphs coloured = {
	{ { "▁", "░", "▒", "▓", "█" }, { "▁", "░", "▒", "▓", "█" } },
	"┊", true,
};

static const struct glyphs plain = {
	{ { "▁", "░", "▒", "▓", "█" }, { "_", ".", ":", "+", "#" } },
	"┊", false,
};

static const struct glyphs ascii = {
	{ { "0", "1", "2", "3", "4" }, { "-", "a", "b", "c", "d" } }, "|", false,
};

static const struct glyphs ascii_coloured = {
	{ { "0", "1", "2", "3", "4" }, { "0", "1", "2", "3", "4" } }, "|", true,
};

static const struct glyphs *choose(bool colour)
{
	if (MB_CUR_MAX > 1)
		return colour ? &coloured : &plain;
	return colour ? &ascii_coloured : &ascii;
}

static int shade_of(int level)
{
	return level < 0 ? 0 : 1 + level * (SHADES - 1) / TIERMEM_HEAT_LEVELS;
}

static void print_title(const struct heatmap *map, int columns)
{
	const struct process *p = map->process;
	char *cgroup = text_printable(p->cgroup ?: ""), *command = text_printable(p->command);
	char *title = format_text("%s (%d) ", command, p->pid), *fit;
	int room = columns - text_width(title);

	fit = text_width(cgroup) > room && room > 0 ? text_fit(cgroup, room) :
						      format_text("%s", cgroup);
	printf("%s%s\n", title, fit);
	free(fit);
	free(title);
	free(command);
	free(cgroup);
}

static void print_sums(const struct heatmap *map)
{
	const struct tally *t = &map->sum;
	uint64_t known = t->known_bytes[DRAM] + t->known_bytes[SLOW];
	char size[5][SIZE_CHARS];

	printf("DRAM %s, %s of it cold; slow %s, %s of it hot; heat of %s not known\n",
	       size_text(t->bytes[DRAM], size[0]), size_text(t->cold_bytes[DRAM], size[1]),
	       size_text(t->bytes[SLOW], size[2]), size_text(t->hot_bytes[SLOW], size[3]),
	       size_text(tally_bytes(t) - known, size[4]));
}

static void print_glyph(const struct glyphs *g, enum mem_tier tier, int shade)
{
	if (g->colour)
		printf("%s%s%s", colour_text(tier == DRAM ? COLOUR_DRAM : COLOUR_SLOW),
		       g->shade[tier][shade], colour_text(COLOUR_NONE));
	else
		fputs(g->shade[tier][shade], stdout);
}

static void print_cell(const struct glyphs *g, const struct layout_cell *cell)
{
	enum mem_tier tier = tally_tier(&cell->sum);

	switch (cell->kind) {
	case CELL_MEMORY:
		print_glyph(g, tier, shade_of(tally_level(&cell->sum, tier)));
		break;
	case CELL_EMPTY:
		putchar(' ');
		break;
	case CELL_LEFT_OUT:
		fputs(g->left_out, stdout);
		break;
	}
}

static void print_line(const struct layout *l, const struct layout_line *line,
		       const struct glyphs *g, int bar, int name_width)
{
	char *address = layout_address(l, line), *name, *fit, size[2][SIZE_CHARS];
	size_t i;

	printf("%*s %6s %6s ", LAYOUT_ADDRESS_CHARS, address,
	       size_text(line->sum.bytes[DRAM], size[0]),
	       size_text(line->sum.bytes[SLOW], size[1]));
	for (i = 0; i < line->cells; i++)
		print_cell(g, &l->cell[line->cell + i]);
	if (line->first) {
		name = layout_name(&l->group[line->group]);
		fit = text_width(name) > name_width ? text_fit(name, name_width) :
						      format_text("%s", name);
		printf("%*s%s", bar + 1 - (int)line->cells, "", fit);
		free(fit);
		free(name);
	}
	putchar('\n');
	free(address);
}

static void print_legend(const struct glyphs *g)
{
	static const char * const names[TIERS] = { "DRAM", "slow" };
	enum mem_tier tier;
	int shade;

	for (tier = DRAM; tier < TIERS; tier++) {
		printf("%s cold ", names[tier]);
		for (shade = 1; shade < SHADES; shade++)
			print_glyph(g, tier, shade);
		fputs(" hot ", stdout);
		print_glyph(g, tier, 0);
		fputs(" unknown   ", stdout);
	}
	printf("%s nothing there\n", g->left_out);
}

void bars_print(const struct heatmap *map, int columns, size_t lines, bool colour)
{
	int name_width = (columns - NUMBERS_WIDTH) / 5, bar;
	const struct glyphs *g = choose(colour);
	char size[SIZE_CHARS], *each;
	struct layout l;
	size_t i;

	if (name_width < LEAST_NAME)
		name_width = LEAST_NAME;
	bar = columns - NUMBERS_WIDTH - name_width;
	if (bar < LEAST_BAR)
		bar = LEAST_BAR;
	layout_make(&l, map, bar, lines > BARS_OTHER_LINES ? lines - BARS_OTHER_LINES : 0);
	print_title(map, columns);
	print_sums(map);
	each = format_text("A CHARACTER IS %s", size_text(l.cell_bytes, size));
	printf("\n%*s %6s %6s %-*s MAPPING\n", LAYOUT_ADDRESS_CHARS, "ADDRESS", "DRAM", "SLOW",
	       bar, each);
	free(each);
	for (i = 0; i < l.lines; i++)
		print_line(&l, &l.line[i], g, bar, name_width);
	putchar('\n');
	print_legend(g);
	layout_free(&l);
}
