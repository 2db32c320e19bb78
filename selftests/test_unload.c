// SPDX-License-Identifier: GPL-2.0
/*
 * The module comes and goes under load: 50 times insmod and rmmod while three capped cgroups
 * allocate, fork and copy on write, with files of the module held open and handlers running
 * (quotas rewritten, statistics read, a poller asleep). It must leave as it came: no byte lost, no
 * page isolated, no cgroup kept, no memory lost, nothing registered.
 *
 * TM_CYCLES: number of cycles (50).
 * Machine: selftests/vm/run.sh -t pmem
 */
#include "tm_test.h"
#include "tm_kern.h"

#include <sys/syscall.h>

#define GROUPS		3
#define WORKERS		2		/* per group */
#define SLACK		(8 * TM_MIB)	/* what may be gone from MemAvailable afterwards */
#define UNLOAD_MS	15000	/* a hang, not a busy machine */

/* Shared with all children. */
struct shared {
	bool stop;
	unsigned long passes[GROUPS * WORKERS];
	unsigned long flips, reads, polls;
	unsigned long gone;		/* ENOENT, ENODEV: between two lives of the module */
	unsigned long unexpected;
	int unexpected_errno;
};

static struct shared *sh;
static struct tm_cg cgs[GROUPS];

static bool stopped(void)
{
	return __atomic_load_n(&sh->stop, __ATOMIC_RELAXED);
}

static void count(unsigned long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* ---- load -------------------------------------------------------------------------------- */

static int churn_anon(uint64_t seed, int advice)
{
	const size_t len = 16 * TM_MIB;
	void *mem = tm_anon(len, advice);
	uint64_t bad;

	tm_fill(mem, len, seed);
	bad = tm_verify(mem, len, seed);
	munmap(mem, len);
	return bad != 0;
}

static int churn_shmem(uint64_t seed)
{
	const size_t len = 8 * TM_MIB;
	int fd = memfd_create("tm", MFD_CLOEXEC);
	uint64_t bad;
	void *mem;

	if (fd < 0 || ftruncate(fd, len))
		return 1;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem == MAP_FAILED)
		return 1;
	tm_fill(mem, len, seed);
	bad = tm_verify(mem, len, seed);
	munmap(mem, len);
	return bad != 0;
}

static bool same(const char *mem, size_t from, size_t to, uint64_t seed)
{
	size_t i;

	for (i = from; i < to; i++) {
		if (!tm_verify_page(mem + i * 4096, seed, i)) {
			tm_diag("content: page %zu is wrong after fork", i);
			return false;
		}
	}
	return true;
}

/* Parent and child write to their copies of the same pages at the same time. */
static int churn_cow(char *mem, size_t len, uint64_t seed)
{
	const size_t pages = len / 4096, half = pages / 2;
	int status;
	pid_t pid;

	tm_fill(mem, len, seed);
	pid = fork();
	if (pid < 0)
		return 1;
	if (!pid) {
		tm_fill(mem, half * 4096, seed + 1);
		_exit(same(mem, 0, half, seed + 1) && same(mem, half, pages, seed) ? 0 : 1);
	}
	tm_fill(mem, half * 4096, seed + 2);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		return 1;
	return !same(mem, 0, half, seed + 2) || !same(mem, half, pages, seed);
}

struct work {
	int id;
};

static int worker(struct tm_child *self, void *arg)
{
	const struct work *w = arg;
	char *cow = tm_anon(8 * TM_MIB, MADV_NOHUGEPAGE);
	/* Something that stays, so that there is always something old to move. */
	char *old = tm_anon(12 * TM_MIB, MADV_NOHUGEPAGE);
	uint64_t seed = 1000003ULL * (w->id + 1);
	int bad = 0;

	tm_fill(old, 12 * TM_MIB, w->id);
	tm_tell(self, "READY");
	while (!stopped() && !bad) {
		seed += 16;
		if (w->id % WORKERS) {
			bad |= churn_cow(cow, 8 * TM_MIB, seed);
		} else {
			bad |= churn_anon(seed, w->id ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
			bad |= churn_shmem(seed + 1);
		}
		bad |= tm_verify(old, 12 * TM_MIB, w->id) != 0;
		count(&sh->passes[w->id]);
	}
	return bad;
}

/* ---- handlers ---------------------------------------------------------------------------- */

static void judge(int err)
{
	/* EINTR, EBUSY: a write that demotes may be cut short by an unload. */
	if (err == ENOENT || err == ENODEV || err == EINTR || err == EBUSY || err == EAGAIN) {
		count(&sh->gone);
	} else {
		count(&sh->unexpected);
		sh->unexpected_errno = err;
	}
}

static int flipper(struct tm_child *self, void *arg)
{
	static const char * const quota[] = { "12M", "max", "20M", "4M", "64M", "0", "16M" };
	unsigned int n = 0;

	(void)self;
	(void)arg;
	while (!stopped()) {
		int rc = tm_cg_write(&cgs[n % GROUPS], "tiermem.dram_max",
				     quota[n % ARRAY_SIZE(quota)]);

		if (rc)
			judge(-rc);
		else
			count(&sh->flips);
		n++;
		tm_pause_ms(rc ? 1 : 3);
	}
	return 0;
}

static int reader(struct tm_child *self, void *arg)
{
	static const char * const files[] = {
		"tiermem.stat", "tiermem.dram_current", "tiermem.slow_current", "tiermem.events",
		"tiermem.events.local", "tiermem.dram_max",
	};
	unsigned int n = 0;
	char buf[8192];

	(void)self;
	(void)arg;
	while (!stopped()) {
		ssize_t rc = tm_cg_read(&cgs[n % GROUPS], files[n / GROUPS % ARRAY_SIZE(files)],
					buf, sizeof(buf));

		if (rc < 0)
			judge(-rc);
		else
			count(&sh->reads);
		if (++n % 64 == 0) {
			tm_sysfs("state", buf, sizeof(buf));
			tm_sysfs("slow_nodes", buf, sizeof(buf));
		}
		if (rc < 0)
			tm_pause_ms(1);
	}
	return 0;
}

/* Asleep in poll() on a file when the module goes. */
static int poller(struct tm_child *self, void *arg)
{
	(void)self;
	(void)arg;
	while (!stopped()) {
		struct pollfd p = { .events = POLLPRI };
		char buf[4096];

		p.fd = tm_cg_open(&cgs[0], "tiermem.events", O_RDONLY);
		if (p.fd < 0) {
			judge(-p.fd);
			tm_pause_ms(2);
			continue;
		}
		if (read(p.fd, buf, sizeof(buf)) < 0)
			judge(errno);
		poll(&p, 1, 1000);
		count(&sh->polls);
		close(p.fd);
	}
	return 0;
}

/* ---- cycles ------------------------------------------------------------------------------ */

static int held_open(int fds[], int max)
{
	static const char * const files[] = {
		"tiermem.stat", "tiermem.events", "tiermem.dram_max",
	};
	int n = 0, i;

	for (i = 0; i < max; i++) {
		int fd = tm_cg_open(&cgs[i % GROUPS], files[i / GROUPS % ARRAY_SIZE(files)],
				    strcmp(files[i / GROUPS % ARRAY_SIZE(files)],
					   "tiermem.dram_max") ? O_RDONLY : O_RDWR);
		char c;

		if (fd < 0)
			continue;
		/* Half of them have been used, and have state in the kernel. */
		if (n & 1 && read(fd, &c, 1) < 0)
			tm_diag("reading an open file: %m");
		fds[n++] = fd;
	}
	return n;
}

/* After rmmod: how many answer something else than ENODEV. */
static int held_after(int fds[], int n)
{
	int wrong = 0, i;

	for (i = 0; i < n; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLIN | POLLPRI };
		char buf[65536];
		ssize_t rc;

		poll(&p, 1, 0);
		/* The first read may give what the kernel still had in its buffer. */
		rc = read(fds[i], buf, sizeof(buf));
		if (rc >= 0)
			rc = pread(fds[i], buf, sizeof(buf), 0);
		if (rc >= 0 || errno != ENODEV)
			wrong++;
		close(fds[i]);
	}
	return wrong;
}

static uint64_t sum_stat(const char *key)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < GROUPS; i++)
		sum += tm_stat(&cgs[i], key);
	return sum;
}

struct totals {
	int cycles, load_failed, unload_failed, held, held_wrong;
	uint64_t demoted, steered, promoted;
	double slowest_load, slowest_unload;
};

static void cycle(struct totals *t, int n)
{
	int fds[9], held, rc, i;
	uint64_t t0 = tm_now_ns();
	double s;

	rc = tm_load("");
	s = tm_since(t0);
	if (s > t->slowest_load)
		t->slowest_load = s;
	if (rc) {
		tm_diag("cycle %d: insmod: %s", n, strerror(-rc));
		t->load_failed++;
		return;
	}
	for (i = 0; i < GROUPS; i++)
		tm_cg_write(&cgs[i], "tiermem.dram_max", "16M");
	held = held_open(fds, ARRAY_SIZE(fds));
	/* A different moment of everybody's life each time. */
	tm_pause_ms(20 + n * 37 % 200);
	t->demoted += sum_stat("demoted_bytes");
	t->promoted += sum_stat("promoted_bytes");
	t->steered += sum_stat("steered_bytes");

	t0 = tm_now_ns();
	rc = tm_unload();
	s = tm_since(t0);
	if (s > t->slowest_unload)
		t->slowest_unload = s;
	if (rc) {
		tm_diag("cycle %d: rmmod: %s after %.1f s", n, strerror(-rc), s);
		t->unload_failed++;
	} else {
		t->held += held;
		t->held_wrong += held_after(fds, held);
		held = 0;
		t->cycles++;
	}
	for (i = 0; i < held; i++)
		close(fds[i]);
}

int main(int argc, char **argv)
{
	struct tm_child workers[GROUPS * WORKERS], handlers[4];
	struct work work[GROUPS * WORKERS];
	int cycles = tm_env("TM_CYCLES", 50), kmsg, splats = 0, bad = 0, i;
	struct tm_kern before, after;
	struct totals t = { 0 };
	const char *left;
	char buf[16];

	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP);
	close(tm_ko_open());
	if (tm_module_listed())
		ksft_exit_skip("tiermem is loaded: rmmod it first\n");
	tm_require(TM_NEED_SLOW);
	ksft_set_plan(8);

	sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		tm_die("mmap: %m");
	/* Charged to whoever touches it first; a worker's cgroup would not go before we do. */
	memset(sh, 0, sizeof(*sh));
	for (i = 0; i < GROUPS; i++) {
		if (tm_cg_create(&cgs[i], NULL, (char[]){ 'a' + i, '\0' }))
			tm_die("can't make cgroups");
	}
	/* Once, for what the kernel allocates only the first time. */
	if (tm_load("") || tm_cg_write(&cgs[0], "tiermem.dram_max", "16M") || tm_unload())
		tm_die("can't load, set a quota and unload even once (see dmesg)");
	tm_kern_read(&before);
	kmsg = tm_kmsg_open();

	for (i = 0; i < GROUPS * WORKERS; i++) {
		work[i].id = i;
		tm_spawn(&workers[i], &cgs[i / WORKERS], worker, &work[i]);
	}
	for (i = 0; i < GROUPS * WORKERS; i++) {
		if (tm_expect(&workers[i], "READY", TM_HANG_MS))
			tm_die("no worker");
	}
	tm_spawn(&handlers[0], NULL, flipper, NULL);
	tm_spawn(&handlers[1], NULL, reader, NULL);
	tm_spawn(&handlers[2], NULL, reader, NULL);
	tm_spawn(&handlers[3], NULL, poller, NULL);

	for (i = 0; i < cycles && t.unload_failed < 3 && t.load_failed < 3; i++)
		cycle(&t, i);

	__atomic_store_n(&sh->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < GROUPS * WORKERS; i++) {
		int rc = tm_reap(&workers[i], tm_ms(TM_HANG_MS));

		tm_diag("worker %d: %lu passes, status %d", i, sh->passes[i], rc);
		bad += rc != 0;
	}
	for (i = 0; i < (int)ARRAY_SIZE(handlers); i++)
		bad += tm_reap(&handlers[i], tm_ms(TM_HANG_MS)) != 0;
	tm_diag("%d cycles; slowest insmod %.2f s, slowest rmmod %.2f s; in all steered %.0fM demoted %.0fM promoted %.0fM",
		t.cycles, t.slowest_load, t.slowest_unload, tm_fmib(t.steered),
		tm_fmib(t.demoted), tm_fmib(t.promoted));
	tm_diag("handlers: %lu quotas set, %lu files read, %lu polls, %lu found the module gone, %lu unexpected errors%s%s",
		sh->flips, sh->reads, sh->polls, sh->gone, sh->unexpected,
		sh->unexpected ? ", last: " : "",
		sh->unexpected ? strerror(sh->unexpected_errno) : "");

	ksft_test_result(t.cycles == cycles, "%d times insmod and rmmod under load\n", cycles);
	ksft_test_result(t.cycles && t.slowest_unload * 1000 <= tm_ms(UNLOAD_MS),
			 "rmmod within %d ms\n", tm_ms(UNLOAD_MS));
	/* Otherwise the test tested nothing. */
	ksft_test_result(!bad && t.steered + t.demoted > 0 && sh->flips > 0 && sh->reads > 0,
			 "pages were steered and moved, every byte as written\n");
	ksft_test_result(!sh->unexpected, "handlers see the module there or gone, nothing else\n");
	ksft_test_result(t.held > 0 && !t.held_wrong,
			 "files held open answer ENODEV (%d of %d don't)\n", t.held_wrong, t.held);
	left = tm_leftover(&cgs[0]);
	if (left)
		tm_diag("left: %s", left);
	ksft_test_result(!left, "nothing left registered\n");
	for (i = 0; i < GROUPS; i++)
		tm_cg_remove(&cgs[i]);
	ksft_test_result(tm_kern_settled(&before, &after, SLACK, tm_ms(15000)),
			 "nothing isolated, no dying cgroup, memory at baseline\n");
	if (kmsg >= 0)
		tm_kmsg_read(kmsg, "tiermem", buf, 0, &splats);
	ksft_test_result(!splats, "no splat\n");
	ksft_finished();
}
