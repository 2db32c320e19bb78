// SPDX-License-Identifier: GPL-2.0
/*
 * Many groups at once, each with a quota of its own: all of them allocate at the same time, then
 * each uses a part of its memory. Every quota holds from the first page on, and every group gets
 * its hot pages into DRAM, not only those that come first. A loop in user space that looks at one
 * group after the other, once a second, does neither.
 */
#include "tm_kern.h"
#include "tm_work.h"

#define GROUPS	16

struct one {
	struct tm_cg cg;
	struct tm_child w;
	struct tm_region r;
	size_t quota, len, hot;
	uint64_t peak;
	double hot_pct;
};

static struct one group[GROUPS];
static volatile bool sampling = true;
static uint64_t samples;

/* One thread for all: 16 samplers would take a CPU for themselves. */
static void *sample(void *arg)
{
	int i;

	while (sampling) {
		for (i = 0; i < GROUPS; i++) {
			uint64_t dram = tm_dram(&group[i].cg);
			uint64_t numa = tm_numa(&group[i].cg, tm_fast_nodes());

			if (numa > dram)
				dram = numa;
			if (dram > group[i].peak)
				group[i].peak = dram;
			samples++;
		}
		tm_pause_ms(TM_SAMPLE_MS);
	}
	return arg;
}

static void look(struct one *g)
{
	struct tm_where w;

	if (tm_where(g->w.pid, g->r.addr + g->len - g->hot, g->hot, &w))
		tm_die("pagemap can't be read");
	g->hot_pct = 100.0 * w.fast * tm_page_size() / g->hot;
}

/* Is everybody's hot part in DRAM? */
static bool all_hot(void *arg)
{
	bool all = true;
	int i;

	(void)arg;
	for (i = 0; i < GROUPS; i++) {
		look(&group[i]);
		all &= group[i].hot_pct >= 95;
	}
	return all;
}

static bool none_over(void)
{
	bool ok = true;
	int i;

	for (i = 0; i < GROUPS; i++)
		tm_check(&ok, group[i].peak <= group[i].quota + TM_OVER, "group %d: %.1fM of %.1fM",
			 i, tm_fmib(group[i].peak), tm_fmib(group[i].quota));
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t t0, promoted = 0, demoted = 0, scan_usec = 0;
	pthread_t sampler;
	bool ok = true;
	int i, rc;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, tm_mb(GROUPS * 24));
	/* It would move pages, too. */
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	ksft_set_plan(3);
	for (i = 0; i < GROUPS; i++) {
		struct one *g = &group[i];
		char name[16];

		g->quota = tm_mb(6 + i % 4 * 2);
		g->len = tm_mb(24);
		g->hot = g->quota / 2;
		snprintf(name, sizeof(name), "many%d", i);
		if (tm_cg_create(&g->cg, NULL, name) ||
		    tm_cg_write_u64(&g->cg, "tiermem.dram_max", g->quota))
			tm_die("can't make a group with dram_max");
		tm_worker(&g->w, &g->cg);
	}

	pthread_create(&sampler, NULL, sample, NULL);
	t0 = tm_now_ns();
	for (i = 0; i < GROUPS; i++)
		tm_alloc_begin(&group[i].w, TM_ANON4K, group[i].len, NULL, &group[i].r);
	for (i = 0; i < GROUPS; i++) {
		rc = tm_alloc_end(&group[i].w, &group[i].r);
		tm_check(&ok, !rc, "group %d: %s", i, strerror(-rc));
		tm_check(&ok, tm_numa(&group[i].cg, tm_fast_nodes()) + TM_MIB >= group[i].quota,
			 "group %d does not use its quota: %s", i, tm_usage(&group[i].cg));
	}
	tm_diag("%d groups have their memory after %.1f s, %llu samples", GROUPS, tm_since(t0),
		(unsigned long long)samples);
	ksft_test_result(ok && none_over(), "%d groups allocate at once, every quota holds\n",
			 GROUPS);

	for (i = 0; i < GROUPS; i++)
		tm_busy(&group[i].w, TM_BUSY_READ, &group[i].r, group[i].len - group[i].hot,
			group[i].hot);
	t0 = tm_now_ns();
	ok = tm_until(all_hot, NULL, 200, tm_ms(2 * TM_HOT_BACK_MS));
	for (i = 0; i < GROUPS; i++) {
		tm_check(&ok, group[i].hot_pct >= 95, "group %d: %.1f %%", i, group[i].hot_pct);
		promoted += tm_stat(&group[i].cg, "promoted_bytes");
		demoted += tm_stat(&group[i].cg, "demoted_bytes");
		scan_usec += tm_stat(&group[i].cg, "scan_usec");
	}
	tm_diag("all hot parts in DRAM after %.1f s; promoted %.1fM demoted %.1fM, %.2f s of observation, %llu samples",
		tm_since(t0), tm_fmib(promoted), tm_fmib(demoted), scan_usec / 1e6,
		(unsigned long long)samples);
	ksft_test_result(ok && none_over(), "every group has its hot pages in DRAM\n");

	ok = true;
	sampling = false;
	pthread_join(sampler, NULL);
	for (i = 0; i < GROUPS; i++) {
		tm_check(&ok, !tm_idle(&group[i].w) && !tm_check_all(&group[i].w),
			 "wrong pages in group %d", i);
		tm_quit(&group[i].w);
		tm_check(&ok, !tm_cg_remove(&group[i].cg), "group %d can't be removed", i);
	}
	ksft_test_result(ok, "contents\n");
	ksft_finished();
}
