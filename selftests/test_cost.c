// SPDX-License-Identifier: GPL-2.0
/*
 * What a page fault costs: instructions per 4K anonymous fault, with the module away, loaded, armed
 * and at work. In a VM whose clock counts instructions the numbers repeat to a thousandth:
 *
 *	selftests/vm/run.sh -i -s 1 -t pmem -T 400 -- build/selftests/test_cost
 *
 * (With -c max, page clearing is "rep stosb", which QEMU counts as 4096 instructions and a
 * processor as one: the same cost is then a smaller part of a fault. The default is stricter.)
 *
 * Elsewhere the processor's counter of retired instructions does, if there is one; else it skips.
 *
 *	module not loaded		the measure of all
 *	loaded, no group		0 more: the hook isn't registered
 *	group below its quota		<= 2.5 % more: the hook looks, and lets pass
 *	process without a group		reported: the hook is there for somebody else
 *	group at its quota		reported: the hook steers
 *	quota taken back		0 more again
 *
 * Each figure is the least of several passes over 64M, in a process with nothing else to do, pinned
 * to a CPU. Least, not mean: ticks and the daemon only ever add.
 */
#include "tm_test.h"
#include "tm_kern.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#define NOISE_PCT	0.1	/* "0 more" */
#define ARMED_PCT	2.5
#define PASSES		9

static bool icount;		/* a nanosecond is an instruction */

static int perf_open(void)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(a),
		.config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_hv = 1,
	};

	return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

/* CPU time of this thread: what other threads do in between isn't ours. */
static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t instructions(int fd)
{
	uint64_t n = 0;

	if (fd < 0)
		return thread_ns();
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		tm_die("reading the instruction counter: %m");
	return n;
}

/* Two instructions a turn, a hundred million of them: as many nanoseconds, if it is icount. */
static bool clock_is_icount(void)
{
	uint64_t best = UINT64_MAX, t;
	int i;

	for (i = 0; i < 5; i++) {
		unsigned long n = 10 * 1000 * 1000;

		t = tm_now_ns();
		__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n));
		t = tm_now_ns() - t;
		if (t < best)
			best = t;
	}
	tm_diag("20000000 instructions take %llu ns", (unsigned long long)best);
	return best > 19900000 && best < 20400000;
}

struct job {
	size_t len;
	bool warm;	/* fill the quota first, and keep it filled */
};

/* One pass: every page faults in once, by a write. Tells the least cost of a fault, times 1000. */
static int toucher(struct tm_child *self, void *arg)
{
	const struct job *job = arg;
	size_t pages = job->len / 4096, i;
	int fd = icount ? -1 : perf_open(), pass;
	uint64_t best = UINT64_MAX, sum = 0, n;
	cpu_set_t set;
	char *mem;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
	if (job->warm) {
		mem = tm_anon(32 * TM_MIB, MADV_NOHUGEPAGE);
		for (i = 0; i < 32 * TM_MIB; i += 4096)
			mem[i] = 1;
	}
	mem = tm_anon(job->len, MADV_NOHUGEPAGE);
	for (pass = 0; pass < PASSES; pass++) {
		n = instructions(fd);
		for (i = 0; i < pages; i++)
			*(volatile char *)(mem + i * 4096) = 1;
		n = instructions(fd) - n;
		sum += n;
		if (n < best)
			best = n;
		/* Page tables stay: a fault is the page, nothing else. */
		madvise(mem, job->len, MADV_DONTNEED);
	}
	tm_tell(self, "COST %llu %llu", (unsigned long long)best * 1000 / pages,
		(unsigned long long)sum * 1000 / pages / PASSES);
	return 0;
}

static double measure(const char *what, const struct tm_cg *cg, bool warm)
{
	struct job job = { .len = tm_mb(64), .warm = warm };
	unsigned long long best = 0, mean = 0;
	struct tm_child c;
	char line[128];

	tm_spawn(&c, cg, toucher, &job);
	if (tm_hear(&c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0 ||
	    sscanf(line, "COST %llu %llu", &best, &mean) != 2)
		tm_die("%s: no measurement", what);
	tm_reap(&c, tm_ms(TM_HANG_MS));
	tm_diag("%-32s %9.2f instructions a fault (mean %.2f)", what, best / 1000.0, mean / 1000.0);
	return best / 1000.0;
}

static double pct(double a, double b)
{
	return (a - b) / b * 100;
}

int main(int argc, char **argv)
{
	double none, none2, loaded, armed, other, full, back;
	struct tm_cg plain, group;
	char buf[64];
	int fd;

	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP | TM_NEED_SLOW);
	close(tm_ko_open());
	if (tm_module_listed())
		ksft_exit_skip("tiermem is loaded: rmmod it first\n");
	icount = clock_is_icount();
	/* The clock counts what all CPUs do. */
	if (icount && sysconf(_SC_NPROCESSORS_ONLN) > 1)
		ksft_exit_skip("one CPU only: selftests/vm/run.sh -i -s 1\n");
	if (!icount) {
		fd = perf_open();
		if (fd < 0)
			ksft_exit_skip("no instruction counter: selftests/vm/run.sh -i -s 1\n");
		close(fd);
	}
	tm_require_free(false, tm_mb(64) + 64 * TM_MIB);
	ksft_set_plan(5);
	if (tm_cg_create(&plain, NULL, "plain") || tm_cg_create(&group, NULL, "group"))
		tm_die("can't make cgroups");
	/* Boot-time work goes on for a while: let it pass. */
	tm_pause_ms(3000);
	/* The allocator tunes its per-CPU lists to what it sees. */
	measure("(warm-up)", &plain, false);
	measure("(warm-up)", &group, false);
	none = measure("module not loaded", &plain, false);

	if (tm_load(""))
		tm_die("insmod failed, see dmesg");
	loaded = measure("loaded, no group", &plain, false);
	tm_cg_write(&group, "tiermem.dram_max", "256M");
	armed = measure("group below its quota", &group, false);
	other = measure("process without a group", &plain, false);
	tm_cg_write(&group, "tiermem.dram_max", "16M");
	full = measure("group at its quota", &group, true);
	tm_sysfs("state", buf, sizeof(buf));
	tm_diag("steered %.1fM while at the quota, state %s",
		tm_fmib(tm_stat(&group, "steered_bytes")), buf);
	tm_cg_write(&group, "tiermem.dram_max", "max");
	tm_pause_ms(2000);	/* the hook may go a little later */
	back = measure("quota taken back", &plain, false);
	if (tm_unload())
		tm_die("rmmod failed");
	none2 = measure("module gone", &plain, false);

	tm_diag("loaded %+.3f %%, below quota %+.2f %% (%+.0f), no group %+.2f %% (%+.0f), at quota %+.2f %% (%+.0f), taken back %+.3f %%, gone %+.3f %%",
		pct(loaded, none), pct(armed, none), armed - none, pct(other, none), other - none,
		pct(full, none), full - none, pct(back, none), pct(none2, none));
	ksft_test_result(pct(none2, none) <= NOISE_PCT && pct(none2, none) >= -NOISE_PCT,
			 "the measurement repeats to %.1f %%\n", NOISE_PCT);
	ksft_test_result(pct(loaded, none) <= NOISE_PCT, "no group: a fault costs no more\n");
	ksft_test_result(pct(armed, none) <= ARMED_PCT,
			 "group below its quota: at most %.1f %% more\n", ARMED_PCT);
	ksft_test_result(pct(back, none) <= NOISE_PCT,
			 "quota taken back: a fault costs no more\n");
	ksft_test_result(full > 0 && other > 0, "at quota, and without a group: see above\n");
	ksft_finished();
}
