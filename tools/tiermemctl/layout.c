// SPDX-License-Identifier: GPL-2.0
/* A heat map as lines of cells, of a width and height that somebody can look at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "layout.h"
#include "root.h"
#include "size.h"
#include "text.h"

/* More empty cells than that are left out. */
#define MOST_EMPTY 3

/* Half of the lines are for large mappings, which have many. */
static size_t most_groups(size_t lines)
{
	return lines / 2 + 1;
}

/* Lines that are made, or only counted. */
struct maker {
	struct layout *l;		/* NULL: count */
	size_t width;
	uint64_t cell_bytes;
	size_t group;
	size_t lines;
	size_t room;			/* cells that the last line still has */
	uint64_t index;			/* of the last cell: address / cell_bytes */
	bool begun;			/* the group has a cell */
};

static void new_line(struct maker *m, uint64_t start)
{
	struct layout *l = m->l;

	m->lines++;
	m->room = m->width;
	if (!l)
		return;
	l->line = array_grow(l->line, l->lines, sizeof(*l->line));
	l->line[l->lines++] = (struct layout_line){
		.group = m->group, .first = !m->begun, .start = start, .cell = l->cells,
	};
}

static void new_cell(struct maker *m, enum cell_kind kind)
{
	struct layout *l = m->l;

	m->room--;
	if (!l)
		return;
	l->cell = array_grow(l->cell, l->cells, sizeof(*l->cell));
	l->cell[l->cells++] = (struct layout_cell){ .kind = kind };
	l->line[l->lines - 1].cells++;
}

/* The cells between the last one and this one. At the end of a line they are not worth any. */
static void fill(struct maker *m, uint64_t index)
{
	uint64_t empty = index - m->index - 1;
	enum cell_kind kind = empty > MOST_EMPTY ? CELL_LEFT_OUT : CELL_EMPTY;

	if (kind == CELL_LEFT_OUT)
		empty = 1;
	if (empty >= m->room)
		m->room = 0;
	else
		while (empty--)
			new_cell(m, kind);
}

static void add_range(struct maker *m, const struct tiermem_range *r, uint64_t start)
{
	uint64_t index = r->start / m->cell_bytes;
	struct tally sum = { 0 };

	if (!m->begun || index != m->index) {
		if (m->begun)
			fill(m, index);
		if (!m->begun || !m->room)
			new_line(m, start);
		new_cell(m, CELL_MEMORY);
		m->begun = true;
		m->index = index;
	}
	if (!m->l)
		return;
	tally_range(&sum, r);
	tally_add(&m->l->cell[m->l->cells - 1].sum, &sum);
	tally_add(&m->l->line[m->l->lines - 1].sum, &sum);
}

static void add_mapping(struct maker *m, const struct heatmap *map, size_t i)
{
	const struct heatmap_part *part = &map->part[i];
	uint64_t start = map->mappings.mapping[i].start;
	size_t r;

	for (r = part->first; r < part->first + part->ranges; r++) {
		const struct tiermem_range *range = &map->range[r];

		add_range(m, range, range->start < start ? start : range->start);
	}
}

/* Does mapping @i begin a group? @small: the one before is a small one. */
static bool begins(const struct heatmap *map, size_t i, uint64_t least_bytes, bool *small)
{
	bool was_small = *small;

	*small = tally_bytes(&map->part[i].sum) < least_bytes;
	return !*small || !was_small;
}

static size_t count_groups(const struct heatmap *map, uint64_t least_bytes)
{
	bool small = false;
	size_t n = 0, i;

	for (i = 0; i < map->mappings.n; i++)
		if (map->part[i].ranges)
			n += begins(map, i, least_bytes, &small);
	return n;
}

static void add_to_group(struct layout *l, const struct heatmap *map, size_t i, uint64_t *largest)
{
	struct layout_group *g = &l->group[l->groups - 1];
	const struct heatmap_part *part = &map->part[i];

	if (!g->mappings || tally_bytes(&part->sum) > *largest) {
		g->largest = &map->mappings.mapping[i];
		*largest = tally_bytes(&part->sum);
	}
	g->mappings++;
	tally_add(&g->sum, &part->sum);
}

/* All lines; returns how many. */
static size_t make_lines(struct layout *l, const struct heatmap *map, size_t width,
			 uint64_t cell_bytes, uint64_t least_bytes)
{
	struct maker m = { .l = l, .width = width, .cell_bytes = cell_bytes };
	uint64_t largest = 0;
	bool small = false;
	size_t i;

	for (i = 0; i < map->mappings.n; i++) {
		if (!map->part[i].ranges)
			continue;
		if (begins(map, i, least_bytes, &small)) {
			m.begun = false;
			if (l) {
				m.group = l->groups;
				l->group = array_grow(l->group, l->groups, sizeof(*l->group));
				l->group[l->groups++] = (struct layout_group){ 0 };
			}
		}
		add_mapping(&m, map, i);
		if (l)
			add_to_group(l, map, i, &largest);
	}
	return m.lines;
}

void layout_make(struct layout *l, const struct heatmap *map, size_t width, size_t lines)
{
	uint64_t least_bytes = tally_bytes(&map->sum) / 256;

	memset(l, 0, sizeof(*l));
	if (lines < LAYOUT_LEAST_LINES)
		lines = LAYOUT_LEAST_LINES;
	/* Ends: with all of them small there is one. */
	while (count_groups(map, least_bytes) > most_groups(lines))
		least_bytes = 2 * least_bytes + 1;
	l->cell_bytes = map->step_bytes;
	/* Ends: at 2^63 each group has one cell. */
	while (make_lines(NULL, map, width, l->cell_bytes, least_bytes) > lines)
		l->cell_bytes *= 2;
	make_lines(l, map, width, l->cell_bytes, least_bytes);
}

char *layout_name(const struct layout_group *g)
{
	char *name = text_printable(g->largest->name), *more;

	if (g->mappings == 1)
		return name;
	more = format_text("%s +%zu", name, g->mappings - 1);
	free(name);
	return more;
}

/* "+1088M", not "+1.1G" twice: lines have to differ. */
static char *exact(uint64_t offset)
{
	static const char units[] = "KMGT";
	char size[SIZE_CHARS], *text;
	const char *unit = NULL, *next;
	uint64_t number = offset;

	for (next = units; *next && number >= 1024 && !(number % 1024); next++) {
		number /= 1024;
		unit = next;
	}
	text = format_text("+%" PRIu64 "%.*s", number, unit ? 1 : 0, unit ?: "");
	if (strlen(text) <= LAYOUT_ADDRESS_CHARS)
		return text;
	free(text);
	return format_text("+%s", size_text(offset, size));
}

char *layout_address(const struct layout *l, const struct layout_line *line)
{
	const struct layout_group *g = &l->group[line->group];

	if (line->first || g->mappings > 1)
		return format_text("%" PRIx64, line->start);
	return exact(line->start - g->largest->start);
}

void layout_free(struct layout *l)
{
	free(l->group);
	free(l->line);
	free(l->cell);
}
