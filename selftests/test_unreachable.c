// SPDX-License-Identifier: GPL-2.0
/*
 * A quota below what can't move: buffers registered with io_uring are pinned for good. The event
 * `unreachable` says so, what can move has moved, the daemon does not try the rest over and over,
 * I/O through the buffers goes on; when they are unregistered the quota is reached.
 *
 * Locked memory is another matter: mlock(2) promises residence, not a place, and it is on no LRU
 * list, but it does move.
 */
#include "tm_work.h"

#include <liburing.h>

#define CHUNK	(1 * TM_MIB)	/* one registered buffer */

#define PIPES		16
#define PIPE_BYTES	TM_MIB			/* the most that a pipe may hold by default */
#define HUGETLB_BYTES	(4 * TM_MIB)

static size_t pinned, movable, quota;

static int io_one(struct io_uring *ring, bool write, int fd, char *buf, int index)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int res;

	if (write)
		io_uring_prep_write_fixed(sqe, fd, buf, CHUNK, 0, index);
	else
		io_uring_prep_read_fixed(sqe, fd, buf, CHUNK, 0, index);
	if (io_uring_submit(ring) != 1 || io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res == (int)CHUNK ? 0 : -EIO;
}

/* Writes each registered buffer to a file, scribbles over it, reads it back; number of failures. */
static int io_round(struct io_uring *ring, int fd, char *buf)
{
	size_t i;
	int bad = 0;

	for (i = 0; i < pinned / CHUNK; i++, buf += CHUNK) {
		bad += !!io_one(ring, true, fd, buf, i);
		memset(buf, 0x5a, CHUNK);
		bad += !!io_one(ring, false, fd, buf, i);
	}
	return bad;
}

static int pinner(struct tm_child *self, void *arg)
{
	struct iovec iov[256];
	struct io_uring ring;
	char *buf, *rest, line[64];
	size_t i;
	int rc, fd = memfd_create("tm", MFD_CLOEXEC);

	(void)arg;
	buf = tm_anon(pinned, MADV_NOHUGEPAGE);
	tm_fill(buf, pinned, 1);
	rc = io_uring_queue_init(8, &ring, 0);
	if (rc) {
		tm_tell(self, "ERROR io_uring: %s", strerror(-rc));
		return 1;
	}
	for (i = 0; i < pinned / CHUNK; i++)
		iov[i] = (struct iovec){ buf + i * CHUNK, CHUNK };
	rc = io_uring_register_buffers(&ring, iov, i);
	if (rc) {
		tm_tell(self, "ERROR io_uring_register_buffers: %s", strerror(-rc));
		return 1;
	}
	rest = tm_anon(movable, MADV_NOHUGEPAGE);
	tm_fill(rest, movable, 2);
	tm_tell(self, "READY %p", buf);
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		if (!strcmp(line, "io")) {
			tm_tell(self, "BAD %d", io_round(&ring, fd, buf));
		} else if (!strcmp(line, "unregister")) {
			tm_tell(self, "RC %d", io_uring_unregister_buffers(&ring));
		} else if (!strcmp(line, "check")) {
			tm_tell(self, "BAD %llu",
				(unsigned long long)tm_verify(buf, pinned, 1) +
				(unsigned long long)tm_verify(rest, movable, 2));
		}
	}
	return 0;
}

static bool has_event(void *arg)
{
	return tm_event(arg, "unreachable") > 0;
}

struct below {
	const struct tm_cg *cg;
	uint64_t limit;
};

static bool is_below(void *arg)
{
	struct below *b = arg;

	return tm_dram(b->cg) <= b->limit && tm_numa(b->cg, tm_fast_nodes()) <= b->limit + TM_DRIFT;
}

static void registered_buffers(void)
{
	uint64_t t0, fail0, fail;
	struct tm_child p;
	struct tm_cg cg;
	bool ok = true;
	char line[256];
	int64_t bad;
	int rc;

	rc = tm_cg_create(&cg, NULL, "pinned");
	if (rc)
		tm_die("creating a cgroup: %s", strerror(-rc));
	tm_spawn(&p, &cg, pinner, NULL);
	rc = tm_hear(&p, line, sizeof(line), tm_ms(TM_HANG_MS));
	if (rc < 0)
		tm_die("the pinner does not answer: %s", strerror(-rc));
	if (strncmp(line, "READY", 5)) {
		int i;

		for (i = 0; i < 4; i++)
			ksft_test_result_skip("%s\n", line);
		tm_reap(&p, tm_ms(TM_HANG_MS));
		return;
	}
	tm_diag("pinned %.1fM, movable %.1fM: %s", tm_fmib(pinned), tm_fmib(movable),
		tm_usage(&cg));

	t0 = tm_now_ns();
	rc = tm_cg_write_u64(&cg, "tiermem.dram_max", quota);
	tm_diag("quota %.1fM: %d after %.2f s, %s", tm_fmib(quota), rc, tm_since(t0),
		tm_usage(&cg));
	tm_check(&ok, !rc, "write: %s", strerror(-rc));
	tm_check(&ok, tm_since(t0) < tm_ms(30000) / 1e3, "it took %.1f s", tm_since(t0));
	tm_check(&ok, tm_until(has_event, &cg, 20, tm_ms(10000)), "no event unreachable");
	tm_check(&ok, tm_stat(&cg, "failed_pinned") > 0, "failed_pinned is 0");
	ksft_test_result(ok, "a quota below pinned memory: the write returns, event unreachable\n");

	ok = true;
	tm_check(&ok, tm_until(is_below, &(struct below){ &cg, pinned + TM_OVER }, 20,
			       tm_ms(10000)), "what can move has not moved: %s", tm_usage(&cg));
	ksft_test_result(ok, "what can move moves\n");

	ok = true;
	fail0 = tm_vmstat("pgmigrate_fail");
	t0 = tm_now_ns();
	tm_check(&ok, tm_daemon_is_quiet("quota unreachable"), "more than %.1f %%",
		 TM_IDLE_CPU_PCT);
	fail = tm_vmstat("pgmigrate_fail") - fail0;
	tm_diag("%.1f failed migrations a second, events unreachable %llu", fail / tm_since(t0),
		(unsigned long long)tm_event(&cg, "unreachable"));
	/* The event is for changes, not one for every look at it. */
	tm_check(&ok, tm_event(&cg, "unreachable") < 20, "%llu events",
		 (unsigned long long)tm_event(&cg, "unreachable"));
	bad = tm_ask(&p, "io", tm_ms(TM_HANG_MS));
	tm_check(&ok, !bad, "I/O by registered buffers: %lld failed", (long long)bad);
	bad = tm_ask(&p, "check", tm_ms(TM_HANG_MS));
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	ksft_test_result(ok, "no livelock, I/O goes on\n");

	ok = true;
	t0 = tm_now_ns();
	bad = tm_ask(&p, "unregister", tm_ms(TM_HANG_MS));
	tm_check(&ok, !bad, "unregister: %lld", (long long)bad);
	tm_check(&ok, tm_until(is_below, &(struct below){ &cg, quota }, 50, tm_ms(30000)),
		 "not reached: %s", tm_usage(&cg));
	tm_diag("unpinned: quota reached after %.1f s, %s", tm_since(t0), tm_usage(&cg));
	bad = tm_ask(&p, "check", tm_ms(TM_HANG_MS));
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	tm_kill(&p, SIGKILL);
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "the quota is reached when the buffers are unregistered\n");
}

static void locked(void)
{
	struct tm_placement pl;
	struct tm_child w;
	struct tm_region r;
	struct tm_cg cg;
	bool ok = true;
	uint64_t t0;
	int64_t bad;
	int rc;

	rc = tm_cg_create(&cg, NULL, "locked");
	if (rc)
		tm_die("creating a cgroup: %s", strerror(-rc));
	tm_worker(&w, &cg);
	rc = tm_alloc(&w, TM_ANON4K, pinned, NULL, &r);
	if (!rc)
		rc = tm_mlock(&w, &r);
	if (rc)
		tm_die("mlock: %s", strerror(-rc));
	tm_diag("locked %.1fM: unevictable %.1fM, %s", tm_fmib(r.len),
		tm_fmib(tm_cg_key(&cg, "memory.stat", "unevictable")), tm_usage(&cg));

	t0 = tm_now_ns();
	rc = tm_cg_write_u64(&cg, "tiermem.dram_max", quota);
	tm_diag("quota %.1fM: %d after %.2f s, %s", tm_fmib(quota), rc, tm_since(t0),
		tm_usage(&cg));
	tm_check(&ok, !rc, "write: %s", strerror(-rc));
	tm_check(&ok, tm_until(is_below, &(struct below){ &cg, quota }, 20, tm_ms(10000)),
		 "locked pages stay in DRAM: %s", tm_usage(&cg));
	tm_check(&ok, !tm_placement(w.pid, r.addr, r.len, &pl) &&
		 pl.fast * tm_page_size() <= quota + TM_DRIFT, "%llu pages in DRAM",
		 (unsigned long long)pl.fast);
	tm_diag("%llu pages fast, %llu slow, %llu absent", (unsigned long long)pl.fast,
		(unsigned long long)pl.slow, (unsigned long long)pl.absent);
	/* Still locked, all of it. */
	tm_check(&ok, tm_cg_key(&cg, "memory.stat", "unevictable") + TM_DRIFT >= r.len,
		 "unevictable is %.1fM", tm_fmib(tm_cg_key(&cg, "memory.stat", "unevictable")));
	tm_check(&ok, !tm_event(&cg, "unreachable"), "event unreachable, but it was reachable");
	bad = tm_check_all(&w);
	tm_check(&ok, !bad, "%lld wrong pages", (long long)bad);
	tm_quit(&w);
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "locked pages move\n");
}

/* Kernel memory: the contents of full pipes. User memory of another kind: hugetlb pages. */
static int uncovered(struct tm_child *self, void *arg)
{
	char line[16], *huge, *buf = calloc(1, PIPE_BYTES);
	int i, fd[2];

	(void)arg;
	huge = mmap(NULL, HUGETLB_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (huge != MAP_FAILED)
		memset(huge, 1, HUGETLB_BYTES);
	for (i = 0; i < PIPES; i++) {
		if (!buf || pipe(fd) || fcntl(fd[0], F_SETPIPE_SZ, PIPE_BYTES) < 0 ||
		    write(fd[1], buf, PIPE_BYTES) != (ssize_t)PIPE_BYTES)
			tm_die("pipe: %m");
	}
	tm_tell(self, "READY %d", huge != MAP_FAILED);
	tm_hear(self, line, sizeof(line), INT_MAX);
	return 0;
}

static void not_covered(void)
{
	uint64_t kernel0, kernel, hugetlb;
	struct tm_child c;
	struct tm_cg cg;
	char line[32];
	bool ok = true, have;

	tm_set("/proc/sys/vm/nr_hugepages", "4");
	if (tm_cg_create(&cg, NULL, "uncovered") ||
	    tm_cg_write_u64(&cg, "tiermem.dram_max", quota))
		tm_die("setting the cgroup up");
	kernel0 = tm_stat(&cg, "skipped_kernel");
	tm_spawn(&c, &cg, uncovered, NULL);
	if (tm_hear(&c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0)
		tm_die("no process");
	have = !strcmp(line, "READY 1");
	kernel = tm_stat(&cg, "skipped_kernel") - kernel0;
	hugetlb = tm_stat(&cg, "skipped_hugetlb");
	tm_diag("pipes of %.1fM, hugetlb pages of %.1fM: skipped_kernel %.1fM, skipped_hugetlb %.1fM, %s",
		tm_fmib(PIPES * PIPE_BYTES), tm_fmib(have ? HUGETLB_BYTES : 0), tm_fmib(kernel),
		tm_fmib(hugetlb), tm_usage(&cg));
	tm_check(&ok, kernel >= PIPES * PIPE_BYTES && kernel < 2 * PIPES * PIPE_BYTES,
		 "skipped_kernel %.1fM", tm_fmib(kernel));
	tm_check(&ok, hugetlb == (have ? HUGETLB_BYTES : 0), "skipped_hugetlb %.1fM",
		 tm_fmib(hugetlb));
	tm_check(&ok, tm_dram(&cg) <= quota, "%s", tm_usage(&cg));
	tm_kill(&c, SIGKILL);
	tm_check(&ok, !tm_cg_remove(&cg), "the cgroup can't be removed");
	ksft_test_result(ok, "what isn't covered is counted\n");
}

int main(int argc, char **argv)
{
	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	pinned = tm_mb(64);
	movable = tm_mb(32);
	quota = tm_mb(16);
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	tm_write("/proc/sys/vm/drop_caches", "3");
	tm_require_free(false, 2 * pinned);
	tm_require_free(true, 2 * pinned);
	ksft_set_plan(6);
	registered_buffers();
	locked();
	not_covered();
	ksft_finished();
}
