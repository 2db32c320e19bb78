// SPDX-License-Identifier: GPL-2.0
/*
 * A quota holds while memory is allocated: a process in a cgroup with dram_max=200M touches 600M,
 * in every way that user memory comes about, with NUMA balancing off, on, and in tiering mode.
 *
 * Sampled every 20 ms, by the module's own count and by memory.numa_stat, DRAM of the cgroup is
 * never above quota + TM_OVER. The quota is used, not wasted: no less than quota - TM_UNDER. Then
 * the memory is used for a while (time for NUMA balancing to bring pages back), and its contents
 * are checked. Nothing may be swapped or killed.
 *
 * Then a crowd: many more processes than CPUs, which touch huge pages at the same time. Each can be
 * preempted while its huge page is zeroed, when no counter shows it yet.
 *
 * usage: test_quota_alloc [-v VARIANT]... [-n MODE]... [-q QUOTA_MIB] [-m TOUCH_MIB] [-w USE_MS]
 *
 * -x runs the workloads without the module, and reports what an unlimited cgroup does with them.
 */
#include "tm_work.h"

#define CROWD		32	/* processes */
#define CROWD_ROUNDS	2

struct options {
	unsigned int kinds, modes;	/* bit masks */
	size_t quota, touch;
	int use_ms;
	bool no_module;
};

static struct options opt = {
	.kinds = (1 << TM_KINDS) - 1,
	.modes = 7,
};

static uint64_t swapped(void)
{
	uint64_t n = tm_vmstat("pswpout");

	return n == UINT64_MAX ? 0 : n;
}

static void run(enum tm_kind kind, int mode, const char *file, const char *out)
{
	uint64_t swap0 = swapped(), hint0 = tm_vmstat("numa_hint_faults");
	uint64_t promoted0 = tm_vmstat("pgpromote_success");
	const char *name = tm_kind_name[kind];
	struct tm_sampler sampler;
	struct tm_samples s;
	struct tm_region r;
	struct tm_child w;
	struct tm_cg cg;
	char phase[64];
	bool ok = true;
	int64_t bad;
	uint64_t t0;
	int rc;

	if (tm_kind_needs_file(kind) && !file) {
		ksft_test_result_skip("%s numa_balancing=%d: no disk (TM_DIR, TM_DISK)\n",
				      name, mode);
		return;
	}
	/* Other people's page cache must not take the DRAM that the quota grants. */
	tm_write("/proc/sys/vm/drop_caches", "3");
	rc = tm_cg_create(&cg, NULL, name);
	if (rc)
		tm_die("creating a cgroup: %s", strerror(-rc));
	if (!opt.no_module) {
		rc = tm_cg_write_u64(&cg, "tiermem.dram_max", opt.quota);
		if (rc)
			tm_die("writing dram_max: %s", strerror(-rc));
	}
	tm_worker(&w, &cg);

	tm_sampler_start(&sampler, &cg, opt.quota + TM_OVER);
	t0 = tm_now_ns();
	rc = tm_alloc(&w, kind, opt.touch, kind == TM_FILE_WRITE ? out : file, &r);
	tm_check(&ok, !rc, "allocating: %s", strerror(-rc));
	tm_sampler_get(&sampler, &s);
	tm_diag("%s numa_balancing=%d: %.2f s, longest page %lld ms, now %s", name, mode,
		tm_since(t0), (long long)tm_longest_stall_ms(&w), tm_usage(&cg));
	snprintf(phase, sizeof(phase), "%s allocating", name);
	if (!opt.no_module) {
		tm_check(&ok, tm_samples_ok(&s, opt.quota, phase), "over the quota");
		tm_check(&ok, tm_numa(&cg, tm_fast_nodes()) + TM_UNDER >= opt.quota,
			 "the quota is not used: %s", tm_usage(&cg));
	} else {
		tm_samples_ok(&s, opt.quota, phase);
	}

	/* Used: hint faults want pages back in DRAM; the quota holds against that, too. */
	tm_sampler_reset(&sampler, opt.quota + TM_OVER);
	if (!rc && r.addr) {
		tm_busy(&w, TM_BUSY_READ_HARD, &r, 0, r.len);
		tm_pause_ms(opt.use_ms);
		tm_idle(&w);
	} else if (!rc) {
		bad = tm_check_all(&w);
		tm_check(&ok, !bad, "%lld wrong pages at the first look", (long long)bad);
	}
	tm_sampler_get(&sampler, &s);
	snprintf(phase, sizeof(phase), "%s in use", name);
	if (!opt.no_module) {
		tm_check(&ok, tm_samples_ok(&s, opt.quota, phase), "over the quota");
		tm_check(&ok, s.last_numa + TM_UNDER >= opt.quota,
			 "the quota is not used: %s", tm_usage(&cg));
	} else {
		tm_samples_ok(&s, opt.quota, phase);
	}

	bad = tm_check_all(&w);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	if (kind == TM_THP) {
		uint64_t thp = tm_cg_key(&cg, "memory.stat", "anon_thp");

		/* A quota must not break huge pages up, nor keep them from being made. */
		tm_check(&ok, thp >= opt.touch / 2, "only %.1fM in huge pages", tm_fmib(thp));
		tm_diag("%.1fM in huge pages", tm_fmib(thp));
	}
	tm_sampler_stop(&sampler, NULL);
	tm_check(&ok, tm_alive(&w), "the worker is gone");
	tm_check(&ok, !tm_cg_key(&cg, "memory.events", "oom_kill"), "OOM kills");
	tm_check(&ok, swapped() == swap0, "%llu pages swapped out",
		 (unsigned long long)(swapped() - swap0));
	tm_diag("hint faults %llu, promoted by NUMA balancing %llu",
		(unsigned long long)(tm_vmstat("numa_hint_faults") - hint0),
		(unsigned long long)(tm_vmstat("pgpromote_success") - promoted0));
	tm_quit(&w);
	if (kind == TM_FILE_WRITE)
		unlink(out);	/* its page cache goes with it, and the cgroup can */
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "%s numa_balancing=%d\n", name, mode);
}

static int one_of_crowd(struct tm_child *self, void *arg)
{
	size_t len = *(size_t *)arg;
	char line[16], *p;
	int i;

	tm_tell(self, "READY");
	if (tm_expect(self, "go", INT_MAX))
		return 1;
	for (i = 0; i < CROWD_ROUNDS; i++) {
		p = tm_anon(len, MADV_HUGEPAGE);
		tm_fill(p, len, i);
		if (tm_verify(p, len, i))
			return 1;
		munmap(p, len);
	}
	tm_tell(self, "DONE");
	tm_hear(self, line, sizeof(line), INT_MAX);
	return 0;
}

static void crowd(void)
{
	size_t len = opt.touch / CROWD;
	struct tm_child c[CROWD];
	struct tm_sampler sampler;
	struct tm_samples s;
	struct tm_cg cg;
	bool ok = true;
	int i;

	if (tm_cg_create(&cg, NULL, "crowd") ||
	    (!opt.no_module && tm_cg_write_u64(&cg, "tiermem.dram_max", opt.quota)))
		tm_die("setting the cgroup up");
	for (i = 0; i < CROWD; i++) {
		tm_spawn(&c[i], &cg, one_of_crowd, &len);
		tm_expect(&c[i], "READY", tm_ms(TM_HANG_MS));
	}
	tm_sampler_start(&sampler, &cg, opt.quota + TM_OVER);
	for (i = 0; i < CROWD; i++)
		tm_tell(&c[i], "go");
	for (i = 0; i < CROWD; i++)
		tm_check(&ok, !tm_expect(&c[i], "DONE", tm_ms(TM_HANG_MS)), "process %d", i);
	tm_sampler_stop(&sampler, &s);
	tm_check(&ok, tm_samples_ok(&s, opt.quota, "crowd") || opt.no_module, "over the quota");
	tm_check(&ok, s.max_numa >= opt.quota / 2, "the quota is not used");
	for (i = 0; i < CROWD; i++) {
		tm_tell(&c[i], "end");
		tm_check(&ok, !tm_reap(&c[i], tm_ms(TM_HANG_MS)), "wrong pages in %d", i);
	}
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "%d processes with huge pages at once\n", CROWD);
}

static void usage(const char *me)
{
	int i;

	fprintf(stderr, "usage: %s [-v VARIANT]... [-n MODE]... [-q QUOTA_MIB] [-m TOUCH_MIB] [-w USE_MS] [-x]\nvariants:",
		me);
	for (i = 0; i < TM_KINDS; i++)
		fprintf(stderr, " %s", tm_kind_name[i]);
	fprintf(stderr, "\nmodes: 0 1 2 of kernel.numa_balancing\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	unsigned int kinds = 0, modes = 0;
	int c, k;

	opt.quota = tm_mb(200);
	opt.touch = tm_mb(600);
	opt.use_ms = tm_ms(1500);
	while ((c = getopt(argc, argv, "v:n:q:m:w:x")) != -1) {
		switch (c) {
		case 'v':
			k = tm_kind_by_name(optarg);
			if (k < 0)
				usage(argv[0]);
			kinds |= 1 << k;
			break;
		case 'n':
			modes |= 1 << (atoi(optarg) & 3);
			break;
		case 'q':
			opt.quota = atol(optarg) * TM_MIB;
			break;
		case 'm':
			opt.touch = atol(optarg) * TM_MIB;
			break;
		case 'w':
			opt.use_ms = atoi(optarg);
			break;
		case 'x':
			opt.no_module = true;
			break;
		default:
			usage(argv[0]);
		}
	}
	if (kinds)
		opt.kinds = kinds;
	if (modes)
		opt.modes = modes;
}

int main(int argc, char **argv)
{
	char file[PATH_MAX] = "", out[PATH_MAX] = "";
	const char *dir = NULL;
	bool balancing;
	int mode, k;

	parse(argc, argv);
	tm_init(argc, argv);
	tm_require(opt.no_module ? TM_NEED_ALL & ~TM_NEED_MODULE : TM_NEED_ALL);
	tm_require_free(true, opt.touch - opt.quota + 32 * TM_MIB);

	balancing = !access("/proc/sys/kernel/numa_balancing", W_OK);
	/* Scan early and often: a test has no minute to wait for hint faults. */
	tm_set("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "100");
	tm_set("/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms", "100");
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	if (opt.kinds & (1 << TM_FILE_WRITE | 1 << TM_FILE_READ | 1 << TM_FILE_MAP))
		dir = tm_disk_dir();
	if (dir) {
		snprintf(file, sizeof(file), "%s/tm-read-%d", dir, getpid());
		snprintf(out, sizeof(out), "%s/tm-write-%d", dir, getpid());
		if (tm_make_file(file, opt.touch)) {
			tm_diag("can't write %s", file);
			unlink(file);
			dir = NULL;
		}
	}

	ksft_set_plan(__builtin_popcount(opt.kinds) * __builtin_popcount(opt.modes) +
		      !!(opt.kinds & 1 << TM_THP));
	for (mode = 0; mode < 3; mode++) {
		char val[4];

		if (!(opt.modes & 1 << mode))
			continue;
		snprintf(val, sizeof(val), "%d", mode);
		if (balancing && tm_set("/proc/sys/kernel/numa_balancing", val))
			tm_die("can't set numa_balancing to %d", mode);
		for (k = 0; k < TM_KINDS; k++) {
			if (!(opt.kinds & 1 << k))
				continue;
			if (mode && !balancing)
				ksft_test_result_skip("%s: no NUMA balancing in this kernel\n",
						      tm_kind_name[k]);
			else
				run(k, mode, dir ? file : NULL, out);
		}
	}
	if (dir)
		unlink(file);
	if (opt.kinds & 1 << TM_THP)
		crowd();
	ksft_finished();
}
