// SPDX-License-Identifier: GPL-2.0
/*
 * Lowering dram_max below what a running process uses: by the time write(2) returns the rest is
 * on the slow node, and every page has its contents, also those written meanwhile. What ends the
 * write early: a slow node that can't take it all (event slow_full), a signal, O_NONBLOCK. The
 * quota counts from the write on, and the daemon goes on with the work.
 */
#include "tm_work.h"

static size_t size, quota;

struct writer {
	const char *path;
	const char *val;
};

static void on_usr1(int sig)
{
	(void)sig;
}

/* One write(2), in a process of its own: it can be interrupted, or killed. */
static int writer_child(struct tm_child *self, void *arg)
{
	struct sigaction sa = { .sa_handler = on_usr1 };	/* no SA_RESTART */
	struct writer *wr = arg;
	uint64_t t0;
	ssize_t n;
	int fd = open(wr->path, O_WRONLY);

	sigaction(SIGUSR1, &sa, NULL);
	tm_tell(self, "READY");
	tm_expect(self, "write", INT_MAX);
	t0 = tm_now_ns();
	n = write(fd, wr->val, strlen(wr->val));
	tm_tell(self, "DONE %d %.3f", n < 0 ? -errno : 0, tm_since(t0));
	return 0;
}

struct reach {
	const struct tm_cg *cg;
	uint64_t limit;
};

static bool reached(void *arg)
{
	struct reach *r = arg;

	return tm_dram(r->cg) <= r->limit && tm_numa(r->cg, tm_fast_nodes()) <= r->limit + TM_DRIFT;
}

static bool begun(void *arg)
{
	struct reach *r = arg;

	return tm_dram(r->cg) < r->limit;
}

/* A group without a quota whose worker has `size` of memory, as far as possible in DRAM. */
static void set_up(struct tm_cg *cg, const struct tm_cg *parent, struct tm_child *w,
		   enum tm_kind kind, struct tm_region *r)
{
	int rc;

	tm_write("/proc/sys/vm/drop_caches", "3");
	rc = tm_cg_create(cg, parent, "write");
	if (rc)
		tm_die("creating a cgroup: %s", strerror(-rc));
	tm_worker(w, cg);
	rc = tm_alloc(w, kind, size, NULL, r);
	if (rc)
		tm_die("allocating: %s", strerror(-rc));
	if (tm_numa(cg, tm_fast_nodes()) < size * 8 / 10)
		tm_diag("only %s of it in DRAM", tm_usage(cg));
}

static void tear_down(struct tm_cg *cg, struct tm_child *w, bool *ok)
{
	int64_t bad = tm_check_all(w);

	tm_check(ok, !bad, "%lld wrong pages", (long long)bad);
	tm_check(ok, tm_alive(w), "the worker is gone");
	tm_check(ok, !tm_cg_key(cg, "memory.events", "oom_kill"), "OOM kills");
	tm_quit(w);
	tm_check(ok, !tm_cg_remove(cg), "the cgroup can't be removed");
}

static void lower(enum tm_kind kind)
{
	struct tm_cg cg;
	struct reach at = { .cg = &cg, .limit = quota + TM_OVER };
	uint64_t t0, dram, numa, value;
	struct tm_child w;
	struct tm_region r;
	bool ok = true;
	int64_t bad, passes;
	int rc;

	set_up(&cg, NULL, &w, kind, &r);
	tm_check(&ok, !tm_busy(&w, TM_BUSY_REWRITE, &r, 0, r.len), "can't start");
	dram = tm_numa(&cg, tm_fast_nodes());
	t0 = tm_now_ns();
	rc = tm_cg_write_u64(&cg, "tiermem.dram_max", quota);
	/* At once: what comes later is not the write's merit. */
	value = tm_dram(&cg);
	numa = tm_numa(&cg, tm_fast_nodes());
	tm_diag("%s: %.1fM -> dram_current %.2fM numa_stat %.2fM, quota %.1fM, in %.2f s",
		tm_kind_name[kind], tm_fmib(dram), tm_fmib(value), tm_fmib(numa), tm_fmib(quota),
		tm_since(t0));
	tm_check(&ok, !rc, "write: %s", strerror(-rc));
	tm_check(&ok, value <= quota, "dram_current %.2fM", tm_fmib(value));
	tm_check(&ok, numa <= quota + TM_DRIFT, "numa_stat %.2fM", tm_fmib(numa));
	tm_check(&ok, value + TM_UNDER >= quota, "demoted too much: %.2fM", tm_fmib(value));
	tm_check(&ok, tm_cg_u64(&cg, "tiermem.dram_max") == quota, "reads back as %llu",
		 (unsigned long long)tm_cg_u64(&cg, "tiermem.dram_max"));
	tm_check(&ok, tm_stat(&cg, "demoted_bytes") >= dram - quota - TM_OVER,
		 "demoted_bytes %.1fM", tm_fmib(tm_stat(&cg, "demoted_bytes")));
	passes = tm_passes(&w);
	bad = tm_idle(&w);
	tm_diag("%lld passes of the writer meanwhile", (long long)passes);
	tm_check(&ok, !bad, "%lld wrong pages met while running", (long long)bad);
	tm_check(&ok, reached(&at), "over again: %s", tm_usage(&cg));
	tear_down(&cg, &w, &ok);
	ksft_test_result(ok, "%s is below the quota when the write returns\n", tm_kind_name[kind]);
}

/* poll(2) on an events file: 1 when it fired within the time. */
static int poll_events(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char buf[512];
	int n = poll(&p, 1, timeout_ms);

	if (n > 0 && !(p.revents & POLLPRI))
		n = 0;
	/* Reading arms it again. */
	lseek(fd, 0, SEEK_SET);
	(void)!read(fd, buf, sizeof(buf));
	return n;
}

static int open_events(const struct tm_cg *cg)
{
	int fd = tm_cg_open(cg, "tiermem.events", O_RDONLY);

	if (fd < 0)
		tm_die("opening tiermem.events: %s", strerror(-fd));
	poll_events(fd, 0);
	return fd;
}

static void slow_full(void)
{
	uint64_t t0, full0, dram0, dram;
	struct tm_cg parent, cg;
	struct tm_child w, hog;
	struct tm_region r;
	bool ok = true;
	int rc, fd, fired;

	rc = tm_cg_create(&parent, NULL, "write-parent");
	if (rc)
		tm_die("creating a cgroup: %s", strerror(-rc));
	set_up(&cg, &parent, &w, TM_ANON4K, &r);
	tm_hog(&hog, tm_slow_nodes(), tm_mb(32));
	fd = open_events(&cg);
	full0 = tm_event(&cg, "slow_full");
	dram0 = tm_dram(&cg);
	t0 = tm_now_ns();
	rc = tm_cg_write_u64(&cg, "tiermem.dram_max", quota);
	tm_diag("slow node full: write returned %d after %.2f s, %.1fM -> %s", rc, tm_since(t0),
		tm_fmib(dram0), tm_usage(&cg));
	tm_check(&ok, !rc, "write: %s", strerror(-rc));
	tm_check(&ok, tm_since(t0) < tm_ms(30000) / 1e3, "it took %.1f s", tm_since(t0));
	fired = poll_events(fd, tm_ms(5000));
	tm_check(&ok, fired == 1, "poll on tiermem.events did not fire");
	tm_check(&ok, tm_event(&cg, "slow_full") > full0, "slow_full is still %llu",
		 (unsigned long long)full0);
	tm_check(&ok, tm_event(&parent, "slow_full") > 0, "not seen in the parent's events");
	tm_check(&ok, !tm_cg_key(&parent, "tiermem.events.local", "slow_full"),
		 "counted as the parent's own");
	tm_check(&ok, tm_cg_key(&cg, "tiermem.events.local", "slow_full") > full0,
		 "not in events.local");
	tm_check(&ok, tm_cg_u64(&cg, "tiermem.dram_max") == quota, "the value is not kept");
	dram = tm_dram(&cg);
	tm_check(&ok, dram > quota, "the slow node was not full: dram %.1fM", tm_fmib(dram));
	close(fd);
	tm_kill(&hog, SIGKILL);
	/* Space again: the rest follows. */
	tm_check(&ok, tm_until(reached, &(struct reach){ &cg, quota }, 20, tm_ms(30000)),
		 "not below the quota 30 s after space appeared: %s", tm_usage(&cg));
	tear_down(&cg, &w, &ok);
	ksft_test_result(ok, "a write that the slow node can't satisfy returns, with slow_full\n");
}

static void nonblock(void)
{
	uint64_t t0, dram0, dram, over0;
	struct tm_child w;
	struct tm_region r;
	struct tm_cg cg;
	bool ok = true;
	char val[32];
	double took;
	int fd, ev;
	ssize_t n;

	set_up(&cg, NULL, &w, TM_ANON4K, &r);
	ev = open_events(&cg);
	over0 = tm_event(&cg, "over_quota");
	fd = tm_cg_open(&cg, "tiermem.dram_max", O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		tm_die("opening dram_max: %s", strerror(-fd));
	snprintf(val, sizeof(val), "%zu", quota);
	dram0 = tm_dram(&cg);
	t0 = tm_now_ns();
	n = write(fd, val, strlen(val));
	took = tm_since(t0);
	dram = tm_dram(&cg);
	tm_diag("O_NONBLOCK: %zd after %.1f ms, %.1fM -> %.1fM", n, took * 1e3, tm_fmib(dram0),
		tm_fmib(dram));
	tm_check(&ok, n == (ssize_t)strlen(val), "write: %zd %s", n, strerror(errno));
	tm_check(&ok, took < tm_ms(500) / 1e3, "it took %.2f s", took);
	tm_check(&ok, dram > quota, "it was demoted all the same: %.1fM", tm_fmib(dram));
	tm_check(&ok, tm_cg_u64(&cg, "tiermem.dram_max") == quota, "the value is not set");
	tm_check(&ok, poll_events(ev, tm_ms(5000)) == 1, "poll on tiermem.events did not fire");
	tm_check(&ok, tm_event(&cg, "over_quota") > over0, "no event over_quota");
	close(ev);
	close(fd);
	t0 = tm_now_ns();
	tm_check(&ok, tm_until(reached, &(struct reach){ &cg, quota }, 20, tm_ms(30000)),
		 "the daemon does not get there: %s", tm_usage(&cg));
	tm_diag("the daemon needed %.1f s", tm_since(t0));
	tear_down(&cg, &w, &ok);
	ksft_test_result(ok, "O_NONBLOCK returns at once, over_quota is notified\n");
}

static void interrupted(int sig)
{
	struct writer wr = { .val = "0" };
	uint64_t t0, dram0, dram;
	struct tm_child w, wc;
	char path[PATH_MAX + 32], line[128] = "";
	struct tm_region r;
	struct tm_cg cg;
	bool ok = true;
	double took;
	int rc;

	set_up(&cg, NULL, &w, TM_ANON4K, &r);
	snprintf(path, sizeof(path), "%s/tiermem.dram_max", cg.path);
	wr.path = path;
	tm_spawn(&wc, NULL, writer_child, &wr);
	tm_check(&ok, !tm_expect(&wc, "READY", tm_ms(TM_HANG_MS)), "the writer is gone");
	dram0 = tm_dram(&cg);
	tm_tell(&wc, "write");
	/* It is in the middle of it when the first pages have gone. */
	tm_check(&ok, tm_until(begun, &(struct reach){ &cg, dram0 - 4 * TM_MIB }, 1, tm_ms(10000)),
		 "nothing is demoted");
	t0 = tm_now_ns();
	kill(wc.pid, sig);
	if (sig == SIGUSR1) {
		rc = tm_hear(&wc, line, sizeof(line), tm_ms(20000));
		took = tm_since(t0);
		dram = tm_dram(&cg);
		tm_check(&ok, rc > 0, "the write does not end: %d", rc);
		tm_reap(&wc, tm_ms(TM_HANG_MS));
	} else {
		rc = tm_reap(&wc, tm_ms(20000));
		took = tm_since(t0);
		dram = tm_dram(&cg);
		tm_check(&ok, rc == 128 + sig || !rc, "the writer ends with %d", rc);
	}
	tm_diag("signal %d: ended %.0f ms later (%s), %.1fM -> %.1fM", sig, took * 1e3, line,
		tm_fmib(dram0), tm_fmib(dram));
	tm_check(&ok, took < tm_ms(1000) / 1e3, "it took %.2f s", took);
	if (dram < 16 * TM_MIB)
		tm_diag("(the write was nearly through before the signal: says little)");
	tm_check(&ok, tm_cg_u64(&cg, "tiermem.dram_max") == 0, "the value is not set");
	tm_check(&ok, tm_until(reached, &(struct reach){ &cg, 1 * TM_MIB }, 20, tm_ms(30000)),
		 "the daemon does not go on: %s", tm_usage(&cg));
	tear_down(&cg, &w, &ok);
	ksft_test_result(ok, "%s ends the write, the daemon goes on\n",
			 sig == SIGUSR1 ? "a signal" : "SIGKILL");
}

int main(int argc, char **argv)
{
	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	size = tm_mb(300);
	quota = tm_mb(100);
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	tm_write("/proc/sys/vm/drop_caches", "3");
	tm_require_free(false, size + 16 * TM_MIB);
	tm_require_free(true, size);

	ksft_set_plan(7);
	lower(TM_ANON4K);
	lower(TM_THP);
	lower(TM_SHMEM);
	slow_full();
	nonblock();
	interrupted(SIGUSR1);
	interrupted(SIGKILL);
	ksft_finished();
}
