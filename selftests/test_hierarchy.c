// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of ancestors bind: a parent with dram_max=200M and four busy children at `max`, of which
 * one gets a lower limit of its own, and tasks that move from child to child. At every sample the
 * parent's DRAM is within its quota, the limited child's within its own, and a child's DRAM is
 * part of its parent's.
 *
 * Before that: a parent whose quota other children have used up doesn't keep a child from
 * exchanging its cold pages for hot ones.
 */
#include "tm_kern.h"
#include "tm_work.h"

#define CHILDREN	4
#define LIMITED		1	/* the child with a limit of its own, and */
#define LIMIT_MB	32

static struct tm_cg parent, child[CHILDREN];
static struct tm_child worker[CHILDREN];
static size_t quota, limit;

/*
 * Busy: allocate, fill, check, free a part, and again. Ends when told so; the answer is the number
 * of wrong pages.
 */
static int churn(struct tm_child *self, void *arg)
{
	size_t chunk = *(size_t *)arg / 4, i = 0;
	uint64_t bad = 0, rounds = 0, seed[4] = { 0 };
	char *p[4] = { NULL };
	char line[64];

	tm_tell(self, "READY");
	while (tm_hear(self, line, sizeof(line), 0) == -ETIMEDOUT) {
		if (p[i]) {
			bad += tm_verify(p[i], chunk, seed[i]);
			munmap(p[i], chunk);
		}
		/* Huge pages in every other one. */
		p[i] = tm_anon(chunk, i & 1 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		seed[i] = rounds;
		tm_fill(p[i], chunk, seed[i]);
		i = (i + 1) % 4;
		rounds++;
	}
	for (i = 0; i < 4; i++) {
		if (p[i])
			bad += tm_verify(p[i], chunk, seed[i]);
	}
	tm_tell(self, "BAD %llu %llu", (unsigned long long)bad, (unsigned long long)rounds);
	tm_hear(self, line, sizeof(line), INT_MAX);	/* keeps its memory until it is told */
	return 0;
}

static void start(void)
{
	size_t len = tm_mb(120);
	char name[8];
	int i, rc;

	tm_write("/proc/sys/vm/drop_caches", "3");
	rc = tm_cg_create(&parent, NULL, "parent");
	for (i = 0; !rc && i < CHILDREN; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		rc = tm_cg_create(&child[i], &parent, name);
	}
	if (!rc)
		rc = tm_cg_write_u64(&parent, "tiermem.dram_max", quota);
	if (rc)
		tm_die("setting the cgroups up: %s", strerror(-rc));
	for (i = 0; i < CHILDREN; i++) {
		tm_spawn(&worker[i], &child[i], churn, &len);
		tm_expect(&worker[i], "READY", tm_ms(TM_HANG_MS));
	}
}

/* Wrong pages of all workers; they keep their memory. */
static int64_t stop(void)
{
	int64_t bad = 0, n;
	int i;

	for (i = 0; i < CHILDREN; i++)
		tm_tell(&worker[i], "stop");
	for (i = 0; i < CHILDREN; i++) {
		char line[64], *num;

		n = tm_hear(&worker[i], line, sizeof(line), tm_ms(TM_HANG_MS));
		num = n > 0 ? strchr(line, ' ') : NULL;
		if (!num) {
			tm_diag("worker %d: %s", i, strerror(-n));
			bad++;
			continue;
		}
		tm_diag("worker %d: %s (wrong pages, rounds)", i, line);
		bad += strtoll(num, NULL, 10);
	}
	return bad;
}

/* What binds a child, where the module tells. */
static uint64_t effective(int i)
{
	if (!tm_cg_has(&child[i], "tiermem.dram_effective"))
		return 0;
	return tm_cg_u64(&child[i], "tiermem.dram_effective");
}

/* Files are read one after the other: only while nothing moves do they tell of the same moment. */
static void sums_hold(bool *ok)
{
	uint64_t sum, dram, ssum, slow;
	int i, tries = 0;

	do {
		if (tries)
			tm_pause_ms(100);
		sum = 0;
		ssum = 0;
		dram = tm_dram(&parent);
		slow = tm_slow(&parent);
		for (i = 0; i < CHILDREN; i++) {
			sum += tm_dram(&child[i]);
			ssum += tm_slow(&child[i]);
		}
	} while ((dram != tm_dram(&parent) || slow != tm_slow(&parent)) && ++tries < 100);
	tm_check(ok, tries < 100, "memory moves without end");
	tm_diag("sum of children %.1fM + %.1fM, parent %.1fM + %.1fM", tm_fmib(sum), tm_fmib(ssum),
		tm_fmib(dram), tm_fmib(slow));
	tm_check(ok, dram <= sum + TM_DRIFT && sum <= dram + TM_DRIFT,
		 "dram_current of the parent is not the sum of its children's");
	tm_check(ok, slow <= ssum + TM_DRIFT && ssum <= slow + TM_DRIFT,
		 "slow_current of the parent is not the sum of its children's");
}

static struct tm_child hot_worker;
static struct tm_region hot_region;

static bool hot_in_dram(void *arg)
{
	struct tm_where w;

	(void)arg;
	if (tm_where(hot_worker.pid, hot_region.addr, hot_region.len, &w))
		tm_die("pagemap can't be read");
	return w.fast * 100 >= hot_region.len / tm_page_size() * 95;
}

/*
 * Cold pages leave and hot ones come batch by batch, so the child's DRAM never drops by more than
 * a few batches. It would, by all that is exchanged, if what it gives up didn't count as room in
 * its parent's quota at once.
 */
static void exchange_below_full_parent(void)
{
	struct tm_cg top, mine, other;
	struct tm_sampler sampler;
	struct tm_region cold, more;
	struct tm_samples s;
	struct tm_child w;
	uint64_t before, t0;
	bool ok = true;
	int rc;

	rc = tm_cg_create(&top, NULL, "full");
	rc = rc ?: tm_cg_create(&mine, &top, "mine");
	rc = rc ?: tm_cg_create(&other, &top, "other");
	rc = rc ?: tm_cg_write_u64(&top, "tiermem.dram_max", tm_mb(100));
	rc = rc ?: tm_cg_write_u64(&mine, "tiermem.dram_max", tm_mb(60));
	if (rc)
		tm_die("setting the cgroups up: %s", strerror(-rc));
	tm_worker(&hot_worker, &mine);
	tm_worker(&w, &other);
	rc = tm_alloc(&hot_worker, TM_ANON4K, tm_mb(50), NULL, &cold);
	rc = rc ?: tm_alloc(&w, TM_ANON4K, tm_mb(80), NULL, &more);
	rc = rc ?: tm_alloc(&hot_worker, TM_ANON4K, tm_mb(24), NULL, &hot_region);
	if (rc)
		tm_die("allocating: %s", strerror(-rc));
	tm_check(&ok, !hot_in_dram(NULL), "the parent's quota was not used up");

	before = tm_dram(&mine);
	tm_sampler_start(&sampler, &mine, tm_mb(60) + TM_OVER);
	t0 = tm_now_ns();
	tm_busy(&hot_worker, TM_BUSY_READ_HARD, &hot_region, 0, hot_region.len);
	tm_check(&ok, tm_until(hot_in_dram, NULL, 100, tm_ms(TM_HANG_MS / 2)),
		 "the hot pages are not in DRAM");
	tm_sampler_stop(&sampler, &s);
	tm_diag("the hot pages are in DRAM after %.1f s; the child's DRAM was %.1fM, and no less than %.1fM meanwhile",
		tm_since(t0), tm_fmib(before), tm_fmib(s.min_dram));
	tm_check(&ok, s.min_dram + 8 * TM_MIB >= before, "the child lost DRAM");
	tm_check(&ok, !tm_idle(&hot_worker) && !tm_check_all(&hot_worker) && !tm_check_all(&w),
		 "wrong pages");
	if (!ok)
		tm_diag_stat(&mine);
	tm_quit(&hot_worker);
	tm_quit(&w);
	tm_check(&ok, !tm_cg_remove(&mine) && !tm_cg_remove(&other) && !tm_cg_remove(&top),
		 "the cgroups can't be removed");
	ksft_test_result(ok, "a child exchanges pages below a parent that is full\n");
}

int main(int argc, char **argv)
{
	struct tm_sampler top, low;
	struct tm_samples s;
	bool ok;
	uint64_t t0, rnd = 12345;
	int64_t bad;
	int i, rc, moves = 0, use;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	quota = tm_mb(200);
	limit = tm_mb(LIMIT_MB);
	use = tm_ms(tm_env("TM_USE_MS", 8000));
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	tm_require_free(true, tm_mb(CHILDREN * 120));
	ksft_set_plan(6);
	exchange_below_full_parent();
	start();

	/* Four at max. */
	tm_sampler_start(&top, &parent, quota + TM_OVER);
	tm_pause_ms(use);
	tm_sampler_get(&top, &s);
	ok = true;
	tm_check(&ok, tm_samples_ok(&s, quota, "four children at max"), "over the quota");
	/* Its peak: the children free a quarter of their memory now and then. */
	tm_check(&ok, s.max_numa + TM_UNDER >= quota, "the quota is not used");
	ksft_test_result(ok, "four busy children under a parent's quota\n");

	/* One with less: below it when the write returns, and from then on. */
	ok = true;
	rc = tm_cg_write_u64(&child[LIMITED], "tiermem.dram_max", limit);
	tm_check(&ok, !rc, "write: %s", strerror(-rc));
	tm_sampler_start(&low, &child[LIMITED], limit + TM_OVER);
	tm_sampler_reset(&top, quota + TM_OVER);
	tm_pause_ms(use);
	tm_sampler_get(&low, &s);
	tm_check(&ok, tm_samples_ok(&s, limit, "limited child"), "over its own limit");
	tm_sampler_get(&top, &s);
	tm_check(&ok, tm_samples_ok(&s, quota, "its parent"), "over the quota");
	tm_check(&ok, effective(LIMITED) <= limit, "%.1fM", tm_fmib(effective(LIMITED)));
	for (i = 0; i < CHILDREN; i++)
		tm_check(&ok, effective(i) <= quota, "child %d: %.1fM", i, tm_fmib(effective(i)));
	ksft_test_result(ok, "a child with a lower limit of its own\n");

	/* Tasks move; what they have stays charged where it was, what they get is charged anew. */
	ok = true;
	tm_sampler_reset(&top, quota + TM_OVER);
	tm_sampler_reset(&low, limit + TM_OVER);
	for (t0 = tm_now_ns(); tm_since(t0) * 1000 < use; moves++) {
		rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
		rc = tm_cg_move(&child[rnd >> 33 & 3], worker[rnd >> 43 & 3].pid);
		tm_check(&ok, !rc, "moving a task: %s", strerror(-rc));
		tm_pause_ms(20);
	}
	tm_diag("%d moves", moves);
	tm_sampler_get(&low, &s);
	tm_check(&ok, tm_samples_ok(&s, limit, "limited child, tasks moving"), "over its own limit");
	tm_sampler_get(&top, &s);
	tm_check(&ok, tm_samples_ok(&s, quota, "its parent, tasks moving"), "over the quota");
	ksft_test_result(ok, "tasks move between children\n");

	/* At rest the numbers add up. */
	ok = true;
	bad = stop();
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	sums_hold(&ok);
	tm_check(&ok, !tm_cg_key(&parent, "memory.events", "oom_kill"), "OOM kills");
	ksft_test_result(ok, "contents, and sums of children and parent\n");

	/* Nothing of an ancestor's quota is left when it goes. */
	ok = true;
	tm_sampler_reset(&low, limit + TM_OVER);
	tm_check(&ok, !tm_cg_write(&parent, "tiermem.dram_max", "max"), "write of max");
	tm_pause_ms(tm_ms(1000));
	tm_sampler_stop(&low, &s);
	tm_check(&ok, tm_samples_ok(&s, limit, "limited child alone"), "over its own limit");
	tm_check(&ok, effective(LIMITED) <= limit, "%.1fM", tm_fmib(effective(LIMITED)));
	tm_sampler_stop(&top, NULL);
	for (i = 0; i < CHILDREN; i++) {
		tm_tell(&worker[i], "end");
		rc = tm_reap(&worker[i], tm_ms(TM_HANG_MS));
		tm_check(&ok, !rc, "worker %d ends with %d", i, rc);
	}
	for (i = 0; i < CHILDREN; i++)
		tm_check(&ok, !tm_cg_remove(&child[i]), "child %d can't be removed", i);
	tm_check(&ok, !tm_cg_remove(&parent), "the parent can't be removed");
	ksft_test_result(ok, "the parent's quota is lifted, the child's stays\n");
	ksft_finished();
}
