/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of a process, page by page, and how often each page was accessed. */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* u32 for each 4K frame of physical memory. */
struct counts {
	const volatile uint32_t *of_frame;
	size_t nr_frames;
};

/* What moves as a whole: a page, or all of a large folio that is mapped here. */
struct unit {
	uint64_t address;
	uint64_t accesses;	/* sum over its pages */
	uint32_t nr_pages;
	int node;
	int want;		/* node that it shall be on */
};

struct units {
	struct unit *unit;
	size_t nr, space;
};

/* From a file, or, if path is NULL, from the simulator's shared memory device. */
void counts_open(struct counts *c, const char *path);

/* Anonymous and shared memory of a process that is present, by address. */
void units_read(struct units *u, pid_t pid, const struct counts *c);

/* Sets the nodes that units are on now. Those that have gone meanwhile are dropped. */
void units_find_nodes(struct units *u, pid_t pid);

#endif /* BENCH_PAGES_H */
