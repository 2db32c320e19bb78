// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle: with the true number of accesses to each page, as the simulator counts them, puts the
 * pages of a process that were accessed most into as much DRAM as it may have, and all others into
 * slow memory. Static placement can't do better for a load that goes on as it was.
 *
 * With --stats-only it moves nothing and prints which share of the accesses went to the hottest N
 * percent of the memory.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <numaif.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "pages.h"
#include "phase.h"

#define PAGE_BYTES	4096U
#define BATCH		512U
/* A page that somebody else is holding for a moment gets further chances. */
#define ROUNDS		3

static pid_t pid;
static uint64_t dram_bytes;
static bool dram_given, dry_run, stats_only;
static int dram_node, slow_node = 1;
static const char *counts_path, *plan_path;

enum { OPT_DRAM = 256, OPT_DRY_RUN, OPT_COUNTS, OPT_STATS, OPT_PLAN, OPT_DRAM_NODE, OPT_SLOW_NODE };

static const struct argp_option options[] = {
	{ "pid", 'p', "PID", 0, "Process whose pages are placed", 0 },
	{ "dram", OPT_DRAM, "BYTES", 0, "Most that it may have in DRAM", 0 },
	{ "dram-node", OPT_DRAM_NODE, "NODE", 0, "Where that is (0)", 0 },
	{ "slow-node", OPT_SLOW_NODE, "NODE", 0, "Where the rest goes (1)", 0 },
	{ "counts", OPT_COUNTS, "FILE", 0,
	  "Accesses: u32 for each 4K frame; without it, the simulator's device", 0 },
	{ "dry-run", OPT_DRY_RUN, NULL, 0, "Move nothing, only say what would be", 0 },
	{ "plan", OPT_PLAN, "FILE", 0, "Write where each page shall be: address, pages, accesses, node",
	  0 },
	{ "stats-only", OPT_STATS, NULL, 0, "Only print how hot the hottest pages are", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'p':
		pid = (pid_t)arg_uint(state, "--pid", arg, 1, INT32_MAX);
		break;
	case OPT_DRAM:
		dram_bytes = arg_bytes(state, "--dram", arg, 0);
		dram_given = true;
		break;
	case OPT_DRAM_NODE:
		dram_node = (int)arg_uint(state, "--dram-node", arg, 0, NUMA_NUM_NODES - 1);
		break;
	case OPT_SLOW_NODE:
		slow_node = (int)arg_uint(state, "--slow-node", arg, 0, NUMA_NUM_NODES - 1);
		break;
	case OPT_COUNTS:
		counts_path = arg;
		break;
	case OPT_DRY_RUN:
		dry_run = true;
		break;
	case OPT_PLAN:
		plan_path = arg;
		break;
	case OPT_STATS:
		stats_only = true;
		break;
	case ARGP_KEY_END:
		if (!pid)
			argp_error(state, "--pid is missing");
		if (!stats_only && !dram_given)
			argp_error(state, "--dram is missing");
		if (dram_node == slow_node)
			argp_error(state, "DRAM and slow memory on the same node");
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Hottest first. Of equals, those that are in DRAM: nothing has to move; then by address. */
static int hotter(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;
	uint64_t hot_x = x->accesses * y->nr_pages, hot_y = y->accesses * x->nr_pages;
	bool fast_x = x->node == dram_node, fast_y = y->node == dram_node;

	if (hot_x != hot_y)
		return hot_x > hot_y ? -1 : 1;
	if (fast_x != fast_y)
		return fast_x ? -1 : 1;
	return x->address < y->address ? -1 : 1;
}

/* Where a large folio doesn't fit any more, the next smaller one may. */
static void make_plan(struct units *u)
{
	uint64_t left = dram_bytes / PAGE_BYTES;
	size_t i;

	for (i = 0; i < u->nr; i++) {
		if (u->unit[i].nr_pages <= left) {
			left -= u->unit[i].nr_pages;
			u->unit[i].want = dram_node;
		} else {
			u->unit[i].want = slow_node;
		}
	}
}

static void write_plan(const struct units *u)
{
	FILE *f = fopen(plan_path, "w");
	size_t i;

	if (!f)
		err(1, "%s", plan_path);
	for (i = 0; i < u->nr; i++)
		fprintf(f, "%#" PRIx64 " %" PRIu32 " %" PRIu64 " %d\n", u->unit[i].address,
			u->unit[i].nr_pages, u->unit[i].accesses, u->unit[i].want);
	if (ferror(f) || fclose(f))
		err(1, "%s", plan_path);
}

/* All to the same node. A folio moves if one of its pages is named. */
static void move_batch(struct unit **unit, size_t n)
{
	int node[BATCH], status[BATCH], to = unit[0]->want;
	void *page[BATCH];
	size_t i;

	for (i = 0; i < BATCH; i++)
		node[i] = to;
	for (i = 0; i < n; i++) {
		page[i] = (void *)(uintptr_t)unit[i]->address;
		status[i] = -EAGAIN;
	}
	/* More than 0: so many were not moved, and status says which. */
	if (numa_move_pages(pid, n, page, node, status, MPOL_MF_MOVE_ALL) < 0)
		err(1, "move_pages of %d to node %d", (int)pid, to);
	for (i = 0; i < n; i++)
		if (status[i] >= 0)
			unit[i]->node = status[i];
}

/* Returns the number of pages that have gone there. */
static uint64_t move_to(struct units *u, int node)
{
	struct unit *batch[BATCH];
	uint64_t before = 0, after = 0;
	size_t i, n = 0;

	for (i = 0; i < u->nr; i++)
		if (u->unit[i].node == node)
			before += u->unit[i].nr_pages;
	for (i = 0; i < u->nr; i++) {
		if (u->unit[i].want != node || u->unit[i].node == node)
			continue;
		batch[n++] = &u->unit[i];
		if (n == BATCH) {
			move_batch(batch, n);
			n = 0;
		}
	}
	if (n)
		move_batch(batch, n);
	for (i = 0; i < u->nr; i++)
		if (u->unit[i].node == node)
			after += u->unit[i].nr_pages;
	return after - before;
}

struct placement {
	uint64_t dram_pages, slow_pages, dram_accesses, accesses, misplaced_pages;
};

static struct placement placement_of(const struct units *u, bool planned)
{
	struct placement p = { 0 };
	size_t i;

	for (i = 0; i < u->nr; i++) {
		const struct unit *unit = &u->unit[i];
		bool fast = (planned ? unit->want : unit->node) == dram_node;

		p.accesses += unit->accesses;
		p.dram_accesses += fast ? unit->accesses : 0;
		p.dram_pages += fast ? unit->nr_pages : 0;
		p.slow_pages += fast ? 0 : unit->nr_pages;
		if (!planned && unit->want != unit->node)
			p.misplaced_pages += unit->nr_pages;
	}
	return p;
}

static struct json_object *new_result(const char *type)
{
	struct json_object *o = json_new(type);

	json_add_int(o, "pid", pid);
	return o;
}

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / all : 0;
}

/* For whole units: what the hottest have when at least so many percent are in. */
static void print_hottest(const struct units *u)
{
	static const unsigned int percents[] = { 1, 2, 5, 10, 20, 33, 50, 66, 80, 90, 100 };
	struct placement all = placement_of(u, false);
	uint64_t pages = 0, accesses = 0, all_pages = all.dram_pages + all.slow_pages;
	struct json_object *o;
	size_t i = 0, p;

	for (p = 0; p < ARRAY_SIZE(percents); p++) {
		for (; i < u->nr && pages * 100 < all_pages * percents[p]; i++) {
			pages += u->unit[i].nr_pages;
			accesses += u->unit[i].accesses;
		}
		o = new_result("hottest");
		json_add_int(o, "pct", percents[p]);
		json_add_int(o, "bytes", (int64_t)(pages * PAGE_BYTES));
		json_add_int(o, "accesses", (int64_t)accesses);
		json_add_double(o, "share", share_of(accesses, all.accesses));
		json_print(o);
	}
}

static void place(struct units *u)
{
	struct placement before = placement_of(u, false), after;
	uint64_t demoted = 0, promoted = 0;
	struct json_object *o;
	int round;

	/* First make room. */
	for (round = 0; round < ROUNDS && !dry_run; round++) {
		demoted += move_to(u, slow_node);
		promoted += move_to(u, dram_node);
	}
	if (!dry_run)
		units_find_nodes(u, pid);
	after = placement_of(u, dry_run);
	o = new_result("place");
	json_add_int(o, "dram_bytes", (int64_t)(after.dram_pages * PAGE_BYTES));
	json_add_int(o, "slow_bytes", (int64_t)(after.slow_pages * PAGE_BYTES));
	json_add_double(o, "dram_share", share_of(after.dram_accesses, after.accesses));
	json_add_int(o, "dram_bytes_before", (int64_t)(before.dram_pages * PAGE_BYTES));
	json_add_int(o, "slow_bytes_before", (int64_t)(before.slow_pages * PAGE_BYTES));
	json_add_double(o, "dram_share_before", share_of(before.dram_accesses, before.accesses));
	json_add_int(o, "accesses", (int64_t)after.accesses);
	json_add_int(o, "demoted_pages", (int64_t)demoted);
	json_add_int(o, "promoted_pages", (int64_t)promoted);
	json_add_int(o, "misplaced_pages", (int64_t)after.misplaced_pages);
	json_print(o);
	/* A few are always in use by somebody else at the wrong moment. */
	if (after.misplaced_pages * 100 > after.dram_pages + after.slow_pages)
		errx(1, "%" PRIu64 " pages are not where they should be", after.misplaced_pages);
}

static void check_nodes(void)
{
	if (numa_available() < 0 ||
	    !numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)dram_node) ||
	    !numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)slow_node))
		errx(1, "nodes %d and %d don't both have memory", dram_node, slow_node);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Puts the most accessed pages of a process into DRAM.",
	};
	struct counts counts;
	struct units units = { 0 };

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!dry_run && !stats_only)
		check_nodes();
	counts_open(&counts, counts_path);
	units_read(&units, pid, &counts);
	units_find_nodes(&units, pid);
	if (!units.nr)
		errx(1, "process %d has no memory to place", (int)pid);
	qsort(units.unit, units.nr, sizeof(*units.unit), hotter);
	if (stats_only) {
		print_hottest(&units);
		return 0;
	}
	make_plan(&units);
	if (plan_path)
		write_plan(&units);
	place(&units);
	return 0;
}
