/* SPDX-License-Identifier: GPL-2.0 */
/* One group, whose pages the engine places. */
#ifndef SIM_H
#define SIM_H

#include "engine.h"
#include "glimpse.h"
#include "rate.h"
#include "stream.h"

#define NS_PER_S	1000000000ULL

/**
 * struct sim_options - what to simulate
 * @stream: who accesses what, unless there is
 * @record: a file that tells
 * @quota_part: of the pages, what DRAM may hold
 * @seconds: how long
 * @steady_s: figures are of the time after so many seconds
 * @every_s: also print how it is so often; 0 for never
 * @cpu_percent: budget of observation, of a CPU
 * @visit_ns: CPU time to look at a page
 * @migrate_mbps: budget of migration
 * @move_ns: time to move a page
 * @window_ms: instead of the window that the engine wants; 0 for that
 * @learned: windows that the engine takes for learned, whatever they were, so
 *	that the weight of its averages is fixed; 0 for as it is
 * @csv: what @every_s prints is separated by commas
 */
struct sim_options {
	struct stream_options stream;
	const char *record;
	double quota_part;
	double seconds;
	double steady_s;
	double every_s;
	double cpu_percent;
	double visit_ns;
	double migrate_mbps;
	double move_ns;
	double window_ms;
	unsigned int learned;
	bool csv;
};

/**
 * struct sim_figures - integrals over time
 * @since_ns: from here on
 * @hit_ns: part of the accesses that DRAM served
 * @oracle_ns: part that the best static placement would have served
 * @moved: pages
 * @back: of them, pages that had moved the other way not long ago
 * @glimpsed: pages that a glimpse has shown to be hot
 */
struct sim_figures {
	uint64_t since_ns;
	double hit_ns;
	double oracle_ns;
	uint64_t moved;
	uint64_t back;
	uint64_t glimpsed;
};

/**
 * struct sim - one group
 * @s: who accesses its pages
 * @o: options
 * @engine: the code under test
 * @tables: of its weights
 * @heat: of each page
 * @fast: pages in DRAM
 * @sorted: probabilities, highest first
 * @glimpsed: pages of a glimpse, only of use within it
 * @nr_fast: pages in DRAM
 * @quota: how many may be
 * @phase: of rounding
 * @scan_rate: CPU budget
 * @rest_ns: time from the end of the pass to the next window
 * @hits: part of the accesses that DRAM serves now
 * @oracle: part that the best static placement serves now
 * @total: figures of the time that counts
 * @changes: of the stream's probabilities, that @hits and @oracle know
 * @passes: how many
 * @cpu_ns: spent on observation
 * @next_report_s: when
 * @more: the stream isn't at its end
 */
struct sim {
	struct stream s;
	const struct sim_options *o;
	struct tm_engine engine;
	struct tm_heat_table tables[TM_ENGINE_WEIGHTS];
	tm_heat_t *heat;
	bool *fast;
	double *sorted;
	uint32_t glimpsed[TM_GLIMPSE_PAGES];
	uint32_t nr_fast;
	uint32_t quota;
	uint32_t phase;
	struct tm_rate scan_rate;
	uint64_t rest_ns;
	double hits;
	double oracle;
	struct sim_figures total;
	unsigned int changes;
	uint64_t passes;
	double cpu_ns;
	double next_report_s;
	bool more;
};

/* Returns 0, or a negative errno; then nothing is left to close. */
int sim_open(struct sim *sim, const struct sim_options *o);
void sim_close(struct sim *sim);
/* Runs until the time or the record is at its end. */
void sim_run(struct sim *sim);
/* Prints the figures in one line. */
void sim_print(const struct sim *sim);

#endif /* SIM_H */
