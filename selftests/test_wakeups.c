// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon sleeps when there is nothing to do: without groups it doesn't wake up at all; with a
 * group that has nothing to do (empty; an idle process well below its quota; one that is busy with
 * pages that are in DRAM already) at most twice a second. Counted over 10 s, by how often ktiermemd
 * went to sleep.
 *
 * TM_SECONDS: length of each phase (10).
 * Machine: selftests/vm/run.sh -t pmem
 */
#include "tm_test.h"
#include "tm_kern.h"

#define MOST_A_SECOND	2

static int sleeper(struct tm_child *self, void *arg)
{
	size_t len = 32 * TM_MIB;
	char line[64];

	(void)arg;
	tm_fill(tm_anon(len, MADV_NOHUGEPAGE), len, 1);
	tm_tell(self, "READY");
	tm_hear(self, line, sizeof(line), INT_MAX);
	return 0;
}

#define BUSY_MB	32
#define HOT_MB	8

/* Touched last, the hot pages include some that wait in a CPU's batch for a place on a list. */
static int busy(struct tm_child *self, void *arg)
{
	size_t len = BUSY_MB * TM_MIB, hot = HOT_MB * TM_MIB;
	char *mem = tm_anon(len, MADV_NOHUGEPAGE), line[16];

	(void)arg;
	tm_fill(mem, len, 1);
	tm_tell(self, "HOT %llu", (unsigned long long)(uintptr_t)(mem + len - hot));
	while (tm_hear(self, line, sizeof(line), 1) == -ETIMEDOUT)
		tm_touch(mem + len - hot, hot);
	return 0;
}

struct busy_child {
	struct tm_child c;
	char *hot;
};

static bool hot_in_dram(void *arg)
{
	const struct busy_child *b = arg;
	struct tm_where w;

	if (tm_where(b->c.pid, b->hot, HOT_MB * TM_MIB, &w))
		tm_die("pagemap can't be read");
	return w.fast * tm_page_size() >= HOT_MB * TM_MIB * 95 / 100;
}

/* Wakeups of all daemon threads over the phase; UINT64_MAX: no daemon. */
static uint64_t wakeups(const char *what, int seconds)
{
	uint64_t before[TM_NODES], sum = 0, cpu = tm_daemon_cpu_ns(NULL);
	pid_t pids[TM_NODES];
	int n = tm_daemon_pids(pids, TM_NODES), i;

	if (!n) {
		tm_diag("%s: no thread ktiermemd", what);
		return UINT64_MAX;
	}
	for (i = 0; i < n; i++)
		before[i] = tm_sleeps(pids[i]);
	tm_pause_ms(seconds * 1000);
	for (i = 0; i < n; i++)
		sum += tm_sleeps(pids[i]) - before[i];
	tm_diag("%s: %d threads, %llu wakeups in %d s, %.2f ms of CPU", what, n,
		(unsigned long long)sum, seconds, (tm_daemon_cpu_ns(NULL) - cpu) / 1e6);
	return sum;
}

int main(int argc, char **argv)
{
	int seconds = tm_env("TM_SECONDS", 10);
	const uint64_t most = MOST_A_SECOND * seconds;
	struct tm_cg cg, away;
	struct busy_child b;
	struct tm_child c;
	char line[64];

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	ksft_set_plan(6);
	if (tm_cg_create(&cg, NULL, "idle") || tm_cg_create(&away, NULL, "away"))
		tm_die("can't make cgroups");

	tm_pause_ms(1500);	/* what follows a load */
	ksft_test_result(wakeups("no group", seconds) == 0, "no group: no wakeup\n");

	if (tm_cg_write(&cg, "tiermem.dram_max", "128M"))
		tm_die("can't set a quota");
	tm_pause_ms(1500);
	ksft_test_result(wakeups("empty group", seconds) <= most,
			 "empty group: at most %d wakeups a second\n", MOST_A_SECOND);

	tm_spawn(&c, &cg, sleeper, NULL);
	if (tm_expect(&c, "READY", TM_HANG_MS))
		tm_die("no process");
	tm_pause_ms(5000);	/* pages that were just written are looked at for a while */
	tm_diag("%s", tm_usage(&cg));
	ksft_test_result(wakeups("idle process below its quota", seconds) <= most,
			 "idle process below its quota: at most %d wakeups a second\n",
			 MOST_A_SECOND);
	tm_tell(&c, "end");
	tm_reap(&c, TM_HANG_MS);

	if (tm_cg_write_u64(&cg, "tiermem.dram_max", BUSY_MB * TM_MIB / 2))
		tm_die("can't set a quota");
	tm_spawn(&b.c, &cg, busy, NULL);
	if (tm_hear(&b.c, line, sizeof(line), TM_HANG_MS) < 0 || strncmp(line, "HOT ", 4))
		tm_die("no process");
	b.hot = (char *)strtoull(line + 4, NULL, 10);
	if (!tm_until(hot_in_dram, &b, 100, TM_HOT_BACK_MS))
		tm_diag("the hot pages are not in DRAM");
	/* A new hot set is looked at often, until it is known well. */
	tm_pause_ms(60000);
	tm_diag("%s, hot_in_slow %llu", tm_usage(&cg),
		(unsigned long long)tm_stat(&cg, "hot_in_slow"));
	ksft_test_result(wakeups("busy in DRAM", seconds) <= most,
			 "busy with what is in DRAM already: at most %d wakeups a second\n",
			 MOST_A_SECOND);
	tm_tell(&b.c, "end");
	tm_reap(&b.c, TM_HANG_MS);

	tm_cg_write(&cg, "tiermem.dram_max", "max");
	tm_pause_ms(1500);
	ksft_test_result(wakeups("quota taken back", seconds) == 0,
			 "quota taken back: no wakeup\n");

	/* A group goes with its cgroup; nobody tells the daemon. */
	tm_cg_write(&away, "tiermem.dram_max", "128M");
	tm_cg_remove(&away);
	tm_pause_ms(3000);
	ksft_test_result(wakeups("group removed", seconds) == 0, "group removed: no wakeup\n");
	ksft_finished();
}
