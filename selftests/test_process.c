// SPDX-License-Identifier: GPL-2.0
/*
 * A quota for one process, by its pid: it holds while the process allocates, and the other
 * processes of its cgroup are left alone. Lowered and lifted while it runs. What becomes of it with
 * fork, exec, exit and kill -9, and whoever gets the same pid next.
 *
 * Where pages are comes from pagemap, not from the module.
 */
#include "tm_kern.h"
#include "tm_work.h"

#include <sys/ioctl.h>
#include <linux/tiermem.h>

#define DEVICE	"/dev/tiermem"

/* A group is gone when the daemon has looked. */
#define GONE_MS	5000

static int dev;
static struct tm_cg cg;

static int request(unsigned long cmd, struct tiermem_group *g)
{
	return ioctl(dev, cmd, g) < 0 ? errno : 0;
}

/* 0 or the error number. */
static int get(pid_t pid, struct tiermem_group *g)
{
	*g = (struct tiermem_group){
		.size = sizeof(*g), .flags = TIERMEM_GROUP_PID, .pid = pid,
	};
	return request(TIERMEM_GROUP_GET, g);
}

static int set(pid_t pid, uint64_t dram_max, struct tiermem_group *g)
{
	*g = (struct tiermem_group){
		.size = sizeof(*g), .flags = TIERMEM_GROUP_PID, .pid = pid,
		.set = TIERMEM_SET_DRAM_MAX, .dram_max = dram_max,
	};
	return request(TIERMEM_GROUP_SET, g);
}

/* The process with a quota and the next larger pid, or 0. */
static pid_t next_after(pid_t pid)
{
	struct tiermem_group g = {
		.size = sizeof(g), .flags = TIERMEM_GROUP_PID | TIERMEM_GROUP_NEXT, .pid = pid,
	};

	return request(TIERMEM_GROUP_GET, &g) ? 0 : g.pid;
}

static void must_set(pid_t pid, uint64_t dram_max)
{
	struct tiermem_group g;
	int err = set(pid, dram_max, &g);

	if (err)
		tm_die("set by pid: %s", strerror(err));
}

static uint64_t dram_of(pid_t pid, const struct tm_region *r, size_t len)
{
	struct tm_where w;

	return tm_where(pid, r->addr, len, &w) ? 0 : w.fast * tm_page_size();
}

static bool none_left(void *arg)
{
	(void)arg;
	return !next_after(0);
}

/* ---- while it allocates ------------------------------------------------------------------ */

/* It has said nothing for so long. */
static bool waits(const struct tm_child *c, int ms)
{
	struct pollfd p = { .fd = c->in, .events = POLLIN };

	return !c->fill && poll(&p, 1, ms) == 0;
}

/* The largest share of DRAM that a region had while it was filled. */
static uint64_t fill_and_watch(struct tm_child *w, enum tm_kind kind, size_t len,
			       struct tm_region *r)
{
	struct tiermem_group g;
	uint64_t most = 0;

	tm_alloc_begin(w, kind, len, NULL, r);
	/* The address is known at the end only; the module's own word until then. */
	while (waits(w, TM_SAMPLE_MS)) {
		if (!get(w->pid, &g) && g.dram_current > most)
			most = g.dram_current;
	}
	if (tm_alloc_end(w, r))
		tm_die("no memory");
	if (dram_of(w->pid, r, len) > most)
		most = dram_of(w->pid, r, len);
	return most;
}

static bool allocates(enum tm_kind kind)
{
	const size_t len = tm_mb(96), quota = tm_mb(24), others = tm_mb(32);
	struct tm_region r, other_r;
	struct tm_child w, other;
	struct tiermem_group g;
	uint64_t most, other_dram;
	bool ok = true;

	tm_worker(&other, &cg);
	if (tm_alloc(&other, TM_ANON4K, others, NULL, &other_r) ||
	    tm_busy(&other, TM_BUSY_REWRITE, &other_r, 0, others))
		tm_die("no memory");
	tm_worker(&w, &cg);
	must_set(w.pid, quota);
	most = fill_and_watch(&w, kind, len, &r);
	other_dram = dram_of(other.pid, &other_r, others);
	get(w.pid, &g);
	tm_diag("%s: at most %.1fM in DRAM while it allocated %.1fM, then %.1fM (pagemap %.1fM); the other has %.1fM of %.1fM there",
		tm_kind_name[kind], tm_fmib(most), tm_fmib(len), tm_fmib(g.dram_current),
		tm_fmib(dram_of(w.pid, &r, len)), tm_fmib(other_dram), tm_fmib(others));
	tm_check(&ok, most <= quota + TM_OVER, "%.1fM", tm_fmib(most));
	tm_check(&ok, most + TM_UNDER >= quota, "%.1fM", tm_fmib(most));
	tm_check(&ok, other_dram == others, "%.1fM of the other's", tm_fmib(other_dram));
	tm_check(&ok, g.dram_max == quota && g.dram_effective == quota, "%llu",
		 (unsigned long long)g.dram_max);
	tm_check(&ok, g.slow_current + TM_OVER >= len - quota, "%.1fM", tm_fmib(g.slow_current));
	tm_check(&ok, !tm_idle(&other) && !tm_check_all(&other) && !tm_check_all(&w),
		 "wrong pages");
	tm_quit(&w);
	tm_quit(&other);
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "the group is still there");
	return ok;
}

/* ---- while it runs -------------------------------------------------------------------------- */

struct hot {
	pid_t pid;
	const struct tm_region *r;
	size_t len;
};

static bool hot_in_dram(void *arg)
{
	struct hot *h = arg;

	return dram_of(h->pid, h->r, h->len) >= h->len / 100 * 95;
}

/* Lowered: at its return all is moved. What is hot comes back. Lifted: all may. */
static bool lowered(void)
{
	const size_t len = tm_mb(64), quota = tm_mb(16), hot_len = tm_mb(8);
	struct tiermem_group g;
	struct tm_region r;
	struct tm_child w;
	struct hot h;
	bool ok = true;
	int err;

	tm_worker(&w, &cg);
	if (tm_alloc(&w, TM_ANON4K, len, NULL, &r))
		tm_die("no memory");
	err = get(w.pid, &g);
	tm_check(&ok, !err && g.dram_max == TIERMEM_MAX && g.dram_current >= len, "%d, %.1fM", err,
		 tm_fmib(g.dram_current));
	must_set(w.pid, quota);
	tm_check(&ok, dram_of(w.pid, &r, len) <= quota + TM_OVER, "%.1fM at the return",
		 tm_fmib(dram_of(w.pid, &r, len)));
	tm_check(&ok, next_after(0) == w.pid && next_after(w.pid) == 0, "listed: %d",
		 next_after(0));
	if (tm_busy(&w, TM_BUSY_READ, &r, 0, hot_len))
		tm_die("not busy");
	h = (struct hot){ w.pid, &r, hot_len };
	tm_check(&ok, tm_until(hot_in_dram, &h, 200, tm_ms(TM_HOT_BACK_MS)),
		 "%.1fM of what is hot is in DRAM", tm_fmib(dram_of(w.pid, &r, hot_len)));
	tm_check(&ok, dram_of(w.pid, &r, len) <= quota + TM_OVER, "%.1fM then",
		 tm_fmib(dram_of(w.pid, &r, len)));
	must_set(w.pid, 0);
	tm_check(&ok, dram_of(w.pid, &r, len) <= TM_OVER, "%.1fM with a quota of 0",
		 tm_fmib(dram_of(w.pid, &r, len)));
	must_set(w.pid, TIERMEM_MAX);
	tm_check(&ok, tm_until(hot_in_dram, &h, 200, tm_ms(TM_HOT_BACK_MS)),
		 "without a quota %.1fM of what is hot came back",
		 tm_fmib(dram_of(w.pid, &r, hot_len)));
	tm_check(&ok, !tm_idle(&w) && !tm_check_all(&w), "wrong pages");
	tm_quit(&w);
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "the group is still there");
	return ok;
}

/* Both quotas hold, its own and that of the cgroup. */
static bool in_a_group(void)
{
	const size_t len = tm_mb(32);
	struct tm_region r;
	struct tm_child w;
	bool ok = true;

	tm_worker(&w, &cg);
	must_set(w.pid, tm_mb(24));
	tm_cg_write_u64(&cg, "tiermem.dram_max", tm_mb(12));
	if (tm_alloc(&w, TM_ANON4K, len, NULL, &r))
		tm_die("no memory");
	tm_check(&ok, tm_dram(&cg) <= tm_mb(12) + TM_OVER, "the cgroup has %.1fM",
		 tm_fmib(tm_dram(&cg)));
	must_set(w.pid, tm_mb(4));
	tm_check(&ok, dram_of(w.pid, &r, len) <= tm_mb(4) + TM_OVER, "%.1fM",
		 tm_fmib(dram_of(w.pid, &r, len)));
	tm_cg_write(&cg, "tiermem.dram_max", "max");
	tm_check(&ok, !tm_check_all(&w), "wrong pages");
	tm_quit(&w);
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "the group is still there");
	return ok;
}

/* ---- what becomes of a process --------------------------------------------------------------- */

/* Says its children's pids and addresses, and does as it is told. */
static int parent(struct tm_child *self, void *arg)
{
	const size_t len = tm_mb(32);
	char *mem = tm_anon(len, MADV_NOHUGEPAGE), line[32];
	pid_t child = 0;

	(void)arg;
	tm_fill(mem, len, 1);
	tm_tell(self, "MEM %llu", (unsigned long long)(uintptr_t)mem);
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		if (!strcmp(line, "fork")) {
			child = fork();
			if (!child) {
				/* A copy of each page, and so of its own. */
				tm_fill(mem, len, 2);
				tm_tell(self, "COPIED 0");
				pause();
				_exit(0);
			}
			tm_tell(self, "CHILD %d", child);
		} else if (!strcmp(line, "bury")) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
			tm_tell(self, "BURIED %d", (int)tm_verify(mem, len, 1));
		} else if (!strcmp(line, "exec")) {
			execl("/bin/sleep", "sleep", "1000", NULL);
			_exit(1);
		} else {
			break;
		}
	}
	return 0;
}

static bool forks(void)
{
	const size_t len = tm_mb(32), quota = tm_mb(8);
	struct tm_region r = { .len = len };
	struct tiermem_group g;
	struct tm_child c;
	uint64_t dram;
	bool ok = true;
	pid_t child;
	char line[64];

	tm_spawn(&c, &cg, parent, NULL);
	if (tm_hear(&c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0)
		tm_die("no process");
	r.addr = (char *)strtoull(line + 4, NULL, 10);
	must_set(c.pid, quota);
	child = (pid_t)tm_ask(&c, "fork", tm_ms(TM_HANG_MS));
	if (child <= 0 || tm_expect(&c, "COPIED", tm_ms(TM_HANG_MS)))
		tm_die("no child");
	tm_check(&ok, !get(child, &g) && g.dram_max == TIERMEM_MAX, "a child has a quota");
	dram = dram_of(child, &r, len);
	tm_diag("the child has %.1fM of %.1fM in DRAM", tm_fmib(dram), tm_fmib(len));
	tm_check(&ok, dram >= len - tm_mb(1), "it was steered");
	tm_check(&ok, dram_of(c.pid, &r, len) <= quota + TM_OVER, "the parent's %.1fM",
		 tm_fmib(dram_of(c.pid, &r, len)));
	tm_check(&ok, tm_ask(&c, "bury", tm_ms(TM_HANG_MS)) == 0, "wrong pages");
	tm_check(&ok, !get(c.pid, &g) && g.dram_max == quota, "the parent's quota went");
	tm_check(&ok, get(child, &g) == ESRCH, "the child is still there");

	/* exec: another address space, and no quota. */
	tm_tell(&c, "exec");
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "exec leaves the group");
	tm_check(&ok, !get(c.pid, &g) && g.dram_max == TIERMEM_MAX, "exec keeps the quota");
	must_set(c.pid, quota);
	tm_check(&ok, next_after(0) == c.pid, "a new quota after exec");
	tm_kill(&c, SIGKILL);
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "kill leaves the group");
	return ok;
}

static int nothing(struct tm_child *self, void *arg)
{
	char line[16];

	(void)arg;
	tm_tell(self, "READY");
	tm_hear(self, line, sizeof(line), INT_MAX);
	return 0;
}

/* Whoever gets a dead process's pid has nothing of it, even before the daemon noticed. */
static bool reuses(void)
{
	struct tiermem_group g;
	struct tm_child first, second;
	bool ok = true;
	int tries;

	for (tries = 0; tries < 20; tries++) {
		tm_spawn(&first, &cg, nothing, NULL);
		tm_expect(&first, "READY", tm_ms(TM_HANG_MS));
		must_set(first.pid, tm_mb(1));
		tm_kill(&first, SIGKILL);
		tm_writef("/proc/sys/kernel/ns_last_pid", "%d", first.pid - 1);
		tm_spawn(&second, &cg, nothing, NULL);
		tm_expect(&second, "READY", tm_ms(TM_HANG_MS));
		if (second.pid == first.pid)
			break;
		tm_kill(&second, SIGKILL);
	}
	if (!tm_check(&ok, second.pid == first.pid, "no pid was used twice in %d tries", tries))
		return false;
	tm_check(&ok, !get(second.pid, &g) && g.dram_max == TIERMEM_MAX, "it has its quota");
	tm_check(&ok, next_after(second.pid - 1) != second.pid, "it is listed");
	must_set(second.pid, tm_mb(2));
	tm_check(&ok, !get(second.pid, &g) && g.dram_max == tm_mb(2), "%llu",
		 (unsigned long long)g.dram_max);
	tm_kill(&second, SIGKILL);
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "the group is still there");
	return ok;
}

/* Processes with quotas that come and go, and nothing stays behind. */
static bool many(void)
{
	struct tm_child c[16];
	struct tm_kern base, now;
	int round, i;
	bool ok = true;

	tm_kern_read(&base);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < (int)ARRAY_SIZE(c); i++) {
			tm_spawn(&c[i], &cg, nothing, NULL);
			tm_expect(&c[i], "READY", tm_ms(TM_HANG_MS));
			must_set(c[i].pid, i * 64 * TM_KIB);
		}
		for (i = 0; i < (int)ARRAY_SIZE(c); i++)
			tm_kill(&c[i], SIGKILL);
	}
	tm_check(&ok, tm_until(none_left, NULL, 100, tm_ms(GONE_MS)), "groups are still there");
	tm_check(&ok, tm_kern_settled(&base, &now, 16 * TM_MIB, tm_ms(20000)), "a leak");
	return ok;
}

/* The module goes while a process has a quota. */
static bool unloads(void)
{
	const size_t len = tm_mb(16);
	struct tm_region r;
	struct tm_child w;
	bool ok = true;
	int rc;

	/* The worker must not have the device open. */
	close(dev);
	tm_worker(&w, &cg);
	dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	must_set(w.pid, len / 2);
	if (tm_alloc(&w, TM_ANON4K, len, NULL, &r) ||
	    tm_busy(&w, TM_BUSY_REWRITE, &r, 0, len))
		tm_die("no memory");
	close(dev);
	rc = tm_unload();
	tm_check(&ok, !rc, "%s", strerror(-rc));
	tm_check(&ok, !tm_leftover(&cg), "%s", tm_leftover(&cg));
	tm_check(&ok, !tm_idle(&w) && !tm_check_all(&w), "wrong pages");
	tm_quit(&w);
	return ok;
}

int main(int argc, char **argv)
{
	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, tm_mb(100));
	tm_require_free(false, tm_mb(140));
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0 || tm_cg_create(&cg, NULL, "process"))
		tm_die("no device, or no cgroup");
	ksft_set_plan(8);
	ksft_test_result(allocates(TM_ANON4K), "the quota holds while it allocates; its neighbour is left alone\n");
	ksft_test_result(allocates(TM_THP), "so it does with huge pages\n");
	ksft_test_result(lowered(), "lowered and lifted while it runs\n");
	ksft_test_result(in_a_group(), "beside the quota of its cgroup\n");
	ksft_test_result(forks(), "fork and exec: no quota for the child, nor for the new program\n");
	ksft_test_result(reuses(), "its pid, used again, has no quota\n");
	ksft_test_result(many(), "nothing is left of processes that were killed\n");
	ksft_test_result(unloads(), "the module goes while a process has a quota\n");
	ksft_finished();
}
