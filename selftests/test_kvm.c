// SPDX-License-Identifier: GPL-2.0
/*
 * A quota under a KVM guest that knows nothing of it. The guest touches all of its memory, the hot
 * part last, and then reads the hot part only, without ever leaving guest mode on purpose: nothing
 * but the second-stage page tables knows what it uses. The quota holds while the guest faults its
 * memory in, the hot part comes to DRAM, soon even if the guest was idle for long before, and a cut
 * of the quota takes effect under the running guest. At the end guest and host find what the guest
 * has written.
 *
 * With 4K pages and with huge pages, which the second stage then maps as such.
 */
#include "tm_guest.h"
#include "tm_kern.h"

#define HOT_MS		120000
/* A guest is idle until its windows are that long; nobody should wait for the end of one. */
#define IDLE_WINDOW_US	16000000
#define IDLE_MS		180000
#define WAKE_MS		8000
#define VARIANTS	2

struct variant {
	const char *name;
	int advice;
	size_t len, hot, quota, cut;
};

/*
 * The process of the guest. "write", "check": one pass over all. "read": over and over, the hot
 * part, until "stop". "passes": done so far. "host": wrong pages by the host's own look.
 */
static int vmm(struct tm_child *self, void *arg)
{
	const struct variant *v = arg;
	struct tm_guest g;
	char line[64];

	tm_guest_create(&g, v->len, v->advice);
	tm_tell(self, "MEM %llu", (unsigned long long)(uintptr_t)g.mem);
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		int64_t rc = -EINVAL;

		if (!strcmp(line, "write")) {
			tm_guest_begin(&g, TM_GUEST_WRITE, 0, v->len, true);
			rc = tm_guest_end(&g);
		} else if (!strcmp(line, "check")) {
			tm_guest_begin(&g, TM_GUEST_CHECK, 0, v->len, true);
			rc = tm_guest_end(&g);
			rc = rc ? rc : g.ctl->bad;
		} else if (!strcmp(line, "read")) {
			tm_guest_begin(&g, TM_GUEST_READ, v->len - v->hot, v->hot, false);
			rc = 0;
		} else if (!strcmp(line, "stop")) {
			rc = tm_guest_end(&g);
		} else if (!strcmp(line, "passes")) {
			rc = g.ctl->passes;
		} else if (!strcmp(line, "host")) {
			rc = tm_guest_verify(&g, v->len);
		}
		tm_tell(self, "OK %lld", (long long)rc);
	}
	return 0;
}

static int64_t ask(struct tm_child *c, const char *cmd)
{
	return tm_ask(c, cmd, tm_ms(TM_HANG_MS));
}

static void idle(const struct tm_cg *cg, const struct variant *v)
{
	uint64_t t0 = tm_now_ns(), window_us = 0;

	while (window_us < IDLE_WINDOW_US && tm_since(t0) * 1000 < tm_ms(IDLE_MS)) {
		tm_pause_ms(500);
		window_us = tm_cg_key(cg, "tiermem.stat", "window_usec");
	}
	tm_diag("%s: idle for %.0f s, windows of %.1f s", v->name, tm_since(t0), window_us / 1e6);
}

/* Percentage of the hot part that is in DRAM. */
static double hot_pct(const struct tm_child *c, const struct variant *v, const char *mem)
{
	struct tm_where w;

	if (tm_where(c->pid, mem + TM_GUEST_FIRST + v->len - v->hot, v->hot, &w))
		tm_die("/proc/%d/pagemap can't be read", c->pid);
	return 100.0 * w.fast / (w.fast + w.slow + w.absent);
}

static void test(const struct variant *v)
{
	struct tm_sampler sampler;
	struct tm_samples s;
	struct tm_child c;
	struct tm_cg cg;
	double pct = 0, took;
	int64_t rc, passes;
	uint64_t t0;
	char line[64], *mem;
	bool ok = true;

	rc = tm_cg_create(&cg, NULL, v->name);
	if (!rc)
		rc = tm_cg_write_u64(&cg, "tiermem.dram_max", v->quota);
	if (rc)
		tm_die("setting the cgroup up: %s", strerror(-rc));
	tm_spawn(&c, &cg, vmm, (void *)v);
	if (tm_hear(&c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0 || strncmp(line, "MEM ", 4))
		tm_die("the guest did not come up");
	mem = (char *)strtoull(line + 4, NULL, 10);

	tm_sampler_start(&sampler, &cg, v->quota + TM_OVER);
	t0 = tm_now_ns();
	rc = ask(&c, "write");
	tm_check(&ok, !rc, "the guest: %s", strerror(-rc));
	tm_sampler_get(&sampler, &s);
	tm_check(&ok, tm_samples_ok(&s, v->quota, v->name), "over the quota");
	tm_check(&ok, tm_numa(&cg, tm_fast_nodes()) + TM_UNDER >= v->quota,
		 "the quota is not used: %s", tm_usage(&cg));
	tm_diag("%s: the guest touched %.0fM in %.2f s, %.1f %% of its hot %.0fM in DRAM, %s",
		v->name, tm_fmib(v->len), tm_since(t0), hot_pct(&c, v, mem), tm_fmib(v->hot),
		tm_usage(&cg));
	ksft_test_result(ok, "%s: the quota holds while a guest gets its memory\n", v->name);

	ok = true;
	tm_check(&ok, hot_pct(&c, v, mem) < 50, "the hot part is in DRAM before it is hot");
	tm_sampler_reset(&sampler, v->quota + TM_OVER);
	idle(&cg, v);
	rc = ask(&c, "read");
	for (t0 = tm_now_ns(); pct < 95 && tm_since(t0) * 1000 < tm_ms(HOT_MS); tm_pause_ms(100))
		pct = hot_pct(&c, v, mem);
	took = tm_since(t0);
	tm_diag("%s: %.1f %% of the hot part in DRAM after %.1f s, %lld passes of the guest over it",
		v->name, pct, took, (long long)ask(&c, "passes"));
	if (!tm_check(&ok, pct >= 95, "%.1f %%", pct) ||
	    !tm_check(&ok, took * 1000 < tm_ms(WAKE_MS), "not within %d s", WAKE_MS / 1000))
		tm_diag_stat(&cg);
	tm_sampler_get(&sampler, &s);
	tm_check(&ok, tm_samples_ok(&s, v->quota, v->name), "over the quota");
	ksft_test_result(ok, "%s: what the guest uses comes to DRAM, soon after it was idle\n",
			 v->name);

	ok = true;
	passes = ask(&c, "passes");
	t0 = tm_now_ns();
	rc = tm_cg_write_u64(&cg, "tiermem.dram_max", v->cut);
	tm_check(&ok, !rc, "write: %s", strerror(-rc));
	tm_diag("%s: the write returned after %.2f s, %s", v->name, tm_since(t0), tm_usage(&cg));
	tm_check(&ok, tm_dram(&cg) <= v->cut, "%s", tm_usage(&cg));
	tm_sampler_reset(&sampler, v->cut + TM_OVER);
	tm_pause_ms(tm_ms(2000));
	tm_check(&ok, ask(&c, "passes") > passes, "the guest does not get on");
	tm_sampler_stop(&sampler, &s);
	tm_check(&ok, tm_samples_ok(&s, v->cut, v->name), "over the quota");
	ksft_test_result(ok, "%s: a cut under the running guest\n", v->name);

	ok = true;
	rc = ask(&c, "stop");
	tm_check(&ok, !rc, "the guest: %s", strerror(-rc));
	rc = ask(&c, "check");
	tm_check(&ok, !rc, "%lld wrong pages, says the guest", (long long)rc);
	rc = ask(&c, "host");
	tm_check(&ok, !rc, "%lld wrong pages, says the host", (long long)rc);
	if (v->advice == MADV_HUGEPAGE) {
		uint64_t thp = tm_cg_key(&cg, "memory.stat", "anon_thp");

		tm_check(&ok, thp >= v->len / 2, "only %.1fM in huge pages", tm_fmib(thp));
	}
	tm_kill(&c, SIGKILL);
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "%s: contents\n", v->name);
}

int main(int argc, char **argv)
{
	const struct variant variants[VARIANTS] = {
		{ "guest4k", MADV_NOHUGEPAGE, tm_mb(96), tm_mb(24), tm_mb(48), tm_mb(16) },
		{ "guestthp", MADV_HUGEPAGE, tm_mb(96), tm_mb(24), tm_mb(48), tm_mb(16) },
	};
	const char *why;
	size_t i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	why = tm_guest_missing();
	if (why)
		ksft_exit_skip("%s\n", why);
	tm_require_free(true, tm_mb(96));
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	/* Balancing hint faults would be another way to see a guest's accesses. */
	tm_set("/proc/sys/kernel/numa_balancing", "0");

	ksft_set_plan(4 * VARIANTS);
	for (i = 0; i < VARIANTS; i++)
		test(&variants[i]);
	ksft_finished();
}
