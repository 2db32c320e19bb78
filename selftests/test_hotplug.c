// SPDX-License-Identifier: GPL-2.0
/*
 * The slow node comes, goes and comes back: onlined after the module was loaded it is picked up
 * within 2 s, and a group that waits for it starts to be enforced; offlined and removed under load
 * its pages come home, or the offline fails cleanly; state says so; it resumes.
 *
 * TM_CYCLES: how often it goes and comes back (3).
 *
 * Machine: selftests/vm/run.sh -t pmem-late (or pmem: the node is then taken away first). The node
 * is onlined and offlined by selftests/vm/pmem-online.sh and pmem-offline.sh.
 */
#include "tm_test.h"
#include "tm_kern.h"

#include <libgen.h>
#include <sys/uio.h>

#define QUOTA		(64 * TM_MIB)
#define MEMORY		(160 * TM_MIB)
#define PICKUP_MS	2000
#define ENFORCE_MS	15000
#define OFFLINE_S	40

static char scripts[PATH_MAX];
static struct tm_cg cg;

/* Runs a script of selftests/vm: exit status, 124 after `seconds`. */
static int script(const char *name, int seconds)
{
	char cmd[PATH_MAX + 128];
	int rc;

	/* A write that waits in the kernel ends by a signal, and its shell with it. */
	snprintf(cmd, sizeof(cmd), "timeout -k 5 %d %s/%s >/dev/null 2>&1", seconds, scripts,
		 name);
	rc = system(cmd);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc);
}

static tm_nodes_t memory_nodes(void)
{
	char buf[128] = "";
	tm_nodes_t n = 0;

	tm_read("/sys/devices/system/node/has_memory", buf, sizeof(buf));
	tm_parse_nodes(buf, &n);
	return n;
}

static bool state_is(const char *state)
{
	char buf[64];

	return !tm_sysfs("state", buf, sizeof(buf)) && !strcmp(buf, state);
}

static bool is_state(void *arg)
{
	return state_is(arg);
}

/* Scripted changes take a while; this sees when they took effect. */
struct change {
	pthread_t thread;
	const char *name;
	int rc;
	bool done;
};

static void *change_thread(void *arg)
{
	struct change *c = arg;

	c->rc = script(c->name, 60);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Seconds from a slow node's first memory to `active`; < 0: never. */
static double online(int *rc)
{
	struct change c = { .name = "pmem-online.sh" };
	tm_nodes_t before = memory_nodes();
	uint64_t up = 0, active = 0, end = tm_now_ns() + 90ULL * 1000000000;

	if (pthread_create(&c.thread, NULL, change_thread, &c))
		tm_die("pthread_create: %m");
	while (tm_now_ns() < end && !active) {
		if (!up && memory_nodes() != before)
			up = tm_now_ns();
		if (state_is("active"))
			active = tm_now_ns();
		if (!active && up && tm_since(up) > 20 &&
		    __atomic_load_n(&c.done, __ATOMIC_ACQUIRE))
			break;
		tm_pause_ms(10);
	}
	pthread_join(c.thread, NULL);
	tm_pfn_nodes_forget();
	*rc = c.rc;
	if (!active)
		return -1;
	return up && active > up ? (active - up) / 1e9 : 0;
}

/*
 * Offlines and removes the node, with as many attempts as fit in the time: pages that are just in
 * use make a block busy, and an administrator would try again.
 */
static int offline(int *attempts, double *seconds)
{
	uint64_t t0 = tm_now_ns();
	int rc;

	*attempts = 0;
	do {
		rc = script("pmem-offline.sh", OFFLINE_S);
		++*attempts;
	} while (rc && tm_since(t0) < tm_ms(OFFLINE_S * 1000) / 1000.0);
	*seconds = tm_since(t0);
	tm_pfn_nodes_forget();
	return rc;
}

/* ---- load -------------------------------------------------------------------------------- */

static int worker(struct tm_child *self, void *arg)
{
	const size_t len = MEMORY, part = 8 * TM_MIB;
	char *mem = tm_anon(len, MADV_NOHUGEPAGE), line[64];
	uint64_t bad = 0, seed = 100;

	(void)arg;
	tm_fill(mem, len, 1);
	tm_tell(self, "READY");
	while (tm_hear(self, line, sizeof(line), 5) == -ETIMEDOUT) {
		void *fresh = tm_anon(part, MADV_NOHUGEPAGE);

		/* A hot quarter, and new memory all the time. */
		tm_touch(mem, len / 4);
		tm_fill(fresh, part, ++seed);
		bad += tm_verify(fresh, part, seed);
		munmap(fresh, part);
	}
	bad += tm_verify(mem, len, 1);
	tm_tell(self, "BAD %llu", (unsigned long long)bad);
	return bad != 0;
}

/* Pages on the slow node that can't move: somebody else holds references to them. */
static int pinner(struct tm_child *self, void *arg)
{
	char *mem = tm_anon(2 * TM_MIB, MADV_NOHUGEPAGE), line[64];
	struct iovec iov = { mem, 16 * 4096 };
	int fds[2];

	(void)arg;
	tm_fill(mem, 2 * TM_MIB, 5);
	if (pipe(fds) || vmsplice(fds[1], &iov, 1, 0) != 16 * 4096)
		return 1;
	tm_tell(self, "READY");
	tm_hear(self, line, sizeof(line), INT_MAX);
	return tm_verify(mem, 2 * TM_MIB, 5) != 0;
}

static bool under_quota(void *arg)
{
	(void)arg;
	/* What the worker allocates and frees all the time is within the quota, too. */
	return tm_dram(&cg) <= QUOTA + TM_OVER;
}

static bool enforced(const char *what)
{
	uint64_t t0 = tm_now_ns();
	bool ok = tm_until(under_quota, NULL, 20, tm_ms(ENFORCE_MS));

	tm_diag("%s: at the quota %.1f s after pick-up; %s", what, tm_since(t0), tm_usage(&cg));
	return ok;
}

static bool no_slow_node(const char *what)
{
	char slow[128] = "?", state[64] = "?";
	bool ok = tm_until(is_state, "no-slow-node", 10, tm_ms(PICKUP_MS));

	tm_sysfs("state", state, sizeof(state));
	tm_sysfs("slow_nodes", slow, sizeof(slow));
	tm_diag("%s: state %s, slow_nodes '%s'", what, state, slow);
	return ok && !*slow;
}

/* Away under load, and back. */
static void cycle(int n, struct tm_child *w)
{
	int rc, attempts;
	double s;
	bool ok;

	tm_cg_write_u64(&cg, "tiermem.dram_max", QUOTA);
	rc = offline(&attempts, &s);
	tm_diag("cycle %d: offline under load: status %d after %d attempts, %.1f s; %s", n, rc,
		attempts, s, tm_usage(&cg));
	ok = tm_alive(w);
	if (rc) {
		/* Cleanly: all as before. And nothing but the quota may be in the way. */
		ok &= tm_until(is_state, "active", 10, tm_ms(PICKUP_MS));
		tm_cg_write(&cg, "tiermem.dram_max", "max");
		rc = offline(&attempts, &s);
		tm_diag("cycle %d: without a quota: status %d after %d attempts, %.1f s", n, rc,
			attempts, s);
		tm_cg_write_u64(&cg, "tiermem.dram_max", QUOTA);
	}
	ksft_test_result(ok && !rc, "cycle %d: pages come home, or the offline fails cleanly\n", n);
	ksft_test_result(no_slow_node("gone"), "cycle %d: state no-slow-node\n", n);
	/* The quota can't be kept now, and nobody may suffer for it. */
	tm_pause_ms(500);
	s = online(&rc);
	tm_diag("cycle %d: online: status %d, active after %.2f s", n, rc, s);
	ksft_test_result(!rc && s >= 0 && s * 1000 <= tm_ms(PICKUP_MS) && enforced("back"),
			 "cycle %d: picked up within %d ms, and resumes\n", n, tm_ms(PICKUP_MS));
}

/* The kernel tries until a signal comes, then takes everything back. */
static bool pinned(void)
{
	struct tm_child c;
	struct tm_cg away;
	bool ok;
	int rc;

	if (tm_cg_create(&away, NULL, "pinned"))
		tm_die("can't make a cgroup");
	tm_cg_write(&away, "tiermem.dram_max", "0");
	tm_spawn(&c, &away, pinner, NULL);
	ok = !tm_expect(&c, "READY", TM_HANG_MS);
	rc = script("pmem-offline.sh", 10);
	tm_diag("offline with pinned pages: status %d; %s", rc, tm_usage(&away));
	ok &= rc != 0 && tm_until(is_state, "active", 10, tm_ms(PICKUP_MS));
	/* Blocks that did go are to come back. */
	rc = script("pmem-online.sh", 60);
	tm_tell(&c, "end");
	ok &= !tm_reap(&c, tm_ms(TM_HANG_MS)) && !rc;
	tm_cg_remove(&away);
	return ok;
}

int main(int argc, char **argv)
{
	int cycles = tm_env("TM_CYCLES", 3), kmsg, splats = 0, rc, i;
	char exe[PATH_MAX - 64], buf[16];
	const char *left;
	struct tm_child w;
	ssize_t n;
	double s;

	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP);
	close(tm_ko_open());
	if (tm_module_listed())
		ksft_exit_skip("tiermem is loaded: rmmod it first\n");
	/* build/selftests/NAME */
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	snprintf(scripts, sizeof(scripts), "%s/../../selftests/vm", dirname(exe));
	if (access("/sys/bus/dax/devices/dax0.0", F_OK))
		ksft_exit_skip("no device dax0.0: selftests/vm/run.sh -t pmem-late\n");
	if (tm_slow_nodes() && script("pmem-offline.sh", 60))
		ksft_exit_skip("can't take the slow node away to begin with\n");
	ksft_set_plan(4 + 2 + 3 * cycles + 2 + 3);
	kmsg = tm_kmsg_open();

	if (tm_load(""))
		tm_die("insmod failed, see dmesg");
	ksft_test_result(no_slow_node("loaded"), "loads without a slow node, and says so\n");
	if (tm_cg_create(&cg, NULL, "late"))
		tm_die("can't make a cgroup");
	ksft_test_result(!tm_cg_write_u64(&cg, "tiermem.dram_max", QUOTA),
			 "a quota can be set\n");
	tm_spawn(&w, &cg, worker, NULL);
	if (tm_expect(&w, "READY", TM_HANG_MS))
		tm_die("no worker");
	/* What the first futile attempts cost doesn't count. */
	tm_pause_ms(3000);
	tm_diag("waiting: %s", tm_usage(&cg));
	/* The worker frees memory just now: counters may be behind. */
	ksft_test_result(tm_dram(&cg) + TM_DRIFT >= MEMORY,
			 "without a slow node all memory is DRAM\n");
	ksft_test_result(tm_daemon_is_quiet("waiting"), "and the daemon is quiet\n");

	s = online(&rc);
	tm_diag("online: status %d, active %.2f s after the node had memory", rc, s);
	ksft_test_result(!rc && s >= 0 && s * 1000 <= tm_ms(PICKUP_MS),
			 "picked up within %d ms\n", tm_ms(PICKUP_MS));
	ksft_test_result(enforced("first"), "the waiting group is enforced\n");

	for (i = 0; i < cycles; i++)
		cycle(i, &w);

	ksft_test_result(pinned(), "pages that can't move: the offline fails cleanly\n");
	ksft_test_result(enforced("after that") && tm_alive(&w), "and the quota holds on\n");
	tm_tell(&w, "end");
	rc = tm_reap(&w, tm_ms(TM_HANG_MS));
	ksft_test_result(!rc, "every byte as written\n");

	/* rmmod with the node gone. */
	rc = script("pmem-offline.sh", 60);
	if (rc)
		tm_diag("last offline: status %d", rc);
	rc = tm_unload();
	left = tm_leftover(&cg);
	if (rc || left)
		tm_diag("rmmod: %s; left: %s", strerror(-rc), left ? left : "nothing");
	ksft_test_result(!rc && !left, "unloads without a slow node\n");
	if (kmsg >= 0)
		tm_kmsg_read(kmsg, "tiermem", buf, 0, &splats);
	ksft_test_result(!splats, "no splat\n");
	ksft_finished();
}
