// SPDX-License-Identifier: GPL-2.0
/*
 * Memory policies and quotas. A binding to all nodes, as libvirt makes for a guest, decides
 * nothing: the quota holds at once, hot pages come in. A binding to slow nodes is obeyed: hot
 * pages stay there. A binding to DRAM is obeyed while memory is allocated; where it then breaks the
 * quota, the quota wins, within a moment.
 */
#include "tm_kern.h"

#include <numaif.h>

/* The daemon looks once a second, then moves; a starved host takes long for that. */
#define WIN_MS	30000

enum how { BY_MBIND, BY_SET_MEMPOLICY };

struct binding {
	const char *name;
	enum how how;
	tm_nodes_t nodes;
	size_t cold, hot;
};

/* Fills cold, then hot memory, then reads the hot part until it is told to end. */
static int user(struct tm_child *self, void *arg)
{
	const struct binding *b = arg;
	size_t len = b->cold + b->hot;
	char *mem = tm_anon(len, MADV_NOHUGEPAGE), line[16];
	unsigned long mask = b->nodes;
	long rc;

	if (b->how == BY_MBIND)
		rc = mbind(mem, len, MPOL_BIND, &mask, TM_NODES + 1, 0);
	else
		rc = set_mempolicy(MPOL_BIND, &mask, TM_NODES + 1);
	if (rc)
		tm_die("binding: %m");
	tm_fill(mem, len, 1);
	tm_tell(self, "HOT %llu", (unsigned long long)(uintptr_t)(mem + b->cold));
	while (tm_hear(self, line, sizeof(line), 0) == -ETIMEDOUT)
		tm_touch(mem + b->cold, b->hot);
	return !!tm_verify(mem, len, 1);
}

struct run {
	const struct binding *b;
	struct tm_cg cg;
	struct tm_child c;
	char *hot;
	size_t quota;
	struct tm_samples filling;
};

static void start(struct run *r, const struct binding *b)
{
	struct tm_sampler sampler;
	char line[64];

	r->b = b;
	if (tm_cg_create(&r->cg, NULL, b->name) ||
	    tm_cg_write_u64(&r->cg, "tiermem.dram_max", r->quota))
		tm_die("can't make a group with dram_max");
	tm_sampler_start(&sampler, &r->cg, r->quota + TM_OVER);
	tm_spawn(&r->c, &r->cg, user, (void *)b);
	if (tm_hear(&r->c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0 || strncmp(line, "HOT ", 4))
		tm_die("%s: no memory", b->name);
	tm_sampler_stop(&sampler, &r->filling);
	r->hot = (char *)strtoull(line + 4, NULL, 10);
}

static void finish(struct run *r, bool *ok)
{
	if (!*ok)
		tm_diag_stat(&r->cg);
	tm_tell(&r->c, "end");
	tm_check(ok, !tm_reap(&r->c, tm_ms(TM_HANG_MS)), "wrong pages");
	tm_check(ok, !tm_cg_remove(&r->cg), "the cgroup can't be removed");
}

static double hot_pct(const struct run *r)
{
	struct tm_where w;

	if (tm_where(r->c.pid, r->hot, r->b->hot, &w))
		tm_die("pagemap can't be read");
	return 100.0 * w.fast * tm_page_size() / r->b->hot;
}

static bool hot_in_dram(void *arg)
{
	return hot_pct(arg) >= 95;
}

static bool within(void *arg)
{
	struct run *r = arg;

	return tm_dram(&r->cg) <= r->quota &&
	       tm_numa(&r->cg, tm_fast_nodes()) <= r->quota + TM_DRIFT;
}

int main(int argc, char **argv)
{
	struct binding all = { "all", BY_MBIND, 0, tm_mb(60), tm_mb(20) };
	struct binding task_all = { "task-all", BY_SET_MEMPOLICY, 0, tm_mb(60), tm_mb(20) };
	struct binding slow = { "slow", BY_MBIND, 0, tm_mb(20), tm_mb(20) };
	struct binding task_slow = { "task-slow", BY_SET_MEMPOLICY, 0, tm_mb(20), tm_mb(20) };
	struct binding fast = { "fast", BY_MBIND, 0, tm_mb(60), tm_mb(20) };
	const struct binding *to_all[] = { &all, &task_all }, *to_slow[] = { &slow, &task_slow };
	struct run r = { 0 };
	uint64_t t0;
	bool ok;
	int i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, tm_mb(100));
	tm_require_free(false, tm_mb(100));
	/* It would move pages, too. */
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	all.nodes = tm_fast_nodes() | tm_slow_nodes();
	task_all.nodes = all.nodes;
	slow.nodes = tm_slow_nodes();
	task_slow.nodes = slow.nodes;
	fast.nodes = tm_fast_nodes();
	r.quota = tm_mb(40);
	ksft_set_plan(5);

	for (i = 0; i < 2; i++) {
		ok = true;
		start(&r, to_all[i]);
		tm_check(&ok, tm_samples_ok(&r.filling, r.quota, r.b->name), "over the quota");
		t0 = tm_now_ns();
		tm_check(&ok, tm_until(hot_in_dram, &r, 100, tm_ms(TM_HOT_BACK_MS)),
			 "only %.1f %% of what is hot is in DRAM", hot_pct(&r));
		tm_diag("%s: hot pages in DRAM after %.1f s, %s", r.b->name, tm_since(t0),
			tm_usage(&r.cg));
		finish(&r, &ok);
		ksft_test_result(ok, "%s: bound to all nodes: quota, hot pages in DRAM\n",
				 r.b->name);
	}

	for (i = 0; i < 2; i++) {
		ok = true;
		start(&r, to_slow[i]);
		tm_pause_ms(tm_ms(5000));
		tm_diag("%s: %.1f %% of what is hot is in DRAM, %s", r.b->name, hot_pct(&r),
			tm_usage(&r.cg));
		tm_check(&ok, hot_pct(&r) == 0, "the binding was not obeyed");
		finish(&r, &ok);
		ksft_test_result(ok, "%s: bound to slow nodes: obeyed\n", r.b->name);
	}

	ok = true;
	start(&r, &fast);
	t0 = tm_now_ns();
	tm_check(&ok, tm_until(within, &r, 20, tm_ms(WIN_MS)), "%s", tm_usage(&r.cg));
	tm_diag("%s: peak DRAM %.1fM; within the quota %.1f s later", r.b->name,
		tm_fmib(r.filling.max_numa), tm_since(t0));
	finish(&r, &ok);
	ksft_test_result(ok, "%s: bound to DRAM: the quota wins\n", r.b->name);
	ksft_finished();
}
