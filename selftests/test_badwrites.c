// SPDX-License-Identifier: GPL-2.0
/*
 * What doesn't belong into the module's files: bad values, other users, and users who own a part of
 * the cgroup tree. The errno is the documented one, the old value stays, nobody gains DRAM.
 *
 *	malformed, NUL bytes		EINVAL
 *	2^64 and above			clamped to max
 *	longer than a page		E2BIG (kernfs, before the module sees it)
 *	another user			EACCES at open
 *	own root of a cgroup namespace	EPERM at write, with the mount option nsdelegate
 *
 * Who may write is decided at open, as for every cgroup file: a file that root opened for writing
 * and handed over can be written by whoever got it. The other way round gains nothing: what an
 * unprivileged user can open for writing is his to write anyway, and a privileged program whose
 * standard output is a file that he could only open for reading can't write to it.
 *
 * Machine: selftests/vm/run.sh -t pmem
 */
#include "tm_test.h"
#include "tm_kern.h"

#include <grp.h>
#include <sys/mount.h>

#define USER	1000	/* needs no entry in /etc/passwd */
#define OTHER	65534
#define OLD	"8388608\n"	/* 8M */

static struct tm_cg cg;

/* ---- values ------------------------------------------------------------------------------ */

struct value {
	const char *what, *bytes;
	size_t len;		/* 0: strlen */
	int err;		/* expected errno */
	const char *reads;	/* when err is 0; `a|b`: either */
};

static const struct value values[] = {
	{ "nothing but a newline", "\n", 0, EINVAL, NULL },
	{ "blanks", "   \t\n", 0, EINVAL, NULL },
	{ "unknown suffix", "2X", 0, EINVAL, NULL },
	{ "two suffixes", "2KM", 0, EINVAL, NULL },
	{ "suffix only", "K", 0, EINVAL, NULL },
	{ "negative", "-1", 0, EINVAL, NULL },
	{ "negative with suffix", "-1M", 0, EINVAL, NULL },
	{ "minus", "-", 0, EINVAL, NULL },
	{ "fraction", "1.5G", 0, EINVAL, NULL },
	{ "exponent", "1e9", 0, EINVAL, NULL },
	{ "two values", "1M 2M", 0, EINVAL, NULL },
	{ "two lines", "1M\n2M\n", 0, EINVAL, NULL },
	{ "text after a value", "1Mb", 0, EINVAL, NULL },
	{ "percentage", "50%", 0, EINVAL, NULL },
	{ "maxx", "maxx", 0, EINVAL, NULL },
	{ "MAX", "MAX", 0, EINVAL, NULL },
	{ "ma", "ma", 0, EINVAL, NULL },
	{ "max and a value", "max 1M", 0, EINVAL, NULL },
	{ "NUL", "\0", 1, EINVAL, NULL },
	{ "NUL first", "\0001M", 3, EINVAL, NULL },
	{ "NUL inside", "1M\0002M", 5, EINVAL, NULL },
	{ "NULs", "\0\0\0\0\0\0\0", 7, EINVAL, NULL },
	{ "binary", "\x7f\x45\x4c\x46\x02\x01\x01", 0, EINVAL, NULL },
	{ "UTF-8 digits", "\xef\xbc\x91\xef\xbc\x92", 0, EINVAL, NULL },
	{ "format string", "%n%n%s", 0, EINVAL, NULL },
	{ "2^64 - 1", "18446744073709551615", 0, 0, "max" },
	{ "2^64", "18446744073709551616", 0, 0, "max" },
	{ "2^64 + 4096", "18446744073709555712", 0, 0, "max" },
	{ "2^64 by suffix", "17179869184G", 0, 0, "max" },
	{ "16E", "16E", 0, 0, "max|EINVAL" },	/* K, M, G and T are promised */
	{ "2^64 in T", "16777216T", 0, 0, "max" },
	{ "2^65 in K", "36028797018963968K", 0, 0, "max" },
	{ "forty digits", "9999999999999999999999999999999999999999", 0, 0, "max" },
	{ "2^63", "9223372036854775808", 0, 0, "9223372036854775808|max" },
	{ "zero", "0", 0, 0, "0" },
	{ "zeroes", "0000000", 0, 0, "0" },
	{ "less than a page", "4095", 0, 0, "0|4095" },
	{ "a page and a byte", "4097", 0, 0, "4096|4097" },
	{ "K", "1024K", 0, 0, "1048576" },
	{ "small k", "1024k", 0, 0, "1048576" },
	{ "M", "3M\n", 0, 0, "3145728" },
	{ "G", "2G", 0, 0, "2147483648" },
	{ "T", "1T", 0, 0, "1099511627776" },
	{ "white space around", " \t 3M \n", 0, 0, "3145728" },
	{ "max", "max", 0, 0, "max" },
	{ "max and newline", "max\n", 0, 0, "max" },
};

static bool one_of(const char *list, const char *word)
{
	size_t len = strcspn(word, "\n");
	const char *p;

	for (p = list; p; p = strchr(p, '|')) {
		if (*p == '|')
			p++;
		if (!strncmp(p, word, len) && (!p[len] || p[len] == '|'))
			return true;
	}
	return false;
}

static bool old_value(const char *what)
{
	char buf[64];

	tm_cg_read(&cg, "tiermem.dram_max", buf, sizeof(buf));
	if (!strcmp(buf, OLD))
		return true;
	tm_diag("%s: dram_max is now %s", what, buf);
	return false;
}

static bool value(const struct value *v)
{
	size_t len = v->len ? v->len : strlen(v->bytes);
	char buf[64] = "";
	int fd, err = 0;
	ssize_t n;

	if (tm_cg_write(&cg, "tiermem.dram_max", OLD))
		return false;
	fd = tm_cg_open(&cg, "tiermem.dram_max", O_RDWR);
	n = write(fd, v->bytes, len);
	if (n < 0)
		err = errno;
	close(fd);
	tm_cg_read(&cg, "tiermem.dram_max", buf, sizeof(buf));
	if (!v->err && err == EINVAL && one_of(v->reads, "EINVAL"))
		return old_value(v->what);
	if (err != v->err || (!err && (size_t)n != len)) {
		tm_diag("%s: errno %d (%s), expected %d; wrote %zd of %zu; reads %s", v->what, err,
			strerror(err), v->err, n, len, buf);
		return false;
	}
	if (v->err)
		return old_value(v->what);
	if (!one_of(v->reads, buf)) {
		tm_diag("%s: reads back %s, expected %s", v->what, buf, v->reads);
		return false;
	}
	return true;
}

/* Bytes without meaning: every length up to a page is EINVAL, more is E2BIG. */
static bool garbage(void)
{
	static const size_t sizes[] = { 1, 17, 255, 4095, 4096, 4097, 8192, 65536, 1 << 20 };
	char *bytes = malloc(1 << 20);
	unsigned int i;
	bool ok = true;

	tm_cg_write(&cg, "tiermem.dram_max", OLD);
	for (i = 0; i < 1 << 20; i++)
		bytes[i] = "2XK\xff"[i * 2654435761U >> 16 & 3];
	bytes[0] = 'X';
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		int want = sizes[i] > 4096 ? E2BIG : EINVAL, err;
		int fd = tm_cg_open(&cg, "tiermem.dram_max", O_RDWR);
		ssize_t n = write(fd, bytes, sizes[i]);

		err = n < 0 ? errno : 0;
		close(fd);
		if (err != want) {
			tm_diag("%zu bytes of garbage: %zd, errno %d, expected %d", sizes[i], n,
				err, want);
			ok = false;
		}
		ok &= old_value("garbage");
	}
	/* A good value does not make up for what follows. */
	memset(bytes, ' ', 8192);
	memcpy(bytes, "3M", 2);
	for (i = 0; i < 2; i++) {
		size_t len = i ? 8192 : 4096;
		int fd = tm_cg_open(&cg, "tiermem.dram_max", O_RDWR);
		ssize_t n = write(fd, bytes, len);

		if (i ? n >= 0 || errno != E2BIG : n != (ssize_t)len) {
			tm_diag("3M in %zu bytes with blanks: %zd (%m)", len, n);
			ok = false;
		}
		close(fd);
	}
	free(bytes);
	return ok;
}

/* A write of no bytes sets nothing, whether or not the kernel tells the module. */
static bool empty(void)
{
	int fd, err;
	ssize_t n;

	tm_cg_write(&cg, "tiermem.dram_max", OLD);
	fd = tm_cg_open(&cg, "tiermem.dram_max", O_RDWR);
	n = write(fd, "", 0);
	err = errno;
	close(fd);
	if (n > 0 || (n < 0 && err != EINVAL)) {
		tm_diag("a write of no bytes: %zd, errno %d", n, err);
		return false;
	}
	return old_value("a write of no bytes");
}

/* Bad addresses, and files that are not for writing. */
static bool unwritable(void)
{
	static const char * const files[] = {
		"tiermem.dram_current", "tiermem.slow_current", "tiermem.stat", "tiermem.events",
		"tiermem.events.local",
	};
	/* Never mapped; volatile, or the compiler warns of what is the point here. */
	void *volatile nowhere = (void *)8;
	bool ok = true;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fd = tm_cg_open(&cg, files[i], O_WRONLY);
		if (fd == -EACCES)
			continue;
		/* Root may open anything; then it is the write that fails. */
		if (fd < 0 || write(fd, "0", 1) >= 0 || errno != EINVAL) {
			tm_diag("%s can be written: %d (%m)", files[i], fd);
			ok = false;
		}
		if (fd >= 0)
			close(fd);
	}
	tm_cg_write(&cg, "tiermem.dram_max", OLD);
	fd = tm_cg_open(&cg, "tiermem.dram_max", O_RDWR);
	if (write(fd, nowhere, 4) != -1 || errno != EFAULT) {
		tm_diag("a bad address: %m");
		ok = false;
	}
	if (pwrite(fd, "5M", 2, 0) != 2) {
		tm_diag("pwrite: %m");
		ok = false;
	}
	close(fd);
	return ok;
}

static bool sysfs_values(void)
{
	static const char * const files[] = { "cpu_budget_percent", "migrate_mbps" };
	static const char * const bad[] = {
		"", "x", "-1", "1x", "18446744073709551616", "\n", "0x", "1 2",
	};
	char path[128], was[64], is[64];
	unsigned int i, k;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (tm_sysfs(files[i], was, sizeof(was))) {
			tm_diag("no %s", files[i]);
			return false;
		}
		snprintf(path, sizeof(path), TM_SYSFS "/%s", files[i]);
		for (k = 0; k < ARRAY_SIZE(bad); k++) {
			int rc = tm_write(path, bad[k]);

			if (!*bad[k] && !rc)
				rc = -EINVAL;	/* nothing written, nothing done */
			tm_sysfs(files[i], is, sizeof(is));
			if ((rc == -EINVAL || rc == -ERANGE) && !strcmp(is, was))
				continue;
			tm_diag("%s: '%s' gives %d, value '%s' was '%s'", files[i], bad[k], rc, is,
				was);
			ok = false;
			tm_write(path, was);
		}
	}
	snprintf(path, sizeof(path), TM_SYSFS "/cpu_budget_percent");
	if (tm_write(path, "101") != -EINVAL) {
		tm_diag("101 %% of a CPU are accepted");
		ok = false;
	}
	return ok;
}

/* ---- users ------------------------------------------------------------------------------- */

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		_exit(99);
}

/* Runs fn as a user, in a child; its return is what fn returned, 0..98. */
static int as(uid_t uid, int (*fn)(void *), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		become(uid);
		_exit(fn(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 98;
	return WEXITSTATUS(status);
}

/* errno of opening a file for writing, or 0. */
static int try_open(void *arg)
{
	int fd = open(arg, O_WRONLY);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static int try_read(void *arg)
{
	char buf[8192];
	ssize_t n = tm_read(arg, buf, sizeof(buf));

	return n < 0 ? -n : 0;
}

static int try_max(void *arg)
{
	return -tm_write(arg, "max");
}

static int try_chmod(void *arg)
{
	return chmod(arg, 0666) ? errno : 0;
}

static bool expect_err(const char *what, const char *path, int err, int want)
{
	if (err != want)
		tm_diag("%s %s: errno %d (%s), expected %d", what, path, err, strerror(err), want);
	return err == want;
}

static const char *path_of(const struct tm_cg *g, const char *file)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", g->path, file);
	return path;
}

static bool other_users(void)
{
	const char *dram_max = path_of(&cg, "tiermem.dram_max");
	bool ok = true;

	tm_cg_write(&cg, "tiermem.dram_max", OLD);
	ok &= expect_err("open", dram_max, as(USER, try_open, (void *)dram_max), EACCES);
	ok &= expect_err("open", dram_max, as(OTHER, try_open, (void *)dram_max), EACCES);
	ok &= expect_err("chmod", dram_max, as(USER, try_chmod, (void *)dram_max), EPERM);
	ok &= expect_err("read", dram_max, as(USER, try_read, (void *)dram_max), 0);
	ok &= expect_err("open", TM_SYSFS "/cpu_budget_percent",
			 as(USER, try_open, TM_SYSFS "/cpu_budget_percent"), EACCES);
	ok &= expect_err("open", TM_SYSFS "/migrate_mbps",
			 as(USER, try_open, TM_SYSFS "/migrate_mbps"), EACCES);
	return ok & old_value("another user");
}

/* ---- delegation -------------------------------------------------------------------------- */

/* As systemd does for Delegate=: the directory and the files that the kernel lists. */
static int delegate(const struct tm_cg *g, uid_t uid)
{
	char list[1024], *name;

	if (chown(g->path, uid, uid))
		return -errno;
	if (tm_read("/sys/kernel/cgroup/delegate", list, sizeof(list)) < 0)
		strcpy(list, "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
	if (strstr(list, "tiermem")) {
		tm_diag("the kernel offers tiermem files for delegation");
		return -EEXIST;
	}
	for (name = strtok(list, "\n"); name; name = strtok(NULL, "\n")) {
		/* Not each of them is in each cgroup. */
		if (chown(path_of(g, name), uid, uid) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static struct tm_cg top, kid;	/* kid: made by the delegatee, in top */

static int make_kid(void *arg)
{
	(void)arg;
	if (tm_cg_write(&top, "cgroup.subtree_control", "+memory"))
		return errno ? errno : 1;
	return mkdir(kid.path, 0755) ? errno : 0;
}

static int quota_of_kid(void *arg)
{
	return -tm_cg_write(&kid, "tiermem.dram_max", arg);
}

/* Over the quota of top, whatever the kid's own says. */
static int toucher(struct tm_child *self, void *arg)
{
	size_t len = 48 * TM_MIB;
	void *mem = tm_anon(len, MADV_NOHUGEPAGE);
	char line[64];

	(void)arg;
	tm_fill(mem, len, 7);
	tm_tell(self, "READY");
	while (tm_hear(self, line, sizeof(line), 50) == -ETIMEDOUT)
		tm_touch(mem, len);
	return tm_verify(mem, len, 7) != 0;
}

static bool bounded(const char *what)
{
	struct tm_sampler s;
	struct tm_samples sum;
	struct tm_child c;
	bool ok;

	tm_sampler_start(&s, &top, 8 * TM_MIB + TM_OVER);
	tm_spawn(&c, &kid, toucher, NULL);
	ok = !tm_expect(&c, "READY", TM_HANG_MS);
	tm_pause_ms(1500);
	tm_tell(&c, "end");
	ok &= !tm_reap(&c, TM_HANG_MS);
	tm_sampler_stop(&s, &sum);
	return tm_samples_ok(&sum, 8 * TM_MIB, what) && ok;
}

static bool delegated(void)
{
	static char top_max[PATH_MAX + 64], kid_max[PATH_MAX + 64];
	bool ok = true;
	int rc;

	strcpy(top_max, path_of(&top, "tiermem.dram_max"));
	strcpy(kid_max, path_of(&kid, "tiermem.dram_max"));
	tm_cg_write(&top, "tiermem.dram_max", OLD);
	rc = delegate(&top, USER);
	if (rc) {
		tm_diag("delegate: %s", strerror(-rc));
		return false;
	}
	rc = as(USER, make_kid, NULL);
	if (rc) {
		tm_diag("the delegatee can't make a cgroup: %s", strerror(rc));
		return false;
	}
	/* His own root's limit belongs to whoever delegated. */
	ok &= expect_err("delegatee opens", top_max, as(USER, try_open, top_max), EACCES);
	ok &= expect_err("delegatee writes", top_max, as(USER, try_max, top_max), EACCES);
	ok &= expect_err("delegatee chmods", top_max, as(USER, try_chmod, top_max), EPERM);
	/* What he made is his. */
	ok &= expect_err("delegatee lowers", kid_max, as(USER, quota_of_kid, "4M"), 0);
	ok &= expect_err("delegatee raises", kid_max, as(USER, quota_of_kid, "1G"), 0);
	/* And nobody else's. */
	ok &= expect_err("another user opens", kid_max, as(OTHER, try_open, kid_max), EACCES);
	return ok;
}

/*
 * In a cgroup namespace whose root is `top`, as root, with the files still reachable by their old
 * path: the worst case. Without nsdelegate root of a namespace is root.
 */
static int in_namespace(struct tm_child *self, void *arg)
{
	int err_top, err_kid, err_mem;

	(void)arg;
	if (unshare(CLONE_NEWCGROUP))
		return 90;
	tm_tell(self, "UNSHARED");
	if (tm_expect(self, "moved", TM_HANG_MS))
		return 92;
	err_top = -tm_cg_write(&top, "tiermem.dram_max", "max");
	err_mem = -tm_cg_write(&top, "memory.max", "max");
	err_kid = -tm_cg_write(&kid, "tiermem.dram_max", "512M");
	if (err_kid) {
		tm_diag("below the root of the namespace: %s", strerror(err_kid));
		return 91;
	}
	if (err_top != err_mem)
		tm_diag("tiermem.dram_max answers %d, memory.max %d", err_top, err_mem);
	return err_top;
}

static bool has_nsdelegate(void)
{
	char buf[16384];

	tm_read("/proc/self/mounts", buf, sizeof(buf));
	return strstr(buf, "nsdelegate");
}

static int remount(const char *opts)
{
	return mount("none", tm_cg_mount(), NULL, MS_REMOUNT, opts) ? -errno : 0;
}

static bool namespaced(void)
{
	bool had = has_nsdelegate(), ok;
	struct tm_child c;
	int rc;

	if (!had && remount("nsdelegate")) {
		tm_diag("can't remount with nsdelegate: %m");
		return false;
	}
	tm_cg_write(&top, "tiermem.dram_max", OLD);
	/*
	 * The root of a namespace is where a process is when it makes it. A cgroup with controllers
	 * below it takes no processes, so it moves on before they come back.
	 */
	tm_cg_write(&top, "cgroup.subtree_control", "-memory");
	tm_spawn(&c, &top, in_namespace, NULL);
	tm_expect(&c, "UNSHARED", TM_HANG_MS);
	rc = tm_cg_move(&kid, c.pid);
	if (!rc)
		rc = tm_cg_write(&top, "cgroup.subtree_control", "+memory");
	if (rc)
		tm_diag("moving into the namespace: %s", strerror(-rc));
	tm_tell(&c, "moved");
	rc = tm_reap(&c, TM_HANG_MS);
	if (!had)
		remount("");
	ok = rc == EPERM || rc == EACCES;
	if (!ok)
		tm_diag("root of a namespace writes to its own root: %d (%s)", rc,
			rc < 90 ? strerror(rc) : "set-up");
	if (tm_cg_u64(&top, "tiermem.dram_max") != 8 * TM_MIB) {
		tm_diag("its quota is now %llu",
			(unsigned long long)tm_cg_u64(&top, "tiermem.dram_max"));
		ok = false;
	}
	return ok;
}

/* ---- file descriptors that change hands -------------------------------------------------- */

static int write_fd(void *arg)
{
	return write(*(int *)arg, "16M", 3) == 3 ? 0 : errno;
}

static bool passed_fds(void)
{
	int dram = tm_cg_open(&cg, "tiermem.dram_max", O_WRONLY);
	int mem = tm_cg_open(&cg, "memory.max", O_WRONLY);
	int dram_ro = tm_cg_open(&cg, "tiermem.dram_max", O_RDONLY);
	int err_dram, err_mem, err_ro;
	bool ok;

	tm_cg_write(&cg, "tiermem.dram_max", OLD);
	err_dram = as(USER, write_fd, &dram);
	err_mem = as(USER, write_fd, &mem);
	tm_cg_write(&cg, "memory.max", "max");
	tm_diag("a user writes to what root opened: dram_max %s, memory.max %s",
		err_dram ? strerror(err_dram) : "ok", err_mem ? strerror(err_mem) : "ok");
	ok = err_dram == err_mem;
	tm_cg_write(&cg, "tiermem.dram_max", OLD);
	/* The trick with a setuid program's output: root writes to what a user could open. */
	err_ro = write_fd(&dram_ro);
	tm_diag("root writes to what a user could open: %s", strerror(err_ro));
	ok &= err_ro == EBADF && old_value("a file opened for reading");
	close(dram);
	close(mem);
	close(dram_ro);
	return ok;
}

int main(int argc, char **argv)
{
	int kmsg, splats = 0;
	unsigned int i;
	char buf[16];

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	ksft_set_plan(ARRAY_SIZE(values) + 11);
	kmsg = tm_kmsg_open();
	if (tm_cg_create(&cg, NULL, "bad") || tm_cg_create(&top, NULL, "delegated"))
		tm_die("can't make cgroups");
	snprintf(kid.path, sizeof(kid.path), "%.*s/kid", PATH_MAX - 8, top.path);

	for (i = 0; i < ARRAY_SIZE(values); i++)
		ksft_test_result(value(&values[i]), "value: %s\n", values[i].what);
	ksft_test_result(empty(), "a write of no bytes changes nothing\n");
	ksft_test_result(garbage(), "garbage up to 1 MiB\n");
	ksft_test_result(unwritable(), "files that are not for writing, bad address\n");
	ksft_test_result(sysfs_values(), "bad values in /sys/kernel/tiermem\n");
	ksft_test_result(other_users(), "other users get EACCES\n");
	ksft_test_result(passed_fds(), "who may write is decided at open, as for memory.max\n");
	ksft_test_result(delegated(), "a delegatee sets quotas below his root only\n");
	ksft_test_result(bounded("delegated"), "a delegatee's quota of 1G gains no DRAM\n");
	ksft_test_result(namespaced(),
			 "nsdelegate: root of a namespace can't raise its own root's quota\n");
	/* The file of a cgroup that lost and got its controller back belongs to root again. */
	ksft_test_result(bounded("namespaced"), "and gains no DRAM below it\n");
	rmdir(kid.path);
	if (kmsg >= 0)
		tm_kmsg_read(kmsg, "tiermem", buf, 0, &splats);
	ksft_test_result(!splats, "no splat\n");
	ksft_finished();
}
