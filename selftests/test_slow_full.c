// SPDX-License-Identifier: GPL-2.0
/*
 * The slow node is full. A group that allocates over its quota then gets DRAM: better over the
 * quota than an OOM kill or a stalled writer. Events say so, the daemon doesn't burn CPU on what
 * can't be done, and within TM_RESUME_MS of space appearing it goes on.
 */
#include "tm_work.h"

/* Longest that one 4K page may take on a machine whose vCPUs are starved now and then. */
#define STALL_MS	3000

static struct tm_cg cg;
static size_t quota;

static bool over_below(void *arg)
{
	return tm_dram(&cg) < *(uint64_t *)arg;
}

static bool within(void *arg)
{
	(void)arg;
	return tm_dram(&cg) <= quota && tm_numa(&cg, tm_fast_nodes()) <= quota + TM_DRIFT;
}

static bool has_slow_full(void *arg)
{
	return tm_event(&cg, "slow_full") > *(uint64_t *)arg;
}

int main(int argc, char **argv)
{
	struct tm_child w, hog;
	struct tm_region r, hot;
	uint64_t t0, full0, over, below, events0, fail0;
	bool ok = true;
	int64_t bad, stall;
	int rc, threads;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	quota = tm_mb(100);
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	tm_write("/proc/sys/vm/drop_caches", "3");
	tm_require_free(false, tm_mb(240));
	tm_require_free(true, tm_mb(240));
	tm_daemon_cpu_ns(&threads);
	tm_diag("%d threads named ktiermemd", threads);

	ksft_set_plan(5);
	rc = tm_cg_create(&cg, NULL, "full");
	if (!rc)
		rc = tm_cg_write_u64(&cg, "tiermem.dram_max", quota);
	if (rc)
		tm_die("setting the cgroup up: %s", strerror(-rc));
	tm_worker(&w, &cg);
	/* Something hot, half of it slow, so that the daemon has wishes that it can't fulfil. */
	rc = tm_alloc(&w, TM_ANON4K, quota * 3 / 2, NULL, &hot);
	if (rc)
		tm_die("allocating: %s", strerror(-rc));
	tm_hog(&hog, tm_slow_nodes(), tm_mb(8));
	full0 = tm_event(&cg, "slow_full");

	t0 = tm_now_ns();
	rc = tm_alloc(&w, TM_ANON4K, tm_mb(100), NULL, &r);
	stall = tm_longest_stall_ms(&w);
	over = tm_dram(&cg);
	tm_diag("allocating with a full slow node: %.2f s, longest page %lld ms, %s", tm_since(t0),
		(long long)stall, tm_usage(&cg));
	tm_check(&ok, !rc, "allocating: %s", strerror(-rc));
	tm_check(&ok, stall >= 0 && stall < tm_ms(STALL_MS), "a page took %lld ms",
		 (long long)stall);
	tm_check(&ok, over > quota, "the slow node was not full");
	tm_check(&ok, tm_alive(&w), "the worker is gone");
	tm_check(&ok, !tm_cg_key(&cg, "memory.events", "oom_kill"), "OOM kills");
	tm_check(&ok, tm_alive(&hog), "the hog is gone");
	ksft_test_result(ok, "no OOM kill, no stalled writer\n");

	ok = true;
	tm_check(&ok, tm_until(has_slow_full, &full0, 20, tm_ms(5000)), "slow_full is still %llu",
		 (unsigned long long)full0);
	tm_check(&ok, tm_event(&cg, "over_quota") > 0, "no event over_quota");
	tm_check(&ok, tm_stat(&cg, "over_quota_bytes") > 0, "over_quota_bytes is 0");
	tm_diag("slow_full %llu over_quota %llu over_quota_bytes %.1fM failed_nomem %llu",
		(unsigned long long)tm_event(&cg, "slow_full"),
		(unsigned long long)tm_event(&cg, "over_quota"),
		tm_fmib(tm_stat(&cg, "over_quota_bytes")),
		(unsigned long long)tm_stat(&cg, "failed_nomem"));
	ksft_test_result(ok, "events count\n");

	/* At rest, and while the group's memory is in use. */
	ok = true;
	events0 = tm_event(&cg, "slow_full");
	fail0 = tm_vmstat("pgmigrate_fail");
	tm_check(&ok, threads > 0, "no thread named ktiermemd");
	tm_check(&ok, tm_daemon_is_quiet("group at rest"), "more than %.1f %%", TM_IDLE_CPU_PCT);
	tm_busy(&w, TM_BUSY_READ, &hot, 0, hot.len);
	tm_check(&ok, tm_daemon_is_quiet("group in use"), "more than %.1f %%", TM_IDLE_CPU_PCT);
	tm_idle(&w);
	tm_diag("meanwhile: %llu events slow_full, %llu failed migrations",
		(unsigned long long)(tm_event(&cg, "slow_full") - events0),
		(unsigned long long)(tm_vmstat("pgmigrate_fail") - fail0));
	ksft_test_result(ok, "the daemon does not try in vain\n");

	/* Space. Some of the excess has gone to it within TM_RESUME_MS, all of it in a while. */
	ok = true;
	over = tm_dram(&cg);
	below = over - 2 * TM_MIB;
	rc = tm_hog_free(&hog, tm_mb(200));
	t0 = tm_now_ns();
	tm_check(&ok, !rc, "the hog does not free: %s", strerror(-rc));
	tm_check(&ok, tm_until(over_below, &below, 10, tm_ms(TM_RESUME_MS)),
		 "nothing has moved after %.2f s", tm_since(t0));
	tm_diag("first pages %.2f s after space appeared", tm_since(t0));
	tm_check(&ok, tm_until(within, NULL, 20, tm_ms(30000)), "still over: %s", tm_usage(&cg));
	tm_diag("within the quota after %.2f s: %s", tm_since(t0), tm_usage(&cg));
	ksft_test_result(ok, "resumes when space appears\n");

	ok = true;
	bad = tm_check_all(&w);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	tm_check(&ok, !tm_cg_key(&cg, "memory.events", "oom_kill"), "OOM kills");
	tm_quit(&w);
	tm_kill(&hog, SIGKILL);
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "contents\n");
	ksft_finished();
}
