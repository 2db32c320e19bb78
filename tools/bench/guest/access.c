// SPDX-License-Identifier: GPL-2.0
/*
 * Every pattern is a function that says where the next access goes. It is inlined into a loop of
 * its own, which reads, writes, or both; and it is called as a function to count where accesses go
 * without counting them while they are measured.
 *
 * Instructions per access, with the loop (gcc 12, counted): chase 5, seqread 10, seqwrite 11,
 * gups 17, random pages 74, scan 50. Data that they touch besides the region: the 8 KB of struct
 * dist.
 *
 * Loads other than those of a chase don't depend on each other, so a real processor overlaps them;
 * the simulator charges each one its whole latency.
 */
#include "access.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum how { LOAD, STORE, UPDATE };

static inline char *next_chase(struct worker *w)
{
	w->cursor = *(char **)w->cursor;
	return w->cursor;
}

static inline char *next_line(struct worker *w)
{
	const struct region *r = w->region;
	char *at = w->cursor;

	w->cursor += LINE_BYTES;
	if (w->cursor == r->base + r->bytes)
		w->cursor = r->base;
	return at;
}

static inline char *next_word(struct worker *w)
{
	const struct region *r = w->region;

	return r->base + rng_below(&w->rng, r->bytes / 8) * 8;
}

static inline uint32_t page_of_rank(const struct region *r, uint32_t rank)
{
	uint32_t cluster = scatter(&r->scatter, rank >> r->cluster_shift);

	return (cluster << r->cluster_shift) | (rank & ((1U << r->cluster_shift) - 1));
}

static inline char *next_ranked(struct worker *w)
{
	const struct region *r = w->region;
	uint64_t draw = dist_draw(&r->dist, &w->rng);
	/* jump changes it while this runs */
	uint32_t rank = (uint32_t)(draw >> 32) + __atomic_load_n(&r->hot_shift, __ATOMIC_RELAXED);
	uint32_t line = (uint32_t)draw >> 26;

	if (rank >= r->nr_pages)
		rank -= r->nr_pages;
	return r->base + (size_t)page_of_rank(r, rank) * PAGE_BYTES + line * LINE_BYTES;
}

static inline char *next_scan(struct worker *w)
{
	w->scan_next = !w->scan_next;
	return w->scan_next ? next_line(w) : next_ranked(w);
}

static inline __attribute__((always_inline)) void
run_loop(struct worker *w, uint32_t accesses, char *(*next)(struct worker *), enum how how)
{
	/* A copy: in registers, and not stored in each round. */
	struct worker local = *w;
	uint64_t sum = 0;
	uint32_t think = w->region->think_loops, t;
	volatile uint64_t *at;

	while (accesses--) {
		at = (volatile uint64_t *)next(&local);
		if (how == LOAD)
			sum += *at;
		else if (how == STORE)
			*at = accesses;
		else
			*at ^= (uintptr_t)at;
		if (think) {
			t = think;
			asm volatile("1: dec %0; jnz 1b" : "+r"(t) : : "cc");
		}
	}
	local.sink += sum;
	*w = local;
}

static void run_chase(struct worker *w, uint32_t accesses)
{
	uint32_t think = w->region->think_loops, t;
	char *at = w->cursor;

	/* The pointer is the load. */
	while (accesses--) {
		at = *(char *volatile *)at;
		if (think) {
			t = think;
			asm volatile("1: dec %0; jnz 1b" : "+r"(t) : : "cc");
		}
	}
	w->cursor = at;
}

static void run_seqread(struct worker *w, uint32_t accesses)
{
	run_loop(w, accesses, next_line, LOAD);
}

static void run_seqwrite(struct worker *w, uint32_t accesses)
{
	run_loop(w, accesses, next_line, STORE);
}

static void run_gups(struct worker *w, uint32_t accesses)
{
	run_loop(w, accesses, next_word, UPDATE);
}

static void run_ranked(struct worker *w, uint32_t accesses)
{
	if (w->region->writes)
		run_loop(w, accesses, next_ranked, STORE);
	else
		run_loop(w, accesses, next_ranked, LOAD);
}

static void run_scan(struct worker *w, uint32_t accesses)
{
	if (w->region->writes)
		run_loop(w, accesses, next_scan, STORE);
	else
		run_loop(w, accesses, next_scan, LOAD);
}

const struct pattern patterns[] = {
	{ "chase", "dependent loads, in a random cycle through all lines",
	  DIST_UNIFORM, 0, false, run_chase, next_chase },
	{ "seqread", "loads, one in each line, in order",
	  DIST_UNIFORM, 0, false, run_seqread, next_line },
	{ "seqwrite", "stores, one in each line, in order",
	  DIST_UNIFORM, 0, false, run_seqwrite, next_line },
	{ "gups", "updates of random 8-byte words",
	  DIST_UNIFORM, 0, false, run_gups, next_word },
	{ "uniform", "random lines of random pages",
	  DIST_UNIFORM, 0, false, run_ranked, next_ranked },
	{ "zipf", "the same, pages with Zipf's distribution, theta 0.99, shuffled",
	  DIST_ZIPF, 0, false, run_ranked, next_ranked },
	{ "gauss", "the same, Gaussian, sigma a sixth of the pages, shuffled",
	  DIST_GAUSS, 0, false, run_ranked, next_ranked },
	{ "hot10", "the same, a random tenth of the pages gets 90 %",
	  DIST_HOT10, 0, false, run_ranked, next_ranked },
	{ "hot", "the same, a random part of --hot bytes is all that is accessed",
	  DIST_UNIFORM, 0, false, run_ranked, next_ranked },
	{ "jump", "hot10; every --jump-every seconds the tenth is another one",
	  DIST_HOT10, 0, true, run_ranked, next_ranked },
	{ "scan", "hot10, and in turn with it loads of all lines in order",
	  DIST_HOT10, 0.5, false, run_scan, next_scan },
	{ .name = NULL }
};

const struct pattern *pattern_by_name(const char *name)
{
	const struct pattern *p;

	for (p = patterns; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static uint64_t chase_lines(const struct region *r)
{
	return r->line_per_page ? r->nr_pages : r->bytes / LINE_BYTES;
}

/*
 * One line per page: not the same in each page, which would leave most sets of a cache unused.
 * The page number times the golden ratio spreads them evenly.
 */
static char *chase_line(const struct region *r, uint64_t i)
{
	if (!r->line_per_page)
		return r->base + i * LINE_BYTES;
	return r->base + i * PAGE_BYTES + ((uint32_t)i * 0x9e3779b1U >> 26) * LINE_BYTES;
}

void chase_build(struct region *r, uint64_t seed)
{
	uint64_t n = chase_lines(r), i, j;
	char **a, **b, *t;

	for (i = 0; i < n; i++)
		*(char **)chase_line(r, i) = chase_line(r, i);
	for (i = n - 1; i > 0; i--) {
		j = rng_below(&seed, i);
		a = (char **)chase_line(r, i);
		b = (char **)chase_line(r, j);
		t = *a;
		*a = *b;
		*b = t;
	}
}

uint64_t chase_verify(const struct region *r)
{
	uint64_t n = chase_lines(r), slots = r->bytes / LINE_BYTES, i, slot;
	unsigned char *seen = calloc(slots, 1);
	char *at = chase_line(r, 0);

	if (!seen)
		err(1, "chase");
	for (i = 0; i < n; i++) {
		slot = (uint64_t)(at - r->base) / LINE_BYTES;
		if (slot >= slots || seen[slot]++) {
			warnx("chase: step %llu of %llu is at line %llu %s",
			      (unsigned long long)i, (unsigned long long)n,
			      (unsigned long long)slot,
			      slot >= slots ? "beyond the end" : "again");
			break;
		}
		at = *(char **)at;
	}
	free(seen);
	if (i == n && at != chase_line(r, 0)) {
		warnx("chase: not back at the start after %llu steps", (unsigned long long)n);
		return 0;
	}
	return i == n ? n : 0;
}

void worker_init(struct worker *w, const struct region *r, const struct pattern *p,
		 unsigned int i, unsigned int n, uint64_t seed)
{
	/* A part of the cycle that no other thread is near to, if they are as fast. */
	uint64_t first = chase_lines(r) / n * i;

	memset(w, 0, sizeof(*w));
	w->region = r;
	w->rng = seed + (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
	if (p->next == next_chase)
		w->cursor = chase_line(r, first);
	else
		w->cursor = r->base + r->bytes / LINE_BYTES / n * i * LINE_BYTES;
}

void access_probabilities(const struct region *r, const struct pattern *p, uint32_t shift,
			  double *of_page)
{
	uint32_t rank, page;

	for (rank = 0; rank < r->nr_pages; rank++) {
		page = page_of_rank(r, (rank + shift) % r->nr_pages);
		of_page[page] = p->scan_share / r->nr_pages +
			(1 - p->scan_share) * dist_probability(&r->dist, rank);
	}
}

static int descending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

double access_best_share(const double *of_page, uint32_t nr_pages, uint32_t pages,
			 uint64_t dram_bytes)
{
	uint32_t nr_units = nr_pages / pages, i;
	uint64_t fit = dram_bytes / ((uint64_t)pages * PAGE_BYTES);
	double *of_unit = calloc(nr_units, sizeof(*of_unit));
	double share = 0;

	if (!of_unit)
		err(1, "probabilities");
	for (i = 0; i < nr_pages; i++)
		of_unit[i / pages] += of_page[i];
	qsort(of_unit, nr_units, sizeof(*of_unit), descending);
	for (i = 0; i < nr_units && i < fit; i++)
		share += of_unit[i];
	free(of_unit);
	return share;
}
