// SPDX-License-Identifier: GPL-2.0
/*
 * One group. What the module takes from page tables comes from a stream here,
 * and moving a page is a bit that changes; everything in between is the
 * module's code.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define PAGE_BYTES	4096ULL
#define NS_PER_MS	1000000ULL
/* A window up to this is one of its own; a longer one reaches from pass to pass. */
#define BRIEF_NS	(50 * NS_PER_MS)
/* CPU time that can be saved up. */
#define SCAN_BURST_NS	(500 * NS_PER_MS)
/* In a long window, how often to look whether it has shown enough. */
#define PEEK_NS		(2 * NS_PER_S)
/* What a pass promotes at most. */
#define MOST_PAGES	32768
/* Probabilities that change all the time are looked at so often. */
#define CHURN_NS	(20 * NS_PER_MS)

static int descending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y) - (x > y);
}

/* After the probabilities have changed. */
static void compute_hits(struct sim *sim)
{
	uint32_t i;

	memcpy(sim->sorted, sim->s.weight, sizeof(*sim->sorted) * sim->s.pages);
	qsort(sim->sorted, sim->s.pages, sizeof(*sim->sorted), descending);
	sim->oracle = 0;
	sim->hits = 0;
	for (i = 0; i < sim->s.pages; i++) {
		sim->oracle += i < sim->quota ? sim->sorted[i] : 0;
		sim->hits += sim->fast[i] ? sim->s.weight[i] : 0;
	}
}

static void report(struct sim *sim)
{
	double s = (double)sim->s.now_ns / NS_PER_S;
	const char *format =
		"%8.2f s  window %9.3f ms  young %.3f  hits %.4f of %.4f  moved %" PRIu64
		"  back %" PRIu64 "\n";

	if (sim->o->every_s <= 0 || s < sim->next_report_s)
		return;
	if (sim->o->csv) {
		format = "%.2f,%.3f,%.4f,%.4f,%.4f,%" PRIu64 ",%" PRIu64 "\n";
		if (sim->next_report_s <= 0)
			printf("s,window_ms,young,hits,oracle,moved,back\n");
	}
	sim->next_report_s = s + sim->o->every_s;
	printf(format, s, (double)sim->engine.window_ns / NS_PER_MS,
	       (double)sim->engine.young_pages / sim->s.pages, sim->hits, sim->oracle,
	       sim->total.moved, sim->total.back);
}

static void advance_some(struct sim *sim, uint64_t ns)
{
	sim->total.hit_ns += sim->hits * (double)ns;
	sim->total.oracle_ns += sim->oracle * (double)ns;
	sim->more = stream_advance(&sim->s, ns);
	if (sim->changes != sim->s.changes) {
		sim->changes = sim->s.changes;
		compute_hits(sim);
	}
	report(sim);
}

static void advance(struct sim *sim, uint64_t ns)
{
	for (; sim->s.churns && ns > CHURN_NS; ns -= CHURN_NS)
		advance_some(sim, CHURN_NS);
	advance_some(sim, ns);
}

/* A walk over all pages takes CPU time. */
static uint64_t walk_ns(const struct sim *sim)
{
	return (uint64_t)(sim->o->visit_ns * sim->s.pages);
}

static u64 budget_per_second(const struct sim *sim)
{
	return (u64)(sim->o->cpu_percent * NS_PER_S / 100);
}

static void spend(struct sim *sim, uint64_t ns)
{
	tm_rate_refill(&sim->scan_rate, budget_per_second(sim), SCAN_BURST_NS, sim->s.now_ns + 1);
	tm_rate_spend(&sim->scan_rate, ns);
	sim->cpu_ns += (double)ns;
}

static void clear_bits(struct sim *sim)
{
	memset(sim->s.young, 0, sizeof(*sim->s.young) * sim->s.pages);
}

static void harvest(struct sim *sim)
{
	const struct tm_heat_table *t = &sim->tables[tm_engine_weight_index(&sim->engine)];
	struct tm_harvest *h = &sim->engine.harvest;
	uint32_t i;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < sim->s.pages; i++) {
		enum tm_tier tier = sim->fast[i] ? TM_FAST : TM_SLOW;
		bool young = sim->s.young[i];
		unsigned int level;

		sim->phase += 0x9e3779b9;
		sim->heat[i] = tm_heat_is_about(sim->heat[i], 0) ?
			       tm_heat_visit(sim->heat[i], t, sim->phase >> 28, young) :
			       tm_heat_first(0, false, false, young);
		level = tm_heat_level(sim->heat[i]);
		if (level == TM_HEAT_UNKNOWN) {
			h->unknown_pages++;
			h->unknown_young_pages += young;
		} else {
			h->histogram.pages[tier][level]++;
			h->young.pages[tier][level] += young;
		}
	}
}

/* A moment later: slow pages that are accessed again at once. */
static void glimpse(struct sim *sim)
{
	struct tm_harvest *h = &sim->engine.harvest;
	uint64_t since_ns = tm_glimpse_ns(h, sim->engine.window_ns);
	u64 seen[TM_GLIMPSE_CLASSES] = { 0 };
	uint32_t *glimpsed = sim->glimpsed, nr = 0, i;
	unsigned int hot;

	if (!since_ns)
		return;
	/* The harvest's walk took some of it, or longer. */
	advance(sim, since_ns - min(since_ns, walk_ns(sim)));
	since_ns = max(since_ns, walk_ns(sim));
	spend(sim, walk_ns(sim) / 2);
	for (i = 0; i < sim->s.pages; i++) {
		if (!sim->s.young[i] || sim->fast[i] || !tm_glimpse_wants(sim->heat[i]))
			continue;
		seen[tm_glimpse_class(sim->heat[i])]++;
		if (nr < TM_GLIMPSE_PAGES)
			glimpsed[nr++] = i;
	}
	hot = tm_glimpse_hot(h, sim->engine.window_ns, since_ns, seen);
	for (i = 0; i < nr; i++) {
		tm_heat_t *heat = &sim->heat[glimpsed[i]];

		if (tm_glimpse_class(*heat) >= hot)
			continue;
		*heat = tm_glimpse_raise(h, *heat);
		sim->total.glimpsed++;
	}
}

/* Returns whether it had moved not long ago. */
static bool move(struct sim *sim, uint32_t i)
{
	bool back = sim->heat[i] & TM_HEAT_MOVED;

	sim->fast[i] = !sim->fast[i];
	sim->nr_fast = sim->fast[i] ? sim->nr_fast + 1 : sim->nr_fast - 1;
	sim->heat[i] |= TM_HEAT_MOVED;
	sim->hits += sim->fast[i] ? sim->s.weight[i] : -sim->s.weight[i];
	sim->total.moved++;
	sim->total.back += back;
	return back;
}

/* Pages of a tier from one level to another, as many as the plan says. */
static uint64_t move_tier(struct sim *sim, bool fast, int from, int to, uint64_t most,
			  uint64_t *back)
{
	int step = from <= to ? 1 : -1, level;
	uint64_t moved = 0;
	uint32_t i;

	for (level = from; level != to + step && moved < most; level += step)
		for (i = 0; i < sim->s.pages && moved < most; i++)
			if (sim->fast[i] == fast && (int)tm_heat_level(sim->heat[i]) == level) {
				*back += move(sim, i);
				moved++;
			}
	return moved;
}

static void exchange(struct sim *sim)
{
	const struct tm_plan *p = &sim->engine.plan;
	uint64_t back = 0, down = 0, up = 0;
	double ns, least_ns;

	if (p->demote_pages)
		down = move_tier(sim, true, 0, (int)p->demote_level, p->demote_pages, &back);
	if (p->promote_pages)
		up = move_tier(sim, false, TM_HEAT_LEVELS - 1, (int)p->promote_level,
			       min(p->promote_pages, (u64)sim->quota - sim->nr_fast), &back);
	tm_engine_moved(&sim->engine, up + down, back);
	ns = (double)(up + down) * sim->o->move_ns;
	least_ns = (double)((up + down) * PAGE_BYTES) / sim->o->migrate_mbps / (1 << 20) * NS_PER_S;
	advance(sim, (uint64_t)max(ns, least_ns));
}

/* Looks now and then whether a long window has shown enough. */
static void wait_long_window(struct sim *sim)
{
	uint64_t end = sim->s.now_ns + sim->engine.window_ns, young;
	uint64_t quota = tm_engine_window_quota(&sim->engine, sim->quota);
	uint32_t i;

	while (sim->s.now_ns < end && sim->more) {
		advance(sim, min(end - sim->s.now_ns, PEEK_NS));
		for (i = 0, young = 0; i < sim->s.pages; i++)
			young += sim->s.young[i];
		if (!sim->o->window_ms && young >= tm_window_target(sim->s.pages, quota))
			break;
	}
}

/* Instead of what the engine has learned: to see what that is worth. */
static void override(struct sim *sim)
{
	if (sim->o->window_ms)
		sim->engine.window_ns = (uint64_t)(sim->o->window_ms * NS_PER_MS);
	if (sim->o->learned)
		sim->engine.learned = sim->o->learned;
}

static void pass(struct sim *sim)
{
	struct tm_engine *e = &sim->engine;
	struct tm_engine_input in = {
		.quota_pages = sim->quota,
		.room_pages = sim->quota - sim->nr_fast,
		.most_pages = MOST_PAGES,
	};
	uint64_t cost;

	if (e->window_ns <= BRIEF_NS || e->window_ns < sim->rest_ns) {
		advance(sim, sim->rest_ns);
		clear_bits(sim);
		advance(sim, walk_ns(sim));
		advance(sim, e->window_ns - min(e->window_ns, walk_ns(sim)));
		cost = 2 * walk_ns(sim);
	} else {
		wait_long_window(sim);
		cost = walk_ns(sim);
	}
	harvest(sim);
	clear_bits(sim);
	advance(sim, walk_ns(sim));
	if (e->window_ns > BRIEF_NS)
		glimpse(sim);
	spend(sim, cost);
	in.now_ns = sim->s.now_ns;
	tm_engine_step(e, &in);
	override(sim);
	exchange(sim);
	sim->passes++;
	spend(sim, 0);
	sim->rest_ns = max(e->rest_ns, tm_rate_wait_ns(&sim->scan_rate, budget_per_second(sim),
						       SCAN_BURST_NS, cost,
						       tm_engine_reserve(e, SCAN_BURST_NS), 1));
}

int sim_open(struct sim *sim, const struct sim_options *o)
{
	unsigned int i;
	int ret;

	*sim = (struct sim){ .o = o, .more = true };
	ret = o->record ? stream_open_record(&sim->s, o->record) : stream_open(&sim->s, &o->stream);
	if (ret)
		return ret;
	sim->heat = calloc(sim->s.pages, sizeof(*sim->heat));
	sim->fast = calloc(sim->s.pages, sizeof(*sim->fast));
	sim->sorted = calloc(sim->s.pages, sizeof(*sim->sorted));
	if (!sim->heat || !sim->fast || !sim->sorted) {
		sim_close(sim);
		return -ENOMEM;
	}
	sim->quota = (uint32_t)(o->quota_part * sim->s.pages);
	/* First touch: DRAM holds what came first. */
	for (sim->nr_fast = 0; sim->nr_fast < sim->quota; sim->nr_fast++)
		sim->fast[sim->nr_fast] = true;
	for (i = 0; i < TM_ENGINE_WEIGHTS; i++)
		tm_heat_table_fill(&sim->tables[i], tm_engine_weight[i]);
	tm_engine_init(&sim->engine);
	sim->scan_rate.tokens_bytes = SCAN_BURST_NS;
	sim->scan_rate.last_ns = 1;
	compute_hits(sim);
	return 0;
}

void sim_close(struct sim *sim)
{
	stream_close(&sim->s);
	free(sim->heat);
	free(sim->fast);
	free(sim->sorted);
}

void sim_run(struct sim *sim)
{
	uint64_t end_ns = (uint64_t)(sim->o->seconds * NS_PER_S);
	uint64_t steady_ns = (uint64_t)(sim->o->steady_s * NS_PER_S);
	bool steady = false;

	/* At least one pass counts, however long passes are. */
	while (sim->more && (sim->s.now_ns < end_ns || sim->s.now_ns <= sim->total.since_ns)) {
		if (!steady && sim->s.now_ns >= steady_ns) {
			steady = true;
			sim->total = (struct sim_figures){ .since_ns = sim->s.now_ns };
		}
		pass(sim);
	}
}

void sim_print(const struct sim *sim)
{
	const struct sim_figures *f = &sim->total;
	double ns = (double)(sim->s.now_ns - f->since_ns), s = ns / NS_PER_S;

	printf("hits %.4f  oracle %.4f  of oracle %.4f  moved %.5f of pages/s  back %.4f  "
	       "glimpsed %.5f  window %.3f ms  passes %" PRIu64
	       "  cpu %.3f %%  from %.1f s to %.1f s\n",
	       f->hit_ns / ns, f->oracle_ns / ns,
	       /* Without a quota both are nothing. */
	       f->oracle_ns > 0 ? f->hit_ns / f->oracle_ns : 1,
	       (double)f->moved / s / sim->s.pages,
	       f->moved ? (double)f->back / (double)f->moved : 0,
	       (double)f->glimpsed / s / sim->s.pages,
	       (double)sim->engine.window_ns / NS_PER_MS, sim->passes,
	       sim->cpu_ns * 100 / (double)sim->s.now_ns,
	       (double)f->since_ns / NS_PER_S, (double)sim->s.now_ns / NS_PER_S);
}
