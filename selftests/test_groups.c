// SPDX-License-Identifier: GPL-2.0
/*
 * A thousand groups, 16 of them busy: what accounting and planning cost, in a VM whose clock counts
 * instructions:
 *
 *	selftests/vm/run.sh -i -s 1 -t pmem -T 300 -- build/selftests/test_groups
 *
 * Each group has a quota and memory in both tiers, but those that are idle have no more than a few
 * pages, whose process lives in another cgroup by now: there are no page tables to look at. All
 * that the daemon does in a second, observation of the 16 included, divided by the number of groups
 * must be at most 20000 instructions, in two situations:
 *
 *	new groups	windows are short
 *	resting		windows are long, and a group is accounted once a second
 *
 * Nor may the idle ones keep the daemon from the 16: their pages get at least half as many looks
 * as when they were alone.
 */
#include "tm_kern.h"

#include <numaif.h>

#define GROUPS		1000
#define BUSY		16
#define MOST		20000
#define IDLE_PAGES	16		/* in each tier */
#define BUSY_BYTES	(2 * TM_MIB)	/* in each tier; what is in DRAM is in use */
#define NEW_S		10
#define SETTLE_S	30
#define REST_S		30

static struct tm_cg group[GROUPS];

static void both_tiers(char *mem, size_t half)
{
	tm_fill_bound(mem, half, tm_fast_nodes());
	tm_fill_bound(mem + half, half, tm_slow_nodes());
	if (mbind(mem, 2 * half, MPOL_DEFAULT, NULL, 0, 0))
		tm_die("mbind: %m");
}

/* From cgroup to cgroup, leaving a few pages' charge in each. */
static int visitor(struct tm_child *self, void *arg)
{
	size_t half = IDLE_PAGES * tm_page_size();
	char line[16];
	int i;

	(void)arg;
	for (i = BUSY; i < GROUPS; i++) {
		if (tm_cg_move(&group[i], getpid()))
			tm_die("can't move to %s", group[i].path);
		both_tiers(tm_anon(2 * half, MADV_NOHUGEPAGE), half);
	}
	tm_write("/sys/fs/cgroup/cgroup.procs", "0");
	tm_tell(self, "READY");
	tm_hear(self, line, sizeof(line), INT_MAX);
	return 0;
}

static int user(struct tm_child *self, void *arg)
{
	char *mem = tm_anon(2 * BUSY_BYTES, MADV_NOHUGEPAGE), line[16];

	(void)arg;
	both_tiers(mem, BUSY_BYTES);
	tm_tell(self, "READY");
	while (tm_hear(self, line, sizeof(line), 50) == -ETIMEDOUT)
		tm_touch(mem, BUSY_BYTES);
	return 0;
}

/* Events of the tracepoint so far. */
static uint64_t plans(void)
{
	char buf[1024], *p, *q;

	if (tm_read(TM_TRACING "per_cpu/cpu0/stats", buf, sizeof(buf)) <= 0)
		return 0;
	p = strstr(buf, "entries:");
	q = strstr(buf, "overrun:");
	return p && q ? strtoull(p + 8, NULL, 10) + strtoull(q + 8, NULL, 10) : 0;
}

/* Looks at pages of those that are busy, so far. */
static uint64_t busy_pages(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < BUSY; i++)
		sum += tm_stat(&group[i], "scan_pages");
	return sum;
}

struct cost {
	double cpu, plans, pages;	/* a second */
};

static struct cost cost_over(const char *what, int seconds)
{
	uint64_t cpu = tm_daemon_cpu_ns(NULL), n = plans(), pages = busy_pages(), t0 = tm_now_ns();
	struct cost c;
	double s;

	tm_pause_ms(seconds * 1000);
	s = tm_since(t0);
	c.cpu = (tm_daemon_cpu_ns(NULL) - cpu) / s;
	c.plans = (plans() - n) / s;
	c.pages = (busy_pages() - pages) / s;
	tm_diag("%s: in %.1f s %.0f instructions of the daemon, %.1f plans, %.0f looks at pages of the 16, each second",
		what, s, c.cpu, c.plans, c.pages);
	return c;
}

int main(int argc, char **argv)
{
	struct cost few_new, few, all_new, all;
	double new_each, rest_each;
	struct tm_child users[BUSY], v;
	const char *why;
	uint64_t t0;
	int i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	why = tm_not_icount();
	if (why)
		ksft_exit_skip("%s\n", why);
	if (access(TM_TRACING "events/tiermem/tm_plan/enable", W_OK))
		ksft_exit_skip("no tracefs\n");
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	tm_set(TM_TRACING "events/tiermem/tm_plan/enable", "1");
	ksft_set_plan(3);

	t0 = tm_now_ns();
	for (i = 0; i < GROUPS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "g%d", i);
		if (tm_cg_create(&group[i], NULL, name))
			tm_die("can't make cgroup %d", i);
	}
	for (i = 0; i < BUSY; i++) {
		tm_spawn(&users[i], &group[i], user, NULL);
		if (tm_expect(&users[i], "READY", tm_ms(TM_HANG_MS)))
			tm_die("no process");
	}
	tm_spawn(&v, NULL, visitor, NULL);
	if (tm_expect(&v, "READY", tm_ms(TM_HANG_MS)))
		tm_die("no memory for the groups");
	tm_diag("%d cgroups with memory after %.1f s", GROUPS, tm_since(t0));

	for (i = 0; i < BUSY; i++) {
		if (tm_cg_write_u64(&group[i], "tiermem.dram_max", 2 * BUSY_BYTES - BUSY_BYTES / 2))
			tm_die("can't set a quota");
	}
	few_new = cost_over("16 groups, new", NEW_S);
	tm_pause_ms(SETTLE_S * 1000);
	few = cost_over("16 groups at rest", REST_S);
	for (; i < GROUPS; i++) {
		if (tm_cg_write_u64(&group[i], "tiermem.dram_max", 2 * TM_MIB))
			tm_die("can't set a quota");
	}
	all_new = cost_over("1000 groups, new", NEW_S);
	tm_pause_ms(SETTLE_S * 1000);
	all = cost_over("1000 groups at rest", REST_S);
	/* Or there would be nothing to plan. */
	if (tm_stat(&group[BUSY], "slow_bytes") < IDLE_PAGES * tm_page_size())
		tm_die("an idle group has nothing on the slow node: %s", tm_usage(&group[BUSY]));

	new_each = all_new.cpu / GROUPS;
	rest_each = all.cpu / GROUPS;
	tm_diag("16 busy groups take %.0f instructions a second new, %.0f at rest; with %d idle ones a group takes %.0f when new, %.0f at rest",
		few_new.cpu, few.cpu, GROUPS - BUSY, new_each, rest_each);
	ksft_test_result(all_new.plans > 0 && new_each <= MOST,
			 "new, at most %d instructions for a group in a second\n", MOST);
	ksft_test_result(all.plans > 0 && rest_each <= MOST,
			 "at rest, at most %d instructions for a group in a second\n", MOST);
	ksft_test_result(few.pages > 0 && all.pages >= few.pages / 2,
			 "the %d busy ones are looked at all the same\n", BUSY);
	tm_kill(&v, SIGKILL);
	for (i = 0; i < BUSY; i++)
		tm_kill(&users[i], SIGKILL);
	ksft_finished();
}
