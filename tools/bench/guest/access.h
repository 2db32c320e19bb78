/* SPDX-License-Identifier: GPL-2.0 */
/* Access patterns of micro.c. One access is 8 bytes of one cache line. */
#ifndef BENCH_ACCESS_H
#define BENCH_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist.h"

#define PAGE_BYTES	4096U
#define LINE_BYTES	64U
#define HUGE_BYTES	(2U << 20)

/* What all threads share. */
struct region {
	char *base;
	size_t bytes;
	uint32_t nr_pages;
	bool line_per_page;	/* chase: only one line of each page */
	bool writes;		/* skewed patterns store instead of loading */
	uint32_t think_loops;	/* empty loops of two instructions after each access */
	struct dist dist;
	struct scatter scatter;	/* of clusters: neighbours by rank that stay neighbours */
	uint32_t cluster_shift;
	uint32_t hot_shift;	/* added to ranks: moves the hot set of jump */
};

struct worker {
	const struct region *region;
	uint64_t rng;
	char *cursor;		/* chase, sequential patterns and the sequential half of scan */
	bool scan_next;
	uint64_t sink;		/* what was read, so that it was not in vain */
};

struct pattern {
	const char *name;
	const char *what;
	enum dist_kind kind;
	double scan_share;	/* accesses that go through all pages in turn */
	bool jumps;
	void (*run)(struct worker *w, uint32_t accesses);
	char *(*next)(struct worker *w);	/* address of the next access, for counting */
};

extern const struct pattern patterns[];		/* the last one has no name */
const struct pattern *pattern_by_name(const char *name);	/* or NULL */

/* Links the lines to one cycle in random order: Sattolo's algorithm, in place. */
void chase_build(struct region *r, uint64_t seed);

/* Number of lines, if one cycle goes through each exactly once; else 0 with a message. */
uint64_t chase_verify(const struct region *r);

/* Worker number i of n: where it starts. */
void worker_init(struct worker *w, const struct region *r, const struct pattern *p,
		 unsigned int i, unsigned int n, uint64_t seed);

/* Of a page, by its position in the region, with the hot set shifted by so many ranks. */
void access_probabilities(const struct region *r, const struct pattern *p, uint32_t shift,
			  double *of_page);

/* Sum of the probabilities of the most probable units of `pages` pages that fit into dram_bytes. */
double access_best_share(const double *of_page, uint32_t nr_pages, uint32_t pages,
			 uint64_t dram_bytes);

#endif /* BENCH_ACCESS_H */
