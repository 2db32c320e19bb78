// SPDX-License-Identifier: GPL-2.0
/*
 * The share of accesses that DRAM serves is the sum of the probabilities of the pages that are
 * there: no sampling, no counting, and the load doesn't notice. Where a page is says pagemap, at a
 * tenth of what move_pages() without nodes costs (1300 instructions a page).
 */
#define _GNU_SOURCE
#include "beside.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"
#include "phase.h"

#define DRAM_NODE	0
/* Pages of one read of pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define CHUNK		2048U
#define PAGEMAP_PRESENT	(UINT64_C(1) << 63)
#define PAGEMAP_FRAME	((UINT64_C(1) << 55) - 1)
/* Lines that are read without a look at whether it is over. */
#define SWEEP_LINES	4096U

static const char * const vmstat_keys[] = {
	"pgmigrate_success", "pgmigrate_fail", "pgpromote_success", "pgdemote_kswapd",
	"pgdemote_direct",
};

/* Who holds it may print. */
static pthread_mutex_t may_print = PTHREAD_MUTEX_INITIALIZER;
static bool stopped;

/* Float, as it is memory of the load's cgroup. */
static float *probability;
static uint32_t shift_of_probability;
static double oracle;

/* DRAM: first page frame, and the first after it. */
static unsigned long dram_first = ULONG_MAX, dram_end;
static int pagemap;

static void sleep_until(uint64_t at_ns)
{
	struct timespec t = { .tv_sec = (time_t)(at_ns / NS_PER_S),
			      .tv_nsec = (long)(at_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static bool print_unless_stopped(struct json_object *o)
{
	bool over;

	pthread_mutex_lock(&may_print);
	over = __atomic_load_n(&stopped, __ATOMIC_RELAXED);
	if (!over)
		json_print(o);
	pthread_mutex_unlock(&may_print);
	return !over;
}

/* With the hot set where it is now. */
static void find_probabilities(const struct beside *b, uint32_t shift, bool first)
{
	double *of_page = calloc(b->region->nr_pages, sizeof(*of_page));
	uint32_t i;

	if (!of_page)
		err(1, "probabilities");
	access_probabilities(b->region, b->pattern, shift, of_page);
	for (i = 0; i < b->region->nr_pages; i++)
		probability[i] = (float)of_page[i];
	if (first)
		oracle = access_best_share(of_page, b->region->nr_pages, 1, b->dram_bytes);
	shift_of_probability = shift;
	free(of_page);
}

static void find_dram(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long value, spanned = 0;
	char line[256];
	int node = -1;

	if (!f)
		err(1, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone", &node) == 1 || node != DRAM_NODE)
			continue;
		if (sscanf(line, " spanned %lu", &value) == 1)
			spanned = value;
		if (sscanf(line, " start_pfn: %lu", &value) != 1 || !spanned)
			continue;
		dram_first = value < dram_first ? value : dram_first;
		dram_end = value + spanned > dram_end ? value + spanned : dram_end;
	}
	fclose(f);
}

void beside_prepare(struct beside *b)
{
	if (!b->hits_ns)
		return;
	find_dram();
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		err(1, "/proc/self/pagemap");
	probability = calloc(b->region->nr_pages, sizeof(*probability));
	if (!probability)
		err(1, "probabilities");
	find_probabilities(b, 0, true);
}

/* Lines "name number" of a file: all, or those with one of the names. */
static void add_counters(struct json_object *o, const char *path, const char * const *keys,
			 size_t nr_keys)
{
	FILE *f = fopen(path, "r");
	char name[64];
	long long value;
	size_t i;

	if (!f)
		err(1, "%s", path);
	while (fscanf(f, "%63s %lld", name, &value) == 2) {
		for (i = 0; i < nr_keys && strcmp(name, keys[i]); i++)
			;
		if (!nr_keys || i < nr_keys)
			json_add_int(o, name, value);
	}
	fclose(f);
}

/* Adds "hit" and where the pages are. */
static void look_at_pages(struct json_object *o, const struct region *r)
{
	uint64_t entry[CHUNK], first = (uintptr_t)r->base / PAGE_BYTES, frame;
	uint32_t done, n, i, dram = 0, nowhere = 0;
	double hit = 0;

	for (done = 0; done < r->nr_pages; done += n) {
		n = r->nr_pages - done < CHUNK ? r->nr_pages - done : CHUNK;
		if (pread(pagemap, entry, n * sizeof(*entry),
			  (off_t)((first + done) * sizeof(*entry))) !=
		    (ssize_t)(n * sizeof(*entry)))
			err(1, "/proc/self/pagemap");
		for (i = 0; i < n; i++) {
			if (!(entry[i] & PAGEMAP_PRESENT)) {
				nowhere++;
				continue;
			}
			frame = entry[i] & PAGEMAP_FRAME;
			if (!frame)
				errx(1, "/proc/self/pagemap shows no frames: this needs root");
			if (frame < dram_first || frame >= dram_end)
				continue;
			hit += probability[done + i];
			dram++;
		}
	}
	json_add_double(o, "hit", hit);
	json_add_int(o, "dram_pages", dram);
	/* Being moved at this moment: no node. */
	json_add_int(o, "no_node_pages", nowhere);
}

static void *hits_main(void *arg)
{
	const struct beside *b = arg;
	uint64_t at_ns = b->begin_ns, took;
	struct json_object *o;
	uint32_t shift;

	do {
		sleep_until(at_ns);
		shift = __atomic_load_n(&b->region->hot_shift, __ATOMIC_RELAXED);
		if (shift != shift_of_probability)
			find_probabilities(b, shift, false);
		took = now_ns();
		o = json_new("hits");
		json_add_int(o, "phase", b->phase);
		json_add_double(o, "at_s", (double)(at_ns - b->begin_ns) / NS_PER_S);
		look_at_pages(o, b->region);
		json_add_double(o, "oracle", oracle);
		json_add_int(o, "hot_shift", shift);
		json_add_double(o, "took_s", (double)(now_ns() - took) / NS_PER_S);
		add_counters(o, "/proc/vmstat", vmstat_keys, ARRAY_SIZE(vmstat_keys));
		if (b->stat_path)
			add_counters(o, b->stat_path, NULL, 0);
		at_ns += b->hits_ns;
	} while (print_unless_stopped(o));
	return NULL;
}

/* What a backup does: all lines in order, as fast as it can. */
static void *sweep_main(void *arg)
{
	const struct beside *b = arg;
	const struct pattern *sequential = pattern_by_name("seqread");
	uint64_t at_ns = b->begin_ns, began, lines;
	struct json_object *o;
	struct worker w;

	do {
		at_ns += b->sweep_ns;
		sleep_until(at_ns);
		began = now_ns();
		worker_init(&w, b->region, sequential, 0, 1, 0);
		for (lines = b->region->bytes / LINE_BYTES;
		     lines && !__atomic_load_n(&stopped, __ATOMIC_RELAXED);
		     lines -= lines < SWEEP_LINES ? lines : SWEEP_LINES)
			sequential->run(&w, lines < SWEEP_LINES ? (uint32_t)lines : SWEEP_LINES);
		o = json_new("sweep");
		json_add_int(o, "phase", b->phase);
		json_add_double(o, "at_s", (double)(began - b->begin_ns) / NS_PER_S);
		json_add_double(o, "seconds", (double)(now_ns() - began) / NS_PER_S);
	} while (print_unless_stopped(o));
	return NULL;
}

static void start(void *(*function)(void *), struct beside *b)
{
	cpu_set_t others;
	pthread_t id;
	int i, rc;

	rc = pthread_create(&id, NULL, function, b);
	if (rc)
		errx(1, "threads: %s", strerror(rc));
	CPU_ZERO(&others);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (i != sched_getcpu())
			CPU_SET(i, &others);
	/* Fails where there is no other processor: then they share this one. */
	pthread_setaffinity_np(id, sizeof(others), &others);
	pthread_detach(id);
}

void beside_start(struct beside *b)
{
	if (b->hits_ns)
		start(hits_main, b);
	if (b->sweep_ns)
		start(sweep_main, b);
}

void beside_stop(void)
{
	pthread_mutex_lock(&may_print);
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&may_print);
}
