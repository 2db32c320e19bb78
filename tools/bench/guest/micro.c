// SPDX-License-Identifier: GPL-2.0
/*
 * Memory access patterns with known probabilities of each page, measured.
 *
 * Maps memory, has it where and in which order the options say, accesses it for some time that
 * doesn't count and then in the measured phase, between two marks for the simulator. Prints the
 * result as a line of JSON after the phase: printing takes simulated time.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "access.h"
#include "args.h"
#include "beside.h"
#include "phase.h"

/* Accesses between two looks at the clock: 10 to 100 us. */
#define BATCH		256U
#define MAX_THREADS	64
#define MAX_SERIES	100000U
/* Behind its --rate, a thread makes up for this much. */
#define MAX_DEBT_NS	(10 * 1000 * 1000U)

static const struct pattern *pattern;
static struct region region;
static uint64_t seed = 1;
static unsigned int nr_threads = 1;
static uint32_t cluster = 1;
static int bind_node = -1;
static struct bitmask *interleave_nodes;
static bool shuffled_order, huge, verify, stops;
static uint64_t warmup_ns, measure_ns, steps, jump_ns, jump_once_ns, series_ns, rate, hot_bytes;
static unsigned int phase = 1;
static uint64_t dram_bytes;
static struct beside beside;
static const char *probabilities_path, *tally_path;

struct thread {
	struct worker worker;
	pthread_t id;
	uint64_t ops;
	uint64_t due_ns;	/* of what it has done, at the --rate */
} __attribute__((aligned(64)));

static struct thread threads[MAX_THREADS];
static pthread_barrier_t barrier;
static uint64_t start_ns, begin_ns, end_ns;
static unsigned int nr_begun, nr_ended;
static uint64_t *series;
static uint32_t nr_series;

enum {
	OPT_MEMBIND = 256, OPT_INTERLEAVE, OPT_ORDER, OPT_HUGE, OPT_LINE_PER_PAGE, OPT_THINK,
	OPT_WARMUP, OPT_SERIES, OPT_JUMP, OPT_PHASE, OPT_PROBABILITIES, OPT_DRAM, OPT_TALLY,
	OPT_VERIFY, OPT_CLUSTER, OPT_STOP, OPT_RATE, OPT_HOT, OPT_JUMP_ONCE, OPT_SWEEP, OPT_HITS,
	OPT_HITS_STAT,
};

static const struct argp_option options[] = {
	{ "pattern", 'p', "NAME", 0, "Access pattern, see below", 0 },
	{ "size", 's', "BYTES", 0, "Memory to access (64M)", 0 },
	{ "seconds", 't', "S", 0, "Length of the measured phase (1)", 0 },
	{ "steps", 'n', "N", 0, "Accesses in the measured phase, instead of --seconds", 0 },
	{ "warmup", OPT_WARMUP, "S", 0, "Seconds of the same before it (0)", 0 },
	{ "threads", 'j', "N", 0, "Number of threads (1)", 0 },
	{ "seed", 'r', "N", 0, "Of all that is random (1)", 0 },
	{ "write", 'w', NULL, 0, "Store in random pages instead of loading from them", 0 },
	{ "line-per-page", OPT_LINE_PER_PAGE, NULL, 0, "chase: one line of each page only", 0 },
	{ "think", OPT_THINK, "N", 0, "Instructions of an empty loop after each access (0)", 0 },
	{ "rate", OPT_RATE, "N", 0,
	  "At most so many accesses a second, of all threads; they sleep between batches", 0 },
	{ "hot", OPT_HOT, "BYTES", 0, "hot: size of what is accessed", 0 },
	{ "sweep-every", OPT_SWEEP, "S", 0,
	  "Beside the load, another thread reads all lines in order once each so many seconds", 0 },
	{ "jump-once", OPT_JUMP_ONCE, "S", 0,
	  "jump: so long after the begin of the phase, and then no more", 0 },
	{ "jump-every", OPT_JUMP, "S", 0, "jump: seconds, from the begin of the phase (1)", 0 },
	{ "membind", OPT_MEMBIND, "NODE", 0,
	  "Have the memory on this node at first; it may leave", 0 },
	{ "interleave", OPT_INTERLEAVE, "NODES", 0, "The same, page by page on these nodes", 0 },
	{ "order", OPT_ORDER, "linear|shuffled", 0, "Of the first touch of pages (linear)", 0 },
	{ "cluster", OPT_CLUSTER, "PAGES", 0,
	  "Shuffle pages in groups of so many, a power of two: 512 for huge pages (1)", 0 },
	{ "huge", OPT_HUGE, NULL, 0, "Ask for huge pages; without this there are none", 0 },
	{ "phase", OPT_PHASE, "K", 0, "Number of the phase: marks 2K and 2K+1 (1)", 0 },
	{ "stop", OPT_STOP, NULL, 0,
	  "Stop (SIGSTOP) before and after the phase, for others to look; SIGCONT", 0 },
	{ "report-every", OPT_SERIES, "S", 0, "Also print throughput over the phase", 0 },
	{ "hits-every", OPT_HITS, "S", 0,
	  "From the begin of the phase on, print the share of accesses that node 0 serves", 0 },
	{ "hits-stat", OPT_HITS_STAT, "FILE", 0, "Numbers to print along", 0 },
	{ "dram", OPT_DRAM, "BYTES", 0,
	  "Print the best share of accesses that so much memory can get", 0 },
	{ "probabilities", OPT_PROBABILITIES, "FILE", 0,
	  "Write the probability of each page, a line each", 0 },
	{ "tally", OPT_TALLY, "FILE", 0,
	  "After the phase, count as many further accesses for each page and write a u32 each", 0 },
	{ "verify", OPT_VERIFY, NULL, 0, "chase: check that it is one cycle of all lines", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'p':
		pattern = pattern_by_name(arg);
		if (!pattern)
			argp_error(state, "--pattern: there is no '%s'", arg);
		break;
	case 's':
		region.bytes = arg_bytes(state, "--size", arg, 2 * PAGE_BYTES);
		break;
	case 't':
		measure_ns = arg_duration(state, "--seconds", arg, NS_PER_S);
		if (!measure_ns)
			argp_error(state, "--seconds: nothing to measure");
		break;
	case 'n':
		steps = arg_uint(state, "--steps", arg, 1, UINT64_MAX / BATCH);
		break;
	case OPT_WARMUP:
		warmup_ns = arg_duration(state, "--warmup", arg, NS_PER_S);
		break;
	case 'j':
		nr_threads = (unsigned int)arg_uint(state, "--threads", arg, 1, MAX_THREADS);
		break;
	case 'r':
		seed = arg_uint(state, "--seed", arg, 0, UINT64_MAX);
		break;
	case 'w':
		region.writes = true;
		break;
	case OPT_LINE_PER_PAGE:
		region.line_per_page = true;
		break;
	case OPT_THINK:
		region.think_loops = (uint32_t)(arg_uint(state, "--think", arg, 0, 1U << 31) / 2);
		break;
	case OPT_JUMP:
		jump_ns = arg_duration(state, "--jump-every", arg, NS_PER_S);
		if (!jump_ns)
			argp_error(state, "--jump-every: too short");
		break;
	case OPT_RATE:
		rate = arg_uint(state, "--rate", arg, 1, NS_PER_S);
		break;
	case OPT_HOT:
		hot_bytes = arg_bytes(state, "--hot", arg, PAGE_BYTES);
		break;
	case OPT_JUMP_ONCE:
		jump_once_ns = arg_duration(state, "--jump-once", arg, NS_PER_S);
		if (!jump_once_ns)
			argp_error(state, "--jump-once: too soon");
		break;
	case OPT_SWEEP:
		beside.sweep_ns = arg_duration(state, "--sweep-every", arg, NS_PER_S);
		if (!beside.sweep_ns)
			argp_error(state, "--sweep-every: too short");
		break;
	case OPT_HITS:
		beside.hits_ns = arg_duration(state, "--hits-every", arg, NS_PER_S);
		if (!beside.hits_ns)
			argp_error(state, "--hits-every: too short");
		break;
	case OPT_HITS_STAT:
		beside.stat_path = arg;
		break;
	case OPT_MEMBIND:
		bind_node = (int)arg_uint(state, "--membind", arg, 0, NUMA_NUM_NODES - 1);
		break;
	case OPT_INTERLEAVE:
		interleave_nodes = numa_parse_nodestring_all(arg);
		if (!interleave_nodes)
			argp_error(state, "--interleave: '%s' is no list of nodes", arg);
		break;
	case OPT_ORDER:
		shuffled_order = !strcmp(arg, "shuffled");
		if (!shuffled_order && strcmp(arg, "linear"))
			argp_error(state, "--order: neither linear nor shuffled: '%s'", arg);
		break;
	case OPT_CLUSTER:
		cluster = (uint32_t)arg_uint(state, "--cluster", arg, 1, 1U << 20);
		if (cluster & (cluster - 1))
			argp_error(state, "--cluster: %s is no power of two", arg);
		break;
	case OPT_HUGE:
		huge = true;
		break;
	case OPT_PHASE:
		phase = (unsigned int)arg_uint(state, "--phase", arg, 0, MAX_PHASE);
		break;
	case OPT_SERIES:
		series_ns = arg_duration(state, "--report-every", arg, NS_PER_S);
		if (!series_ns)
			argp_error(state, "--report-every: too short");
		break;
	case OPT_DRAM:
		dram_bytes = arg_bytes(state, "--dram", arg, PAGE_BYTES);
		break;
	case OPT_PROBABILITIES:
		probabilities_path = arg;
		break;
	case OPT_TALLY:
		tally_path = arg;
		break;
	case OPT_STOP:
		stops = true;
		break;
	case OPT_VERIFY:
		verify = true;
		break;
	case ARGP_KEY_END:
		if (!pattern)
			argp_error(state, "--pattern is missing");
		if (steps && measure_ns)
			argp_error(state, "either --seconds or --steps");
		if (steps && steps % nr_threads)
			argp_error(state, "--steps must be a multiple of --threads");
		if (region.bytes % (huge ? HUGE_BYTES : PAGE_BYTES))
			argp_error(state, "--size must be a multiple of the page size");
		if (region.bytes / PAGE_BYTES > DIST_MAX_ITEMS)
			argp_error(state, "--size: too large");
		if (region.bytes / PAGE_BYTES % cluster)
			argp_error(state, "--size must be a multiple of the --cluster");
		if (steps && series_ns)
			argp_error(state, "--report-every needs --seconds");
		if (bind_node >= 0 && interleave_nodes)
			argp_error(state, "either --membind or --interleave");
		if ((jump_ns || jump_once_ns) && !pattern->jumps)
			argp_error(state, "--jump-every and --jump-once are for the pattern jump");
		if (jump_ns && jump_once_ns)
			argp_error(state, "either --jump-every or --jump-once");
		if (!hot_bytes != !!strcmp(pattern->name, "hot"))
			argp_error(state, "the pattern hot and --hot need each other");
		if (hot_bytes > region.bytes)
			argp_error(state, "--hot: more than --size");
		if (beside.hits_ns && !dram_bytes)
			argp_error(state, "--hits-every needs --dram");
		if (verify && strcmp(pattern->name, "chase"))
			argp_error(state, "--verify is for the pattern chase");
		if (!steps && !measure_ns)
			measure_ns = NS_PER_S;
		if (!jump_ns && !jump_once_ns && pattern->jumps)
			jump_ns = NS_PER_S;
		if (series_ns && measure_ns / series_ns > MAX_SERIES)
			argp_error(state, "--report-every: more than %u lines", MAX_SERIES);
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The part of the help after the options: the patterns. */
static char *help_filter(int key, const char *text, void *input)
{
	const struct pattern *p;
	size_t len;
	char *out;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	f = open_memstream(&out, &len);
	if (!f)
		return NULL;
	fputs("Patterns:\n", f);
	for (p = patterns; p->name; p++)
		fprintf(f, "  %-9s %s\n", p->name, p->what);
	fclose(f);
	return out;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/*
 * On its first nodes by policy, and then without one: the policy would be in the way of those who
 * move pages, NUMA balancing foremost.
 */
static void map_region(void)
{
	size_t align = huge ? HUGE_BYTES : PAGE_BYTES, i;
	struct bitmask *nodes = interleave_nodes;
	int mode = MPOL_INTERLEAVE;
	struct scatter order;
	char *p;

	p = mmap(NULL, region.bytes + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	if (p == MAP_FAILED)
		err(1, "%zu bytes of memory", region.bytes);
	region.base = (char *)(((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1));
	if (madvise(region.base, region.bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && huge)
		err(1, "huge pages");
	if (bind_node >= 0) {
		nodes = numa_allocate_nodemask();
		numa_bitmask_setbit(nodes, (unsigned int)bind_node);
		mode = MPOL_BIND;
	}
	if (nodes && mbind(region.base, region.bytes, mode, nodes->maskp, nodes->size + 1, 0))
		err(1, "%s", mode == MPOL_BIND ? "--membind" : "--interleave");
	scatter_init(&order, region.nr_pages, ~seed);
	for (i = 0; i < region.nr_pages; i++)
		region.base[(size_t)(shuffled_order ? scatter(&order, i) : i) * PAGE_BYTES] = 1;
	if (nodes && mbind(region.base, region.bytes, MPOL_DEFAULT, NULL, 0, 0))
		err(1, "mbind");
}

/* ---- measurement ----------------------------------------------------------------------------- */

static void move_hot_set(uint64_t now)
{
	uint64_t jumps = jump_ns ? (now - begin_ns) / jump_ns : now - begin_ns >= jump_once_ns;
	uint32_t hot = region.dist.bucket[0].size;

	/* Ten disjoint hot sets, one after the other. */
	__atomic_store_n(&region.hot_shift, (uint32_t)(jumps % (region.nr_pages / hot)) * hot,
			 __ATOMIC_RELAXED);
}

/* What a timer's slack or a migration takes is caught up with, what slow memory takes is not. */
static uint64_t sleep_off(struct thread *t, uint32_t accesses, uint64_t now)
{
	struct timespec due;

	t->due_ns += (uint64_t)accesses * NS_PER_S * nr_threads / rate;
	if (t->due_ns <= now) {
		if (now - t->due_ns > MAX_DEBT_NS)
			t->due_ns = now;
		return now;
	}
	due.tv_sec = (time_t)(t->due_ns / NS_PER_S);
	due.tv_nsec = (long)(t->due_ns % NS_PER_S);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	return now_ns();
}

static uint64_t run_batch(struct thread *t, uint32_t accesses)
{
	uint64_t now;

	pattern->run(&t->worker, accesses);
	now = now_ns();
	return rate ? sleep_off(t, accesses, now) : now;
}

static void begin_beside(void)
{
	beside.begin_ns = now_ns();
	beside_start(&beside);
}

/*
 * The phase begins with the first thread that has warmed up, and ends with the last one that is
 * done; as they all go by the same clock, both are within a batch.
 */
static void *thread_main(void *arg)
{
	struct thread *t = arg;
	uint64_t limit = steps / nr_threads, now, until, slot;
	uint32_t batch = BATCH;

	/* With nobody to wait for, no barrier, which may sleep. */
	if (nr_threads > 1)
		pthread_barrier_wait(&barrier);
	else
		start_ns = now_ns();
	until = start_ns + warmup_ns;
	for (now = start_ns; now < until; )
		now = run_batch(t, batch);

	if (!__atomic_fetch_add(&nr_begun, 1, __ATOMIC_ACQ_REL)) {
		if (stops)
			raise(SIGSTOP);
		if (beside.hits_ns || beside.sweep_ns)
			begin_beside();
		now = phase_begin(phase);
		__atomic_store_n(&begin_ns, now, __ATOMIC_RELEASE);
	}
	do {
		until = __atomic_load_n(&begin_ns, __ATOMIC_ACQUIRE);
	} while (!until);
	until += measure_ns;
	while (limit ? t->ops < limit : now < until) {
		if (limit && limit - t->ops < batch)
			batch = (uint32_t)(limit - t->ops);
		now = run_batch(t, batch);
		t->ops += batch;
		if (jump_ns || jump_once_ns)
			move_hot_set(now);
		slot = series ? (now - begin_ns) / series_ns : 0;
		if (series && slot < nr_series)
			__atomic_fetch_add(&series[slot], batch, __ATOMIC_RELAXED);
	}
	if (__atomic_add_fetch(&nr_ended, 1, __ATOMIC_ACQ_REL) == nr_threads) {
		end_ns = phase_end(phase);
		beside_stop();
		if (stops)
			raise(SIGSTOP);
	}
	return NULL;
}

static void die(const char *what, int error)
{
	errno = error;
	err(1, "%s", what);
}

static void measure(void)
{
	unsigned int i;
	int rc;

	if (series_ns) {
		nr_series = (uint32_t)(measure_ns / series_ns);
		series = calloc(nr_series, sizeof(*series));
		if (!series)
			err(1, "series");
		memset(series, 0, nr_series * sizeof(*series));
	}
	for (i = 0; i < nr_threads; i++)
		worker_init(&threads[i].worker, &region, pattern, i, nr_threads, seed + 1);
	rc = pthread_barrier_init(&barrier, NULL, nr_threads);
	if (rc)
		die("threads", rc);
	for (i = 1; i < nr_threads; i++) {
		rc = pthread_create(&threads[i].id, NULL, thread_main, &threads[i]);
		if (rc)
			die("threads", rc);
	}
	start_ns = now_ns();
	thread_main(&threads[0]);
	for (i = 1; i < nr_threads; i++)
		pthread_join(threads[i].id, NULL);
}

/* ---- results --------------------------------------------------------------------------------- */

static FILE *open_output(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		err(1, "%s", path);
	return f;
}

static void close_output(FILE *f, const char *path)
{
	if (ferror(f) || fclose(f))
		err(1, "%s", path);
}

/* Where as many accesses again would go, with the hot set that there is at the end. */
static void write_tally(void)
{
	uint32_t *of_page = calloc(region.nr_pages, sizeof(*of_page));
	FILE *f = open_output(tally_path);
	unsigned int i;
	uint64_t n;

	if (!of_page)
		err(1, "tally");
	for (i = 0; i < nr_threads; i++)
		for (n = 0; n < threads[i].ops; n++)
			of_page[(size_t)(pattern->next(&threads[i].worker) - region.base) /
				PAGE_BYTES]++;
	fwrite(of_page, sizeof(*of_page), region.nr_pages, f);
	close_output(f, tally_path);
	free(of_page);
}

static void use_probabilities(struct json_object *result)
{
	double *of_page = calloc(region.nr_pages, sizeof(*of_page));
	uint32_t i;
	FILE *f;

	if (!of_page)
		err(1, "probabilities");
	access_probabilities(&region, pattern, 0, of_page);
	if (probabilities_path) {
		f = open_output(probabilities_path);
		for (i = 0; i < region.nr_pages; i++)
			fprintf(f, "%.9g\n", of_page[i]);
		close_output(f, probabilities_path);
	}
	if (dram_bytes) {
		json_add_int(result, "dram_bytes", (int64_t)dram_bytes);
		json_add_double(result, "best_share",
				access_best_share(of_page, region.nr_pages,
						  huge ? HUGE_BYTES / PAGE_BYTES : 1, dram_bytes));
	}
	free(of_page);
}

static void print_results(void)
{
	uint64_t ops = 0, lines;
	struct json_object *o;
	uint32_t i;

	for (i = 0; i < nr_threads; i++)
		ops += threads[i].ops;
	for (i = 0; i < nr_series; i++)
		phase_print_series(phase, (i + 1) * series_ns, series[i], series_ns);
	o = phase_result(phase, pattern->name, ops, end_ns - begin_ns);
	json_add_double(o, "ns_per_op", (double)(end_ns - begin_ns) * nr_threads / ops);
	json_add_int(o, "size_bytes", (int64_t)region.bytes);
	json_add_int(o, "threads", nr_threads);
	if (probabilities_path || dram_bytes)
		use_probabilities(o);
	if (verify) {
		lines = chase_verify(&region);
		if (!lines)
			exit(1);
		json_add_int(o, "cycle_lines", (int64_t)lines);
	}
	json_print(o);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Accesses memory in a pattern and measures how fast that is.\v",
		.help_filter = help_filter,
	};

	region.bytes = 64 << 20;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	region.nr_pages = (uint32_t)(region.bytes / PAGE_BYTES);
	if (hot_bytes)
		dist_init_hot(&region.dist, region.nr_pages, (uint32_t)(hot_bytes / PAGE_BYTES));
	else
		dist_init(&region.dist, pattern->kind, region.nr_pages);
	region.cluster_shift = (uint32_t)__builtin_ctz(cluster);
	scatter_init(&region.scatter, region.nr_pages / cluster, seed);
	map_region();
	if (!strcmp(pattern->name, "chase"))
		chase_build(&region, seed);
	beside.region = &region;
	beside.pattern = pattern;
	beside.phase = phase;
	beside.dram_bytes = dram_bytes;
	beside_prepare(&beside);
	measure();
	print_results();
	if (tally_path)
		write_tally();
	return 0;
}
