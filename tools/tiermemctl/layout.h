/* SPDX-License-Identifier: GPL-2.0 */
/* A heat map as lines of cells, of a width and height that somebody can look at. */
#ifndef TIERMEMCTL_LAYOUT_H
#define TIERMEMCTL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ranges.h"

enum cell_kind {
	CELL_MEMORY,
	CELL_EMPTY,			/* addresses without memory */
	CELL_LEFT_OUT,			/* many of these */
};

struct layout {
	uint64_t cell_bytes;		/* addresses of a cell, a power of two */
	/* A large mapping, or all small ones between two large ones. */
	struct layout_group {
		const struct mapping *largest;	/* by its memory */
		size_t mappings;		/* that have memory */
		struct tally sum;
	} *group;
	size_t groups;
	/* Of one group each. */
	struct layout_line {
		size_t group;
		bool first;		/* of its group */
		uint64_t start;
		size_t cell;
		size_t cells;
		struct tally sum;
	} *line;
	size_t lines;
	struct layout_cell {
		enum cell_kind kind;
		struct tally sum;
	} *cell;
	size_t cells;
};

/**
 * layout_make() - lay out a map, as large as it may be
 * @l: result; layout_free()
 * @map: with some memory; as long as @l is in use
 * @width: cells of a line
 * @lines: at most so many, at least LAYOUT_LEAST_LINES
 */
void layout_make(struct layout *l, const struct heatmap *map, size_t width, size_t lines);

#define LAYOUT_LEAST_LINES 4

/* What it is called, to be freed: "[heap]", or "libc.so.6 +7" for eight mappings. */
char *layout_name(const struct layout_group *g);

/* The longest address that a process can have. */
#define LAYOUT_ADDRESS_CHARS 12

/*
 * Where a line begins, to be freed: the address, or how far that is from the beginning of the
 * mapping.
 */
char *layout_address(const struct layout *l, const struct layout_line *line);

void layout_free(struct layout *l);

#endif
