// SPDX-License-Identifier: GPL-2.0
/*
 * What a page fault costs: instructions per 4K anonymous fault, with the module away, loaded, armed
 * and at work. In a VM whose clock counts instructions the numbers repeat to a thousandth:
 *
 *	selftests/vm/run.sh -i -s 1 -t pmem -T 400 -- build/selftests/test_cost
 *
 * A fault is as QEMU counts it with -c max, where it clears a page by "rep stosb", 4096
 * instructions: 7100 to 7800 in all. run.sh's default processor lacks erms, and so clears by fewer;
 * the difference is added to what percentages refer to. (With -c max itself the test takes twice as
 * long.)
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
#include <sys/personality.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * "0 more", least against least. What it costs to take a page from the allocator depends on which
 * blocks are free, by 14 instructions: 4074 or 4088 a fault, with and without the module.
 */
#define NOISE_PCT	0.25
#define SPREAD_PCT	0.8	/* between one time without the module and another */
#define ROUNDS		3
#define ARMED_PCT	2.5
#define PASSES		5
#define PROCESSES	2
#define NO_ERMS		3395	/* 6.1: 3737 instructions a fault without erms, 7132 with it */

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

struct job {
	size_t len;
	bool warm;	/* fill the quota first, and keep it filled */
};

/* One pass: every page faults in once, by a write. Prints the cost of a fault, times 1000. */
static int touch(const struct job *job)
{
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
	printf("COST %llu %llu\n", (unsigned long long)best * 1000 / pages,
	       (unsigned long long)sum * 1000 / pages / PASSES);
	return 0;
}

/*
 * A program of its own, always at the same addresses: how far the kernel searches for a mapping
 * depends on how many there are.
 */
static int toucher(struct tm_child *self, void *arg)
{
	const struct job *job = arg;
	char mib[16];

	snprintf(mib, sizeof(mib), "%zu", job->len >> 20);
	dup2(self->out, STDOUT_FILENO);
	personality(ADDR_NO_RANDOMIZE);
	execl("/proc/self/exe", "test_cost", "--touch", mib, job->warm ? "warm" : "cold",
	      icount ? "icount" : "perf", NULL);
	return 1;
}

static double one_process(const char *what, const struct tm_cg *cg, bool warm, double *avg)
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
	*avg += mean / 1000.0 / PROCESSES;
	return best / 1000.0;
}

/* A process may be lucky with what the allocator has at hand: take several. */
static double measure(const char *what, const struct tm_cg *cg, bool warm)
{
	double best = 1e9, mean = 0, n;
	int i;

	for (i = 0; i < PROCESSES; i++) {
		n = one_process(what, cg, warm, &mean);
		if (n < best)
			best = n;
	}
	tm_diag("%-32s %9.2f instructions a fault (mean %.2f)", what, best, mean);
	return best;
}

static double pct(double a, double b)
{
	static int erms = -1;
	char buf[4096];

	if (erms < 0)
		erms = tm_read("/proc/cpuinfo", buf, sizeof(buf)) > 0 && strstr(buf, " erms");
	return (a - b) / (b + (icount && !erms ? NO_ERMS : 0)) * 100;
}

int main(int argc, char **argv)
{
	double none = 1e9, none_max = 0, loaded = 1e9, back = 1e9, armed, other, full, n, noise;
	struct tm_cg plain, group;
	char buf[64];
	int fd, i;

	if (argc == 5 && !strcmp(argv[1], "--touch")) {
		struct job job = { atol(argv[2]) * TM_MIB, !strcmp(argv[3], "warm") };

		icount = !strcmp(argv[4], "icount");
		return touch(&job);
	}
	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP | TM_NEED_SLOW);
	close(tm_ko_open());
	if (tm_module_listed())
		ksft_exit_skip("tiermem is loaded: rmmod it first\n");
	icount = tm_clock_is_icount();
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
	/*
	 * Some state of 6.12 (not of 6.1) makes steps of 14 instructions, a fifth of a percent,
	 * from one process to the next, module or not: take turns, and call that much noise.
	 */
	for (i = 0; i < ROUNDS; i++) {
		n = measure("module not loaded", &plain, false);
		none = n < none ? n : none;
		none_max = n > none_max ? n : none_max;
		if (tm_load(""))
			tm_die("insmod failed, see dmesg");
		n = measure("loaded, no group", &plain, false);
		loaded = n < loaded ? n : loaded;
		if (i < ROUNDS - 1 && tm_unload())
			tm_die("rmmod failed");
	}
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
	for (i = 0; i < ROUNDS; i++) {
		n = measure("quota taken back", &plain, false);
		back = n < back ? n : back;
	}
	if (tm_unload())
		tm_die("rmmod failed");

	tm_diag("loaded %+.3f %%, below quota %+.2f %% (%+.0f), no group %+.2f %% (%+.0f), at quota %+.2f %% (%+.0f), taken back %+.3f %%",
		pct(loaded, none), pct(armed, none), armed - none, pct(other, none), other - none,
		pct(full, none), full - none, pct(back, none));
	tm_diag("of this processor's own fault that is below quota %+.2f %%, no group %+.2f %%, at quota %+.2f %%",
		(armed - none) / none * 100, (other - none) / none * 100,
		(full - none) / none * 100);
	noise = pct(none_max, none);
	ksft_test_result(noise <= SPREAD_PCT, "the measurement repeats to %.1f %%\n", SPREAD_PCT);
	if (noise < NOISE_PCT)
		noise = NOISE_PCT;
	ksft_test_result(pct(loaded, none) <= noise, "no group: a fault costs no more\n");
	ksft_test_result(pct(armed, none) <= ARMED_PCT,
			 "group below its quota: at most %.1f %% more\n", ARMED_PCT);
	ksft_test_result(pct(back, none) <= noise,
			 "quota taken back: a fault costs no more\n");
	ksft_test_result(full > 0 && other > 0, "at quota, and without a group: see above\n");
	ksft_finished();
}
