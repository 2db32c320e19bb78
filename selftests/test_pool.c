// SPDX-License-Identifier: GPL-2.0
/*
 * Groups that share a pool of DRAM. Each has one process, which accesses its pages with known
 * probabilities and at a known rate; where pages are, /proc/PID/pagemap says. So the accesses that
 * DRAM serves are known without counting one, and so are the most that it could serve.
 *
 *	test_pool [STORY...]
 *
 * TM_BUDGET: cpu_budget_percent (20), see test_kinds. TM_CALM: seconds in which nothing happens
 * (20; check-long has 300).
 */
#include "tm_draw.h"
#include "tm_kern.h"
#include "tm_work.h"

#define MOST		8
#define SEED		0x706f6f6c	/* of contents */
#define PAUSE_US	2000		/* after each burst of accesses */
#define RESTLESS	0		/* bursts without pauses */

struct group {
	const char *name;
	size_t len;
	unsigned int hot_pct, share_pct;
	unsigned int burst;		/* accesses between pauses, or RESTLESS */
	struct tm_cg cg;
	struct tm_child c;
	struct tm_draw draw;
	char *mem;
	double per_ms;			/* accesses */
	/* in the process only */
	pthread_t thread;
	volatile bool stop;
	volatile uint64_t draws, bad;
};

static const char POOL[] = TM_SYSFS "/dram_pool", POLICY[] = TM_SYSFS "/pool_policy";

/* ---- in the process of a group ----------------------------------------------------------- */

static void *draw_thread(void *arg)
{
	struct group *g = arg;
	unsigned int burst = g->burst ?: 256, i;
	size_t page = tm_page_size();

	while (!g->stop) {
		for (i = 0; i < burst; i++) {
			size_t at = tm_draw_page(&g->draw);

			g->bad += *(volatile uint64_t *)(g->mem + at * page) !=
				  tm_page_word(SEED, at);
		}
		g->draws += burst;
		if (g->burst != RESTLESS)
			usleep(PAUSE_US);
	}
	return NULL;
}

static int group_main(struct tm_child *self, void *arg)
{
	struct group *g = arg;
	char line[64];

	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		int64_t rc = 0;

		if (!strcmp(line, "fill")) {
			g->mem = tm_anon(g->len, MADV_NOHUGEPAGE);
			tm_fill(g->mem, g->len, SEED);
			rc = (intptr_t)g->mem;
		} else if (!strcmp(line, "begin")) {
			g->stop = false;
			rc = -pthread_create(&g->thread, NULL, draw_thread, g);
		} else if (!strcmp(line, "end")) {
			g->stop = true;
			pthread_join(g->thread, NULL);
			rc = g->bad;
		} else if (!strcmp(line, "draws")) {
			rc = g->draws;
		}
		tm_tell(self, "OK %lld", (long long)rc);
	}
	return 0;
}

/* ---- groups ------------------------------------------------------------------------------ */

static int64_t ask(struct group *g, const char *cmd)
{
	int64_t rc = tm_ask(&g->c, cmd, tm_ms(TM_HANG_MS));

	if (rc < 0)
		tm_die("%s: %s: %s", g->name, cmd, strerror(-rc));
	return rc;
}

static void must_write(const struct tm_cg *cg, const char *file, const char *val)
{
	int rc = tm_cg_write(cg, file, val);

	if (rc)
		tm_die("%s: %s: %s", file, val, strerror(-rc));
}

/* A cgroup that takes part in the pool, and its process, which has nothing yet. */
static void create(struct group *g, const char *weight)
{
	if (tm_cg_create(&g->cg, NULL, g->name))
		tm_die("can't create a cgroup");
	must_write(&g->cg, "tiermem.dram_weight", weight);
	tm_draw_init(&g->draw, g->len, tm_page_size());
	tm_draw_skew(&g->draw, g->hot_pct, g->share_pct);
	tm_draw_seed(&g->draw, g->len >> 12);
	tm_spawn(&g->c, &g->cg, group_main, g);
}

static void start(struct group *g)
{
	g->mem = (char *)(intptr_t)ask(g, "fill");
	ask(g, "begin");
}

/* Wrong contents that it saw. */
static int64_t finish(struct group *g)
{
	int64_t bad = ask(g, "end");

	tm_kill(&g->c, SIGKILL);
	tm_cg_remove(&g->cg);
	tm_draw_free(&g->draw);
	return bad;
}

static void set_pool(uint64_t bytes, const char *policy)
{
	if (tm_writef(POOL, "%llu", (unsigned long long)bytes) || tm_write(POLICY, policy))
		tm_die("can't set the pool");
}

/* Share of a group's accesses that DRAM serves. */
static double hit(const struct group *g)
{
	size_t pages = g->len / tm_page_size();
	signed char *node = malloc(pages);
	double sum;
	int rc;

	if (!node)
		tm_die("out of memory");
	rc = tm_where_pages(g->c.pid, g->mem, g->len, node);
	if (rc)
		tm_die("%s: where are the pages? %s", g->name, strerror(-rc));
	sum = tm_draw_hit(&g->draw, node);
	free(node);
	return sum;
}

static void measure_rates(struct group *g, int n, int ms)
{
	int64_t before[MOST];
	uint64_t t0[MOST];
	int i;

	for (i = 0; i < n; i++) {
		before[i] = ask(&g[i], "draws");
		t0[i] = tm_now_ns();
	}
	tm_pause_ms(ms);
	for (i = 0; i < n; i++)
		g[i].per_ms = (ask(&g[i], "draws") - before[i]) / tm_since(t0[i]) / 1000;
}

/* ---- settings ---------------------------------------------------------------------------- */

static const char *readable(const struct tm_cg *cg, const char *file)
{
	static char buf[64];

	if (tm_cg_read(cg, file, buf, sizeof(buf)) < 0)
		return "unreadable";
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}

static void is(bool *ok, const struct tm_cg *cg, const char *file, const char *expected)
{
	const char *found = readable(cg, file);

	tm_check(ok, !strcmp(found, expected), "%s is %s, not %s", file, found, expected);
}

static void is_sysfs(bool *ok, const char *file, const char *expected)
{
	char buf[64];

	if (tm_sysfs(file, buf, sizeof(buf)) < 0)
		strcpy(buf, "unreadable");
	tm_check(ok, !strcmp(buf, expected), "%s is %s, not %s", file, buf, expected);
}

static void refuses(bool *ok, const struct tm_cg *cg, const char *file, const char *val)
{
	int rc = cg ? tm_cg_write(cg, file, val) : tm_write(file, val);

	tm_check(ok, rc == -EINVAL, "%s < '%s': %s", file, val, strerror(-rc));
}

static bool story_settings(void)
{
	static const char * const weights[] = { "0", "10001", "-1", "1.5", "many", "100 100" };
	static const char * const sizes[] = { "2X", "-1", "1 G" };
	struct tm_cg cg, below;
	bool ok = true;
	size_t i;

	if (tm_cg_create(&cg, NULL, "settings") || tm_cg_create(&below, &cg, "below"))
		tm_die("can't create cgroups");
	is(&ok, &cg, "tiermem.dram_min", "0");
	is(&ok, &cg, "tiermem.dram_weight", "100");
	is(&ok, &cg, "tiermem.dram_effective", "max");
	must_write(&cg, "tiermem.dram_min", "3M");
	must_write(&cg, "tiermem.dram_weight", "10000");
	must_write(&cg, "tiermem.dram_max", "16M");
	must_write(&below, "tiermem.dram_max", "20M");
	is(&ok, &cg, "tiermem.dram_min", "3145728");
	is(&ok, &cg, "tiermem.dram_weight", "10000");
	is(&ok, &cg, "tiermem.dram_effective", "16777216");
	is(&ok, &below, "tiermem.dram_max", "20971520");
	is(&ok, &below, "tiermem.dram_effective", "16777216");
	for (i = 0; i < ARRAY_SIZE(weights); i++)
		refuses(&ok, &cg, "tiermem.dram_weight", weights[i]);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		refuses(&ok, &cg, "tiermem.dram_min", sizes[i]);
		refuses(&ok, NULL, POOL, sizes[i]);
	}
	refuses(&ok, NULL, POLICY, "unfair");
	is(&ok, &cg, "tiermem.dram_weight", "10000");
	is(&ok, &cg, "tiermem.dram_min", "3145728");
	must_write(&cg, "tiermem.dram_weight", "default");
	is(&ok, &cg, "tiermem.dram_weight", "100");

	is_sysfs(&ok, "dram_pool", "max");
	tm_check(&ok, !tm_write(POOL, "8M\n"), "a pool with a newline");
	is_sysfs(&ok, "dram_pool", "8388608");
	is_sysfs(&ok, "pool_policy", "fair");
	tm_check(&ok, !tm_write(POLICY, "throughput"), "throughput");
	/* The only group has all of the pool, and no more. */
	tm_pause_ms(tm_ms(2500));
	is(&ok, &cg, "tiermem.dram_effective", "8388608");
	is(&ok, &below, "tiermem.dram_effective", "8388608");
	is(&ok, &cg, "tiermem.dram_max", "16777216");
	tm_write(POOL, "max");
	tm_pause_ms(tm_ms(2500));
	is(&ok, &below, "tiermem.dram_effective", "16777216");
	tm_write(POLICY, "fair");
	tm_cg_remove(&below);
	tm_cg_remove(&cg);
	return ok;
}

/* ---- weights ----------------------------------------------------------------------------- */

struct ratio {
	struct group *g;
	double from, to;
	uint64_t least;
};

/* Is DRAM of the second group so many times that of the first, and both together no less? */
static bool in_ratio(void *arg)
{
	struct ratio *r = arg;
	uint64_t first = tm_dram(&r->g[0].cg), second = tm_dram(&r->g[1].cg);
	/* Of a small pool, a few pages on their way are much. */
	uint64_t slack = tm_mb(100) < 100 * TM_MIB ? TM_DRIFT : 0;

	return second + slack >= r->from * first && second <= r->to * (first + slack) &&
	       first + second + slack >= r->least;
}

struct given_up {
	struct group *g;
	uint64_t had;
};

static bool gave_up(void *arg)
{
	struct given_up *u = arg;

	return tm_dram(&u->g->cg) <= u->had / 10;
}

static bool story_weights(void)
{
	struct group g[3] = {
		{ .name = "light", .len = tm_mb(96), .hot_pct = 50, .share_pct = 50 },
		{ .name = "heavy", .len = tm_mb(96), .hot_pct = 50, .share_pct = 50 },
		{ .name = "sleeper", .len = tm_mb(96), .hot_pct = 50, .share_pct = 50 },
	};
	uint64_t pool = tm_mb(100), t0, sum;
	struct ratio three = { g, 2.7, 3.3, pool / 5 * 4 * 9 / 10 };
	struct given_up up = { &g[2], 0 };
	int64_t bad = 0;
	bool ok = true;
	int i;

	set_pool(pool, "fair");
	for (i = 0; i < 3; i++)
		create(&g[i], i == 1 ? "300" : "100");
	for (i = 0; i < 3; i++)
		start(&g[i]);
	t0 = tm_now_ns();
	tm_check(&ok, tm_until(in_ratio, &three, 100, tm_ms(60000)), "never 1:3");
	tm_diag("three busy groups, weights 100, 300, 100: %.1fM, %.1fM, %.1fM after %.1f s",
		tm_fmib(tm_dram(&g[0].cg)), tm_fmib(tm_dram(&g[1].cg)), tm_fmib(tm_dram(&g[2].cg)),
		tm_since(t0));
	tm_pause_ms(tm_ms(3000));
	up.had = tm_dram(&g[2].cg);
	bad += ask(&g[2], "end");
	t0 = tm_now_ns();
	tm_check(&ok, tm_until(gave_up, &up, 100, tm_ms(60000)), "still %.1fM of %.1fM",
		 tm_fmib(tm_dram(&g[2].cg)), tm_fmib(up.had));
	tm_diag("the third is idle: %.1fM of %.1fM after %.1f s", tm_fmib(tm_dram(&g[2].cg)),
		tm_fmib(up.had), tm_since(t0));
	three.least = pool / 10 * 9;
	tm_check(&ok, tm_until(in_ratio, &three, 100, tm_ms(30000)), "not 1:3 with what it left");
	tm_pause_ms(tm_ms(2000));
	/* What is on its way at one moment is no drift. */
	tm_check(&ok, tm_until(in_ratio, &three, 100, tm_ms(5000)), "not 1:3 later");
	sum = 0;
	for (i = 0; i < 3; i++)
		sum += tm_dram(&g[i].cg);
	tm_diag("and the others have %.1fM and %.1fM of a pool of %.1fM",
		tm_fmib(tm_dram(&g[0].cg)), tm_fmib(tm_dram(&g[1].cg)), tm_fmib(pool));
	tm_check(&ok, sum <= pool + TM_OVER, "%.1fM together", tm_fmib(sum));
	ask(&g[2], "begin");
	for (i = 0; i < 3; i++)
		bad += finish(&g[i]);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	return ok;
}

/* ---- a hog ------------------------------------------------------------------------------- */

/* Three with a hot tenth each, and one that becomes a hog of ten times the rate. */
static bool story_hog(void)
{
	struct group g[4] = {
		{ .name = "a", .len = tm_mb(64), .hot_pct = 10, .share_pct = 90, .burst = 256 },
		{ .name = "b", .len = tm_mb(64), .hot_pct = 10, .share_pct = 90, .burst = 256 },
		{ .name = "c", .len = tm_mb(64), .hot_pct = 10, .share_pct = 90, .burst = 256 },
		{ .name = "hog", .len = tm_mb(128), .hot_pct = 50, .share_pct = 50,
		  .burst = RESTLESS },
	};
	uint64_t pool = tm_mb(80), reserved = tm_mb(24), least = UINT64_MAX, used, end_ns;
	double before[3], after;
	int64_t bad = 0;
	char text[32];
	bool ok = true;
	int i;

	set_pool(pool, "fair");
	for (i = 0; i < 4; i++)
		create(&g[i], "100");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)reserved);
	must_write(&g[0].cg, "tiermem.dram_min", text);
	for (i = 0; i < 3; i++)
		start(&g[i]);
	tm_pause_ms(tm_ms(15000));
	for (i = 0; i < 3; i++)
		before[i] = hit(&g[i]);
	tm_diag("hits before: %.4f, %.4f, %.4f", before[0], before[1], before[2]);
	start(&g[3]);
	end_ns = tm_now_ns() + tm_ms(20000) * 1000000ULL;
	while (tm_now_ns() < end_ns) {
		used = tm_dram(&g[0].cg);
		least = used < least ? used : least;
		tm_pause_ms(20);
	}
	measure_rates(g, 4, tm_ms(1000));
	tm_diag("the hog has %.0f accesses a millisecond, the others %.0f, %.0f, %.0f", g[3].per_ms,
		g[0].per_ms, g[1].per_ms, g[2].per_ms);
	for (i = 0; i < 3; i++) {
		after = hit(&g[i]);
		tm_diag("%s: hits %.4f, was %.4f; %.1fM in DRAM", g[i].name, after, before[i],
			tm_fmib(tm_dram(&g[i].cg)));
		tm_check(&ok, after >= before[i] - 0.02, "%s lost %.1f points", g[i].name,
			 100 * (before[i] - after));
	}
	tm_diag("hog: %.1fM in DRAM; reserved for a: %.1fM, least %.1fM",
		tm_fmib(tm_dram(&g[3].cg)), tm_fmib(reserved), tm_fmib(least));
	tm_check(&ok, least + TM_OVER >= reserved, "%.1fM", tm_fmib(least));
	for (i = 0; i < 4; i++)
		bad += finish(&g[i]);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	return ok;
}

/* ---- nothing happens --------------------------------------------------------------------- */

/* How much effective quotas change while nothing happens: bytes, all changes added up. */
static uint64_t changes(struct group *g, int n)
{
	int seconds = tm_env("TM_CALM", 20), i;
	uint64_t was[MOST], now, sum = 0, end_ns;

	for (i = 0; i < n; i++)
		was[i] = tm_cg_u64(&g[i].cg, "tiermem.dram_effective");
	end_ns = tm_now_ns() + tm_ms(seconds * 1000) * 1000000ULL;
	while (tm_now_ns() < end_ns) {
		tm_pause_ms(200);
		for (i = 0; i < n; i++) {
			now = tm_cg_u64(&g[i].cg, "tiermem.dram_effective");
			sum += now > was[i] ? now - was[i] : was[i] - now;
			was[i] = now;
		}
	}
	return sum;
}

static bool are_calm(struct group *g, int n, uint64_t pool)
{
	double pct = 100.0 * changes(g, n) / pool;
	bool ok = true;

	tm_diag("in %d ms, changes of effective quotas add up to %.2f %% of the pool",
		tm_ms((int)tm_env("TM_CALM", 20) * 1000), pct);
	tm_check(&ok, pct <= 2, "%.2f %%", pct);
	return ok;
}

static bool story_calm(void)
{
	struct group g[3] = {
		{ .name = "x", .len = tm_mb(64), .hot_pct = 20, .share_pct = 80, .burst = 1024 },
		{ .name = "y", .len = tm_mb(96), .hot_pct = 10, .share_pct = 90, .burst = 512 },
		{ .name = "z", .len = tm_mb(128), .hot_pct = 50, .share_pct = 60, .burst = 256 },
	};
	uint64_t pool = tm_mb(80);
	int64_t bad = 0;
	bool ok = true;
	int i;

	set_pool(pool, "fair");
	for (i = 0; i < 3; i++)
		create(&g[i], "100");
	for (i = 0; i < 3; i++)
		start(&g[i]);
	tm_pause_ms(tm_ms(20000));
	ok = are_calm(g, 3, pool);
	for (i = 0; i < 3; i++)
		bad += finish(&g[i]);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	return ok;
}

/* ---- throughput -------------------------------------------------------------------------- */

/* Units of a group that are alike. */
struct bin {
	double value;		/* accesses a millisecond and byte */
	uint64_t bytes;
};

static int by_value(const void *a, const void *b)
{
	const struct bin *x = a, *y = b;

	return (x->value < y->value) - (x->value > y->value);
}

/* The most accesses a millisecond that the pool can serve. */
static double most_hits(const struct group *g, int n, uint64_t pool)
{
	struct bin bins[2 * MOST];
	double sum = 0;
	int i;

	for (i = 0; i < n; i++) {
		double share = g[i].share_pct / 100.0, part = g[i].hot_pct / 100.0;

		bins[2 * i].bytes = g[i].len * part;
		bins[2 * i].value = g[i].per_ms * share / bins[2 * i].bytes;
		bins[2 * i + 1].bytes = g[i].len - bins[2 * i].bytes;
		bins[2 * i + 1].value = g[i].per_ms * (1 - share) / bins[2 * i + 1].bytes;
	}
	qsort(bins, 2 * n, sizeof(bins[0]), by_value);
	for (i = 0; i < 2 * n && pool; i++) {
		uint64_t fits = bins[i].bytes < pool ? bins[i].bytes : pool;

		sum += fits * bins[i].value;
		pool -= fits;
	}
	return sum;
}

static bool story_throughput(void)
{
	struct group g[MOST] = {
		{ .name = "g0", .hot_pct = 10, .share_pct = 90, .burst = 2048, .len = tm_mb(80) },
		{ .name = "g1", .hot_pct = 10, .share_pct = 90, .burst = 256, .len = tm_mb(80) },
		{ .name = "g2", .hot_pct = 5, .share_pct = 95, .burst = 512, .len = tm_mb(64) },
		{ .name = "g3", .hot_pct = 50, .share_pct = 50, .burst = 512, .len = tm_mb(32) },
		{ .name = "g4", .hot_pct = 20, .share_pct = 80, .burst = 1024, .len = tm_mb(48) },
		{ .name = "g5", .hot_pct = 50, .share_pct = 60, .burst = 128, .len = tm_mb(40) },
		{ .name = "g6", .hot_pct = 30, .share_pct = 70, .burst = 256, .len = tm_mb(32) },
		{ .name = "g7", .hot_pct = 25, .share_pct = 90, .burst = 128, .len = tm_mb(24) },
	};
	uint64_t pool = 0, used = 0;
	double ours = 0, best, h;
	int64_t bad = 0;
	bool ok = true;
	int i;

	for (i = 0; i < MOST; i++)
		pool += g[i].len / 4;
	set_pool(pool, "throughput");
	for (i = 0; i < MOST; i++)
		create(&g[i], "100");
	for (i = 0; i < MOST; i++)
		start(&g[i]);
	tm_pause_ms(tm_ms(40000));
	measure_rates(g, MOST, tm_ms(5000));
	for (i = 0; i < MOST; i++) {
		h = hit(&g[i]);
		ours += g[i].per_ms * h;
		used += tm_dram(&g[i].cg);
		tm_diag("%s: %zuM, %u %% of it get %u %% of %.1f accesses a millisecond: %.1fM of %.1fM in DRAM, hits %.4f",
			g[i].name, g[i].len >> 20, g[i].hot_pct, g[i].share_pct, g[i].per_ms,
			tm_fmib(tm_dram(&g[i].cg)),
			tm_fmib(tm_cg_u64(&g[i].cg, "tiermem.dram_effective")), h);
	}
	best = most_hits(g, MOST, pool);
	tm_diag("%.1f accesses a millisecond served by %.1fM of a pool of %.1fM; %.1f at best: %.2f %%",
		ours, tm_fmib(used), tm_fmib(pool), best, 100 * ours / best);
	tm_check(&ok, ours >= 0.95 * best, "%.2f %%", 100 * ours / best);
	tm_check(&ok, used <= pool + TM_OVER, "%.1fM together", tm_fmib(used));
	/* What smaller groups on a slower machine are worth beside each other is noise. */
	if (tm_env("TM_SIZE_PCT", 100) == 100 && tm_env("TM_TIME_PCT", 100) == 100)
		ok &= are_calm(g, MOST, pool);
	for (i = 0; i < MOST; i++)
		bad += finish(&g[i]);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	return ok;
}

/* ---- main -------------------------------------------------------------------------------- */

static const struct story {
	const char *name;
	bool (*run)(void);
	const char *what;
} stories[] = {
	{ "settings", story_settings, "files take what they should, and no more" },
	{ "weights", story_weights, "fair: DRAM by weight, and what an idle group leaves" },
	{ "hog", story_hog, "fair: a hog takes nothing from its neighbours" },
	{ "calm", story_calm, "fair: nothing happens, nothing moves" },
	{ "throughput", story_throughput, "throughput: eight groups, the most accesses" },
};

static bool wanted(const struct story *s, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], s->name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	unsigned int plan = 0;
	char percent[16];
	size_t i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, 400 * TM_MIB);
	snprintf(percent, sizeof(percent), "%ld", tm_env("TM_BUDGET", 20));
	if (tm_set(TM_SYSFS "/cpu_budget_percent", percent) || tm_set(POOL, "max") ||
	    tm_set(POLICY, "fair"))
		tm_die("no such setting");
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	for (i = 0; i < ARRAY_SIZE(stories); i++)
		plan += wanted(&stories[i], argc, argv);
	if (!plan)
		tm_die("no such story");
	ksft_set_plan(plan);
	for (i = 0; i < ARRAY_SIZE(stories); i++) {
		if (!wanted(&stories[i], argc, argv))
			continue;
		ksft_test_result(stories[i].run(), "%s\n", stories[i].what);
		tm_write(POOL, "max");
	}
	ksft_finished();
}
