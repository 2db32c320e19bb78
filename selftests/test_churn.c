// SPDX-License-Identifier: GPL-2.0
/*
 * Cgroups come and go: 1000 times create a cgroup, set its quota, run a process that goes over it,
 * exit, rmdir; and -memory / +memory in subtree_control of a parent whose children have quotas and
 * processes. No cgroup may be kept, no memory lost, no page left isolated.
 *
 * TM_CYCLES: number of cgroups (1000). A twentieth as many toggles.
 * Machine: selftests/vm/run.sh -t pmem
 */
#include "tm_test.h"
#include "tm_kern.h"

#include <sys/syscall.h>

#define SLACK		(8 * TM_MIB)
#define QUOTA		(512 * TM_KIB)
#define TOUCH		(2 * TM_MIB)

/* A process as short as they come: no exec, so that a thousand of them take no minutes. */
static int run_in(const struct tm_cg *cg, uint64_t seed)
{
	int down[2], status;
	pid_t pid;
	char c = 0;

	if (pipe2(down, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		void *mem = tm_anon(TOUCH, MADV_NOHUGEPAGE);

		if (read(down[0], &c, 1) != 1)
			_exit(2);
		tm_fill(mem, TOUCH, seed);
		_exit(tm_verify(mem, TOUCH, seed) ? 1 : 0);
	}
	status = tm_cg_move(cg, pid);
	if (status || write(down[1], &c, 1) != 1)
		kill(pid, SIGKILL);
	close(down[0]);
	close(down[1]);
	if (waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static bool gone(void *arg)
{
	const struct tm_cg *cg = arg;

	return !rmdir(cg->path) || errno != EBUSY;
}

struct totals {
	int cycles, failed;
	uint64_t steered, demoted;
};

/*
 * Every third has a child of its own with a lower quota; every fifth leaves shared memory behind,
 * so that the cgroup dies slowly; every seventh is removed with a file of it held open.
 */
static int once(struct totals *t, int n)
{
	const char *root = tm_cg_mount();
	struct tm_cg cg, child, *leaf = &cg;
	int rc, fd = -1, keep = -1;

	snprintf(cg.path, sizeof(cg.path), "%s/churn-%d-%d", root, getpid(), n);
	if (mkdir(cg.path, 0755))
		return -errno;
	rc = tm_cg_write_u64(&cg, "tiermem.dram_max", QUOTA);
	if (!rc && n % 3 == 0) {
		rc = tm_cg_delegate(&cg);
		snprintf(child.path, sizeof(child.path), "%.*s/leaf", PATH_MAX - 16, cg.path);
		if (!rc && mkdir(child.path, 0755))
			rc = -errno;
		else
			leaf = &child;
		if (!rc)
			rc = tm_cg_write_u64(leaf, "tiermem.dram_max", QUOTA / 2);
	}
	if (!rc && n % 5 == 0) {
		keep = memfd_create("kept", MFD_CLOEXEC);
		if (ftruncate(keep, 256 * TM_KIB))
			rc = -errno;
		/* Charged to the leaf: written by a process that is in it. */
		if (!rc) {
			pid_t pid = fork();

			if (!pid) {
				char page[4096] = { 1 };
				int i;

				if (tm_cg_move(leaf, getpid()))
					_exit(1);
				for (i = 0; i < 64; i++) {
					if (pwrite(keep, page, 4096, i * 4096) != 4096)
						_exit(1);
				}
				_exit(0);
			}
			waitpid(pid, &rc, 0);
			rc = rc ? -EIO : 0;
		}
	}
	if (!rc)
		rc = run_in(leaf, n);
	if (n % 7 == 0)
		fd = tm_cg_open(leaf, "tiermem.stat", O_RDONLY);
	if (!rc && n % 50 == 0) {
		t->steered += tm_stat(&cg, "steered_bytes");
		t->demoted += tm_stat(&cg, "demoted_bytes");
	}
	if (leaf == &child && !tm_until(gone, &child, 1, tm_ms(5000)))
		rc = -EBUSY;
	if (!tm_until(gone, &cg, 1, tm_ms(5000)))
		rc = -EBUSY;
	if (fd >= 0) {
		char buf[64];

		/* Removed, the file answers ENODEV. */
		if (pread(fd, buf, sizeof(buf), 0) >= 0 && !rc)
			rc = -EEXIST;
		close(fd);
	}
	if (keep >= 0)
		close(keep);
	return rc;
}

struct ballast {
	uint64_t seed;
};

/* Lives through the toggles: memory of a cgroup that loses its memory controller. */
static int ballast(struct tm_child *self, void *arg)
{
	const struct ballast *b = arg;
	const size_t len = 8 * TM_MIB;
	void *mem = tm_anon(len, MADV_NOHUGEPAGE);
	uint64_t bad = 0;
	char line[64];

	tm_fill(mem, len, b->seed);
	tm_tell(self, "READY");
	/* Reads all the time: pages are hot, and move. */
	for (;;) {
		struct pollfd p = { .fd = self->in, .events = POLLIN };

		bad += tm_verify(mem, len, b->seed);
		if (poll(&p, 1, 10) > 0)
			break;
		/* New pages too, charged to whoever owns us now. */
		munmap(mem, len);
		mem = tm_anon(len, MADV_NOHUGEPAGE);
		tm_fill(mem, len, b->seed);
	}
	tm_hear(self, line, sizeof(line), 0);
	return bad ? 1 : 0;
}

/* Files must be gone after -memory, and be there with their default after +memory. */
static int toggle(const struct tm_cg *parent, struct tm_cg kids[2], int n)
{
	char buf[64];
	int rc, i;

	for (i = 0; i < 2; i++) {
		rc = tm_cg_write(&kids[i], "tiermem.dram_max", i ? "4M" : "2M");
		if (rc)
			return rc;
	}
	/* Sometimes at once, sometimes with the daemon at work. */
	tm_pause_ms(n % 3 * 40);
	rc = tm_cg_write(parent, "cgroup.subtree_control", "-memory");
	if (rc)
		return rc;
	for (i = 0; i < 2; i++) {
		rc = tm_cg_read(&kids[i], "tiermem.dram_max", buf, sizeof(buf));
		if (rc != -ENOENT) {
			tm_diag("toggle %d: file without a controller: %d", n, rc);
			return -EEXIST;
		}
	}
	rc = tm_cg_write(parent, "cgroup.subtree_control", "+memory");
	if (rc)
		return rc;
	for (i = 0; i < 2; i++) {
		rc = tm_cg_read(&kids[i], "tiermem.dram_max", buf, sizeof(buf));
		if (rc < 0)
			return rc;
		if (strcmp(buf, "max\n")) {
			tm_diag("toggle %d: new controller has dram_max %s", n, buf);
			return -EINVAL;
		}
	}
	return 0;
}

/* Since 6.12 cgroup.stat counts dying controllers as well. */
static bool no_dying_css(void *arg)
{
	char path[PATH_MAX];
	uint64_t n;

	(void)arg;
	tm_write("/proc/sys/vm/drop_caches", "3");
	snprintf(path, sizeof(path), "%s/cgroup.stat", tm_cg_mount());
	return tm_read_key(path, "nr_dying_subsys_memory", &n) || !n;
}

int main(int argc, char **argv)
{
	int cycles = tm_env("TM_CYCLES", 1000), toggles = cycles / 20, kmsg, splats = 0, n, rc, i;
	struct ballast arg[2] = { { 1 }, { 2 } };
	struct tm_kern before, after;
	struct totals t = { 0 };
	struct tm_cg parent, kids[2];
	struct tm_child c[2];
	uint64_t t0;
	char buf[16];
	bool ok;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	ksft_set_plan(7);
	/* A few, for what the kernel allocates only the first time. */
	for (n = 0; n < 16; n++)
		once(&t, -n - 1);
	memset(&t, 0, sizeof(t));
	tm_kern_read(&before);
	kmsg = tm_kmsg_open();

	t0 = tm_now_ns();
	for (n = 0; n < cycles && t.failed < 5; n++) {
		rc = once(&t, n);
		if (rc) {
			tm_diag("cgroup %d: %s", n, rc < 0 ? strerror(-rc) : "process failed");
			t.failed++;
		} else {
			t.cycles++;
		}
	}
	tm_diag("%d cgroups in %.1f s; steered %llu KiB, demoted %llu KiB (a fiftieth of them asked)",
		t.cycles, tm_since(t0), (unsigned long long)t.steered / 1024,
		(unsigned long long)t.demoted / 1024);
	ksft_test_result(t.cycles == cycles, "%d cgroups made, used and removed\n", cycles);
	ksft_test_result(t.steered + t.demoted > 0, "their quotas were enforced\n");
	ksft_test_result(tm_kern_settled(&before, &after, SLACK, tm_ms(10000)),
			 "nothing isolated, no dying cgroup, memory at baseline\n");

	if (tm_cg_create(&parent, NULL, "toggled"))
		tm_die("can't make a cgroup");
	for (i = 0; i < 2; i++) {
		if (tm_cg_create(&kids[i], &parent, i ? "two" : "one"))
			tm_die("can't make a cgroup");
		tm_spawn(&c[i], &kids[i], ballast, &arg[i]);
	}
	for (i = 0; i < 2; i++) {
		if (tm_expect(&c[i], "READY", TM_HANG_MS))
			tm_die("no process");
	}
	ok = true;
	t0 = tm_now_ns();
	for (n = 0; n < toggles && ok; n++) {
		rc = toggle(&parent, kids, n);
		if (rc) {
			tm_diag("toggle %d: %s", n, strerror(-rc));
			ok = false;
		}
	}
	tm_diag("%d toggles in %.1f s", n, tm_since(t0));
	ksft_test_result(ok, "%d times -memory and +memory\n", toggles);
	ok = true;
	for (i = 0; i < 2; i++) {
		tm_tell(&c[i], "end");
		ok &= tm_reap(&c[i], tm_ms(TM_HANG_MS)) == 0;
	}
	ksft_test_result(ok, "every byte as written\n");
	for (i = 0; i < 2; i++)
		tm_cg_remove(&kids[i]);
	tm_cg_remove(&parent);
	ok = tm_kern_settled(&before, &after, SLACK, tm_ms(10000));
	if (!tm_until(no_dying_css, NULL, 500, tm_ms(5000))) {
		tm_diag("dying memory controllers are left");
		ok = false;
	}
	ksft_test_result(ok, "nothing isolated, no dying cgroup, memory at baseline\n");
	if (kmsg >= 0)
		tm_kmsg_read(kmsg, "tiermem", buf, 0, &splats);
	ksft_test_result(!splats, "no splat\n");
	ksft_finished();
}
