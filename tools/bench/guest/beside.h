/* SPDX-License-Identifier: GPL-2.0 */
/* Threads beside the load of micro.c: one looks where the pages are, one reads them all. */
#ifndef BENCH_BESIDE_H
#define BENCH_BESIDE_H

#include <stdint.h>

#include "access.h"

/**
 * struct beside - what the threads do; they run from the begin of the phase on
 * @region: memory of the load
 * @pattern: of the load
 * @phase: number of the phase, for the results
 * @begin_ns: when it began
 * @hits_ns: time from one look at all pages to the next; 0: none
 * @sweep_ns: time from one pass over all lines to the next; 0: none
 * @dram_bytes: what the best placement may have in DRAM
 * @stat_path: a file of lines "name number" to print along, or NULL
 */
struct beside {
	const struct region *region;
	const struct pattern *pattern;
	unsigned int phase;
	uint64_t begin_ns;
	uint64_t hits_ns;
	uint64_t sweep_ns;
	uint64_t dram_bytes;
	const char *stat_path;
};

/* Computes what can be known before, so that it is not part of the phase. */
void beside_prepare(struct beside *b);

/* The threads go to other processors than the one that calls this, if there are any. */
void beside_start(struct beside *b);

/* From the return on they print nothing. */
void beside_stop(void);

#endif /* BENCH_BESIDE_H */
